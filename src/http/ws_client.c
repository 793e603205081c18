#include "http/ws_client.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/chunked.h"
#include "http/client.h"
#include "http/connector.h"
#include "http/curl.h"
#include "http/h1_write.h"
#include "http/ws_connection.h"
#include "http/ws_handshake.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"

/*
 * CONNECTING (connector) --socket--> ASKING (stream, timer) --101--> on_open(), freed
 *      |                                |    |
 *      |                                |    +--other--> ANSWERED (stream) --end--> on_end(), freed
 *      |                                |                    |
 *      +---------- failure, abort ------+--------------------+--> on_error(), freed
 *
 * A failure known at once is told by the task. A callback about the answer may abort the attempt:
 * whoever goes on behind one looks at `gone` first.
 */
struct ws_client {
    struct loop *loop;                       /* borrowed */
    const struct ws_client_handler *handler; /* borrowed */
    void *ctx;                               /* borrowed */
    struct connector *connector;             /* owned; while CONNECTING */
    struct stream *stream;                   /* owned; while ASKING */
    struct timer timer;
    struct loop_task task;
    struct buf request;  /* the upgrade request */
    struct buf input;    /* the answer's head, while it comes */
    const char *refusal; /* what is wrong with the options; static text */
    uint32_t timeout_ms;
    char key[WS_KEY_SIZE];
    bool deflate;
    bool answered;
    enum http_body_kind body_kind; /* of the answer */
    uint64_t body_left;            /* of HTTP_BODY_LENGTH */
    struct chunked_decoder chunked;
    bool *gone; /* set when the attempt is freed; NULL: nobody asks */
};

static void client_free(struct ws_client *attempt)
{
    if (attempt->connector != NULL)
        connector_abort(attempt->connector);
    stream_close(attempt->stream);
    timer_stop(&attempt->timer);
    loop_task_cancel(&attempt->task);
    buf_fini(&attempt->request);
    buf_fini(&attempt->input);
    if (attempt->gone != NULL)
        *attempt->gone = true;
    mem_free(attempt);
}

static void fail(struct ws_client *attempt, unsigned status, const char *what)
{
    const struct ws_client_handler *handler = attempt->handler;
    void *ctx = attempt->ctx;

    client_free(attempt);
    handler->on_error(ctx, status, what);
}

static void open_connection(struct ws_client *attempt, const struct h1_response *answer,
                            const struct http_header *headers, bool deflate)
{
    struct stream *stream = attempt->stream;
    struct bytes unread =
        bytes_slice(buf_bytes(&attempt->input), answer->head_bytes, attempt->input.len);
    struct ws_connection *ws = ws_create(stream, true, deflate, unread, NULL, NULL);

    attempt->stream = NULL;
    attempt->handler->on_open(attempt->ctx, ws, headers, answer->header_count);
    client_free(attempt);
}

/* ---- another answer ---- */

static void finish(struct ws_client *attempt)
{
    const struct ws_client_handler *handler = attempt->handler;
    void *ctx = attempt->ctx;

    client_free(attempt);
    handler->on_end(ctx);
}

/* What next_piece() found. */
enum piece {
    PIECE_NONE = 1, /* the input is used up */
    PIECE_END,      /* nor will there be more */
    PIECE_BROKEN,
};

/* 0: `piece` is cut off the front of `input`. */
static int next_piece(struct ws_client *attempt, struct bytes *input, struct bytes *piece)
{
    switch (attempt->body_kind) {
    case HTTP_BODY_NONE: return PIECE_END;
    case HTTP_BODY_CHUNKED:
        switch (chunked_decode(&attempt->chunked, input, piece)) {
        case CHUNKED_DATA: return 0;
        case CHUNKED_MORE: return PIECE_NONE;
        case CHUNKED_END: return PIECE_END;
        default: return PIECE_BROKEN;
        }
    case HTTP_BODY_LENGTH:
        if (attempt->body_left == 0)
            return PIECE_END;
        *piece =
            input->len > attempt->body_left ? bytes_slice(*input, 0, attempt->body_left) : *input;
        attempt->body_left -= piece->len;
        break;
    case HTTP_BODY_TO_END: *piece = *input; break;
    }
    *input = bytes_slice(*input, piece->len, input->len);
    return piece->len > 0 ? 0 : PIECE_NONE;
}

