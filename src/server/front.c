#include "server/front.h"

#include <errno.h>
#include <string.h>

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/pipe.h"
#include "actor/socket.h"
#include "api/worker.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/connection.h"
#include "http/server.h"
#include "native/native.h"
#include "server/forwarded.h"
#include "server/wire.h"

struct front {
    struct http_server *server;
    struct loop *loop;
    struct shard *shard;
    struct wires *wires;
    struct worker *worker;
    struct native_shard *native; /* without a Worker */
    bool proxied;                /* by a proxy that is to be believed */
    size_t waiting;              /* exchanges with .owed */
    bool leaving;                /* front_destroy() was called */
    void (*drained)(void *data);
    void *drained_data;
};

/*
 * One request and its answer. It is there as long as the client waits (`req`) or the Worker owes
 * an answer (`owed`), whichever is longer.
 *
 *   up    body of the request, if it streams: we write what the client sends
 *   down  body of the answer, if it streams: we read what the client gets
 */
struct exchange {
    struct front *front;
    struct http_request *req; /* NULL: answered, or the client is gone */
    bool owed;
    bool reading; /* a piece of the request's body is on its way */
    bool full;    /* the connection wants no more of the answer now */
    struct pipe *up;
    struct pipe_watch up_watch;
    struct pipe *down;
    struct pipe_watch down_watch;
};

static void exchange_check(struct exchange *exchange)
{
    struct front *front = exchange->front;

    if (exchange->req != NULL || exchange->owed)
        return;
    ASSERT(exchange->up == NULL && exchange->down == NULL);
    worker_client_over(exchange);
    mem_free(exchange);
    if (front->leaving && front->waiting == 0)
        mem_free(front);
}

/* ---- the request's body ---- */

static void up_drop(struct exchange *exchange)
{
    if (exchange->up != NULL)
        pipe_leave_writer(exchange->up);
    exchange->up = NULL;
}

/* The reader cannot have the rest. */
static void up_fail(struct exchange *exchange, const char *name, const char *why, unsigned flags)
{
    struct failure *failure;

    if (exchange->up == NULL)
        return;
    failure = failure_create(name, why, NULL, flags);
    pipe_fail(exchange->up, failure);
    failure_unref(failure);
    up_drop(exchange);
}

static void up_read(struct exchange *exchange)
{
    if (exchange->up == NULL || exchange->reading)
        return;
    exchange->reading = true;
    http_request_read_more(exchange->req);
}

static void up_news(struct pipe_watch *watch)
{
    struct exchange *exchange = container_of(watch, struct exchange, up_watch);

    if (exchange->up != NULL && pipe_room(exchange->up) > 0)
        up_read(exchange);
}

static void on_body(struct http_request *req, struct bytes piece, bool last)
{
    struct exchange *exchange = req->user;
    int r = 0;

    exchange->reading = false;
    if (exchange->up == NULL)
        return;
    if (piece.len > 0) {
        struct blob *blob = blob_create(piece.data, piece.len);
        r = pipe_write(exchange->up, blob);
        blob_unref(blob);
    }
    if (r == PIPE_WRITE_CANCELLED) {
        up_drop(exchange); /* what else comes is skipped when the answer ends */
    } else if (last) {
        pipe_finish(exchange->up);
        up_drop(exchange);
    } else if (r == 0) {
        up_read(exchange);
    }
}

static void up_open(struct exchange *exchange, struct fetch_request *request)
{
    struct http_request *req = exchange->req;
    struct bytes body;

    if (req->body_kind == HTTP_BODY_NONE)
        return;
    if (http_request_body_whole(req, &body)) {
        request->body.whole = blob_create(body.data, body.len);
        request->body.length = (int64_t)body.len;
        return;
    }
    exchange->up = pipe_create(LIMIT_HTTP_BODY_QUEUE_BYTES);
    request->body.pipe = pipe_ref(exchange->up);
    request->body.length = req->body_kind == HTTP_BODY_LENGTH ? (int64_t)req->body_length : -1;
    exchange->up_watch = (struct pipe_watch){.news = up_news, .shard = exchange->front->shard};
    pipe_watch_writer(exchange->up, &exchange->up_watch);
    up_read(exchange);
}

