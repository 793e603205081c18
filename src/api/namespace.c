/* env.NS below cf_namespace.js: ids, and calls of objects. */

#include "actor/namespace.h"

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/output_gate.h"
#include "api/socket.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"
#include "js/promise.h"
#include "js/view.h"
#include "os/os.h"

static struct namespace *namespace_arg(struct js_call *call, size_t i)
{
    const struct worker_bundle *bundle = worker_of(call->realm)->bundle;
    int64_t index;

    if (!js_arg_integer(call, i, 0, (int64_t)bundle->namespace_count - 1, &index))
        return NULL;
    return bundle->namespaces[index];
}

static JSValueRef id_value(struct js_realm *realm, const struct object_id *id)
{
    char hex[OBJECT_ID_HEX + 1];

    object_id_format(id, hex);
    return js_string(realm, hex);
}

/* id_from_name(namespace, name) -> hex */
static JSValueRef id_from_name(struct js_call *call)
{
    struct namespace *ns = namespace_arg(call, 0);
    struct object_id id;
    struct js_text name;

    if (ns == NULL || !js_arg_text_stored(call, 1, &name))
        return NULL;
    object_id_from_name(ns, js_text_bytes(&name), &id);
    js_text_fini(&name);
    return id_value(call->realm, &id);
}

/* id_from_string(namespace, hex) -> hex */
static JSValueRef id_from_string(struct js_call *call)
{
    struct namespace *ns = namespace_arg(call, 0);
    struct object_id id;
    struct js_text hex;
    int r;

    if (ns == NULL || !js_arg_text(call, 1, &hex))
        return NULL;
    r = object_id_from_string(ns, js_text_bytes(&hex), &id);
    js_text_fini(&hex);
    if (r == OBJECT_ID_NOT_HEX)
        return js_throw_type_error(call, "Invalid Durable Object ID: must be 64 hex digits");
    if (r == OBJECT_ID_FOREIGN)
        return js_throw_type_error(call, "Durable Object ID is not valid for this namespace.");
    return id_value(call->realm, &id);
}

/* id_unique(namespace) -> hex */
static JSValueRef id_unique(struct js_call *call)
{
    struct namespace *ns = namespace_arg(call, 0);
    struct object_id id;

    if (ns == NULL)
        return NULL;
    object_id_unique(ns, os_real(), &id);
    return id_value(call->realm, &id);
}

/* ---- calls ---- */

/* One call of an object, from stub_fetch() or stub_call() until its promise is settled. It waits at
 * the caller's output gate first: nothing leaves before what was written earlier is durable. */
struct stub_request {
    struct output_gate_wait gate;
    struct pending pending;
    struct js_deferred *deferred;
    struct worker *worker;
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
    shard_send(request->worker->shard, request->ns, &request->id, request->name, event);
}

static JSValueRef response_parts(struct js_realm *realm, struct fetch_response *response)
{
    JSValueRef parts[5];
    struct socket_far *far = response->socket;

    response->socket = NULL;
    parts[0] = js_number(realm, response->status);
    parts[1] = js_word(realm, response->reason != NULL ? response->reason : "");
    parts[2] = cross_headers(realm, response->headers);
    parts[3] = cross_body(realm, &response->body);
    parts[4] = far != NULL ? api_socket_far_box(realm, far) : realm->null;
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
        js_deferred_resolve(request->deferred, js_bytes_copy(realm, blob_bytes(result->value)));
    stub_unref(request);
}

static void stub_drop(struct pending *pending)
{
    struct stub_request *request = container_of(pending, struct stub_request, pending);

    js_deferred_drop(request->deferred);
    stub_unref(request);
}

/* Arguments 0 to 2: namespace, id, name. Takes the event over. */
static JSValueRef stub_send(struct js_call *call, struct context *context, struct event *event)
{
    struct stub_request *request = mem_new(struct stub_request);
    struct namespace *ns = namespace_arg(call, 0);
    struct js_text hex;
    JSValueRef promise;
    bool parsed;

    request->event = event;
    request->worker = context->worker;
    request->ns = ns;
    request->refs = 1;
    if (ns == NULL || !js_arg_text(call, 1, &hex))
        goto fail;
    parsed = object_id_parse(js_text_bytes(&hex), &request->id);
    js_text_fini(&hex);
    ASSERT(parsed); /* js/ has it from us, and has had it checked */
    if (js_arg_given(call, 2) && (request->name = js_arg_string(call, 2)) == NULL)
        goto fail;
    event->reply = stub_reply;
    event->reply_data = request;
    request->refs = 2;
    request->gate.cb = stub_gate;
    request->pending.run = stub_run;
    request->pending.drop = stub_drop;
    request->deferred = js_deferred_create(call->realm, &promise);
    pending_bind(&request->pending, context, HOLD_IO);
    if (context->object != NULL)
        object_say(context->object, &request->gate);
    else
        stub_gate(&request->gate, OUTPUT_GATE_GO);
    return promise;

fail:
    stub_unref(request);
    return NULL;
}

/* stub_fetch(namespace, id, name, method | undefined (GET), url, HEADERS | undefined, kind, body,
 * cf, length) -> Promise of
 * [status, statusText, HEADERS, body, webSocket], rejected with [name, message, flags, BYTES] */
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

/* stub_call(namespace, id, name, method, BYTES | undefined) -> Promise of BYTES */
static JSValueRef stub_call(struct js_call *call)
{
    struct context *context = context_require(call);
    struct event *event;
    struct bytes arguments;

    if (context == NULL || !js_arg_bytes_optional(call, 4, &arguments))
        return NULL;
    event = event_create(EVENT_CALL);
    if (js_arg_given(call, 4))
        event->call.arguments = blob_create(arguments.data, arguments.len);
    event->call.method = js_arg_string(call, 3);
    if (event->call.method == NULL) {
        event_destroy(event);
        return NULL;
    }
    return stub_send(call, context, event);
}

/* clang-format off */
#define NAMESPACE_NATIVES(X)                \
    X("id_from_name", id_from_name, 2)      \
    X("id_from_string", id_from_string, 2)  \
    X("id_unique", id_unique, 1)            \
    X("stub_fetch", stub_fetch, 8)          \
    X("stub_call", stub_call, 4)
/* clang-format on */
JS_NATIVES(namespace_natives, NAMESPACE_NATIVES)

void api_namespace_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, namespace_natives, JS_COUNT(namespace_natives));
}
