/* Calls of objects (cf_namespace.js) and of remote references (cf_rpc_late.js). */

#include "api/stub.h"

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/namespace.h"
#include "actor/output_gate.h"
#include "api/rpc.h"
#include "api/socket.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"
#include "http/h1_write.h"
#include "js/promise.h"
#include "js/view.h"

/* One call, from stub_fetch(), stub_call() or rpc_call() until its promise is settled. It waits
 * at the caller's output gate first: nothing leaves before what was written earlier is
 * durable. */
struct stub_request {
    struct output_gate_wait gate;
    struct pending pending;
    struct js_deferred *deferred;
    struct worker *worker;
    struct rpc_target *target; /* a reference: what it calls; or NULL, and */
    char *entrypoint;          /* of the Worker, `name` its props; or NULL, and an object: */
    struct namespace *ns;
    struct object_id id;
    char *name;
    struct event *event; /* until it is sent */
    struct event_result result;
    bool answered;
    unsigned refs; /* the pending's, and that of the event under way */
};

static void stub_unref(struct stub_request *request)
{
    if (--request->refs > 0)
        return;
    if (request->event != NULL)
        event_destroy(request->event);
    event_result_fini(&request->result);
    rpc_target_unref(request->target);
    mem_free(request->entrypoint);
    mem_free(request->name);
    mem_free(request);
}

static void stub_reply(struct event *event, struct event_result *result)
{
    struct stub_request *request = event->reply_data;

    request->result = *result;
    *result = (struct event_result){0};
    request->answered = true;
    if (request->pending.context != NULL)
        pending_ready(&request->pending);
    stub_unref(request);
}

static void stub_gate(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct stub_request *request = container_of(gate, struct stub_request, gate);
    struct event *event = request->event;

    if (verdict == OUTPUT_GATE_DISCARD || request->pending.context == NULL) {
        stub_unref(request);
        return;
    }
    request->event = NULL;
    if (request->target != NULL) {
        struct rpc_target *target = request->target;

        request->target = NULL;
        rpc_send(request->worker->shard, target, event);
    } else if (request->entrypoint != NULL) {
        char *entrypoint = request->entrypoint;
        char *props = request->name;

        request->entrypoint = NULL;
        request->name = NULL;
        worker_serve(request->worker, entrypoint, props, event);
    } else {
        shard_send(request->worker->shard, request->ns, &request->id, request->name, event);
    }
}

static JSValueRef response_parts(struct js_realm *realm, struct fetch_response *response)
{
    JSValueRef parts[6];
    struct socket_far *far = response->socket;
    bool known = response->body.pipe != NULL && response->body.length >= 0;

    response->socket = NULL;
    parts[0] = js_number(realm, response->status);
    parts[1] =
        js_word(realm, response->reason != NULL ? response->reason : h1_reason(response->status));
    parts[2] = cross_headers(realm, response->headers);
    parts[3] = cross_body(realm, &response->body);
    parts[4] = far != NULL ? api_socket_far_box(realm, far) : realm->null;
    if (known)
        parts[5] = js_number(realm, (double)response->body.length);
    return js_array_make(realm, known ? 6 : 5, parts);
}

/* BYTES, or [BYTES, boxes] */
static JSValueRef call_value(struct context *context, struct event_result *result)
{
    struct js_realm *realm = context->worker->realm;
    JSValueRef bytes = js_bytes_copy(realm, blob_bytes(result->value));
    JSValueRef parts[2];

    if (result->cargo == NULL)
        return bytes;
    parts[0] = bytes;
    parts[1] = rpc_cargo_value(context, result->cargo);
    return js_array_make(realm, JS_COUNT(parts), parts);
}

static void stub_run(struct pending *pending)
{
    struct stub_request *request = container_of(pending, struct stub_request, pending);
    struct event_result *result = &request->result;
    struct js_realm *realm = request->worker->realm;

    if (result->failure != NULL)
        js_deferred_reject(request->deferred,
                           cross_failure(realm, result->failure, FAILURE_REMOTE));
    else if (result->response != NULL)
        js_deferred_resolve(request->deferred, response_parts(realm, result->response));
    else
        js_deferred_resolve(request->deferred, call_value(context_current(realm), result));
    stub_unref(request);
}

static void stub_drop(struct pending *pending)
{
    struct stub_request *request = container_of(pending, struct stub_request, pending);

    js_deferred_drop(request->deferred);
    stub_unref(request);
}

static struct stub_request *request_create(struct context *context, struct event *event)
{
    struct stub_request *request = mem_new(struct stub_request);

    request->event = event;
    request->worker = context->worker;
    request->refs = 1;
    return request;
}

/* It knows whom to call. */
static JSValueRef request_send(struct js_realm *realm, struct context *context,
                               struct stub_request *request)
{
    struct event *event = request->event;
    JSValueRef promise;

