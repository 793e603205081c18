/* Outgoing requests: fetch_start() and ws_connect() over http/client.h and http/ws_client.h. */

#include "actor/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/failure.h"
#include "actor/output_gate.h"
#include "actor/pipe.h"
#include "actor/socket.h"
#include "api/body.h"
#include "api/socket.h"
#include "api/worker_parts.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/ws_client.h"
#include "js/promise.h"
#include "js/view.h"

/* One hop. It waits at the output gate, runs in the HTTP client, and settles its promise when the
 * head is there; the body goes on into a pipe. */
struct outgoing {
    struct output_gate_wait gate;
    struct pending pending; /* until the promise is settled */
    struct js_deferred *deferred;
    struct worker *worker;
    double id; /* JavaScript's, for fetch_abort() */
    char *method;
    char *url;
    struct blob *headers;
    struct fetch_body body;
    struct http_fetch *fetch; /* NULL before the start and after the end */
    struct ws_client *socket_attempt;
    bool websocket; /* by ws_client */
    bool upgrade;   /* asked for by fetch(): answered like one */
    /* answer */
    bool bodiless;  /* it has no body, not even an empty one */
    int64_t length; /* of its body; -1: not known */
    unsigned status;
    char *reason;
    struct blob *answer_headers;
    struct pipe *answer;            /* the writing end, while the body streams */
    struct pipe *body_end;          /* the reading end, until the promise is settled */
    struct pipe_watch answer_watch; /* room for more */
    struct pipe_watch upload_watch; /* more to send */
    struct socket *socket;          /* our end, once a WebSocket is open */
    char *fault;
    bool lost;     /* the fault is the connection's, not the author's */
    unsigned refs; /* gate or transfer, and pending */
    struct list link;
};

static _Thread_local struct list all; /* outgoing.link; for fetch_abort() */

static struct list *all_list(void)
{
    if (all.next == NULL)
        list_init(&all);
    return &all;
}

static void outgoing_unref(struct outgoing *out)
{
    if (--out->refs > 0)
        return;
    list_remove(&out->link);
    mem_free(out->method);
    mem_free(out->url);
    mem_free(out->reason);
    mem_free(out->fault);
    blob_unref(out->headers);
    blob_unref(out->answer_headers);
    fetch_body_fini(&out->body);
    if (out->body_end != NULL)
        pipe_leave_reader(out->body_end);
    if (out->socket != NULL)
        socket_unref(out->socket);
    mem_free(out);
}

/* ---- promise ---- */

static JSValueRef answer_parts(struct outgoing *out, struct js_realm *realm)
{
    struct pipe *body = out->bodiless ? NULL : out->body_end;
    JSValueRef parts[6];

    if (body != NULL)
        out->body_end = NULL; /* it may be complete by now: the writing end is over then */
    parts[0] = js_number(realm, out->status);
    parts[1] = js_string(realm, out->reason != NULL ? out->reason : "");
    parts[2] = cross_headers(realm, out->answer_headers);
    parts[3] = body != NULL ? body_reader_box(realm, body) : realm->null;
    parts[4] = out->socket != NULL ? api_socket_box(realm, out->socket) : realm->null;
    parts[5] =
        body != NULL && out->length >= 0 ? js_number(realm, (double)out->length) : realm->undefined;
    return js_array_make(realm, JS_COUNT(parts), parts);
}

static void settle_run(struct pending *pending)
{
    struct outgoing *out = container_of(pending, struct outgoing, pending);
    struct js_realm *realm = out->worker->realm;

    if (out->fault != NULL && out->lost && (out->upgrade || !out->websocket)) {
        JSValueRef why[] = {js_string(realm, out->fault)};

        js_deferred_reject(out->deferred, js_array_make(realm, 1, why));
    } else if (out->fault != NULL) {
        js_deferred_reject_text(out->deferred, out->fault);
    } else if (out->websocket && !out->upgrade) {
        JSValueRef box[] = {api_socket_box(realm, out->socket)};

        js_deferred_resolve(out->deferred, js_array_make(realm, 1, box));
    } else {
        js_deferred_resolve(out->deferred, answer_parts(out, realm));
    }
    outgoing_unref(out);
}

