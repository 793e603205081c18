#include "net/loop.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "net/stream.h"

static void run_hooks(struct loop *loop)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &loop->hooks) {
        struct loop_hook *hook = container_of(it, struct loop_hook, link);
        hook->cb(hook);
    }
}

static void run_tasks(struct loop *loop)
{
    struct list due;
    struct list *link;

    list_init(&due);
    list_splice_back(&due, &loop->tasks);
    while ((link = list_pop_front(&due)) != NULL) {
        struct loop_task *task = container_of(link, struct loop_task, link);

        task->queued = false;
        task->cb(task);
    }
}

static bool has_work(const struct loop *loop)
{
    return !list_empty(&loop->tasks) || !list_empty(&loop->unsent);
}

static void on_idle(uv_idle_t *spin)
{
    (void)spin; /* that it is active is what keeps the loop from sleeping */
}

/* Right before the loop sleeps. Work that makes work is bounded: the rest waits for the next turn,
 * which then does not sleep. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = container_of(prepare, struct loop, prepare);
    unsigned rounds = 0;
    bool all;

    do {
        run_hooks(loop);
        run_tasks(loop);
        all = stream_flush_some(loop);
    } while (all && has_work(loop) && ++rounds < LIMIT_LOOP_TASK_ROUNDS);

    stream_bury(loop);
    if (!has_work(loop))
        uv_idle_stop(&loop->spin);
}

int loop_create(struct loop **out)
{
    struct loop *loop = mem_new(struct loop);
    int r = uv_loop_init(&loop->uv);

    if (r < 0) {
        mem_free(loop);
        return err_raise(r);
    }
    list_init(&loop->hooks);
    list_init(&loop->tasks);
    list_init(&loop->unsent);
    list_init(&loop->streams);
    list_init(&loop->graves);
    list_init(&loop->spare_chunks);
    list_init(&loop->spare_references);
    heap_init(&loop->timers);
    loop->read_buffer = mem_alloc(LIMIT_LOOP_READ_BYTES);

    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_idle_init(&loop->uv, &loop->spin);
    uv_timer_init(&loop->uv, &loop->clock);
    *out = loop;
    return 0;
}

void loop_destroy(struct loop *loop)
{
    int r;

    if (loop == NULL)
        return;

    ASSERT(list_empty(&loop->hooks));
    for (unsigned round = 0; !list_empty(&loop->tasks); round++) { /* such as freeing memory */
        ASSERT(round < LIMIT_LOOP_TASK_ROUNDS);
        run_tasks(loop);
    }
    stream_close_all(loop);
    stream_bury(loop);
    stream_drop_spares(loop);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->spin, NULL);
    uv_close((uv_handle_t *)&loop->clock, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    r = uv_loop_close(&loop->uv);
    ASSERT(r == 0); /* somebody's handle is still open */
    heap_fini(&loop->timers);
    mem_free(loop->read_buffer);
    mem_free(loop);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    stream_flush_all(loop);
}

void loop_turn(struct loop *loop, bool may_wait)
{
    uv_run(&loop->uv, may_wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

void loop_stay_awake(struct loop *loop)
{
    uv_idle_start(&loop->spin, on_idle);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    list_push_back(&loop->tasks, &task->link);
    loop_stay_awake(loop);
}

void loop_task_cancel(struct loop_task *task)
{
    if (!task->queued)
        return;
    task->queued = false;
    list_remove(&task->link);
}

void loop_hook_add(struct loop *loop, struct loop_hook *hook)
{
    list_push_back(&loop->hooks, &hook->link);
}

void loop_hook_remove(struct loop_hook *hook)
{
    list_remove(&hook->link);
}
