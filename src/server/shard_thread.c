#include "server/shard_thread.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <uv.h>

#include "api/worker.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "js/builtin.h"
#include "js/engine.h"
#include "native/native.h"
#include "net/loop.h"
#include "net/timer.h"
#include "net/wake.h"
#include "server/front.h"
#include "server/inbox.h"
#include "server/outgoing.h"
#include "server/slack.h"

enum {
    LATE_MS = 1000, /* for objects, after the grace time of requests */
};

struct shard_thread {
    struct shard_thread_options options;
    pthread_t thread;
    sem_t known; /* posted once, when `settings` are */
    const char *settings;
    sem_t go;        /* posted once, when the store is there, or will not be */
    bool called_off; /* it will not */
    sem_t ready;     /* posted once, when `fault` is known */
    int fault;       /* of starting */
    struct loop *loop;
    struct wake *wake;
    struct shard *shard;
    struct js_engine *engine;
    uv_poll_t engine_poll; /* the machine's own wake-ups */
    bool engine_polled;
    bool engine_called; /* its wake-up came */
    struct front *front;
    struct wires wires;
    struct worker *worker;   /* runs */
    struct worker *prepared; /* for the next deploy: the platform's half */
    struct worker *next;     /* deployed, not yet swapped in */
    const struct worker_bundle *bundle;
    const struct worker_bundle *next_bundle;
    struct list natives;           /* native_version.link, newest last */
    struct native_version *native; /* runs; NULL: no classes in C */
    struct native_version *next_native;
    struct outgoings *outgoings; /* of classes in C */
    struct loop_hook turn;
    struct loop_task again; /* a turn that this thread itself asked for… */
    bool poked;             /* …and that has not come yet */
    struct timer timer;     /* when the shard or the machine wants its turn */
    struct slack slack;
    struct timer late; /* the end of a drain that takes too long */
    struct order *draining;
    bool front_drained;
    bool shard_draining;
};

/* Classes in C of one version. Kept until the thread ends, because old instances may run on. */
struct native_version {
    struct native_shard *shard;
    struct list link;
};

static _Thread_local struct shard_thread *here;

bool shard_thread_here(void)
{
    return here != NULL;
}

/* ---- turns ---- */

static void on_engine(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    container_of(poll, struct shard_thread, engine_poll)->engine_called = true;
}

/* Whichever comes first; -1 is never. */
static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static void engine_watch(struct shard_thread *thread, int fd)
{
    if (thread->engine_polled || fd < 0)
        return;
    if (uv_poll_init(&thread->loop->uv, &thread->engine_poll, fd) != 0)
        return;
    uv_poll_start(&thread->engine_poll, UV_READABLE, on_engine);
    uv_unref((uv_handle_t *)&thread->engine_poll);
    thread->engine_polled = true;
}

static void drain_check(struct shard_thread *thread);

/* The machine's turn, if it has anything to do; returns ms until it has. */
static int64_t engine_turn(struct shard_thread *thread)
{
    int fd = -1;
    int timeout_ms = js_engine_timeout(thread->engine, &fd);

    engine_watch(thread, fd);
    if (timeout_ms != 0 && !thread->engine_called)
        return timeout_ms;
    thread->engine_called = false;
    js_engine_poll(thread->engine);
    return js_engine_timeout(thread->engine, &fd);
}

/* Before the loop sleeps: the shard's turn, then the machine's. */
static void turn(struct loop_hook *hook)
{
    struct shard_thread *thread = container_of(hook, struct shard_thread, turn);
    int64_t wait_ms;

    thread->poked = false;
    wait_ms = shard_turn(thread->shard);
    wait_ms = sooner(wait_ms, engine_turn(thread));
    slack_look(&thread->slack);
    if (thread->draining != NULL)
        drain_check(thread);
    if (wait_ms < 0)
        timer_stop(&thread->timer);
    else
        timer_start(&thread->timer, thread->loop, (uint64_t)wait_ms);
}

static void on_timer(struct timer *timer)
{
    (void)timer; /* the turn comes before the loop sleeps again */
}

static void on_again(struct loop_task *task)
{
    struct shard_thread *thread = container_of(task, struct shard_thread, again);

    if (thread->poked)
        turn(&thread->turn);
}

