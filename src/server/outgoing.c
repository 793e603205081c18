#include "server/outgoing.h"

#include <string.h>

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/pipe.h"
#include "actor/shard.h"
#include "actor/socket.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/ws_client.h"
#include "server/wire.h"

struct outgoings {
    struct loop *loop;
    struct shard *shard;
    struct wires *wires;
    struct http_client *client; /* owned; NULL until the first request */
    struct list all;            /* outgoing.link */
};

/* One request: until its answer has ended, or nobody wants the rest. */
struct outgoing {
    struct outgoings *outgoings;
    struct http_fetch *fetch;  /* NULL: it never started, or is a WebSocket */
    struct ws_client *attempt; /* NULL: the same, or over */
    struct fetch_request *request;
    void (*done)(void *user, struct event_result *result); /* NULL: called, or cancelled */
    native_connected_fn *connected;                        /* the same of a WebSocket */
    void *user;
    struct pipe *body; /* the writing end, from the head on */
    struct pipe_watch watch;
    struct message message; /* of one that never started */
    struct list link;
};

static void outgoing_free(struct outgoing *out)
{
    if (out->body != NULL)
        pipe_leave_writer(out->body);
    fetch_request_destroy(out->request);
    list_remove(&out->link);
    mem_free(out);
}

static void settle(struct outgoing *out, struct event_result *result)
{
    void (*done)(void *user, struct event_result *result) = out->done;

    out->done = NULL;
    if (done != NULL)
        done(out->user, result);
    event_result_fini(result);
}

static void settle_socket(struct outgoing *out, struct event_result *result, struct socket *socket)
{
    native_connected_fn *connected = out->connected;

    out->connected = NULL;
    if (connected != NULL)
        connected(out->user, result, socket);
    event_result_fini(result);
}

static void fail(struct outgoing *out, const char *what)
{
    struct event_result result = {.failure = failure_format(FAILURE_RETRYABLE, "%s", what)};

    if (out->connected != NULL)
        settle_socket(out, &result, NULL);
    else
        settle(out, &result);
}

/* ---- the answer ---- */

static void stop(struct outgoing *out)
{
    http_fetch_abort(out->fetch);
    outgoing_free(out);
}

static void on_room(struct pipe_watch *watch)
{
    struct outgoing *out = container_of(watch, struct outgoing, watch);

    if (pipe_cancelled(out->body))
        stop(out);
    else if (pipe_room(out->body) > 0)
        http_fetch_read_more(out->fetch);
}

static struct blob *header_block(const struct http_header *headers, size_t count)
{
    struct buf block = {0};

    for (size_t i = 0; i < count; i++) {
        buf_append_bytes(&block, headers[i].name);
        buf_append_byte(&block, '\0');
        buf_append_bytes(&block, headers[i].value);
        buf_append_byte(&block, '\0');
    }
    return block.len > 0 ? blob_take_buf(&block) : NULL;
}

static void on_head(void *ctx, struct http_fetch *fetch, unsigned status, struct bytes reason,
                    const struct http_header *headers, size_t header_count)
{
    struct outgoing *out = ctx;
    struct event_result result = {.response = fetch_response_create(status)};
    struct fetch_response *response = result.response;

    response->reason = mem_strndup((const char *)reason.data, reason.len);
    response->headers = header_block(headers, header_count);
    out->body = pipe_create(LIMIT_PIPE_BYTES);
    response->body.pipe = pipe_ref(out->body);
    response->body.length = -1;
    out->watch = (struct pipe_watch){.news = on_room, .shard = out->outgoings->shard};
    pipe_watch_writer(out->body, &out->watch);
    settle(out, &result);
    http_fetch_read_more(fetch);
}

static void on_body(void *ctx, struct http_fetch *fetch, struct bytes piece)
{
    struct outgoing *out = ctx;
    struct blob *data = blob_create(piece.data, piece.len);

    if (pipe_write(out->body, data) == 0) /* else there will be news */
        http_fetch_read_more(fetch);
    blob_unref(data);
}

static void on_upload_drain(void *ctx, struct http_fetch *fetch)
{
    (void)ctx; /* bodies are sent whole */
    (void)fetch;
}

static void on_end(void *ctx, struct http_fetch *fetch)
{
    struct outgoing *out = ctx;

    (void)fetch;
    pipe_finish(out->body);
    outgoing_free(out);
}

static void on_error(void *ctx, struct http_fetch *fetch, const char *what)
{
    struct outgoing *out = ctx;

    (void)fetch;
    if (out->body != NULL) {
        struct failure *failure = failure_format(FAILURE_RETRYABLE, "Network connection lost.");

        pipe_fail(out->body, failure);
        failure_unref(failure);
    }
    fail(out, what);
    outgoing_free(out);
}

static const struct http_fetch_handler handler = {on_head, on_body, on_upload_drain, on_end,
                                                  on_error};

/* ---- a WebSocket ---- */