    event->reply = stub_reply;
    event->reply_data = request;
    request->refs = 2;
    request->gate.cb = stub_gate;
    request->pending.run = stub_run;
    request->pending.drop = stub_drop;
    request->deferred = js_deferred_create(realm, &promise);
    pending_bind(&request->pending, context, HOLD_IO);
    if (context->object != NULL)
        object_say(context->object, &request->gate);
    else
        stub_gate(&request->gate, OUTPUT_GATE_GO);
    return promise;
}

static bool object_arg(struct js_call *call, struct stub_request *request)
{
    struct js_text hex;
    bool parsed;

    request->ns = stub_namespace_arg(call, 0);
    if (request->ns == NULL || !js_arg_text(call, 1, &hex))
        return false;
    parsed = object_id_parse(js_text_bytes(&hex), &request->id);
    js_text_fini(&hex);
    ASSERT(parsed); /* js/ has it from us, and has had it checked */
    return true;
}

/* Arguments 0 to 2: namespace, id, name; or an entrypoint's name, nothing, its props. Takes the
 * event over. */
static JSValueRef stub_send(struct js_call *call, struct context *context, struct event *event)
{
    struct stub_request *request = request_create(context, event);

    if (JSValueIsString(call->realm->ctx, js_arg(call, 0)))
        request->entrypoint = js_arg_string(call, 0);
    else if (!object_arg(call, request))
        goto fail;
    if (js_arg_given(call, 2) && (request->name = js_arg_string(call, 2)) == NULL)
        goto fail;
    return request_send(call->realm, context, request);

fail:
    stub_unref(request);
    return NULL;
}

/* stub_fetch(namespace, id, name, method | undefined (GET), url, HEADERS | undefined, kind, body,
 * cf, length) -> Promise of [status, statusText, HEADERS, body, webSocket, length if known],
 * rejected with [name, message, flags, BYTES] */
static JSValueRef stub_fetch(struct js_call *call)
{
    struct context *context = context_require(call);
    struct event *event;
    struct fetch_request *request;
    char *method;
    char *url;

    if (context == NULL)
        return NULL;
    method = js_arg_given(call, 3) ? js_arg_string(call, 3) : mem_strdup("GET");
    if (method == NULL)
        return NULL;
    url = js_arg_string(call, 4);
    if (url == NULL) {
        mem_free(method);
        return NULL;
    }
    request = fetch_request_create(method, url);
    mem_free(method);
    mem_free(url);
    event = event_create(EVENT_FETCH);
    event->fetch.request = request;
    if (!cross_headers_from(call, 5, &request->headers) ||
        !cross_body_from(call, 6, &request->body)) {
        event_destroy(event);
        return NULL;
    }
    if (js_arg_given(call, 8)) {
        struct js_text cf;

        if (js_arg_text(call, 8, &cf)) {
            request->cf = blob_create(cf.data, cf.len);
            js_text_fini(&cf);
        }
    }
    if (js_arg_given(call, 9))
        request->body.length = (int64_t)js_to_number(call->realm, js_arg(call, 9), call->exception);
    return stub_send(call, context, event);
}

/* The event of a call: BYTES or nothing in argument i, boxes in the next. NULL: thrown. */
static struct event *call_event(struct js_call *call, struct context *context, size_t i)
{
    struct event *event;
    struct cargo *cargo;
    struct bytes arguments;

    if (!rpc_cargo_arg(call, context, i + 1, &cargo))
        return NULL;
    if (!js_arg_bytes_optional(call, i, &arguments)) {
        cargo_destroy(cargo);
        return NULL;
    }
    event = event_create(EVENT_CALL);
    event->call.cargo = cargo;
    if (js_arg_given(call, i))
        event->call.arguments = blob_create(arguments.data, arguments.len);
    return event;
}

/* stub_call(namespace, id, name, method, BYTES | undefined, boxes | undefined) -> Promise of BYTES,
 * or of [BYTES, boxes] */
static JSValueRef stub_call(struct js_call *call)
{
    struct context *context = context_require(call);
    struct event *event = context != NULL ? call_event(call, context, 4) : NULL;

    if (event == NULL)
        return NULL;
    event->call.method = js_arg_string(call, 3);
    if (event->call.method == NULL) {
        event_destroy(event);
        return NULL;
    }
    return stub_send(call, context, event);
}

/* rpc_call(box, BYTES, boxes | undefined) -> the same */
static JSValueRef rpc_call(struct js_call *call)
{
    struct context *context = context_require(call);
    struct stub_request *request;
    struct event *event = context != NULL ? call_event(call, context, 1) : NULL;

    if (event == NULL)
        return NULL;
    request = request_create(context, event);
    request->target = rpc_target_arg(call, context, 0);
    if (request->target == NULL) {
        stub_unref(request);
        return NULL;
    }
    return request_send(call->realm, context, request);
}

/* clang-format off */
#define STUB_NATIVES(X)             \
    X("stub_fetch", stub_fetch, 8)  \
    X("stub_call", stub_call, 4)    \
    X("rpc_call", rpc_call, 2)
/* clang-format on */
JS_NATIVES(stub_natives, STUB_NATIVES)

void api_stub_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, stub_natives, JS_COUNT(stub_natives));
}
