#include "http/connection.h"

#include <time.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/connection_state.h"
#include "http/h1_write.h"
#include "http/ws_handshake.h"
#include "net/stream.h"

static void process(struct http_connection *conn);

/* Time */

static uint32_t timeout_of(const struct http_connection *conn)
{
    const struct http_server_options *options = &conn->host->options;

    if (conn->state != CONNECTION_HEAD)
        return options->stall_timeout_ms;
    return conn->input.len > 0 ? options->head_timeout_ms : options->idle_timeout_ms;
}

void connection_restart_timeout(struct http_connection *conn)
{
    struct loop *loop = conn->host->loop;
    uint32_t timeout = timeout_of(conn);

    conn->since_ms = loop_now_ms(loop);
    if (!timer_running(&conn->timer) || conn->timer.node.key > conn->since_ms + timeout)
        timer_start(&conn->timer, loop, timeout);
}

/* Life */

void connection_retire(struct http_connection *conn)
{
    struct http_host *host = conn->host;

    ASSERT(conn->state != CONNECTION_CLOSED && conn->req == NULL);
    conn->state = CONNECTION_CLOSED;
    conn->stream = NULL;
    conn->host = NULL;
    timer_stop(&conn->timer);
    list_remove(&conn->link);
    loop_defer(host->loop, &conn->task);
    host->connection_count--;
    host->on_closed(host);
}

void connection_finish(struct http_connection *conn)
{
    stream_finish(conn->stream);
    connection_retire(conn);
}

void connection_free_request(struct http_connection *conn)
{
    struct http_request *req = conn->req;

    conn->req = NULL;
    buf_fini(&req->body);
    mem_free(req);
}

/* The client is gone, or its bytes make no sense: the running request, if any, hears of it. */
static void lose(struct http_connection *conn)
{
    struct stream *stream = conn->stream;

    if (conn->req != NULL) {
        struct http_request *req = conn->req;

        conn->state = CONNECTION_SKIP; /* so that nothing is processed meanwhile */
        conn->host->handler->on_abort(req);
        connection_free_request(conn);
        stream_reset(stream);
    } else {
        stream_finish(stream);
    }
    connection_retire(conn);
}

static void on_task(struct loop_task *task)
{
    struct http_connection *conn = container_of(task, struct http_connection, task);

    if (conn->state == CONNECTION_CLOSED) {
        buf_fini(&conn->input);
        mem_free(conn);
        return;
    }
    process(conn);
}

void connection_process_later(struct http_connection *conn)
{
    if (!conn->processing)
        loop_defer(conn->host->loop, &conn->task);
}

const struct h1_date *connection_date(struct http_host *host)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    h1_date_update(&host->date, now.tv_sec);
    return &host->date;
}

/* Answer a request that was not understood, and close: where the next one begins is unknown. */
static void refuse(struct http_connection *conn, unsigned status, const char *what)
{
    struct http_host *host = conn->host;
    struct http_header type = {BYTES("Content-Type"), BYTES("text/plain")};
    struct h1_response_head head = {
        .status = status,
        .headers = &type,
        .header_count = 1,
        .body_kind = HTTP_BODY_LENGTH,
        .body_length = strlen(what) + 1,
        .version_minor = 1,
        .date = connection_date(host),
    };
    int r;

    buf_clear(&host->scratch);
    r = h1_write_response(&host->scratch, &head);
    ASSERT(r == 0);
    buf_append_string(&host->scratch, what);
    buf_append_byte(&host->scratch, '\n');
    stream_write(conn->stream, buf_bytes(&host->scratch));
    connection_finish(conn);
}

static void on_timer(struct timer *timer)
{
    struct http_connection *conn = container_of(timer, struct http_connection, timer);
    uint64_t now = loop_now_ms(conn->host->loop);
    uint64_t waited = now - conn->since_ms;
    uint32_t timeout = timeout_of(conn);
    bool sending = stream_queued_bytes(conn->stream) > 0;

    if (conn->state != CONNECTION_HEAD) {
        bool receiving = conn->state == CONNECTION_SKIP || (conn->wanted && !conn->in_done);

        if (stream_sent_bytes(conn->stream) != conn->sent_bytes || (!sending && !receiving))
            conn->since_ms = now; /* it moves, or it is not the client we wait for */
        conn->sent_bytes = stream_sent_bytes(conn->stream);
        waited = now - conn->since_ms;
    }
    if (waited < timeout)
        timer_start(timer, conn->host->loop, timeout - waited);
    else if (conn->state == CONNECTION_HEAD && conn->input.len > 0)
        refuse(conn, 408, "the request's head did not arrive in time");
    else
        lose(conn);
}

