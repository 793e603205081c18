/* setTimeout() and setInterval(): natives timer_set, timer_clear; holds of waitUntil(). */

#include "actor/shard.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "js/error.h"

struct timer_run {
    struct pending pending;
    struct shard_timer clock;
    struct worker *worker;
    struct js_ref callback;
    double id;
    int64_t every_ms; /* < 0: once */
};

static void timer_free(struct timer_run *timer)
{
    shard_timer_clear(timer->worker->shard, &timer->clock);
    map_u64_remove(&timer->worker->timers, (uint64_t)timer->id);
    js_ref_fini(&timer->callback);
    mem_free(timer);
}

static void timer_fire(struct shard_timer *clock)
{
    pending_ready(&container_of(clock, struct timer_run, clock)->pending);
}

static void timer_drop(struct pending *pending)
{
    timer_free(container_of(pending, struct timer_run, pending));
}

static void timer_run(struct pending *pending)
{
    struct timer_run *timer = container_of(pending, struct timer_run, pending);
    struct worker *worker = timer->worker;
    struct js_realm *realm = worker->realm;
    struct js_error error = {0};
    JSObjectRef callback = js_ref_object(&timer->callback);

    if (timer->every_ms >= 0) {
        pending_bind(pending, context_current(realm), HOLD_TIMER);
        shard_timer_set(worker->shard, &timer->clock, timer->every_ms);
    } else {
        timer_free(timer);
    }
    if (js_call(realm, callback, NULL, 0, NULL, &error) == NULL) {
        worker_log_thrown(worker, &error);
        js_error_fini(&error);
    }
}

/* timer_set(ms, repeat, callback) -> id */
static JSValueRef timer_set(struct js_call *call)
{
    struct context *context = context_require(call);
    struct worker *worker = worker_of(call->realm);
    struct timer_run *timer;
    JSObjectRef callback;
    int64_t after_ms;

    if (context == NULL || !js_arg_integer(call, 0, 0, INT32_MAX, &after_ms))
        return NULL;
    callback = js_arg_function(call, 2);
    if (callback == NULL)
        return NULL;
    if (map_u64_count(&worker->timers) >= LIMIT_TIMERS_PER_SHARD)
        return js_throw_error(call, "too many timers are pending");
    timer = mem_new(struct timer_run);
    timer->worker = worker;
    timer->id = (double)++worker->last_handle;
    timer->every_ms = js_arg_boolean(call, 1) ? after_ms : -1;
    timer->clock.fire = timer_fire;
    timer->pending.run = timer_run;
    timer->pending.drop = timer_drop;
    js_ref_set(&timer->callback, call->realm, callback);
    map_u64_put(&worker->timers, (uint64_t)timer->id, timer);
    pending_bind(&timer->pending, context, HOLD_TIMER);
    shard_timer_set(worker->shard, &timer->clock, after_ms);
    return js_number(call->realm, timer->id);
}

/* timer_clear(id) */
static JSValueRef timer_clear(struct js_call *call)
{
    struct timer_run *timer;
    double id;

    if (!js_arg_number(call, 0, &id))
        return NULL;
    timer = map_u64_get(&worker_of(call->realm)->timers, (uint64_t)id);
    if (timer != NULL && pending_unbind(&timer->pending))
        timer_free(timer);
    return call->realm->undefined;
}

/* clang-format off */
#define TIMER_NATIVES(X)          \
    X("timer_set", timer_set, 3)  \
    X("timer_clear", timer_clear, 1)
/* clang-format on */
JS_NATIVES(timer_natives, TIMER_NATIVES)

void api_timer_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, timer_natives, JS_COUNT(timer_natives));
}