/* ---- the end of an answer ---- */

static void down_drop(struct exchange *exchange)
{
    if (exchange->down != NULL)
        pipe_leave_reader(exchange->down);
    exchange->down = NULL;
}

/* The answer is complete, or cut, or the client is gone; `req` is dead. */
static void exchange_end(struct exchange *exchange)
{
    exchange->req = NULL;
    up_fail(exchange, "TypeError", "Can't read from request stream after response has been sent.",
            0);
    down_drop(exchange);
    exchange_check(exchange);
}

static void on_abort(struct http_request *req)
{
    struct exchange *exchange = req->user;

    exchange->req = NULL;
    worker_client_gone(exchange);
    up_fail(exchange, "Error", "Network connection lost.", FAILURE_RETRYABLE);
    down_drop(exchange);
    exchange_check(exchange);
}

/* What workerd answers when the Worker did not: no type, and the connection closes. */
static void answer_error(struct exchange *exchange, unsigned status, const char *text)
{
    struct http_header close = {.name = BYTES("Connection"), .value = BYTES("close")};

    http_response_send(exchange->req, status, bytes_of(NULL, 0), &close, 1, bytes_of_string(text));
    exchange_end(exchange);
}

static void answer_failure(struct exchange *exchange, const struct failure *failure)
{
    if (failure->flags & FAILURE_OVERLOADED)
        answer_error(exchange, 503, "Service Unavailable");
    else
        answer_error(exchange, 500, "Internal Server Error");
}

/* ---- an answer that streams ---- */

static void down_pump(struct exchange *exchange)
{
    while (exchange->down != NULL && !exchange->full) {
        struct failure *failure = NULL;
        struct blob *data = NULL;
        int r = pipe_read(exchange->down, &data, &failure);

        if (r == PIPE_READ_EMPTY)
            return;
        if (r == 0) {
            exchange->full = http_response_write_blob(exchange->req, data);
            blob_unref(data);
            continue;
        }
        if (r == PIPE_READ_FAILED) {
            log_debug("a response was cut: %s", failure->message);
            failure_unref(failure);
            http_response_abort(exchange->req);
        } else {
            http_response_end(exchange->req);
        }
        exchange_end(exchange);
        return;
    }
}

static void down_news(struct pipe_watch *watch)
{
    down_pump(container_of(watch, struct exchange, down_watch));
}

static void on_drain(struct http_request *req)
{
    struct exchange *exchange = req->user;

    exchange->full = false;
    down_pump(exchange);
}

/* ---- the answer ---- */

static struct bytes cut(struct bytes *block)
{
    size_t end = bytes_find_byte(*block, '\0', 0);
    struct bytes field = bytes_slice(*block, 0, end);

    *block = bytes_slice(*block, end + 1, block->len);
    return field;
}

/* Fields of a header block; at most LIMIT_HTTP_HEADERS. */
static size_t headers_split(struct blob *blob, struct http_header *headers)
{
    struct bytes block = blob_bytes(blob);
    size_t count = 0;

    while (block.len > 0 && count < LIMIT_HTTP_HEADERS) {
        headers[count].name = cut(&block);
        headers[count].value = cut(&block);
        count++;
    }
    return count;
}

/* There is a socket for the client, but no handshake with it. */
static void refuse_upgrade(struct exchange *exchange)
{
    const struct http_header version[] = {
        {BYTES("Connection"), BYTES("close")},
        {BYTES("Sec-WebSocket-Version"), BYTES("13")},
    };

    switch (exchange->req->websocket) {
    case WS_REQUEST_VERSION:
        http_response_send(exchange->req, 426, bytes_of(NULL, 0), version, 2,
                           BYTES("ERROR: The requested WebSocket version is not supported."));
        exchange_end(exchange);
        break;
    case WS_REQUEST_KEY: answer_error(exchange, 400, "ERROR: Missing Sec-WebSocket-Key"); break;
    default:
        log_error("TypeError: Worker tried to return a WebSocket in a response to a request which "
                  "did not contain the header \"Upgrade: websocket\".");
        answer_error(exchange, 500, "Internal Server Error");
    }
}

