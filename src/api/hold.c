/* What keeps a context going without being an event: promises given to waitUntil(). js/ watches the
 * promise and ends the hold. */

#include "api/worker_parts.h"
#include "base/mem.h"

struct hold {
    struct pending pending;
    struct worker *worker;
    struct context *context; /* while the hold counts as essential */
    double id;
};

static void hold_free(struct hold *hold)
{
    map_u64_remove(&hold->worker->holds, (uint64_t)hold->id);
    mem_free(hold);
}

static void hold_drop(struct pending *pending)
{
    hold_free(container_of(pending, struct hold, pending));
}

static void hold_run(struct pending *pending)
{
    struct hold *hold = container_of(pending, struct hold, pending);

    hold->context->essential--;
    hold_free(hold);
}

/* hold_begin() -> id */
static JSValueRef hold_begin(struct js_call *call)
{
    struct context *context = context_require(call);
    struct hold *hold;

    if (context == NULL)
        return NULL;
    hold = mem_new(struct hold);
    hold->worker = context->worker;
    hold->context = context;
    hold->id = (double)++context->worker->last_handle;
    hold->pending.run = hold_run;
    hold->pending.drop = hold_drop;
    context->essential++;
    map_u64_put(&context->worker->holds, (uint64_t)hold->id, hold);
    pending_bind(&hold->pending, context, HOLD_WAIT_UNTIL);
    return js_number(call->realm, hold->id);
}

/* hold_end(id) */
static JSValueRef hold_end(struct js_call *call)
{
    struct hold *hold;
    double id;

    if (!js_arg_number(call, 0, &id))
        return NULL;
    hold = map_u64_get(&worker_of(call->realm)->holds, (uint64_t)id);
    if (hold != NULL && hold->pending.context != NULL)
        pending_ready(&hold->pending);
    return call->realm->undefined;
}

/* in_context() -> boolean */
static JSValueRef in_context(struct js_call *call)
{
    return js_boolean(call->realm, context_current(call->realm) != NULL);
}

/* refuse_foreign(type): throws */
static JSValueRef refuse_foreign(struct js_call *call)
{
    char *type = js_arg_string(call, 0);

    if (type != NULL)
        context_throw_foreign(call, type);
    mem_free(type);
    return NULL;
}

/* clang-format off */
#define HOLD_NATIVES(X)                    \
    X("hold_begin", hold_begin, 0)         \
    X("hold_end", hold_end, 1)             \
    X("in_context", in_context, 0)         \
    X("refuse_foreign", refuse_foreign, 1)
/* clang-format on */
JS_NATIVES(hold_natives, HOLD_NATIVES)

void api_hold_install(struct js_realm *realm, JSObjectRef natives)
{
    struct worker *worker = worker_of(realm);
    JSValueRef exception = NULL;
    JSObjectRef running =
        JSObjectMakeTypedArray(realm->ctx, kJSTypedArrayTypeFloat64Array, 1, &exception);

    js_ref_set(&worker->running_array, realm, running);
    worker->running = JSObjectGetTypedArrayBytesPtr(realm->ctx, running, &exception);
    js_set(realm, natives, "running", running);
    js_natives_install(realm, natives, hold_natives, JS_COUNT(hold_natives));
}