static void transfer_stop(struct outgoing *out)
{
    if (out->fetch != NULL) {
        http_fetch_abort(out->fetch);
        out->fetch = NULL;
    } else if (out->socket_attempt != NULL) {
        ws_client_abort(out->socket_attempt);
        out->socket_attempt = NULL;
    } else {
        return;
    }
    if (out->body.pipe != NULL)
        pipe_watch_reader(out->body.pipe, NULL);
    if (out->answer != NULL) {
        pipe_leave_writer(out->answer);
        out->answer = NULL;
    }
    outgoing_unref(out);
}

static void settle_drop(struct pending *pending)
{
    struct outgoing *out = container_of(pending, struct outgoing, pending);

    js_deferred_drop(out->deferred);
    transfer_stop(out);
    outgoing_unref(out);
}

static void settle(struct outgoing *out)
{
    if (out->pending.context != NULL)
        pending_ready(&out->pending);
}

/* ---- answer ---- */

static struct blob *header_block(const struct http_header *headers, size_t count)
{
    struct buf block = {0};

    for (size_t i = 0; i < count; i++) {
        buf_append_bytes(&block, headers[i].name);
        buf_append_byte(&block, 0);
        buf_append_bytes(&block, headers[i].value);
        buf_append_byte(&block, 0);
    }
    return block.len > 0 ? blob_take_buf(&block) : NULL;
}

static void answer_room(struct pipe_watch *watch)
{
    struct outgoing *out = container_of(watch, struct outgoing, answer_watch);

    if (out->answer == NULL || pipe_room(out->answer) == 0)
        return;
    if (out->fetch != NULL)
        http_fetch_read_more(out->fetch);
    else if (out->socket_attempt != NULL)
        ws_client_resume(out->socket_attempt);
}

/* How long a body is that comes as it was sent; -1 where that is not known. */
static int64_t length_of(const struct http_header *headers, size_t count)
{
    int64_t length = -1;
    uint64_t value;

    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_nocase(headers[i].name, BYTES("content-encoding")))
            return -1;
        if (bytes_equal_nocase(headers[i].name, BYTES("content-length")) &&
            bytes_parse_u64(headers[i].value, &value) && value <= INT64_MAX)
            length = (int64_t)value;
    }
    return length;
}

static bool is_bodiless(const struct outgoing *out)
{
    return out->status == 204 || out->status == 205 || out->status == 304 ||
           (out->method != NULL && strcmp(out->method, "HEAD") == 0);
}

static void answer_begin(struct outgoing *out, unsigned status, struct bytes reason,
                         const struct http_header *headers, size_t header_count)
{
    out->status = status;
    out->bodiless = is_bodiless(out);
    out->length = length_of(headers, header_count);
    out->reason = mem_strndup((const char *)reason.data, reason.len);
    out->answer_headers = header_block(headers, header_count);
    out->answer = pipe_create(LIMIT_PIPE_BYTES);
    out->body_end = pipe_ref(out->answer);
    out->answer_watch.news = answer_room;
    out->answer_watch.shard = out->worker->shard;
    pipe_watch_writer(out->answer, &out->answer_watch);
    settle(out);
}

static int answer_piece(struct outgoing *out, struct bytes piece)
{
    struct blob *data = blob_create(piece.data, piece.len);
    int r = pipe_write(out->answer, data);

    blob_unref(data);
    return r;
}

static void on_head(void *ctx, struct http_fetch *fetch, unsigned status, struct bytes reason,
                    const struct http_header *headers, size_t header_count)
{
    answer_begin(ctx, status, reason, headers, header_count);
    http_fetch_read_more(fetch);
}

static void on_body(void *ctx, struct http_fetch *fetch, struct bytes piece)
{
    int r = answer_piece(ctx, piece);

    if (r == 0)
        http_fetch_read_more(fetch);
    else if (r == PIPE_WRITE_CANCELLED)
        transfer_stop(ctx);
}

static void transfer_over(struct outgoing *out)
{
    out->fetch = NULL;
    out->socket_attempt = NULL;
    if (out->body.pipe != NULL)
        pipe_watch_reader(out->body.pipe, NULL);
    if (out->answer != NULL) {
        pipe_leave_writer(out->answer);
        out->answer = NULL;
    }
    outgoing_unref(out);
}