/* Requests */

/* Where a slice of the head lies in the copy of the head. Constants from elsewhere stay. */
static struct bytes moved(struct bytes slice, struct bytes head, const uint8_t *copy)
{
    if (slice.data < head.data || slice.data >= head.data + head.len)
        return slice;
    return bytes_of(copy + (slice.data - head.data), slice.len);
}

/* One block of memory: the request, its headers, and the bytes they point into. */
static struct http_request *create_request(struct http_connection *conn, const uint8_t *start,
                                           const struct h1_request *parsed,
                                           const struct http_header *headers)
{
    struct bytes head = bytes_of(start, parsed->head_bytes);
    size_t list_bytes = parsed->header_count * sizeof(struct http_header);
    struct http_request *req = mem_alloc(sizeof *req + list_bytes + head.len);
    struct http_header *list = (struct http_header *)(req + 1);
    uint8_t *copy = (uint8_t *)(list + parsed->header_count);

    memcpy(copy, head.data, head.len);
    for (size_t i = 0; i < parsed->header_count; i++) {
        list[i].name = moved(headers[i].name, head, copy);
        list[i].value = moved(headers[i].value, head, copy);
    }
    *req = (struct http_request){
        .method = moved(parsed->method, head, copy),
        .target = moved(parsed->target, head, copy),
        .authority = moved(parsed->authority, head, copy),
        .headers = list,
        .header_count = parsed->header_count,
        .body_kind = parsed->body_kind,
        .body_length = parsed->body_length,
        .version_minor = parsed->version_minor,
        .connection = conn,
    };
    req->websocket = ws_handshake_request(parsed, list, &conn->ws_key);
    return req;
}

static void start_request(struct http_connection *conn, const uint8_t *head,
                          const struct h1_request *parsed, const struct http_header *headers)
{
    conn->req = create_request(conn, head, parsed, headers);
    conn->in_kind = parsed->body_kind;
    conn->in_left = parsed->body_length;
    conn->in_done = parsed->body_kind == HTTP_BODY_NONE;
    conn->in_told = false;
    conn->wanted = false;
    conn->chunked = (struct chunked_decoder){0};
    conn->expects_continue = parsed->expect_continue;
    conn->head_sent = false;
    conn->wait_drain = false;
    conn->out_excess = false;
    conn->asked = false;
    conn->keep_alive = parsed->keep_alive && !conn->host->draining;
    conn->is_head = bytes_equal(parsed->method, BYTES("HEAD"));
    conn->version_minor = parsed->version_minor;
    conn->state = CONNECTION_BUSY;
    conn->seen = 0;
}

/* Take one piece of body off `input`. False: it is not a body. An empty piece: no more for now. */
static bool take_body(struct http_connection *conn, struct bytes *input, struct bytes *piece)
{
    *piece = (struct bytes){0};
    if (conn->in_done)
        return true;
    if (conn->in_kind == HTTP_BODY_LENGTH) {
        size_t len = conn->in_left < input->len ? (size_t)conn->in_left : input->len;

        *piece = bytes_slice(*input, 0, len);
        *input = bytes_slice(*input, len, input->len);
        conn->in_left -= len;
        conn->in_done = conn->in_left == 0;
        return true;
    }
    switch ((enum chunked_result)chunked_decode(&conn->chunked, input, piece)) {
    case CHUNKED_MORE:
    case CHUNKED_DATA: return true;
    case CHUNKED_END: conn->in_done = true; return true;
    case CHUNKED_BROKEN: return false;
    default: UNREACHABLE();
    }
}

/* Is the end of a chunked body all that is left of it in the input? Then the piece before was the
 * last one. */
static void peek_end(struct http_connection *conn, struct bytes *input)
{
    struct chunked_decoder decoder = conn->chunked;
    struct bytes rest = *input;
    struct bytes none;

    if (conn->in_kind != HTTP_BODY_CHUNKED || conn->in_done)
        return;
    if (chunked_decode(&decoder, &rest, &none) == CHUNKED_END) {
        conn->in_done = true;
        *input = rest;
    }
}

