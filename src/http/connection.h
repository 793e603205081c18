#pragma once

/*
 * HTTP requests on a server connection
 *
 * http_server (server.h) accepts connections and calls its http_handler with one request at a
 * time per connection; a pipelined next one waits until the answer to this one is complete.
 *
 * Life of a request
 *   on_request(req)         the head is complete; its fields stay valid as long as `req`
 *   http_request_read_more  asks for one piece of the body; answered by one on_body()
 *   http_response_head      once, then http_response_write()* and http_response_end()
 *   `req` is dead           after http_response_end(), http_response_send(), http_response_abort(),
 *                           http_request_upgrade_websocket(), or when on_abort(req) returns
 *
 * Rules
 * 1. Callbacks come from the loop only, never from inside a call made by the embedder.
 * 2. Exactly one end: either the embedder ends the request or on_abort() does.
 * 3. A client that closes, or half-closes, its side while its request runs has gone away:
 *    on_abort(). (nginx and Node.js take it the same way.)
 * 4. What was not read of the body when the answer ends is skipped up to
 *    LIMIT_HTTP_BODY_DRAIN_BYTES; beyond that the connection closes. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "http/h1_parse.h"
#include "http/ws_handshake.h"

struct blob;
struct http_connection;
struct http_request;
struct loop;
struct ws_connection;
struct ws_handler;

struct http_handler {
    /* A request has arrived. `ctx` is the server's. */
    void (*on_request)(void *ctx, struct http_request *req);
    /* The piece asked for by http_request_read_more(); valid until return. `last`: nothing
     * follows (the piece may be empty then). */
    void (*on_body)(struct http_request *req, struct bytes piece, bool last);
    /* The answer's queue has drained after http_response_write() returned true. */
    void (*on_drain)(struct http_request *req);
    /* The client is gone or broke the protocol. Last call for `req`. */
    void (*on_abort)(struct http_request *req);
};

struct http_request {
    void *user; /* the embedder's own */
    struct bytes method;
    struct bytes target;    /* as sent; for the absolute form only path and query, "*" as it is */
    struct bytes authority; /* Host, else the authority of an absolute target; may be "" (1.0) */
    const struct http_header *headers;
    size_t header_count;
    enum http_body_kind body_kind;
    uint64_t body_length; /* for HTTP_BODY_LENGTH */
    uint8_t version_minor;
    enum ws_request websocket; /* whether it is a WebSocket's opening handshake */

    struct http_connection *connection; /* private */
    struct buf body;                    /* private: what http_request_body_whole() gave out */
};

/* First header of this name, compared without case. False: none. */
bool http_request_header(const struct http_request *req, const char *name, struct bytes *value);

/* The client's numeric address. */
void http_request_peer(const struct http_request *req, char *text, size_t size);

struct loop *http_request_loop(const struct http_request *req);

/* True if the body has arrived in full (or there is none): `body` is all of it, valid until the
 * request ends, and http_request_read_more() is not to be called. */
bool http_request_body_whole(struct http_request *req, struct bytes *body);

/* Ask for one on_body(). Sends "100 Continue" first if the client waits for it. Not allowed
 * after the last piece. */
void http_request_read_more(struct http_request *req);

/* Start the answer. `reason` NULL takes the standard phrase. `length` counts for
 * HTTP_BODY_LENGTH. Framing headers (Content-Length, Transfer-Encoding, Connection, Keep-Alive,
 * Upgrade) in `headers` are replaced by what is true; "Connection: close" is honoured, and
 * Content-Length of an answer to HEAD (or a 304) is kept. A header that cannot be sent
 * (bad name, CR, LF or NUL in a value) gives -EINVAL and nothing was sent. */
int http_response_head(struct http_request *req, unsigned status, struct bytes reason,
                       const struct http_header *headers, size_t header_count,
                       enum http_body_kind kind, uint64_t length);

/* A piece of the body: copied, or shared. True: wait for on_drain(). Ignored where the answer has
 * no body (HEAD, 204, 304). */
bool http_response_write(struct http_request *req, struct bytes piece);
bool http_response_write_blob(struct http_request *req, struct blob *piece);

/* The answer is complete. If less was written than announced the connection is reset. */
void http_response_end(struct http_request *req);

/* Head, body and end in one. */
int http_response_send(struct http_request *req, unsigned status, struct bytes reason,
                       const struct http_header *headers, size_t header_count, struct bytes body);

/* Give up: 500 if no head was sent; else what was written is sent and the connection closed, with a
 * reset where the client would take the answer for complete. */
void http_response_abort(struct http_request *req);

struct http_upgrade {
    const struct http_header *headers; /* more headers for the 101, such as Set-Cookie */
    size_t header_count;
    struct bytes protocol; /* Sec-WebSocket-Protocol to select; "" for none */
    bool deflate;          /* accept permessage-deflate if the client offers it */
};

/* Answer 101 and turn the connection into a WebSocket, whose callbacks go to `handler` with `ctx`.
 * Only if req->websocket is WS_REQUEST_VALID. -EINVAL for headers that cannot be sent (`req` lives
 * on then). */
int http_request_upgrade_websocket(struct http_request *req, const struct http_upgrade *upgrade,
                                   const struct ws_handler *handler, void *ctx,
                                   struct ws_connection **out);