static void on_wake(void *ctx)
{
    (void)ctx;
}

/* From the thread itself it takes no system call: the loop turns once more before it sleeps. */
static void shard_wake(void *data)
{
    struct shard_thread *thread = data;

    if (here != thread) {
        wake_signal(thread->wake);
        return;
    }
    thread->poked = true;
    loop_defer(thread->loop, &thread->again);
}

/* ---- orders ---- */

static void couple(void *data, struct ws_connection *ws, struct socket_far *far)
{
    wires_couple(data, ws, far);
}

static void answer(struct order *order, int result)
{
    order->result = result;
    inbox_put(order->thread->options.inbox, order);
}

static void deploy_native(struct shard_thread *thread, const struct order *order)
{
    const struct worker_bundle *bundle = order->deploy.bundle;
    struct native_options options = {
        .native = order->deploy.native,
        .shard = thread->shard,
        .namespaces = bundle->namespaces,
        .namespace_count = bundle->namespace_count,
        .http = outgoings_http(thread->outgoings),
    };

    thread->next_native = NULL;
    if (options.native == NULL)
        return;
    thread->next_native = mem_new(struct native_version);
    thread->next_native->shard = native_shard_create(&options);
    list_push_back(&thread->natives, &thread->next_native->link);
}

static int prepare(struct shard_thread *thread, struct bytes settings, struct err_text *why)
{
    struct worker_options options = {
        .settings = settings,
        .engine = thread->engine,
        .shard = thread->shard,
        .loop = thread->loop,
        .couple = couple,
        .couple_data = &thread->wires,
        .cpu_limit_ms = thread->options.cpu_limit_ms,
    };
    uint64_t started_ns = uv_hrtime();
    int r = worker_create(&thread->prepared, &options, why);

    log_debug("shard %u: platform ready in %.1f ms", thread->options.index,
              (double)(uv_hrtime() - started_ns) / 1e6);
    return r;
}

static void discard(struct shard_thread *thread)
{
    if (thread->next != NULL)
        worker_retire(thread->next);
    thread->next = NULL;
}

/* A Worker of the bundle, from what was prepared if something was. */
static int create_worker(struct shard_thread *thread, const struct worker_bundle *bundle,
                         struct err_text *why)
{
    int r = thread->prepared == NULL ? prepare(thread, bundle->settings, why) : 0;

    if (r != 0)
        return r;
    thread->next = thread->prepared;
    thread->prepared = NULL;
    r = worker_load(thread->next, bundle, why);
    if (r != 0)
        discard(thread);
    return r;
}

static int deploy(struct shard_thread *thread, struct order *order)
{
    const struct worker_bundle *bundle = order->deploy.bundle;
    uint64_t started_ns = uv_hrtime();
    int r = 0;

    deploy_native(thread, order);
    if (bundle->script.len > 0)
        r = create_worker(thread, bundle, &order->why);
    thread->next_bundle = bundle;
    log_debug("shard %u: worker created in %.1f ms", thread->options.index,
              (double)(uv_hrtime() - started_ns) / 1e6);
    return r;
}

static void swap(struct shard_thread *thread)
{
    struct worker *old = thread->worker;
    const struct worker_bundle *bundle = thread->next_bundle;

    thread->worker = thread->next;
    thread->next = NULL;
    thread->bundle = bundle;
    thread->native = thread->next_native;
    for (size_t i = 0; i < bundle->namespace_count; i++) {
        struct class *class = NULL;
        if (thread->native != NULL)
            class = native_shard_class(thread->native->shard, i);
        if (class == NULL && thread->worker != NULL)
            class = worker_class(thread->worker, i);
        if (class != NULL)
            shard_set_class(thread->shard, bundle->namespaces[i], class);
    }
    front_set_worker(thread->front, thread->worker);
    if (thread->worker == NULL)
        front_set_native(thread->front, thread->native->shard);
    if (old != NULL)
        worker_retire(old);
    if (thread->worker != NULL && thread->options.index == 0)
        worker_start_crons(thread->worker);
}

