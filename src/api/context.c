#include "api/context.h"

#include "api/body.h"
#include "api/rpc.h"
#include "api/worker_parts.h"
#include "base/assert.h"

#define GLOBAL_SCOPE_TEXT                                                                          \
    "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or "           \
    "connect()), setting a timeout, and generating random values are not allowed within global "   \
    "scope. To fix this error, perform this operation within a handler. "                          \
    "https://developers.cloudflare.com/workers/runtime-apis/handlers/"

/* Of what, twice, and where from. */
#define FOREIGN_TEXT                                                                               \
    "Cannot perform I/O on behalf of a different %s. I/O objects (such as streams, "               \
    "request/response bodies, and others) created in the context of one %s cannot be accessed "    \
    "from a different %s. This is a limitation of Cloudflare Workers which allows us to improve "  \
    "overall performance. (I/O type: %s)"

void context_init(struct context *context, struct worker *worker, struct object *object)
{
    *context = (struct context){
        .worker = worker,
        .object = object,
        .handle = (double)++worker->last_handle,
        .refs = 1,
    };
    list_init(&context->pendings);
    list_init(&context->bodies);
    list_init(&context->imports);
    list_init(&context->visits);
}

void context_end(struct context *context)
{
    context->over = true;
    while (!list_empty(&context->pendings)) {
        struct pending *pending =
            container_of(list_first(&context->pendings), struct pending, link);

        if (pending_unbind(pending))
            pending->drop(pending);
    }
    body_context_end(context);
    rpc_context_end(context);
}

struct context *context_current(const struct js_realm *realm)
{
    return js_current(realm);
}

struct context *context_require(struct js_call *call)
{
    struct context *context = context_current(call->realm);

    if (context == NULL)
        js_throw_error(call, GLOBAL_SCOPE_TEXT);
    return context;
}

JSValueRef context_throw_foreign(struct js_call *call, const char *type)
{
    const struct context *context = context_current(call->realm);

    if (context != NULL && context->object != NULL)
        return js_throw_error(call, FOREIGN_TEXT, "Durable Object", "Durable Object",
                              "Durable Object in the same isolate", type);
    return js_throw_error(call, FOREIGN_TEXT, "request", "request handler", "request's handler",
                          type);
}

struct context *context_object(struct js_call *call, size_t i)
{
    struct context *context = context_require(call);
    double handle;

    if (context == NULL || !js_arg_number(call, i, &handle))
        return NULL;
    if (context->object == NULL || context->handle != handle) {
        context_throw_foreign(call, "ActorCacheInterface");
        return NULL;
    }
    if (object_broken(context->object)) {
        js_throw_error(call, "Durable Object storage is no longer accessible.");
        return NULL;
    }
    return context;
}

void context_enter(struct context *context)
{
    ASSERT(!context->over);
    *context->worker->running = context->handle;
    js_enter(context->worker->realm, context);
}

static void left(struct context *context, bool in_time)
{
    *context->worker->running = 0;
    if (!in_time && (context->object == NULL || !object_broken(context->object)))
        worker_stopped(context);
    /* An object's events share its context: another one may settle what this one waits for. */
    if (context->object == NULL && context->awaited == 0)
        worker_request_hung(context);
}

void context_leave(struct context *context)
{
    left(context, js_leave(context->worker->realm));
}

void context_turn(struct context *context, js_turn_fn *run, void *data)
{
    ASSERT(!context->over);
    *context->worker->running = context->handle;
    left(context, js_turn(context->worker->realm, context, run, data));
}

/* ---- pendings ---- */

static void forget(struct pending *pending)
{
    list_remove(&pending->link);
    pending->context->awaited -= pending->awaited;
    pending->context = NULL;
}

static void pending_turn(struct js_realm *realm, void *data)
{
    struct pending *pending = data;

    (void)realm;
    pending->run(pending);
}

static void run(struct pending *pending)
{
    struct context *context = pending->context;

    forget(pending);
    context_turn(context, pending_turn, pending);
}

static void task_run(struct task *task)
{
    run(container_of(task, struct pending, task));
}

static void task_drop(struct task *task)
{
    struct pending *pending = container_of(task, struct pending, task);

    forget(pending);
    pending->drop(pending);
}

static void message_run(struct message *message)
{
    struct pending *pending = container_of(message, struct pending, message);
    struct context *context = pending->context;

    pending->queued = false;
    if (pending->cancelled) {
        pending->cancelled = false;
        pending->drop(pending);
        return;
    }
    context->refs++;
    run(pending);
    context->refs--;
    context_settle(context);
}

void pending_bind(struct pending *pending, struct context *context, enum hold_reason reason)
{
    ASSERT(pending->context == NULL && !pending->queued);
    pending->context = context;
    pending->ready = false;
    pending->awaited = reason != HOLD_WAIT_UNTIL;
    context->awaited += pending->awaited;
    list_push_back(&context->pendings, &pending->link);
    if (context->object != NULL) {
        pending->task.run = task_run;
        pending->task.drop = task_drop;
        task_bind(&pending->task, context->object, reason);
    }
}

void pending_ready(struct pending *pending)
{
    struct context *context = pending->context;

    ASSERT(context != NULL);
    if (context->object != NULL) {
        if (!pending->ready)
            task_ready(&pending->task);
        pending->ready = true;
        return;
    }
    if (pending->queued)
        return;
    pending->queued = true;
    pending->message.run = message_run;
    shard_post(context->worker->shard, &pending->message);
}

bool pending_unbind(struct pending *pending)
{
    struct context *context = pending->context;

    if (context == NULL)
        return true;
    if (context->object != NULL)
        task_unbind(&pending->task);
    pending->cancelled = pending->queued;
    forget(pending);
    return !pending->cancelled;
}

void context_settle(struct context *context)
{
    if (context->object != NULL || !context->answered || context->refs > 1)
        return;
    if ((context->essential > 0 || (context->serves && context->target_count > 0)) &&
        context->awaited > 0)
        return;
    if (!list_empty(&context->bodies))
        worker_log_hung();
    worker_request_over(context);
}