static void on_end(void *ctx, struct http_fetch *fetch)
{
    struct outgoing *out = ctx;

    (void)fetch;
    pipe_finish(out->answer);
    transfer_over(out);
}

static void transfer_failed(struct outgoing *out, const char *what)
{
    if (out->answer != NULL) {
        struct failure *failure = failure_format(FAILURE_RETRYABLE, "Network connection lost.");

        pipe_fail(out->answer, failure);
        failure_unref(failure);
    } else {
        out->fault = mem_strdup(what);
        out->lost = true;
        settle(out);
    }
    transfer_over(out);
}

static void on_error(void *ctx, struct http_fetch *fetch, const char *what)
{
    (void)fetch;
    transfer_failed(ctx, what);
}

/* ---- request ---- */

static void upload(struct outgoing *out)
{
    struct blob *data;
    struct failure *failure = NULL;

    while (out->fetch != NULL) {
        int r = pipe_read(out->body.pipe, &data, &failure);
        bool full;

        if (r == PIPE_READ_EMPTY)
            return;
        if (r == PIPE_READ_END) {
            pipe_watch_reader(out->body.pipe, NULL);
            http_fetch_write_end(out->fetch);
            return;
        }
        if (r == PIPE_READ_FAILED) {
            out->fault = mem_strdup(failure->message);
            failure_unref(failure);
            settle(out);
            transfer_stop(out);
            return;
        }
        full = http_fetch_write(out->fetch, blob_bytes(data));
        blob_unref(data);
        if (full)
            return;
    }
}

static void upload_news(struct pipe_watch *watch)
{
    upload(container_of(watch, struct outgoing, upload_watch));
}

static void on_upload_drain(void *ctx, struct http_fetch *fetch)
{
    (void)fetch;
    upload(ctx);
}

static const struct http_fetch_handler fetch_handler = {on_head, on_body, on_upload_drain, on_end,
                                                        on_error};

/* Cuts the block into headers; returns how many. Those the client writes itself are left out. */
static size_t split_headers(const struct blob *block, struct http_header *headers, size_t max)
{
    struct bytes rest = blob_bytes(block);
    size_t count = 0;

    while (rest.len > 0 && count < max) {
        const char *name = (const char *)rest.data;
        size_t name_len = strlen(name);
        const char *value = name + name_len + 1;
        size_t value_len = strlen(value);

        rest = bytes_of(rest.data + name_len + value_len + 2, rest.len - name_len - value_len - 2);
        if (bytes_equal_nocase(bytes_of(name, name_len), bytes_of_string("content-length")) ||
            bytes_equal_nocase(bytes_of(name, name_len), bytes_of_string("transfer-encoding")))
            continue;
        headers[count].name = bytes_of(name, name_len);
        headers[count].value = bytes_of(value, value_len);
        count++;
    }
    return count;
}

/* What the server chose of the protocols that were offered. */
static void note_protocol(struct socket *socket, const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_nocase(headers[i].name, BYTES("sec-websocket-protocol"))) {
            char *protocol = mem_strndup((const char *)headers[i].value.data, headers[i].value.len);

            socket_set_protocol(socket, protocol, "");
            mem_free(protocol);
        }
    }
}

static void on_ws_open(void *ctx, struct ws_connection *ws, const struct http_header *headers,
                       size_t header_count)
{
    struct outgoing *out = ctx;
    struct socket *ends[2];

    out->socket_attempt = NULL;
    out->status = 101;
    out->answer_headers = header_block(headers, header_count);
    socket_pair(out->worker->shard, ends);
    out->socket = ends[0];
    if (out->upgrade)
        out->reason = mem_strdup("Switching Protocols");
    else
        note_protocol(out->socket, headers, header_count);
    out->worker->couple(out->worker->couple_data, ws, socket_send_away(ends[1]));
    socket_unref(ends[1]);
    settle(out);
    outgoing_unref(out);
}

static void on_ws_error(void *ctx, unsigned status, const char *what)
{
    char text[160];

    if (status != 0 && status != 101) {
        snprintf(text, sizeof text,
                 "Failed to establish the WebSocket connection: expected server to reply with HTTP "
                 "status code 101 (switching protocols), but received %u instead.",
                 status);
        what = text;
    }
    transfer_failed(ctx, what);
}

