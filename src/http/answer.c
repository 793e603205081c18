#include <errno.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "http/chunked.h"
#include "http/connection_state.h"
#include "http/h1_write.h"
#include "http/ws_connection.h"
#include "http/ws_handshake.h"
#include "net/stream.h"

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
        .date = connection_date(host),
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

    connection_free_request(conn);
    stream_reset(stream);
    connection_retire(conn);
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
    connection_free_request(conn);
    conn->wanted = false;
    if (!conn->keep_alive || too_long_to_skip(conn)) {
        connection_finish(conn);
        return;
    }

    conn->state = conn->in_done ? CONNECTION_HEAD : CONNECTION_SKIP;
    if (conn->in_kind == HTTP_BODY_CHUNKED)
        conn->in_left = LIMIT_HTTP_BODY_DRAIN_BYTES;
    connection_restart_timeout(conn);
    if (conn->input.len > 0 || conn->read_paused || conn->host->draining)
        connection_process_later(conn);
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

/* Will the client miss the rest by itself? Then what was said before can still reach it. */
static bool tells_its_end(const struct http_connection *conn)
{
    if (conn->out_empty || conn->out_excess)
        return false;
    return conn->out_kind == HTTP_BODY_CHUNKED ||
           (conn->out_kind == HTTP_BODY_LENGTH && conn->out_left > 0);
}

void http_response_abort(struct http_request *req)
{
    struct http_connection *conn = req->connection;
    int r;

    if (conn->head_sent && tells_its_end(conn)) {
        connection_free_request(conn);
        connection_finish(conn);
        return;
    }
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

    ASSERT(req->websocket == WS_REQUEST_VALID && !conn->head_sent && conn->in_done);
    r = write_upgrade(conn, upgrade, deflate);
    if (r < 0)
        return err_pass(r);
    stream_write(stream, buf_bytes(&conn->host->scratch));

    connection_free_request(conn);
    *out = ws_create(stream, false, deflate, buf_bytes(&conn->input), handler, ctx);
    connection_retire(conn);
    return 0;
}