static void answer_upgrade(struct exchange *exchange, struct fetch_response *response,
                           const struct http_header *headers, size_t count)
{
    struct http_upgrade upgrade = {.deflate = true};
    struct socket_far *far = response->socket;
    struct http_header more[LIMIT_HTTP_HEADERS];

    response->socket = NULL;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_nocase(headers[i].name, BYTES("Sec-WebSocket-Protocol")))
            upgrade.protocol = headers[i].value;
        else
            more[upgrade.header_count++] = headers[i];
    }
    upgrade.headers = more;
    if (exchange->req->websocket != WS_REQUEST_VALID) {
        socket_far_drop(far);
        refuse_upgrade(exchange);
    } else if (wires_upgrade(exchange->front->wires, exchange->req, &upgrade, far) < 0) {
        answer_error(exchange, 500, "Internal Server Error");
    } else {
        exchange_end(exchange);
    }
}

static void answer_stream(struct exchange *exchange, struct fetch_response *response,
                          const struct http_header *headers, size_t count)
{
    bool known = response->body.length >= 0;
    int r = http_response_head(exchange->req, response->status,
                               response->reason != NULL ? bytes_of_string(response->reason)
                                                        : bytes_of(NULL, 0),
                               headers, count, known ? HTTP_BODY_LENGTH : HTTP_BODY_CHUNKED,
                               known ? (uint64_t)response->body.length : 0);

    if (r < 0) {
        answer_error(exchange, 500, "Internal Server Error");
        return;
    }
    if (bytes_equal_string(exchange->req->method, "HEAD")) {
        http_response_end(exchange->req); /* whoever writes the body is cancelled */
        exchange_end(exchange);
        return;
    }
    exchange->down = response->body.pipe;
    response->body.pipe = NULL;
    exchange->down_watch = (struct pipe_watch){.news = down_news, .shard = exchange->front->shard};
    pipe_watch_reader(exchange->down, &exchange->down_watch);
    down_pump(exchange);
}

static void answer(struct exchange *exchange, struct fetch_response *response)
{
    struct http_header headers[LIMIT_HTTP_HEADERS];
    size_t count = headers_split(response->headers, headers);
    int r;

    if (response->status == 101 && response->socket != NULL) {
        answer_upgrade(exchange, response, headers, count);
    } else if (response->body.pipe != NULL) {
        answer_stream(exchange, response, headers, count);
    } else {
        r = http_response_send(exchange->req, response->status,
                               response->reason != NULL ? bytes_of_string(response->reason)
                                                        : bytes_of(NULL, 0),
                               headers, count, blob_bytes(response->body.whole));
        if (r < 0)
            answer_error(exchange, 500, "Internal Server Error");
        else
            exchange_end(exchange);
    }
}

static void on_reply(void *data, struct event_result *result)
{
    struct exchange *exchange = data;

    exchange->owed = false;
    exchange->front->waiting--;
    if (exchange->req == NULL)
        exchange_check(exchange);
    else if (result->failure != NULL)
        answer_failure(exchange, result->failure);
    else
        answer(exchange, result->response);
    event_result_fini(result);
}

/* ---- the request ---- */

static char *request_url(const struct http_request *req, bool proxied)
{
    struct bytes authority = req->authority.len > 0 ? req->authority : BYTES("localhost");
    struct bytes scheme = forwarded_scheme(req, proxied);
    struct bytes target = req->target;
    char *url;
    char *at;

    if (bytes_equal_string(target, "*"))
        target = BYTES("/");
    at = url = mem_alloc(scheme.len + authority.len + target.len + 1);
    at = mempcpy(at, scheme.data, scheme.len);
    at = mempcpy(at, authority.data, authority.len);
    at = mempcpy(at, target.data, target.len);
    *at = '\0';
    return url;
}

