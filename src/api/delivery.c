/* Events handed to JavaScript: it names them by number and says once how each ended. */

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/socket.h"
#include "api/instance.h"
#include "api/rpc.h"
#include "api/socket.h"
#include "api/worker_parts.h"
#include "base/blob.h"
#include "base/mem.h"

struct delivery *delivery_create(struct context *context, struct event *event)
{
    struct worker *worker = context->worker;
    struct delivery *delivery = mem_new(struct delivery);

    delivery->id = (double)++worker->last_handle;
    delivery->context = context;
    delivery->event = event;
    list_init(&delivery->link);
    map_u64_put(&worker->deliveries, (uint64_t)delivery->id, delivery);
    return delivery;
}

void delivery_destroy(struct delivery *delivery)
{
    map_u64_remove(&delivery->context->worker->deliveries, (uint64_t)delivery->id);
    list_remove(&delivery->link);
    mem_free(delivery);
}

void delivery_finish(struct delivery *delivery, struct event_result *result)
{
    struct context *context = delivery->context;
    struct event *event = delivery->event;
    struct rpc_visit *visit = delivery->visit;

    delivery_destroy(delivery);
    if (event != NULL)
        event_finish(event, result);
    else if (visit != NULL)
        rpc_visit_finish(visit, result);
    else
        request_answer(context, result);
}

/* The delivery that argument 0 names; NULL, without an exception, when it is over. */
static struct delivery *delivery_of(struct js_call *call)
{
    double id;

    if (!js_arg_number(call, 0, &id))
        return NULL;
    return map_u64_get(&worker_of(call->realm)->deliveries, (uint64_t)id);
}

/* event_respond(event, status, statusText | undefined, HEADERS | undefined, kind, body, webSocket,
 * length) */
static JSValueRef event_respond(struct js_call *call)
{
    struct delivery *delivery = delivery_of(call);
    struct event_result result = {0};
    struct fetch_response *response;
    double status;

    if (delivery == NULL)
        return *call->exception != NULL ? NULL : call->realm->undefined;
    if (!js_arg_number(call, 1, &status))
        return NULL;
    response = fetch_response_create((unsigned)status);
    if (js_arg_given(call, 2)) {
        response->reason = js_arg_string(call, 2);
        if (response->reason != NULL && response->reason[0] == '\0') {
            mem_free(response->reason);
            response->reason = NULL;
        }
    }
    if (!cross_headers_from(call, 3, &response->headers) ||
        !cross_body_from(call, 4, &response->body))
        goto fail;
    if (js_arg_given(call, 6)) {
        response->socket = api_socket_take(call, 6);
        if (response->socket == NULL)
            goto fail;
    }
    if (js_arg_given(call, 7))
        response->body.length =
            (int64_t)js_to_number(call->realm, js_arg(call, 7), call->exception);
    result.response = response;
    delivery_finish(delivery, &result);
    return call->realm->undefined;

fail:
    fetch_response_destroy(response);
    return NULL;
}

/* event_value(event, BYTES, boxes | undefined) */
static JSValueRef event_value(struct js_call *call)
{
    struct delivery *delivery = delivery_of(call);
    struct event_result result = {0};
    struct bytes bytes;

    if (delivery == NULL)
        return *call->exception != NULL ? NULL : call->realm->undefined;
    if (!js_arg_bytes(call, 1, &bytes) || !rpc_cargo_arg(call, delivery->context, 2, &result.cargo))
        return NULL;
    result.value = blob_create(bytes.data, bytes.len);
    delivery_finish(delivery, &result);
    return call->realm->undefined;
}

/* event_done(event) */
static JSValueRef event_done(struct js_call *call)
{
    struct delivery *delivery = delivery_of(call);
    struct event_result result = {0};

    if (delivery != NULL)
        delivery_finish(delivery, &result);
    return *call->exception != NULL ? NULL : call->realm->undefined;
}

/* event_fail(event, name, message, stack, flags, BYTES) */
static JSValueRef event_fail(struct js_call *call)
{
    struct delivery *delivery = delivery_of(call);
    struct event_result result = {0};

    if (delivery == NULL)
        return *call->exception != NULL ? NULL : call->realm->undefined;
    result.failure = cross_failure_from(call, 1);
    if (result.failure == NULL)
        return NULL;
    delivery_finish(delivery, &result);
    return call->realm->undefined;
}

/* clang-format off */
#define DELIVERY_NATIVES(X)               \
    X("event_respond", event_respond, 6)  \
    X("event_value", event_value, 2)      \
    X("event_done", event_done, 1)        \
    X("event_fail", event_fail, 5)
/* clang-format on */
JS_NATIVES(delivery_natives, DELIVERY_NATIVES)

void api_delivery_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, delivery_natives, JS_COUNT(delivery_natives));
}