static const struct ws_client_handler socket_handler = {on_ws_open, on_ws_error, NULL, NULL, NULL};

/* ---- an upgrade by fetch(), which may be answered with anything ---- */

static void on_upgrade_answer(void *ctx, const struct h1_response *answer,
                              const struct http_header *headers)
{
    answer_begin(ctx, answer->status, answer->reason, headers, answer->header_count);
}

static void on_upgrade_body(void *ctx, struct bytes piece)
{
    struct outgoing *out = ctx;

    switch (answer_piece(out, piece)) {
    case 0: break;
    case PIPE_WRITE_CANCELLED: transfer_stop(out); break;
    default: ws_client_pause(out->socket_attempt); break;
    }
}

static void on_upgrade_end(void *ctx)
{
    struct outgoing *out = ctx;

    pipe_finish(out->answer);
    transfer_over(out);
}

/* What was to be a handshake and is none is answered as a gateway does. */
static void on_upgrade_error(void *ctx, unsigned status, const char *what)
{
    struct outgoing *out = ctx;
    struct buf text = {0};

    if (status != 101) {
        transfer_failed(out, what);
        return;
    }
    buf_append_format(&text, "Server failed WebSocket handshake: %s.", what);
    answer_begin(out, 502, BYTES("Bad Gateway"), NULL, 0);
    answer_piece(out, buf_bytes(&text));
    buf_fini(&text);
    on_upgrade_end(out);
}

static const struct ws_client_handler upgrade_handler = {
    on_ws_open, on_upgrade_error, on_upgrade_answer, on_upgrade_body, on_upgrade_end,
};

static int client_of(struct worker *worker, struct http_client **client)
{
    int r = worker->http == NULL ? http_client_create(&worker->http, worker->loop) : 0;

    *client = worker->http;
    return r;
}

static void start_transfer(struct outgoing *out, struct http_client *client)
{
    struct http_header headers[LIMIT_HTTP_HEADERS];
    size_t count = split_headers(out->headers, headers, LIMIT_HTTP_HEADERS);

    if (out->websocket) {
        struct ws_client_options options = {
            .url = bytes_of_string(out->url), .headers = headers, .header_count = count};

        out->socket_attempt = ws_client_connect(
            client, &options, out->upgrade ? &upgrade_handler : &socket_handler, out);
    } else {
        struct http_fetch_options options = {
            .method = bytes_of_string(out->method),
            .url = bytes_of_string(out->url),
            .headers = headers,
            .header_count = count,
            .body_kind = out->body.pipe != NULL    ? HTTP_BODY_CHUNKED
                         : out->body.whole != NULL ? HTTP_BODY_LENGTH
                                                   : HTTP_BODY_NONE,
            .stream = out->body.pipe != NULL,
            .body = blob_bytes(out->body.whole),
            .body_length = blob_bytes(out->body.whole).len,
            .decompress = true,
        };

        out->fetch = http_fetch_start(client, &options, &fetch_handler, out);
        if (out->body.pipe != NULL) {
            out->upload_watch.news = upload_news;
            out->upload_watch.shard = out->worker->shard;
            pipe_watch_reader(out->body.pipe, &out->upload_watch);
            upload(out);
        }
    }
}

static void gate_passed(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct outgoing *out = container_of(gate, struct outgoing, gate);
    struct http_client *client;

    if (verdict == OUTPUT_GATE_DISCARD || out->pending.context == NULL) {
        outgoing_unref(out);
        return;
    }
    if (client_of(out->worker, &client) < 0) {
        out->fault = mem_strdup("internal error; reference = http-client");
        settle(out);
        outgoing_unref(out);
        return;
    }
    start_transfer(out, client);
}

static JSValueRef begin(struct js_call *call, struct context *context, struct outgoing *out)
{
    JSValueRef promise;

    out->worker = context->worker;
    out->refs = 2;
    out->gate.cb = gate_passed;
    out->pending.run = settle_run;
    out->pending.drop = settle_drop;
    out->deferred = js_deferred_create(call->realm, &promise);
    list_push_back(all_list(), &out->link);
    pending_bind(&out->pending, context, HOLD_IO);
    if (context->object != NULL)
        object_say(context->object, &out->gate);
    else
        gate_passed(&out->gate, OUTPUT_GATE_GO);
    return promise;
}