static void read_body(struct ws_client *attempt, struct bytes input)
{
    struct bytes piece;
    bool gone = false;
    int r;

    attempt->gone = &gone;
    while ((r = next_piece(attempt, &input, &piece)) == 0) {
        attempt->handler->on_body(attempt->ctx, piece);
        if (gone)
            return;
    }
    attempt->gone = NULL;
    if (r == PIECE_END)
        finish(attempt);
    else if (r == PIECE_BROKEN)
        fail(attempt, 0, "The answer's body is not what its head says.");
}

static void hand_over_answer(struct ws_client *attempt, const struct h1_response *answer,
                             const struct http_header *headers, const char *what)
{
    struct bytes rest =
        bytes_slice(buf_bytes(&attempt->input), answer->head_bytes, attempt->input.len);
    struct buf input = {0};
    bool gone = false;

    if (attempt->handler->on_answer == NULL || answer->status == 101) {
        fail(attempt, answer->status, what);
        return;
    }
    attempt->answered = true;
    attempt->body_kind = answer->body_kind;
    attempt->body_left = answer->body_length;
    timer_stop(&attempt->timer);
    attempt->gone = &gone;
    attempt->handler->on_answer(attempt->ctx, answer, headers);
    if (gone)
        return;
    attempt->gone = NULL;
    buf_append_bytes(&input, rest); /* the attempt may not outlive its first piece */
    read_body(attempt, buf_bytes(&input));
    buf_fini(&input);
}

/* ---- the handshake ---- */

/* Take answers that only say that there will be one off the input. */
static int parse_answer(struct ws_client *attempt, size_t seen, struct h1_response *answer,
                        struct http_header *headers, struct h1_refusal *refusal)
{
    for (;;) {
        int r = h1_parse_response(buf_bytes(&attempt->input), seen, answer, headers, refusal);

        if (r != 0 || answer->status >= 200 || answer->status == 101)
            return r;
        buf_consume(&attempt->input, answer->head_bytes);
        seen = 0;
    }
}

static void on_read(void *ctx, uint8_t *data, size_t len)
{
    struct ws_client *attempt = ctx;
    struct http_header headers[LIMIT_HTTP_HEADERS];
    struct h1_response answer;
    struct h1_refusal refusal;
    size_t seen = attempt->input.len;
    const char *what;
    bool deflate;
    int r;

    if (attempt->answered) {
        read_body(attempt, bytes_of(data, len));
        return;
    }
    buf_append(&attempt->input, data, len);
    r = parse_answer(attempt, seen, &answer, headers, &refusal);
    if (r == H1_PARSE_MORE)
        return;
    if (r == H1_PARSE_REFUSED) {
        fail(attempt, 0, refusal.what);
        return;
    }
    what = ws_handshake_answer(&answer, headers, attempt->key, attempt->deflate, &deflate);
    if (what != NULL)
        hand_over_answer(attempt, &answer, headers, what);
    else
        open_connection(attempt, &answer, headers, deflate);
}

static void on_end(void *ctx)
{
    struct ws_client *attempt = ctx;

    if (!attempt->answered)
        fail(attempt, 0, "The server closed the connection during the handshake.");
    else if (attempt->body_kind == HTTP_BODY_TO_END)
        finish(attempt);
    else
        fail(attempt, 0, "The server closed the connection in the middle of its answer.");
}

static void on_fault(void *ctx, int fault)
{
    (void)fault;
    fail(ctx, 0, "The connection was lost during the handshake.");
}

static void on_drain(void *ctx)
{
    (void)ctx;
}

static const struct stream_handler handshake_handler = {
    .on_read = on_read,
    .on_end = on_end,
    .on_fault = on_fault,
    .on_drain = on_drain,
};

static void on_timer(struct timer *timer)
{
    fail(container_of(timer, struct ws_client, timer), 0, "The server did not answer in time.");
}

static void on_connected(void *ctx, int fd, const char *what)
{
    struct ws_client *attempt = ctx;

    attempt->connector = NULL;
    if (fd < 0) {
        fail(attempt, 0, what);
        return;
    }
    attempt->stream = stream_open(attempt->loop, fd, &handshake_handler, attempt);
    stream_write(attempt->stream, buf_bytes(&attempt->request));
    timer_start(&attempt->timer, attempt->loop, attempt->timeout_ms);
}

static void on_task(struct loop_task *task)
{
    struct ws_client *attempt = container_of(task, struct ws_client, task);

    fail(attempt, 0, attempt->refusal);
}