static int listen_on(struct shard_thread *thread, struct order *order)
{
    int r = front_listen(thread->front, order->listen.host, order->listen.port,
                         order->listen.sharing, &order->why);

    if (r < 0)
        return err_pass(r);
    order->listen.port = front_port(thread->front);
    return 0;
}

/* ---- draining: requests first, then objects, then sockets ---- */

static void drained(struct shard_thread *thread)
{
    struct order *order = thread->draining;

    if (order == NULL)
        return;
    timer_stop(&thread->late);
    wires_close(&thread->wires, 1001, "The server is going away.");
    thread->draining = NULL;
    answer(order, 0);
}

static void on_shard_drained(void *data)
{
    drained(data);
}

/* Once all requests are answered and what the Worker promised to waitUntil() is done. */
static void drain_check(struct shard_thread *thread)
{
    if (thread->shard_draining || !thread->front_drained || front_waiting(thread->front) > 0)
        return;
    if (thread->worker != NULL && worker_busy(thread->worker) > 0)
        return;
    if (thread->native != NULL && native_busy(thread->native->shard) > 0)
        return;
    thread->shard_draining = true;
    shard_drain(thread->shard, on_shard_drained, thread);
}

static void on_front_drained(void *data)
{
    struct shard_thread *thread = data;

    thread->front_drained = true;
    if (thread->draining != NULL)
        drain_check(thread); /* no other turn may come: nothing else happens here */
}

static void on_late(struct timer *timer)
{
    drained(container_of(timer, struct shard_thread, late));
}

/* Time is up: what still runs in the Worker is left behind; objects get a moment more, and what
 * they have not said by then is as if the process had been killed: nothing acknowledged is lost. */
static void hurry(struct shard_thread *thread)
{
    if (thread->draining == NULL)
        return;
    timer_start(&thread->late, thread->loop, LATE_MS);
    if (thread->shard_draining)
        return;
    thread->shard_draining = true;
    shard_drain(thread->shard, on_shard_drained, thread);
}

static void order_run(struct message *message)
{
    struct order *order = container_of(message, struct order, message);
    struct shard_thread *thread = order->thread;

    switch (order->kind) {
    case ORDER_DEPLOY: answer(order, deploy(thread, order)); return;
    case ORDER_SWAP: swap(thread); break;
    case ORDER_DISCARD: discard(thread); break;
    case ORDER_LISTEN: answer(order, listen_on(thread, order)); return;
    case ORDER_DRAIN:
        thread->draining = order;
        front_drain(thread->front, on_front_drained, thread);
        return;
    case ORDER_HURRY: hurry(thread); break;
    case ORDER_STOP:
        loop_stop(thread->loop); /* answered by the end of the thread */
        return;
    }
    answer(order, 0);
}

void shard_thread_order(struct shard_thread *thread, struct order *order)
{
    order->thread = thread;
    order->message.run = order_run;
    order->result = 0;
    order->why.text[0] = '\0';
    list_init(&order->link);
    shard_post(thread->shard, &order->message);
}

/* ---- the thread ---- */

/* What can be done with nothing known yet: the machine, and what it is to run is read. */
static int set_up_machine(struct shard_thread *thread)
{
    int r = loop_create(&thread->loop);

    list_init(&thread->natives);
    if (r < 0)
        return err_pass(r);
    r = wake_open(&thread->wake, thread->loop, on_wake, thread);
    if (r < 0) {
        loop_destroy(thread->loop);
        return err_pass(r);
    }
    thread->shard = shard_group_shard(thread->options.group, thread->options.index);
    thread->engine = js_engine_create();
    if (thread->options.scripted)
        js_builtin_read(thread->engine, &js_builtin_js);
    return 0;
}

static void tear_down_machine(struct shard_thread *thread)
{
    loop_turn(thread->loop, false); /* buries Workers that retired */
    js_engine_destroy(thread->engine);
    if (thread->engine_polled)
        uv_close((uv_handle_t *)&thread->engine_poll, NULL);
    wake_close(thread->wake);
    loop_destroy(thread->loop);
}

