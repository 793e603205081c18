#include "http/connection.h"

#include <errno.h>
#include <time.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/chunked.h"
#include "http/h1_write.h"
#include "http/host.h"
#include "http/ws_connection.h"
#include "http/ws_handshake.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"

/*
 * One connection serves one request at a time:
 *
 *            head complete             answer complete, body read
 *   HEAD ---------------------> BUSY ------------------------------> HEAD
 *    |                           |  \                                 ^
 *    |                           |   `----------> SKIP ---------------+
 *    |                           |    body unread       body skipped
 *    v                           v
 *   CLOSED (timeout, refusal, "close", client gone, upgraded; memory freed by the task)
 *
 * HEAD   req is NULL. A partial head waits in `input`, of which `seen` bytes have been looked at.
 * BUSY   req is the running request. What follows its head waits in `input` until asked for.
 * SKIP   req is NULL; the rest of a body nobody wants is thrown away.
 * CLOSED stream is NULL; the task is queued.
 *
 * process() is the only place that looks at input, and runs from the loop only: after a read, or
 * from the task, which the embedder's calls queue. `input` is empty, and owns no memory, between
 * requests.
 *
 * One timer serves all timeouts. It is moved only when it would fire too late, not with every
 * request: when it fires it looks how long ago `since_ms` is and goes on for the rest.
 */
enum connection_state {
    CONNECTION_HEAD,
    CONNECTION_BUSY,
    CONNECTION_SKIP,
    CONNECTION_CLOSED,
};

struct http_connection {
    struct stream *stream;  /* owned; NULL once CLOSED */
    struct http_host *host; /* borrowed: outlives the connection until CLOSED */
    struct list link;       /* in host->connections */
    struct timer timer;
    struct loop_task task;
    struct buf input;    /* received, not yet consumed */
    size_t seen;         /* of input: known to hold no complete head */
    uint64_t since_ms;   /* when the client last did what we wait for */
    uint64_t sent_bytes; /* by the stream, when the timer last looked */
    enum connection_state state;

    struct http_request *req; /* owned; while BUSY */
    struct bytes ws_key;      /* in req's memory */
    enum http_body_kind in_kind;
    uint64_t in_left; /* of a body of known length */
    struct chunked_decoder chunked;
    bool in_done;          /* all of the body has been taken off the input */
    bool in_told;          /* its last piece has been delivered */
    bool asked;            /* http_request_read_more() has been called */
    bool wanted;           /* on_body() is owed */
    bool read_paused;      /* too much input is waiting */
    bool expects_continue; /* the client waits for 100 Continue */

    enum http_body_kind out_kind;
    uint64_t out_left;
    bool out_empty;  /* no body is sent, whatever is written */
    bool out_excess; /* more was written than announced */
    bool head_sent;
    bool wait_drain; /* on_drain() is owed */
    bool keep_alive;
    bool is_head; /* the request's method */
    uint8_t version_minor;
    bool processing;
};

static void process(struct http_connection *conn);

/* Time */

static uint32_t timeout_of(const struct http_connection *conn)
{
    const struct http_server_options *options = &conn->host->options;

    if (conn->state != CONNECTION_HEAD)
        return options->stall_timeout_ms;
    return conn->input.len > 0 ? options->head_timeout_ms : options->idle_timeout_ms;
}

/* The client has just done something, or a new wait begins. */
static void restart_timeout(struct http_connection *conn)
{
    struct loop *loop = conn->host->loop;
    uint32_t timeout = timeout_of(conn);

    conn->since_ms = loop_now_ms(loop);
    if (!timer_running(&conn->timer) || conn->timer.node.key > conn->since_ms + timeout)
        timer_start(&conn->timer, loop, timeout);
}

/* Life */

/* The connection leaves its host; its stream is somebody else's from here on. */
static void retire(struct http_connection *conn)
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

/* Send what is queued, then close. */
static void finish(struct http_connection *conn)
{
    stream_finish(conn->stream);
    retire(conn);
}

static void free_request(struct http_connection *conn)
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
        free_request(conn);
        stream_reset(stream);
    } else {
        stream_finish(stream);
    }
    retire(conn);
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

static void process_later(struct http_connection *conn)
{
    if (!conn->processing)
        loop_defer(conn->host->loop, &conn->task);
}

static const struct h1_date *date_now(struct http_host *host)
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
        .date = date_now(host),
    };
    int r;

    buf_clear(&host->scratch);
    r = h1_write_response(&host->scratch, &head);
    ASSERT(r == 0);
    buf_append_string(&host->scratch, what);
    buf_append_byte(&host->scratch, '\n');
    stream_write(conn->stream, buf_bytes(&host->scratch));
    finish(conn);
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
    req->websocket = parsed->upgrade && ws_handshake_request(parsed, list, &conn->ws_key);
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
            finish(conn);
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
        restart_timeout(conn); /* a head does not get more time by dripping in */
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

