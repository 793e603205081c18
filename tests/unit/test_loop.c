#include <pthread.h>

#include "base/buf.h"
#include "net/loop.h"
#include "net/timer.h"
#include "net/wake.h"
#include "test.h"

static struct loop *loop;
static struct buf story;

struct step {
    struct loop_task task;
    struct loop_hook hook;
    struct timer timer;
    const char *name;
    struct step *next; /* deferred by this one */
    unsigned again;    /* times to defer itself */
};

static void on_task(struct loop_task *task)
{
    struct step *step = container_of(task, struct step, task);

    buf_append_string(&story, step->name);
    if (step->next != NULL)
        loop_defer(loop, &step->next->task);
    if (step->again > 0) {
        step->again--;
        loop_defer(loop, &step->task);
    }
}

static void on_hook(struct loop_hook *hook)
{
    (void)hook;
    buf_append_string(&story, "|");
}

static void on_timer(struct timer *timer)
{
    buf_append_string(&story, container_of(timer, struct step, timer)->name);
}

static struct step step_named(const char *name)
{
    return (struct step){
        .task.cb = on_task, .hook.cb = on_hook, .timer.cb = on_timer, .name = name};
}

static void begin(void)
{
    buf_clear(&story);
    CHECK_EQ(loop_create(&loop), 0);
}

static void finish(void)
{
    loop_destroy(loop);
    buf_fini(&story);
}

TEST(hooks_come_before_tasks_and_tasks_of_tasks_in_the_same_turn)
{
    struct step a = step_named("a");
    struct step b = step_named("b");
    struct step hook = step_named("hook");

    begin();
    a.next = &b;
    loop_hook_add(loop, &hook.hook);
    loop_defer(loop, &a.task);
    loop_defer(loop, &a.task);
    loop_turn(loop, false);
    CHECK_STR_EQ(buf_string(&story), "|a|b");
    loop_defer(loop, &a.task);
    loop_task_cancel(&a.task);
    loop_turn(loop, false);
    CHECK_STR_EQ(buf_string(&story), "|a|b|");
    loop_hook_remove(&hook.hook);
    finish();
}

TEST(a_task_without_end_does_not_stop_the_loop)
{
    struct step a = step_named(".");
    unsigned turns = 0;

    begin();
    a.again = 1000;
    loop_defer(loop, &a.task);
    while (a.again > 0 && ++turns < 1000)
        loop_turn(loop, true); /* must not sleep while there is work */
    CHECK(turns > 1 && turns < 100);
    finish();
}

TEST(timers_fire_in_the_order_of_their_deadlines)
{
    struct step a = step_named("a");
    struct step b = step_named("b");
    struct step c = step_named("c");
    struct step d = step_named("d");

    begin();
    timer_start(&c.timer, loop, 30);
    timer_start(&a.timer, loop, 5);
    timer_start(&b.timer, loop, 1000);
    timer_start(&d.timer, loop, 10);
    timer_start(&b.timer, loop, 6);
    timer_stop(&d.timer);
    CHECK(timer_running(&a.timer) && !timer_running(&d.timer));
    loop_run(loop);
    CHECK_STR_EQ(buf_string(&story), "abc");
    finish();
}

struct waker {
    struct wake *wake;
    int woken;
};

static void *signaller(void *ctx)
{
    struct waker *waker = ctx;

    for (int i = 0; i < 1000; i++)
        wake_signal(waker->wake);
    return NULL;
}

static void on_woken(void *ctx)
{
    struct waker *waker = ctx;

    waker->woken++;
    loop_stop(loop);
}

TEST(another_thread_wakes_the_loop)
{
    struct waker waker = {0};
    pthread_t thread;

    begin();
    CHECK_EQ(wake_open(&waker.wake, loop, on_woken, &waker), 0);
    CHECK_EQ(pthread_create(&thread, NULL, signaller, &waker), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    CHECK(waker.woken >= 1);
    wake_close(waker.wake);
    finish();
}
