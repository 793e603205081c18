#include "api/body.h"

#include "actor/failure.h"
#include "actor/pipe.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "js/box.h"
#include "js/promise.h"
#include "js/view.h"

/* One end; lives as long as its box or a read or write under way. */
struct body_end {
    struct pipe *pipe; /* owned reference; NULL once taken or over */
    bool writes;
    struct context *context; /* the request that lives until it is written; NULL: none */
    struct list link;        /* context.bodies */
    struct pending keep;     /* an object's stays bound as long as somebody may read */
    struct pipe_watch watch;
    struct body_wait *wait; /* what is under way; owns itself */
    unsigned refs;
};

struct body_wait {
    struct pending pending;
    struct js_deferred *deferred;
    struct body_end *end; /* a reference */
};

static void end_unref(struct body_end *end)
{
    if (--end->refs == 0)
        mem_free(end);
}

/* The pipe is the end's no more: whoever gets it holds its reference. NULL if it is over
 * already. */
static struct pipe *end_release(struct body_end *end)
{
    struct pipe *pipe = end->pipe;

    if (pipe == NULL)
        return NULL;
    end->pipe = NULL;
    pending_unbind(&end->keep);
    if (end->writes)
        pipe_watch_writer(pipe, NULL);
    else
        pipe_watch_reader(pipe, NULL);
    if (end->context != NULL) {
        list_remove(&end->link);
        end->context->essential--;
        end->context = NULL;
    }
    return pipe;
}

/* The end's job is done, or given up: the other end hears of it. */
static void end_over(struct body_end *end)
{
    struct pipe *pipe = end_release(end);

    if (pipe == NULL)
        return;
    if (end->writes)
        pipe_leave_writer(pipe);
    else
        pipe_leave_reader(pipe);
}

static void end_bury(void *self)
{
    struct body_end *end = self;
    struct context *context = end->context;

    if (end->wait == NULL)
        end_over(end);
    if (context != NULL && end->context == NULL)
        context_settle(context);
    end_unref(end);
}

static const struct js_box_type end_type = {"BodyPipe", end_bury};

static void wait_free(struct body_wait *wait)
{
    wait->end->wait = NULL;
    end_unref(wait->end);
    mem_free(wait);
}

static void wait_drop(struct pending *pending)
{
    struct body_wait *wait = container_of(pending, struct body_wait, pending);

    js_deferred_drop(wait->deferred);
    end_over(wait->end);
    wait_free(wait);
}

/* Whoever waits looks again. */
static void look_again(struct body_end *end)
{
    if (end->wait != NULL)
        pending_ready(&end->wait->pending);
}

static void news(struct pipe_watch *watch)
{
    struct body_end *end = container_of(watch, struct body_end, watch);

    if (end->writes && end->pipe != NULL && pipe_cancelled(end->pipe))
        pending_unbind(&end->keep); /* nobody reads it any more */
    look_again(end);
}

/* The object that writes it is over. */
static void keep_drop(struct pending *pending)
{
    end_over(container_of(pending, struct body_end, keep));
}

/* What pipe_read() says, as a value; NULL: nothing there yet. An error is put into *thrown. */
static JSValueRef read_value(struct js_realm *realm, struct body_end *end, JSValueRef *thrown)
{
    struct worker *worker = worker_of(realm);
    struct blob *data = NULL;
    struct failure *failure = NULL;
    JSValueRef value;

    switch (pipe_read(end->pipe, &data, &failure)) {
    case 0:
        value = js_bytes_copy(realm, blob_bytes(data));
        blob_unref(data);
        return value;
    case PIPE_READ_EMPTY: return NULL;
    case PIPE_READ_END: end_over(end); return realm->null;
    default:
        end_over(end);
        *thrown = cross_error(worker, failure, 0);
        failure_unref(failure);
        return NULL;
    }
}

static void wait_run(struct pending *pending)
{
    struct body_wait *wait = container_of(pending, struct body_wait, pending);
    struct body_end *end = wait->end;
    struct js_realm *realm = js_deferred_realm(wait->deferred);
    struct context *context = context_current(realm);
    JSValueRef thrown = NULL;
    JSValueRef value;

    if (end->writes) {
        if (end->pipe != NULL && pipe_room(end->pipe) == 0 && !pipe_cancelled(end->pipe)) {
            pending_bind(pending, context, HOLD_IO);
            return;
        }
        if (end->pipe == NULL || pipe_cancelled(end->pipe))
            js_deferred_reject_text(wait->deferred, "Network connection lost.");
        else
            js_deferred_resolve(wait->deferred, realm->yes);
        wait_free(wait);
        return;
    }
    value = end->pipe != NULL ? read_value(realm, end, &thrown) : realm->null;
    if (value == NULL && thrown == NULL) {
        pending_bind(pending, context, HOLD_IO);
        return;
    }
    if (thrown != NULL)
        js_deferred_reject(wait->deferred, thrown);
    else
        js_deferred_resolve(wait->deferred, value);
    wait_free(wait);
}

/* A promise that news of the pipe will settle. */
static JSValueRef wait_begin(struct js_call *call, struct body_end *end)
{
    struct context *context = context_require(call);
    struct body_wait *wait;
    JSValueRef promise;

    if (context == NULL)
        return NULL;
    if (end->wait != NULL)
        return js_throw_type_error(call, "This body is already being read or written.");
    wait = mem_new(struct body_wait);
    wait->deferred = js_deferred_create(call->realm, &promise);
    wait->end = end;
    end->refs++;
    end->wait = wait;
    wait->pending.run = wait_run;
    wait->pending.drop = wait_drop;
    pending_bind(&wait->pending, context, HOLD_IO);
    return promise;
}