static bool asks_upgrade(const struct blob *block)
{
    struct http_header headers[LIMIT_HTTP_HEADERS];
    size_t count = split_headers(block, headers, LIMIT_HTTP_HEADERS);

    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_nocase(headers[i].name, bytes_of_string("upgrade")) &&
            bytes_equal_nocase(headers[i].value, bytes_of_string("websocket")))
            return true;
    }
    return false;
}

/* Argument 4: null, bytes, or the box of a pipe that JavaScript fills. */
static bool body_arg(struct js_call *call, struct fetch_body *body)
{
    struct bytes bytes;

    *body = (struct fetch_body){0};
    if (!js_arg_given(call, 4))
        return true;
    if (js_view_bytes(call->realm, js_arg(call, 4), &bytes)) {
        body->whole = blob_create(bytes.data, bytes.len);
        return true;
    }
    body->pipe = body_take_pipe(call, 4);
    return body->pipe != NULL;
}

/* fetch_start(id, method, url, HEADERS, body) -> Promise of
 * [status, statusText, HEADERS, body | null, webSocket | null, length of the body if known],
 * rejected with [why] where the connection failed */
static JSValueRef fetch_start(struct js_call *call)
{
    struct context *context = context_require(call);
    struct outgoing *out;
    double id;

    if (context == NULL || !js_arg_number(call, 0, &id))
        return NULL;
    out = mem_new(struct outgoing);
    list_init(&out->link);
    out->refs = 1;
    out->id = id;
    out->method = js_arg_string(call, 1);
    out->url = out->method != NULL ? js_arg_string(call, 2) : NULL;
    if (out->url == NULL || !cross_headers_from(call, 3, &out->headers) ||
        !body_arg(call, &out->body)) {
        outgoing_unref(out);
        return NULL;
    }
    out->upgrade = out->websocket = asks_upgrade(out->headers);
    return begin(call, context, out);
}

/* ws_connect(url, protocols) -> Promise of [BOX]; or, with HEADERS as a third argument, the same */
static JSValueRef ws_connect(struct js_call *call)
{
    struct context *context = context_require(call);
    struct outgoing *out;
    char *protocols;

    if (context == NULL)
        return NULL;
    out = mem_new(struct outgoing);
    list_init(&out->link);
    out->refs = 1;
    out->websocket = true;
    out->url = js_arg_string(call, 0);
    protocols = out->url != NULL ? js_arg_string(call, 1) : NULL;
    if (protocols == NULL || !cross_headers_from(call, 2, &out->headers)) {
        mem_free(protocols);
        outgoing_unref(out);
        return NULL;
    }
    if (protocols[0] != '\0') {
        struct buf block = {0};

        buf_append_bytes(&block, blob_bytes(out->headers));
        buf_append(&block, "Sec-WebSocket-Protocol", sizeof "Sec-WebSocket-Protocol");
        buf_append(&block, protocols, strlen(protocols) + 1);
        blob_unref(out->headers);
        out->headers = blob_take_buf(&block);
    }
    mem_free(protocols);
    return begin(call, context, out);
}

/* fetch_abort(id) */
static JSValueRef fetch_abort(struct js_call *call)
{
    struct list *link;
    double id;

    if (!js_arg_number(call, 0, &id))
        return NULL;
    list_for_each (link, all_list()) {
        struct outgoing *out = container_of(link, struct outgoing, link);

        if (out->id != id || out->worker != worker_of(call->realm))
            continue;
        if (out->fault == NULL && out->pending.context != NULL) {
            out->fault = mem_strdup("The operation was aborted.");
            settle(out);
        }
        transfer_stop(out);
        break;
    }
    return call->realm->undefined;
}

/* clang-format off */
#define FETCH_NATIVES(X)             \
    X("fetch_start", fetch_start, 5) \
    X("fetch_abort", fetch_abort, 1) \
    X("ws_connect", ws_connect, 2)
/* clang-format on */
JS_NATIVES(fetch_natives, FETCH_NATIVES)

void api_fetch_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, fetch_natives, JS_COUNT(fetch_natives));
}
