#include "api/socket.h"

#include "actor/failure.h"
#include "actor/shard.h"
#include "actor/socket.h"
#include "api/instance.h"
#include "api/worker_parts.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread_end.h"
#include "js/box.h"
#include "js/error.h"
#include "js/view.h"

/* What a box holds: an end of this shard, or one that came with a response and was not looked
 * at. */
struct socket_box {
    struct socket *socket;  /* owned reference, or NULL */
    struct socket_far *far; /* owned, or NULL */
};

static void box_bury(void *self)
{
    struct socket_box *box = self;

    socket_far_drop(box->far);
    if (box->socket != NULL)
        socket_unref(box->socket);
    mem_free(box);
}

static const struct js_box_type socket_box_type = {"WebSocketEnd", box_bury};

JSValueRef api_socket_box(struct js_realm *realm, struct socket *socket)
{
    struct socket_box *box = mem_new(struct socket_box);

    box->socket = socket_ref(socket);
    return js_box_make(realm, &socket_box_type, box, NULL);
}

JSValueRef api_socket_far_box(struct js_realm *realm, struct socket_far *far)
{
    struct socket_box *box = mem_new(struct socket_box);

    box->far = far;
    return js_box_make(realm, &socket_box_type, box, NULL);
}

struct socket_far *api_socket_take(struct js_call *call, size_t i)
{
    struct socket_box *box = js_arg_box(call, i, &socket_box_type);
    struct socket_far *far;

    if (box == NULL)
        return NULL;
    if (box->far != NULL) {
        far = box->far;
        box->far = NULL;
        return far;
    }
    if (box->socket == NULL || socket_mode(box->socket) != SOCKET_LOOSE) {
        js_throw_type_error(call, "Can't return WebSocket that was already used in a response.");
        return NULL;
    }
    return socket_send_away(box->socket);
}

/* The end in argument `i`, opened if it was far. NULL: thrown. */
static struct socket *socket_arg(struct js_call *call, size_t i)
{
    struct socket_box *box = js_arg_box(call, i, &socket_box_type);

    if (box == NULL)
        return NULL;
    if (box->far != NULL) {
        box->socket = socket_far_open(box->far, worker_of(call->realm)->shard);
        box->far = NULL;
    }
    if (box->socket == NULL)
        js_throw_type_error(call, "Can't use WebSocket that was already used in a response.");
    return box->socket;
}

/* ws_pair() -> [BOX, BOX] */
static JSValueRef ws_pair(struct js_call *call)
{
    struct socket *ends[2];
    JSValueRef boxes[2];

    if (context_require(call) == NULL)
        return NULL;
    socket_pair(worker_of(call->realm)->shard, ends);
    for (int i = 0; i < 2; i++) {
        boxes[i] = api_socket_box(call->realm, ends[i]);
        socket_unref(ends[i]);
    }
    return js_array_make(call->realm, 2, boxes);
}

/* ---- accept(): events go to listeners ---- */

/* An accept()ed socket: keeps its wrapper, and its context, until both directions are over. */
struct standard_socket {
    struct pending hold; /* never ready: it only keeps the context */
    struct worker *worker;
    struct context *context; /* NULL once over */
    struct socket *socket;   /* owned reference */
    struct js_ref wrapper;
    unsigned refs; /* the open socket's, and one for each event under way */
};

enum standard_kind {
    STANDARD_MESSAGE,
    STANDARD_CLOSE,
    STANDARD_ERROR
};

/* One event on its way into JavaScript. */
struct standard_event {
    struct pending pending;
    struct standard_socket *to; /* a reference */
    enum standard_kind kind;
    struct blob *data;
    bool text;
    uint16_t code;
    char *reason;
    bool clean;
    struct failure *failure;
};

static void standard_unref(struct standard_socket *standard)
{
    if (--standard->refs > 0)
        return;
    js_ref_fini(&standard->wrapper);
    socket_unref(standard->socket);
    mem_free(standard);
}