static const struct stream_handler connection_stream_handler = {
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
    conn->stream = stream_open(host->loop, fd, &connection_stream_handler, conn);
    conn->since_ms = loop_now_ms(host->loop);
    timer_start(&conn->timer, host->loop, host->options.head_timeout_ms);
}

void http_connection_drain(struct http_connection *conn)
{
    conn->keep_alive = false;
    if (conn->state == CONNECTION_HEAD && conn->input.len == 0)
        finish(conn);
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
    restart_timeout(conn);
    if (conn->input.len > 0 || conn->in_done)
        process_later(conn);
}

/* Answers */

/* Too much of the body has not arrived yet to wait for it just to keep the connection. */
static bool too_long_to_skip(const struct http_connection *conn)
{
    return !conn->in_done && conn->in_kind == HTTP_BODY_LENGTH &&
           conn->in_left > LIMIT_HTTP_BODY_DRAIN_BYTES;
}

/* Whether the connection can be used again after this answer. */
static void judge_keep_alive(struct http_connection *conn, const struct http_header *headers,
                             size_t header_count)
{
    if (conn->host->draining || h1_headers_close(headers, header_count))
        conn->keep_alive = false;
    if (!conn->in_done && conn->expects_continue)
        conn->keep_alive = false; /* will the client send its body or not? */
    if (too_long_to_skip(conn) && !conn->asked)
        conn->keep_alive = false;
}

int http_response_head(struct http_request *req, unsigned status, struct bytes reason,
                       const struct http_header *headers, size_t header_count,
                       enum http_body_kind kind, uint64_t length)
{
    struct http_connection *conn = req->connection;
    struct http_host *host = conn->host;
    struct h1_response_head head = {
        .status = status,
        .reason = reason,
        .headers = headers,
        .header_count = header_count,
        .body_kind = kind,
        .body_length = length,
        .version_minor = conn->version_minor,
        .head_request = conn->is_head,
        .date = date_now(host),
    };
    int r;

    ASSERT(!conn->head_sent && kind != HTTP_BODY_TO_END);
    if (status < 200 || status > 599)
        return err_raise(-EINVAL);
    judge_keep_alive(conn, headers, header_count);
    conn->out_empty = conn->is_head || !h1_status_has_body(status) || kind == HTTP_BODY_NONE;
    if (kind == HTTP_BODY_CHUNKED && conn->version_minor == 0 && !conn->out_empty) {
        kind = HTTP_BODY_TO_END;
        conn->keep_alive = false;
    }
    head.keep_alive = conn->keep_alive;

    buf_clear(&host->scratch);
    r = h1_write_response(&host->scratch, &head);
    if (r < 0)
        return err_pass(r);
    stream_write(conn->stream, buf_bytes(&host->scratch));
    conn->head_sent = true;
    conn->out_kind = kind;
    conn->out_left = length;
    return 0;
}

/* True if `len` bytes may be sent; more than announced must never get out. */
static bool account(struct http_connection *conn, size_t len)
{
    ASSERT(conn->head_sent);
    if (conn->out_empty || conn->out_excess || len == 0)
        return false;
    if (conn->out_kind == HTTP_BODY_LENGTH) {
        if (len > conn->out_left) {
            conn->out_excess = true; /* http_response_end() will cut the answer off */
            return false;
        }
        conn->out_left -= len;
    }
    return true;
}

static void write_chunk_head(struct http_connection *conn, size_t len)
{
    char line[CHUNKED_HEAD_MAX];

    if (conn->out_kind == HTTP_BODY_CHUNKED)
        stream_write(conn->stream, bytes_of(line, chunked_head(line, len)));
}

static bool after_write(struct http_connection *conn, bool full)
{
    if (conn->out_kind == HTTP_BODY_CHUNKED)
        full |= stream_write(conn->stream, BYTES("\r\n"));
    conn->wait_drain |= full;
    return full;
}

bool http_response_write(struct http_request *req, struct bytes piece)
{
    struct http_connection *conn = req->connection;

    if (!account(conn, piece.len))
        return false;
    write_chunk_head(conn, piece.len);
    return after_write(conn, stream_write(conn->stream, piece));
}

bool http_response_write_blob(struct http_request *req, struct blob *piece)
{
    struct http_connection *conn = req->connection;

    if (!account(conn, blob_bytes(piece).len))
        return false;
    write_chunk_head(conn, blob_bytes(piece).len);
    return after_write(conn, stream_write_blob(conn->stream, piece));
}