static void header_add(struct buf *block, struct bytes name, struct bytes value)
{
    buf_append_bytes(block, name);
    buf_append_byte(block, '\0');
    buf_append_bytes(block, value);
    buf_append_byte(block, '\0');
}

/* The client's, and where it really is. */
static struct blob *request_headers(const struct http_request *req, bool proxied)
{
    const struct bytes address_name = BYTES(FORWARDED_ADDRESS_HEADER);
    char address[FORWARDED_ADDRESS_SIZE];
    struct buf block = {0};
    size_t size = address_name.len + sizeof address + 2;

    for (size_t i = 0; i < req->header_count; i++)
        size += req->headers[i].name.len + req->headers[i].value.len + 2;
    buf_reserve(&block, size);
    for (size_t i = 0; i < req->header_count; i++) {
        if (!bytes_equal_nocase(req->headers[i].name, address_name))
            header_add(&block, req->headers[i].name, req->headers[i].value);
    }
    forwarded_address(req, proxied, address, sizeof address);
    if (address[0] != '\0')
        header_add(&block, address_name, bytes_of_string(address));
    return blob_take_buf(&block);
}

static struct fetch_request *request_take(const struct http_request *req, bool proxied)
{
    struct fetch_request *request = mem_new(struct fetch_request);

    request->method = mem_strndup((const char *)req->method.data, req->method.len);
    request->url = request_url(req, proxied);
    request->headers = request_headers(req, proxied);
    request->upgrade = req->websocket != WS_REQUEST_NONE;
    return request;
}

static void on_request(void *ctx, struct http_request *req)
{
    struct front *front = ctx;
    struct exchange *exchange = mem_new(struct exchange);
    struct fetch_request *request = request_take(req, front->proxied);

    ASSERT(front->worker != NULL || front->native != NULL);
    exchange->front = front;
    exchange->req = req;
    exchange->owed = true;
    req->user = exchange;
    front->waiting++;
    up_open(exchange, request);
    if (front->worker != NULL)
        worker_fetch(front->worker, request, on_reply, exchange);
    else
        native_fetch(front->native, request, on_reply, exchange);
}

static const struct http_handler handler = {
    .on_request = on_request,
    .on_body = on_body,
    .on_drain = on_drain,
    .on_abort = on_abort,
};

/* ---- the front ---- */

struct front *front_create(const struct front_options *options)
{
    struct front *front = mem_new(struct front);
    struct http_server_options server = {0};

    front->loop = options->loop;
    front->shard = options->shard;
    front->wires = options->wires;
    front->proxied = options->proxied;
    front->server = http_server_create(options->loop, &handler, front, &server);
    return front;
}

void front_set_worker(struct front *front, struct worker *worker)
{
    front->worker = worker;
}

void front_set_native(struct front *front, struct native_shard *native)
{
    front->native = native;
}

int front_listen(struct front *front, const char *host, uint16_t port,
                 enum listener_sharing sharing, struct err_text *why)
{
    int r = http_server_listen(front->server, host, port, sharing, why);

    return r < 0 ? err_pass(r) : 0;
}

uint16_t front_port(const struct front *front)
{
    return http_server_port(front->server);
}

static void on_drained(void *ctx)
{
    struct front *front = ctx;

    front->drained(front->drained_data);
}

void front_drain(struct front *front, void (*done)(void *data), void *data)
{
    front->drained = done;
    front->drained_data = data;
    http_server_drain(front->server, on_drained, front);
}

size_t front_waiting(const struct front *front)
{
    return front->waiting;
}

void front_destroy(struct front *front)
{
    http_server_destroy(front->server);
    front->leaving = true;
    if (front->waiting == 0)
        mem_free(front);
}