/* The socket is over, or its context is. */
static void standard_over(struct standard_socket *standard)
{
    struct context *context = standard->context;

    if (context == NULL)
        return;
    standard->context = NULL;
    context->essential--;
    if (standard->hold.context != NULL)
        pending_unbind(&standard->hold);
    standard_unref(standard);
}

static void hold_drop(struct pending *pending)
{
    struct standard_socket *standard = container_of(pending, struct standard_socket, hold);

    socket_close(standard->socket, 1001, bytes_of_string(""));
    standard_over(standard);
}

static void event_free(struct standard_event *event)
{
    standard_unref(event->to);
    blob_unref(event->data);
    mem_free(event->reason);
    failure_unref(event->failure);
    mem_free(event);
}

static void event_drop(struct pending *pending)
{
    event_free(container_of(pending, struct standard_event, pending));
}

static size_t event_arguments(struct js_realm *realm, struct standard_event *event,
                              JSValueRef *argv)
{
    switch (event->kind) {
    case STANDARD_MESSAGE:
        argv[1] = event->text ? js_string_from_utf8(realm, blob_bytes(event->data))
                              : js_buffer_copy(realm, blob_bytes(event->data));
        return 2;
    case STANDARD_CLOSE:
        argv[1] = js_number(realm, event->code);
        argv[2] = js_string(realm, event->reason);
        argv[3] = js_boolean(realm, event->clean);
        return 4;
    default: argv[1] = cross_error(worker_of(realm), event->failure, 0); return 2;
    }
}

static void event_run(struct pending *pending)
{
    struct standard_event *event = container_of(pending, struct standard_event, pending);
    struct standard_socket *standard = event->to;
    struct worker *worker = standard->worker;
    struct js_ref *hooks[] = {&worker->hooks.socket_message, &worker->hooks.socket_close,
                              &worker->hooks.socket_error};
    struct js_error error = {0};
    JSValueRef argv[4];
    size_t argc;
    JSValueRef heard;

    argv[0] = standard->wrapper.value;
    argc = event_arguments(worker->realm, event, argv);
    heard = js_call(worker->realm, js_ref_object(hooks[event->kind]), NULL, argc, argv, &error);
    if (heard == NULL) {
        worker_log_thrown(worker, &error);
        js_error_fini(&error);
    }
    if (event->kind == STANDARD_MESSAGE && heard == worker->realm->no)
        socket_drop(standard->socket); /* a listener threw */
    if (event->kind != STANDARD_MESSAGE || heard == worker->realm->no)
        standard_over(standard);
    event_free(event);
}

static struct standard_event *event_begin(struct standard_socket *standard, enum standard_kind kind)
{
    struct standard_event *event;

    if (standard->context == NULL)
        return NULL;
    event = mem_new(struct standard_event);
    event->to = standard;
    standard->refs++;
    event->kind = kind;
    event->pending.run = event_run;
    event->pending.drop = event_drop;
    pending_bind(&event->pending, standard->context, HOLD_IO);
    return event;
}

static void standard_message(void *data, struct blob *payload, bool text)
{
    struct standard_event *event = event_begin(data, STANDARD_MESSAGE);

    if (event == NULL)
        return;
    event->data = blob_ref(payload);
    event->text = text;
    pending_ready(&event->pending);
}

static void standard_close(void *data, uint16_t code, const char *reason, bool clean)
{
    struct standard_event *event = event_begin(data, STANDARD_CLOSE);

    if (event == NULL)
        return;
    event->code = code;
    event->reason = mem_strdup(reason != NULL ? reason : "");
    event->clean = clean;
    pending_ready(&event->pending);
}

static void standard_error(void *data, struct failure *failure)
{
    struct standard_event *event = event_begin(data, STANDARD_ERROR);

    if (event == NULL)
        return;
    event->failure = failure_ref(failure);
    pending_ready(&event->pending);
}