static struct body_end *end_create(struct js_realm *realm, struct pipe *pipe, bool writes)
{
    struct body_end *end = mem_new(struct body_end);

    end->pipe = pipe;
    end->writes = writes;
    end->refs = 1;
    end->watch.news = news;
    end->watch.shard = worker_of(realm)->shard;
    if (writes)
        pipe_watch_writer(pipe, &end->watch);
    else
        pipe_watch_reader(pipe, &end->watch);
    return end;
}

JSValueRef body_reader_box(struct js_realm *realm, struct pipe *pipe)
{
    return js_box_make(realm, &end_type, end_create(realm, pipe, false), NULL);
}

struct pipe *body_take_pipe(struct js_call *call, size_t i)
{
    struct body_end *end = js_arg_box(call, i, &end_type);

    if (end == NULL)
        return NULL;
    if (end->pipe == NULL) {
        js_throw_type_error(call, "This body has been used already.");
        return NULL;
    }
    if (end->writes)
        return pipe_ref(end->pipe);
    return end_release(end);
}

void body_context_end(struct context *context)
{
    while (!list_empty(&context->bodies))
        end_over(container_of(list_first(&context->bodies), struct body_end, link));
}

/* ---- natives ---- */

static JSValueRef body_pipe_create(struct js_call *call)
{
    struct context *context = context_require(call);
    struct body_end *end;

    if (context == NULL)
        return NULL;
    end = end_create(call->realm, pipe_create(LIMIT_PIPE_BYTES), true);
    if (context->object == NULL) {
        end->context = context;
        list_push_back(&context->bodies, &end->link);
        context->essential++;
    } else {
        end->keep.drop = keep_drop;
        pending_bind(&end->keep, context, HOLD_IO);
    }
    return js_box_make(call->realm, &end_type, end, NULL);
}

static JSValueRef body_pipe_read(struct js_call *call)
{
    struct body_end *end = js_arg_box(call, 0, &end_type);
    JSValueRef thrown = NULL;
    JSValueRef value;

    if (end == NULL)
        return NULL;
    if (end->pipe == NULL)
        return call->realm->null;
    if (end->wait == NULL) {
        value = read_value(call->realm, end, &thrown);
        if (value != NULL)
            return value;
        if (thrown != NULL) {
            *call->exception = thrown;
            return NULL;
        }
    }
    return wait_begin(call, end);
}

static JSValueRef body_pipe_cancel(struct js_call *call)
{
    struct body_end *end = js_arg_box(call, 0, &end_type);

    if (end == NULL)
        return NULL;
    if (end->pipe != NULL) {
        pipe_cancel(end->pipe);
        end_over(end);
        look_again(end);
    }
    return call->realm->undefined;
}

static JSValueRef body_pipe_write(struct js_call *call)
{
    struct body_end *end = js_arg_box(call, 0, &end_type);
    struct bytes bytes;
    struct blob *data;
    int r;

    if (end == NULL || !js_arg_bytes(call, 1, &bytes))
        return NULL;
    if (end->pipe == NULL)
        return js_throw_error(call, "Network connection lost.");
    if (bytes.len == 0)
        return call->realm->yes;
    data = blob_create(bytes.data, bytes.len);
    r = pipe_write(end->pipe, data);
    blob_unref(data);
    if (r == PIPE_WRITE_CANCELLED)
        return js_throw_error(call, "Network connection lost.");
    return r == PIPE_WRITE_FULL ? wait_begin(call, end) : call->realm->yes;
}

static JSValueRef body_pipe_close(struct js_call *call)
{
    struct body_end *end = js_arg_box(call, 0, &end_type);

    if (end == NULL)
        return NULL;
    if (end->pipe != NULL) {
        pipe_finish(end->pipe);
        end_over(end);
    }
    return call->realm->undefined;
}

static JSValueRef body_pipe_abort(struct js_call *call)
{
    struct body_end *end = js_arg_box(call, 0, &end_type);
    struct failure *failure;
    char *message;

    if (end == NULL)
        return NULL;
    if (end->pipe == NULL)
        return call->realm->undefined;
    message = js_arg_given(call, 1) ? js_arg_string(call, 1) : NULL;
    failure = failure_create("Error", message != NULL ? message : "The body was aborted.", NULL, 0);
    mem_free(message);
    pipe_fail(end->pipe, failure);
    failure_unref(failure);
    end_over(end);
    *call->exception = NULL;
    return call->realm->undefined;
}

/* clang-format off */
#define BODY_NATIVES(X)                      \
    X("pipe_create", body_pipe_create, 0)    \
    X("pipe_read", body_pipe_read, 1)        \
    X("pipe_cancel", body_pipe_cancel, 1)    \
    X("pipe_write", body_pipe_write, 2)      \
    X("pipe_close", body_pipe_close, 1)      \
    X("pipe_abort", body_pipe_abort, 1)
/* clang-format on */
JS_NATIVES(body_natives, BODY_NATIVES)

void api_body_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, body_natives, JS_COUNT(body_natives));
}