static void on_ws_open(void *ctx, struct ws_connection *ws, const struct http_header *headers,
                       size_t header_count)
{
    struct outgoing *out = ctx;
    struct outgoings *outgoings = out->outgoings;
    struct event_result result = {.response = fetch_response_create(101)};
    struct socket *ends[2];

    result.response->headers = header_block(headers, header_count);
    socket_pair(outgoings->shard, ends);
    wires_couple(outgoings->wires, ws, socket_send_away(ends[1]));
    socket_unref(ends[1]);
    settle_socket(out, &result, ends[0]);
    outgoing_free(out);
}

static void on_ws_error(void *ctx, unsigned status, const char *what)
{
    struct outgoing *out = ctx;

    (void)status;
    fail(out, what);
    outgoing_free(out);
}

static const struct ws_client_handler socket_handler = {on_ws_open, on_ws_error, NULL, NULL, NULL};

/* ---- the request ---- */

static size_t headers_split(const struct blob *block, struct http_header *headers)
{
    struct bytes rest = blob_bytes(block);
    size_t count = 0;

    while (rest.len > 0 && count < LIMIT_HTTP_HEADERS) {
        struct bytes name = bytes_of_string((const char *)rest.data);
        struct bytes value = bytes_of_string((const char *)rest.data + name.len + 1);

        rest = bytes_slice(rest, name.len + value.len + 2, rest.len);
        if (bytes_equal_nocase(name, BYTES("content-length")) ||
            bytes_equal_nocase(name, BYTES("transfer-encoding")))
            continue; /* the client's to say */
        headers[count++] = (struct http_header){.name = name, .value = value};
    }
    return count;
}

static void no_client(struct message *message)
{
    struct outgoing *out = container_of(message, struct outgoing, message);

    fail(out, "internal error; reference = http-client");
    outgoing_free(out);
}

static struct outgoing *outgoing_create(struct outgoings *outgoings, struct fetch_request *request,
                                        void *user)
{
    struct outgoing *out = mem_new(struct outgoing);

    out->outgoings = outgoings;
    out->request = request;
    out->user = user;
    list_push_back(&outgoings->all, &out->link);
    return out;
}

/* False: there is no client, which is told later. */
static bool client_ready(struct outgoing *out)
{
    struct outgoings *outgoings = out->outgoings;

    if (outgoings->client != NULL || http_client_create(&outgoings->client, outgoings->loop) == 0)
        return true;
    out->message.run = no_client;
    shard_post(outgoings->shard, &out->message);
    return false;
}

static void *connect_to(void *data, struct fetch_request *request, native_connected_fn *done,
                        void *user)
{
    struct outgoings *outgoings = data;
    struct outgoing *out = outgoing_create(outgoings, request, user);
    struct http_header headers[LIMIT_HTTP_HEADERS];
    struct ws_client_options options = {
        .url = bytes_of_string(request->url),
        .headers = headers,
        .header_count = headers_split(request->headers, headers),
    };

    out->connected = done;
    if (client_ready(out))
        out->attempt = ws_client_connect(outgoings->client, &options, &socket_handler, out);
    return out;
}

static void *start(void *data, struct fetch_request *request,
                   void (*done)(void *user, struct event_result *result), void *user)
{
    struct outgoings *outgoings = data;
    struct outgoing *out = outgoing_create(outgoings, request, user);
    struct http_header headers[LIMIT_HTTP_HEADERS];
    struct bytes body = blob_bytes(request->body.whole);
    struct http_fetch_options options = {
        .method = bytes_of_string(request->method),
        .url = bytes_of_string(request->url),
        .headers = headers,
        .header_count = headers_split(request->headers, headers),
        .body_kind = request->body.whole != NULL ? HTTP_BODY_LENGTH : HTTP_BODY_NONE,
        .body = body,
        .body_length = body.len,
        .decompress = true,
    };

    out->done = done;
    if (client_ready(out))
        out->fetch = http_fetch_start(outgoings->client, &options, &handler, out);
    return out;
}

static void cancel(void *request)
{
    struct outgoing *out = request;

    out->done = NULL;
    out->connected = NULL;
    if (out->attempt != NULL) {
        ws_client_abort(out->attempt);
        outgoing_free(out);
    } else if (out->fetch != NULL) {
        stop(out);
    }
}

struct outgoings *outgoings_create(struct loop *loop, struct shard *shard, struct wires *wires)
{
    struct outgoings *outgoings = mem_new(struct outgoings);

    outgoings->loop = loop;
    outgoings->shard = shard;
    outgoings->wires = wires;
    list_init(&outgoings->all);
    return outgoings;
}

void outgoings_destroy(struct outgoings *outgoings)
{
    struct list *link;

    list_for_each (link, &outgoings->all) {
        struct outgoing *out = container_of(link, struct outgoing, link);

        if (out->attempt != NULL)
            ws_client_abort(out->attempt);
    }
    http_client_destroy(outgoings->client);
    while (!list_empty(&outgoings->all))
        outgoing_free(container_of(list_first(&outgoings->all), struct outgoing, link));
    mem_free(outgoings);
}

struct native_http outgoings_http(struct outgoings *outgoings)
{
    return (struct native_http){
        .start = start, .connect = connect_to, .cancel = cancel, .data = outgoings};
}