/* ws_accept(BOX, wrapper) */
static JSValueRef ws_accept(struct js_call *call)
{
    struct context *context = context_require(call);
    struct socket *socket = context != NULL ? socket_arg(call, 0) : NULL;
    struct standard_socket *standard;
    struct socket_listener listener = {standard_message, standard_close, standard_error, NULL,
                                       NULL};

    if (socket == NULL)
        return NULL;
    standard = mem_new(struct standard_socket);
    standard->worker = context->worker;
    standard->context = context;
    standard->socket = socket_ref(socket);
    standard->refs = 1;
    js_ref_set(&standard->wrapper, call->realm, js_arg(call, 1));
    standard->hold.drop = hold_drop;
    context->essential++;
    pending_bind(&standard->hold, context, HOLD_SOCKET);
    listener.data = standard;
    socket_accept(socket, context->object, &listener);
    return call->realm->undefined;
}

/* ---- acceptWebSocket() ---- */

/* ws_accept_hibernatable(object, BOX, tags, wrapper) */
static JSValueRef ws_accept_hibernatable(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct socket *socket = context != NULL ? socket_arg(call, 1) : NULL;
    JSObjectRef list = socket != NULL ? js_arg_object(call, 2) : NULL;
    struct js_text texts[LIMIT_WS_TAGS];
    struct bytes tags[LIMIT_WS_TAGS];
    size_t count = 0;
    size_t wanted;
    int r = -1;

    if (list == NULL)
        return NULL;
    wanted = js_array_length(call->realm, list);
    if (wanted > LIMIT_WS_TAGS)
        return js_throw_error(call, "a Hibernatable WebSocket cannot have more than %d tags",
                              LIMIT_WS_TAGS);
    for (; count < wanted; count++) {
        JSValueRef tag = js_array_at(call->realm, list, count, call->exception);

        if (tag == NULL || !js_text_of(&texts[count], call->realm, tag, call->exception))
            goto out;
        tags[count] = js_text_bytes(&texts[count]);
    }
    r = socket_accept_hibernatable(socket, context->object, tags, count);
    if (r == SOCKET_ACCEPT_TOO_MANY)
        js_throw_error(call,
                       "only %d websockets can be accepted on a single Durable Object instance",
                       LIMIT_WS_PER_OBJECT);
    else
        socket_set_wrapper(socket, js_as_object(call->realm, js_arg(call, 3)));
out:
    while (count-- > 0)
        js_text_fini(&texts[count]);
    return r == 0 ? call->realm->undefined : NULL;
}

struct socket_listing {
    struct context *context;
    JSObjectRef array;
    unsigned count;
};

static void list_socket(void *data, struct socket *socket)
{
    struct socket_listing *listing = data;
    JSValueRef exception = NULL;

    JSObjectSetPropertyAtIndex(listing->context->worker->realm->ctx, listing->array,
                               listing->count++, api_socket_wrapped(listing->context, socket),
                               &exception);
}

/* ws_list(object, tag | undefined) -> array of wrappers */
static JSValueRef ws_list(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct socket_listing listing = {context, NULL, 0};
    struct js_text text;
    struct bytes tag;

    if (context == NULL)
        return NULL;
    listing.array = js_array_make(call->realm, 0, NULL);
    if (js_arg_given(call, 1)) {
        if (!js_arg_text(call, 1, &text))
            return NULL;
        tag = js_text_bytes(&text);
        object_sockets(context->object, &tag, list_socket, &listing);
        js_text_fini(&text);
    } else {
        object_sockets(context->object, NULL, list_socket, &listing);
    }
    return listing.array;
}

/* ws_forget(BOX): its wrapper may be collected */
static JSValueRef ws_forget(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);

    if (socket == NULL)
        return NULL;
    socket_set_wrapper(socket, NULL);
    return call->realm->undefined;
}