/* Deliver the piece that was asked for, if it is there. False: the body is broken. */
static bool deliver(struct http_connection *conn, struct bytes *input)
{
    struct bytes piece;

    if (!take_body(conn, input, &piece))
        return false;
    if (piece.len == 0 && !conn->in_done)
        return true;
    peek_end(conn, input);
    conn->wanted = false;
    conn->in_told = conn->in_done;
    conn->host->handler->on_body(conn->req, piece, conn->in_done);
    return true;
}

/* Throw the body away. False: it is broken. */
static bool skip(struct http_connection *conn, struct bytes *input)
{
    struct bytes piece;

    do {
        if (!take_body(conn, input, &piece))
            return false;
        conn->in_left -= conn->in_kind == HTTP_BODY_CHUNKED ? piece.len : 0;
        if (conn->in_kind == HTTP_BODY_CHUNKED && (int64_t)conn->in_left < 0)
            return false; /* more than we are willing to skip */
    } while (piece.len > 0);

    if (conn->in_done) {
        conn->state = CONNECTION_HEAD;
        conn->seen = 0;
    }
    return true;
}

/* Read a head. False: the connection is closed, or more must arrive. */
static bool take_head(struct http_connection *conn, struct bytes *input)
{
    struct http_header headers[LIMIT_HTTP_HEADERS];
    struct h1_request parsed;
    struct h1_refusal refusal;
    const uint8_t *head = input->data;
    int r = h1_parse_request(*input, conn->seen, &parsed, headers, &refusal);

    conn->seen = input->len;
    if (r == H1_PARSE_MORE)
        return false;

    if (r == H1_PARSE_REFUSED) {
        refuse(conn, refusal.status, refusal.what);
        return false;
    }
    start_request(conn, head, &parsed, headers);
    *input = bytes_slice(*input, parsed.head_bytes, input->len);
    return true;
}

/* Give reading a rest while too much waits, and take it up again. */
static void balance_reading(struct http_connection *conn)
{
    bool pause = conn->state == CONNECTION_BUSY && conn->input.len >= LIMIT_HTTP_BODY_QUEUE_BYTES;

    if (pause == conn->read_paused)
        return;
    conn->read_paused = pause;
    if (pause)
        stream_read_pause(conn->stream);
    else
        stream_read_resume(conn->stream);
}

/* Consume what of `input` has been used: `rest` is what is left of it. */
static void keep_rest(struct http_connection *conn, struct bytes rest)
{
    buf_consume(&conn->input, conn->input.len - rest.len);
    if (conn->input.len == 0)
        buf_fini(&conn->input);
}

/* One step on the waiting input. False: nothing more can be done now. */
static bool step(struct http_connection *conn)
{
    struct bytes input = buf_bytes(&conn->input);
    bool whole;

    switch (conn->state) {
    case CONNECTION_HEAD:
        if (input.len == 0 || !take_head(conn, &input))
            return false;
        keep_rest(conn, input);
        conn->host->handler->on_request(conn->host->ctx, conn->req);
        return true;
    case CONNECTION_BUSY:
        if (!conn->wanted || (input.len == 0 && !conn->in_done))
            return false;
        whole = deliver(conn, &input);
        break;
    case CONNECTION_SKIP:
        if (input.len == 0 && !conn->in_done)
            return false;
        whole = skip(conn, &input);
        break;
    case CONNECTION_CLOSED:
    default: return false;
    }

    if (conn->state == CONNECTION_CLOSED)
        return false;
    if (!whole) {
        lose(conn);
        return false;
    }
    if (input.len == conn->input.len && !conn->in_done)
        return false; /* not enough for a piece */
    keep_rest(conn, input);
    return true;
}

static void process(struct http_connection *conn)
{
    ASSERT(!conn->processing);
    conn->processing = true;
    while (step(conn)) {
    }
    conn->processing = false;

    if (conn->state == CONNECTION_CLOSED)
        return;
    if (conn->state == CONNECTION_HEAD && conn->input.len == 0) {
        buf_fini(&conn->input);
        if (conn->host->draining) {
            connection_finish(conn);
            return;
        }
    }
    balance_reading(conn);
}