static void set_up(struct shard_thread *thread)
{
    shard_create(thread->options.group, thread->options.index, shard_wake, thread);
    thread->outgoings = outgoings_create(thread->loop, thread->shard, &thread->wires);
    wires_init(&thread->wires, thread->loop, thread->shard, thread->options.wires);
    thread->front = front_create(&(struct front_options){
        .loop = thread->loop,
        .shard = thread->shard,
        .wires = &thread->wires,
        .proxied = thread->options.proxied,
    });
    thread->timer.cb = on_timer;
    thread->late.cb = on_late;
    slack_init(&thread->slack, thread->loop, thread->shard, thread->engine);
    thread->turn.cb = turn;
    thread->again.cb = on_again;
    loop_hook_add(thread->loop, &thread->turn);
}

static void natives_end(struct shard_thread *thread)
{
    struct list *link;

    while ((link = list_pop_front(&thread->natives)) != NULL) {
        struct native_version *version = container_of(link, struct native_version, link);

        native_shard_destroy(version->shard);
        mem_free(version);
    }
    outgoings_destroy(thread->outgoings);
}

static void tear_down(struct shard_thread *thread)
{
    front_destroy(thread->front);
    wires_fini(&thread->wires);
    shard_destroy(thread->shard);
    loop_hook_remove(&thread->turn);
    here = NULL; /* nothing asks for a turn any more */
    loop_task_cancel(&thread->again);
    timer_stop(&thread->timer);
    timer_stop(&thread->late);
    slack_fini(&thread->slack);
    discard(thread);
    natives_end(thread);
    if (thread->prepared != NULL)
        worker_destroy(thread->prepared);
    if (thread->worker != NULL)
        worker_destroy(thread->worker);
    tear_down_machine(thread);
}

/* Uninterrupted: the machine stops threads with a signal. */
static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0)
        ASSERT(errno == EINTR);
}

static void *run(void *arg)
{
    struct shard_thread *thread = arg;
    uint64_t started_ns = uv_hrtime();
    char name[16];

    here = thread;
    snprintf(name, sizeof name, "shard-%u", thread->options.index);
    pthread_setname_np(pthread_self(), name);
    thread->fault = set_up_machine(thread);
    wait_for(&thread->known);
    if (thread->settings != NULL && thread->fault == 0) /* DEPLOY tries again, and says why not */
        prepare(thread, bytes_of_string(thread->settings), &(struct err_text){0});
    wait_for(&thread->go);
    if (thread->called_off && thread->fault == 0) {
        here = NULL;
        if (thread->prepared != NULL)
            worker_destroy(thread->prepared);
        tear_down_machine(thread);
        return NULL;
    }
    if (thread->fault == 0)
        set_up(thread);
    log_debug("shard %u: ready in %.1f ms", thread->options.index,
              (double)(uv_hrtime() - started_ns) / 1e6);
    sem_post(&thread->ready);
    if (thread->fault < 0)
        return NULL;
    loop_run(thread->loop);
    tear_down(thread);
    return NULL;
}

int shard_thread_start(struct shard_thread **out, const struct shard_thread_options *options)
{
    struct shard_thread *thread = mem_new(struct shard_thread);
    int r;

    thread->options = *options;
    sem_init(&thread->known, 0, 0);
    sem_init(&thread->go, 0, 0);
    sem_init(&thread->ready, 0, 0);
    r = pthread_create(&thread->thread, NULL, run, thread);
    if (r != 0) {
        mem_free(thread);
        return err_raise(-r);
    }
    *out = thread;
    return 0;
}

void shard_thread_prepare(struct shard_thread *thread, const char *settings)
{
    thread->settings = settings;
    sem_post(&thread->known);
}

void shard_thread_go(struct shard_thread *thread, bool called_off)
{
    thread->called_off = called_off;
    sem_post(&thread->go);
}

int shard_thread_wait(struct shard_thread *thread)
{
    int fault;

    wait_for(&thread->ready);
    fault = thread->fault;
    return fault < 0 ? err_pass(fault) : 0;
}

struct wires *shard_thread_wires(struct shard_thread *thread)
{
    return &thread->wires;
}

void shard_thread_join(struct shard_thread *thread)
{
    pthread_join(thread->thread, NULL);
    sem_destroy(&thread->known);
    sem_destroy(&thread->go);
    sem_destroy(&thread->ready);
    mem_free(thread);
}