/* ---- using ---- */

/* The blob of the string sent last: one string sent to a thousand sockets is encoded once. */
static _Thread_local struct {
    struct thread_end end;
    JSStringRef string; /* NULL: there is none */
    struct blob *blob;
} last_sent;

static void forget_last_sent(void)
{
    if (last_sent.string == NULL)
        return;
    JSStringRelease(last_sent.string);
    blob_unref(last_sent.blob);
    last_sent.string = NULL;
    last_sent.blob = NULL;
}

static struct blob *text_blob(struct js_call *call, size_t i)
{
    JSStringRef string = JSValueToStringCopy(call->ctx, js_arg(call, i), call->exception);
    struct js_text text;

    if (string == NULL)
        return NULL;
    if (last_sent.string != NULL && JSStringIsEqual(string, last_sent.string)) {
        JSStringRelease(string);
        return blob_ref(last_sent.blob);
    }
    forget_last_sent();
    thread_end_call(&last_sent.end, forget_last_sent);
    js_text_init(&text, string);
    last_sent.string = string;
    last_sent.blob = blob_create(text.data, text.len);
    js_text_fini(&text);
    return blob_ref(last_sent.blob);
}

/* ws_send(BOX, string | BYTES) */
static JSValueRef ws_send(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);
    bool text = JSValueIsString(call->ctx, js_arg(call, 1));
    struct blob *data;
    struct bytes bytes;

    if (socket == NULL)
        return NULL;
    if (text) {
        data = text_blob(call, 1);
    } else {
        if (!js_arg_bytes(call, 1, &bytes))
            return NULL;
        data = blob_create(bytes.data, bytes.len);
    }
    if (data == NULL)
        return NULL;
    socket_send(socket, data, text);
    blob_unref(data);
    return call->realm->undefined;
}

/* ws_close(BOX, code, reason) */
static JSValueRef ws_close(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);
    struct js_text reason;
    int64_t code;

    if (socket == NULL || !js_arg_integer(call, 1, 0, UINT16_MAX, &code) ||
        !js_arg_text(call, 2, &reason))
        return NULL;
    socket_close(socket, (uint16_t)code, js_text_bytes(&reason));
    js_text_fini(&reason);
    return call->realm->undefined;
}

/* ws_closed(BOX) -> 1: our Close is sent, 2: the peer's has come */
static JSValueRef ws_closed(struct js_call *call)
{
    struct socket_box *box = js_arg_box(call, 0, &socket_box_type);
    unsigned closed = 0;

    if (box == NULL)
        return NULL;
    if (box->socket != NULL)
        closed = (socket_close_sent(box->socket) ? 1u : 0) |
                 (socket_close_received(box->socket) ? 2u : 0);
    return js_number(call->realm, closed);
}

static JSValueRef ws_set_attachment(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);
    struct blob *attachment;
    struct bytes bytes;

    if (socket == NULL || !js_arg_bytes(call, 1, &bytes))
        return NULL;
    attachment = blob_create(bytes.data, bytes.len);
    socket_set_attachment(socket, attachment);
    blob_unref(attachment);
    return call->realm->undefined;
}

static JSValueRef ws_attachment(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);
    struct blob *attachment;

    if (socket == NULL)
        return NULL;
    attachment = socket_attachment(socket);
    return attachment != NULL ? js_bytes_copy(call->realm, blob_bytes(attachment))
                              : call->realm->undefined;
}

static JSValueRef ws_tags(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);
    JSValueRef tags[LIMIT_WS_TAGS];
    size_t count;

    if (socket == NULL)
        return NULL;
    count = socket_tag_count(socket);
    for (size_t i = 0; i < count; i++)
        tags[i] = js_string_from_utf8(call->realm, socket_tag(socket, i));
    return js_array_make(call->realm, count, tags);
}

static JSValueRef ws_protocol(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);

    return socket != NULL ? js_string(call->realm, socket_protocol(socket)) : NULL;
}