/* The usual read: a whole head, nothing before or behind it. It is parsed where it lies. */
static struct bytes take_direct(struct http_connection *conn, struct bytes data)
{
    if (conn->input.len > 0)
        return data;
    if (conn->state == CONNECTION_HEAD) {
        conn->processing = true;
        if (take_head(conn, &data)) {
            buf_append_bytes(&conn->input, data);
            data = (struct bytes){0};
            conn->host->handler->on_request(conn->host->ctx, conn->req);
        }
        conn->processing = false;
    } else if (conn->state == CONNECTION_BUSY && conn->wanted &&
               conn->in_kind == HTTP_BODY_LENGTH) {
        conn->processing = true;
        (void)deliver(conn, &data);
        conn->processing = false;
    }
    return data;
}

static void on_read(void *ctx, uint8_t *bytes, size_t len)
{
    struct http_connection *conn = ctx;
    struct bytes data = take_direct(conn, bytes_of(bytes, len));

    if (conn->state == CONNECTION_CLOSED)
        return;
    if (data.len > 0)
        buf_append_bytes(&conn->input, data);
    if (conn->state != CONNECTION_HEAD || conn->input.len == len || conn->input.len == 0)
        connection_restart_timeout(conn); /* a head does not get more time by dripping in */
    process(conn);
}

static void on_end(void *ctx)
{
    lose(ctx);
}

static void on_fault(void *ctx, int fault)
{
    (void)fault;
    lose(ctx);
}

static void on_drain(void *ctx)
{
    struct http_connection *conn = ctx;

    if (conn->req == NULL || !conn->wait_drain)
        return;
    conn->wait_drain = false;
    conn->host->handler->on_drain(conn->req);
}

static const struct stream_handler stream_handler = {
    .on_read = on_read,
    .on_end = on_end,
    .on_fault = on_fault,
    .on_drain = on_drain,
};

void http_connection_open(struct http_host *host, int fd)
{
    struct http_connection *conn = mem_new(struct http_connection);

    conn->host = host;
    conn->timer.cb = on_timer;
    conn->task.cb = on_task;
    list_push_back(&host->connections, &conn->link);
    host->connection_count++;
    conn->stream = stream_open(host->loop, fd, &stream_handler, conn);
    conn->since_ms = loop_now_ms(host->loop);
    timer_start(&conn->timer, host->loop, host->options.head_timeout_ms);
}

void http_connection_drain(struct http_connection *conn)
{
    conn->keep_alive = false;
    if (conn->state == CONNECTION_HEAD && conn->input.len == 0)
        connection_finish(conn);
}

void http_connection_close(struct http_connection *conn)
{
    lose(conn);
}

struct http_connection *http_connection_of(struct list *link)
{
    return container_of(link, struct http_connection, link);
}

/* What the embedder asks about a request */

bool http_request_header(const struct http_request *req, const char *name, struct bytes *value)
{
    struct bytes wanted = bytes_of_string(name);

    for (size_t i = 0; i < req->header_count; i++) {
        if (bytes_equal_nocase(req->headers[i].name, wanted)) {
            *value = req->headers[i].value;
            return true;
        }
    }
    return false;
}

void http_request_peer(const struct http_request *req, char *text, size_t size)
{
    stream_peer_address(req->connection->stream, text, size);
}

struct loop *http_request_loop(const struct http_request *req)
{
    return req->connection->host->loop;
}

bool http_request_body_whole(struct http_request *req, struct bytes *body)
{
    struct http_connection *conn = req->connection;
    struct chunked_decoder start = conn->chunked;
    struct bytes input = buf_bytes(&conn->input);
    struct bytes piece;

    ASSERT(!conn->in_told && !conn->asked);
    if (conn->in_kind == HTTP_BODY_LENGTH && conn->in_left > input.len)
        return false;
    while (!conn->in_done) {
        if (!take_body(conn, &input, &piece) || (piece.len == 0 && !conn->in_done)) {
            conn->chunked = start; /* not all here, or broken: found out again when it is read */
            buf_fini(&req->body);
            return false;
        }
        buf_append_bytes(&req->body, piece);
    }
    keep_rest(conn, input);
    conn->in_told = true;
    *body = buf_bytes(&req->body);
    return true;
}

void http_request_read_more(struct http_request *req)
{
    struct http_connection *conn = req->connection;

    ASSERT(!conn->in_told);
    conn->asked = true;
    conn->wanted = true;
    if (conn->expects_continue) {
        conn->expects_continue = false;
        if (conn->input.len == 0 && !conn->head_sent)
            stream_write(conn->stream, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    connection_restart_timeout(conn);
    if (conn->input.len > 0 || conn->in_done)
        connection_process_later(conn);
}