static void cut_off(struct http_connection *conn)
{
    struct stream *stream = conn->stream;

    free_request(conn);
    stream_reset(stream);
    retire(conn);
}

void http_response_end(struct http_request *req)
{
    struct http_connection *conn = req->connection;

    ASSERT(conn->head_sent && conn->state == CONNECTION_BUSY);
    if (!conn->out_empty && conn->out_kind == HTTP_BODY_LENGTH &&
        (conn->out_left > 0 || conn->out_excess)) {
        cut_off(conn);
        return;
    }
    if (!conn->out_empty && conn->out_kind == HTTP_BODY_CHUNKED)
        stream_write(conn->stream, BYTES(CHUNKED_LAST));
    free_request(conn);
    conn->wanted = false;
    if (!conn->keep_alive || too_long_to_skip(conn)) {
        finish(conn);
        return;
    }

    conn->state = conn->in_done ? CONNECTION_HEAD : CONNECTION_SKIP;
    if (conn->in_kind == HTTP_BODY_CHUNKED)
        conn->in_left = LIMIT_HTTP_BODY_DRAIN_BYTES;
    restart_timeout(conn);
    if (conn->input.len > 0 || conn->read_paused || conn->host->draining)
        process_later(conn);
}

int http_response_send(struct http_request *req, unsigned status, struct bytes reason,
                       const struct http_header *headers, size_t header_count, struct bytes body)
{
    int r =
        http_response_head(req, status, reason, headers, header_count, HTTP_BODY_LENGTH, body.len);

    if (r < 0)
        return err_pass(r);
    http_response_write(req, body);
    http_response_end(req);
    return 0;
}

void http_response_abort(struct http_request *req)
{
    struct http_connection *conn = req->connection;
    int r;

    if (conn->head_sent) {
        cut_off(conn);
        return;
    }
    r = http_response_send(req, 500, (struct bytes){0}, NULL, 0, BYTES("Internal Server Error"));
    ASSERT(r == 0);
}

/* The embedder's headers for the 101. What the handshake says itself is left out, for an answer
 * may have been copied from another server's. */
static int write_upgrade_headers(struct buf *out, const struct http_upgrade *upgrade)
{
    for (size_t i = 0; i < upgrade->header_count; i++) {
        const struct http_header *header = &upgrade->headers[i];
        int r;

        if (h1_header_framing(header->name) ||
            bytes_equal_nocase(header->name, BYTES("sec-websocket-accept")) ||
            bytes_equal_nocase(header->name, BYTES("sec-websocket-extensions")) ||
            (upgrade->protocol.len > 0 &&
             bytes_equal_nocase(header->name, BYTES("sec-websocket-protocol"))))
            continue;
        r = h1_write_header(out, header);
        if (r < 0)
            return err_pass(r);
    }
    return 0;
}

static int write_upgrade(struct http_connection *conn, const struct http_upgrade *upgrade,
                         bool deflate)
{
    struct http_header protocol = {BYTES("Sec-WebSocket-Protocol"), upgrade->protocol};
    struct buf *out = &conn->host->scratch;
    char accept[WS_ACCEPT_SIZE];
    int r;

    buf_clear(out);
    ws_handshake_accept(conn->ws_key, accept);
    buf_append_format(out,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                      accept);
    if (deflate)
        buf_append_string(out, "Sec-WebSocket-Extensions: " WS_DEFLATE_EXTENSION "\r\n");
    r = upgrade->protocol.len > 0 ? h1_write_header(out, &protocol) : 0;
    if (r == 0)
        r = write_upgrade_headers(out, upgrade);
    if (r < 0)
        return err_pass(r);
    buf_append_string(out, "\r\n");
    return 0;
}

int http_request_upgrade_websocket(struct http_request *req, const struct http_upgrade *upgrade,
                                   const struct ws_handler *handler, void *ctx,
                                   struct ws_connection **out)
{
    struct http_connection *conn = req->connection;
    struct stream *stream = conn->stream;
    bool deflate = upgrade->deflate && ws_handshake_offers_deflate(req->headers, req->header_count);
    int r;

    ASSERT(req->websocket && !conn->head_sent && conn->in_done);
    r = write_upgrade(conn, upgrade, deflate);
    if (r < 0)
        return err_pass(r);
    stream_write(stream, buf_bytes(&conn->host->scratch));

    free_request(conn);
    *out = ws_create(stream, false, deflate, buf_bytes(&conn->input), handler, ctx);
    retire(conn);
    return 0;
}