static JSValueRef ws_extensions(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);

    return socket != NULL ? js_string(call->realm, socket_extensions(socket)) : NULL;
}

static JSValueRef ws_auto_response_time(struct js_call *call)
{
    struct socket *socket = socket_arg(call, 0);

    if (socket == NULL)
        return NULL;
    return js_number(call->realm, (double)socket_auto_response_time_ms(socket));
}

/* ws_auto_response_set(object, request | undefined, response) */
static JSValueRef ws_auto_response_set(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct js_text request;
    struct js_text response;
    struct blob *blobs[2];

    if (context == NULL)
        return NULL;
    if (!js_arg_given(call, 1)) {
        object_set_auto_response(context->object, NULL, NULL);
        return call->realm->undefined;
    }
    if (!js_arg_text(call, 1, &request))
        return NULL;
    if (js_arg_text(call, 2, &response)) {
        blobs[0] = blob_create(request.data, request.len);
        blobs[1] = blob_create(response.data, response.len);
        object_set_auto_response(context->object, blobs[0], blobs[1]);
        blob_unref(blobs[0]);
        blob_unref(blobs[1]);
        js_text_fini(&response);
    }
    js_text_fini(&request);
    return *call->exception == NULL ? call->realm->undefined : NULL;
}

/* ws_auto_response_get(object) -> [request, response] | null */
static JSValueRef ws_auto_response_get(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct blob *request;
    struct blob *response;
    JSValueRef pair[2];

    if (context == NULL)
        return NULL;
    object_auto_response(context->object, &request, &response);
    if (request == NULL)
        return call->realm->null;
    pair[0] = js_string_from_utf8(call->realm, blob_bytes(request));
    pair[1] = js_string_from_utf8(call->realm, blob_bytes(response));
    return js_array_make(call->realm, 2, pair);
}

static JSValueRef ws_event_timeout_set(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    int64_t timeout_ms;

    if (context == NULL || !js_arg_integer(call, 1, 0, LIMIT_WS_EVENT_TIMEOUT_MS, &timeout_ms))
        return NULL;
    object_set_socket_event_timeout(context->object, timeout_ms);
    return call->realm->undefined;
}

static JSValueRef ws_event_timeout_get(struct js_call *call)
{
    struct context *context = context_object(call, 0);

    if (context == NULL)
        return NULL;
    return js_number(call->realm, (double)object_socket_event_timeout(context->object));
}

/* clang-format off */
#define SOCKET_NATIVES(X)                                        \
    X("ws_pair", ws_pair, 0)                                     \
    X("ws_accept", ws_accept, 2)                                 \
    X("ws_accept_hibernatable", ws_accept_hibernatable, 4)       \
    X("ws_list", ws_list, 1)                                     \
    X("ws_forget", ws_forget, 1)                                 \
    X("ws_send", ws_send, 2)                                     \
    X("ws_close", ws_close, 3)                                   \
    X("ws_closed", ws_closed, 1)                                 \
    X("ws_set_attachment", ws_set_attachment, 2)                 \
    X("ws_attachment", ws_attachment, 1)                         \
    X("ws_tags", ws_tags, 1)                                     \
    X("ws_protocol", ws_protocol, 1)                             \
    X("ws_extensions", ws_extensions, 1)                         \
    X("ws_auto_response_time", ws_auto_response_time, 1)         \
    X("ws_auto_response_set", ws_auto_response_set, 1)           \
    X("ws_auto_response_get", ws_auto_response_get, 1)           \
    X("ws_event_timeout_set", ws_event_timeout_set, 2)           \
    X("ws_event_timeout_get", ws_event_timeout_get, 1)
/* clang-format on */
JS_NATIVES(socket_natives, SOCKET_NATIVES)

void api_socket_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, socket_natives, JS_COUNT(socket_natives));
}