static void append_part(struct buf *out, const char *before, CURLU *url, CURLUPart part)
{
    char *text = NULL;

    if (curl_url_get(url, part, &text, 0) == CURLUE_OK && text != NULL) {
        buf_append_string(out, before);
        buf_append_string(out, text);
    }
    curl_free(text);
}

/* Those that are the handshake's own, and Accept-Encoding, since no answer is decompressed here. */
static bool header_ours(struct bytes name)
{
    return h1_header_framing(name) || bytes_equal_nocase(name, BYTES("host")) ||
           bytes_equal_nocase(name, BYTES("accept-encoding")) ||
           bytes_equal_nocase(name, BYTES("sec-websocket-key")) ||
           bytes_equal_nocase(name, BYTES("sec-websocket-version")) ||
           bytes_equal_nocase(name, BYTES("sec-websocket-extensions"));
}

static bool write_headers(struct ws_client *attempt, const struct ws_client_options *options)
{
    for (size_t i = 0; i < options->header_count; i++) {
        const struct http_header *header = &options->headers[i];

        if (header_ours(header->name))
            continue;
        if (h1_write_header(&attempt->request, header) < 0)
            return false;
    }
    return true;
}

static void write_request(struct ws_client *attempt, CURLU *url)
{
    struct buf *out = &attempt->request;

    ws_handshake_key(attempt->key);
    append_part(out, "GET ", url, CURLUPART_PATH);
    append_part(out, "?", url, CURLUPART_QUERY);
    append_part(out, " HTTP/1.1\r\nHost: ", url, CURLUPART_HOST);
    append_part(out, ":", url, CURLUPART_PORT);
    buf_append_format(out,
                      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                      "Sec-WebSocket-Version: 13\r\n",
                      attempt->key);
    if (attempt->deflate)
        buf_append_string(out, "Sec-WebSocket-Extensions: " WS_DEFLATE_EXTENSION "\r\n");
}

/* Take the URL apart: ws is http and wss is https. False: it is not one. */
static bool parse_url(struct bytes text, CURLU *url)
{
    char *copy = mem_strndup((const char *)text.data, text.len);
    char *scheme = NULL;
    bool ok = strlen(copy) == text.len &&
              curl_url_set(url, CURLUPART_URL, copy, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;

    if (ok && strcmp(scheme, "ws") == 0)
        ok = curl_url_set(url, CURLUPART_SCHEME, "http", 0) == CURLUE_OK;
    else if (ok && strcmp(scheme, "wss") == 0)
        ok = curl_url_set(url, CURLUPART_SCHEME, "https", 0) == CURLUE_OK;
    else if (ok)
        ok = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    curl_free(scheme);
    mem_free(copy);
    return ok;
}

static void begin(struct ws_client *attempt, struct http_client *client,
                  const struct ws_client_options *options)
{
    CURLU *url = curl_url();
    char *text = NULL;

    ASSERT(url != NULL);
    if (!parse_url(options->url, url) || curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK) {
        attempt->refusal = "The URL is not a ws, wss, http or https URL.";
    } else {
        write_request(attempt, url);
        if (!write_headers(attempt, options))
            attempt->refusal = "A request header has a character that cannot be sent.";
        buf_append_string(&attempt->request, "\r\n");
    }
    if (attempt->refusal == NULL)
        attempt->connector =
            connector_start(client, text, attempt->timeout_ms, on_connected, attempt);
    else
        loop_defer(attempt->loop, &attempt->task);
    curl_free(text);
    curl_url_cleanup(url);
}

struct ws_client *ws_client_connect(struct http_client *client,
                                    const struct ws_client_options *options,
                                    const struct ws_client_handler *handler, void *ctx)
{
    struct ws_client *attempt = mem_new(struct ws_client);

    attempt->loop = http_client_loop(client);
    attempt->handler = handler;
    attempt->ctx = ctx;
    attempt->timer.cb = on_timer;
    attempt->task.cb = on_task;
    attempt->timeout_ms =
        options->timeout_ms > 0 ? options->timeout_ms : LIMIT_HTTP_CONNECT_TIMEOUT_MS;
    attempt->deflate = options->deflate;
    begin(attempt, client, options);
    return attempt;
}

void ws_client_pause(struct ws_client *attempt)
{
    stream_read_pause(attempt->stream);
}

void ws_client_resume(struct ws_client *attempt)
{
    stream_read_resume(attempt->stream);
}

void ws_client_abort(struct ws_client *attempt)
{
    client_free(attempt);
}
