#pragma once

/*
 * WebSocket connection
 *
 * An open WebSocket: the socket, the frame parser's state, the close handshake. It comes from
 * http_request_upgrade_websocket() (server side) or ws_client.h (client side), and can move to
 * another loop in another thread. An idle one owns no buffers. Pings are answered here, and so is
 * the auto-response, without calling the embedder.
 *
 * What the embedder hears, in order: any number of on_message(); at most one of on_close() or
 * on_error(); then on_end(), always the last call, after which the pointer is dead.
 *
 *   peer sends Close          on_close(code, reason, true)   code 1005 if it named none
 *   connection lost           on_close(1006, "WebSocket disconnected without sending Close frame.",
 *                             false)
 *   peer breaks the protocol, sends too much, or reads too slowly (LIMIT_WS_OUT_QUEUE_BYTES unsent)
 *                             on_error(what), our Close with 1002, 1007 or 1009 is on its way;
 *                             the slow reader is reset, a Close frame could not reach it
 *
 * Callbacks come from the loop only, never from inside a call made by the embedder. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct blob;
struct loop;
struct stream;
struct ws_connection;
struct ws_parcel; /* a connection between two loops */

struct ws_handler {
    /* A whole message; `text` is valid UTF-8. `data` is valid until return. */
    void (*on_message)(void *ctx, struct ws_connection *ws, bool text, struct bytes data);
    void (*on_close)(void *ctx, struct ws_connection *ws, uint16_t code, struct bytes reason,
                     bool clean);
    void (*on_error)(void *ctx, struct ws_connection *ws, const char *what);
    /* The queue has drained after a send returned true. */
    void (*on_drain)(void *ctx, struct ws_connection *ws);
    /* The last call: the connection is gone. */
    void (*on_end)(void *ctx, struct ws_connection *ws);
    /* An auto-response was sent; may be NULL. */
    void (*on_auto_response)(void *ctx, struct ws_connection *ws, uint64_t time_ms);
};

/* Answers a text message that equals `request` with `response`, a frame from
 * ws_frame_text_blob(). Shared by any number of connections of one thread; borrowed. */
struct ws_auto_response {
    struct bytes request;
    struct blob *response;
};

void ws_set_handler(struct ws_connection *ws, const struct ws_handler *handler, void *ctx);
void *ws_handler_ctx(const struct ws_connection *ws);
struct loop *ws_loop(const struct ws_connection *ws);

/* NULL switches it off. The pair must stay valid until replaced. */
void ws_set_auto_response(struct ws_connection *ws, const struct ws_auto_response *pair);

/* Wall clock of the last auto-response in ms since 1970; 0: never. */
uint64_t ws_auto_response_time_ms(const struct ws_connection *ws);

/* Longest message accepted, before and after decompression. Default LIMIT_WS_MESSAGE_BYTES. */
void ws_set_message_max(struct ws_connection *ws, size_t bytes_max);

/* Whether the peer's Close is answered at once (default), or by the embedder's ws_close(). */
void ws_set_auto_close(struct ws_connection *ws, bool on);

/* Send a message; true: the queue is long, wait for on_drain(). After ws_close() or a failure
 * the message is dropped. */
bool ws_send_text(struct ws_connection *ws, struct bytes text);
bool ws_send_binary(struct ws_connection *ws, struct bytes data);
bool ws_send_ping(struct ws_connection *ws, struct bytes data);

/* Send a frame made by ws_frame_text_blob() or ws_frame_binary_blob() (ws_frame.h), by reference:
 * the same blob serves any number of connections and threads. */
bool ws_send_blob(struct ws_connection *ws, struct blob *frame);

/* The same with one frame of a blob that has more of them. Those that follow each other there leave
 * as one piece. */
bool ws_send_part(struct ws_connection *ws, struct blob *frames, size_t at, size_t len);

/* In on_error(): with which code our Close says what the peer did; 0 if it could not be told. */
uint16_t ws_error_code(const struct ws_connection *ws);

size_t ws_queued_bytes(const struct ws_connection *ws);

/* Send Close; code 0 or 1005 names none. Without an answer within LIMIT_WS_CLOSE_TIMEOUT_MS the
 * connection is dropped. A second call does nothing. `reason` is cut to 123 bytes. */
void ws_close(struct ws_connection *ws, uint16_t code, struct bytes reason);

/* Drop the connection; no callback follows, the pointer is dead. */
void ws_abort(struct ws_connection *ws);

bool ws_close_sent(const struct ws_connection *ws);
bool ws_close_received(const struct ws_connection *ws);

/* Stop and go for on_message(). Pausing inside on_message() keeps the following ones back. After
 * ws_close() messages come in any case: the peer's Close is behind them. */
void ws_read_pause(struct ws_connection *ws);
void ws_read_resume(struct ws_connection *ws);

/* The agreed permessage-deflate, for `extensions`. */
bool ws_deflate_agreed(const struct ws_connection *ws);

/* Take the connection off its loop, with unread and unsent bytes; `ws` is dead afterwards. Not
 * inside its own callbacks. */
struct ws_parcel *ws_detach(struct ws_connection *ws);

/* Continue it on `loop`, whose thread calls. Messages already received are delivered from there. */
struct ws_connection *ws_attach(struct loop *loop, struct ws_parcel *parcel,
                                const struct ws_handler *handler, void *ctx);

/* Close a parcel nobody wants. */
void ws_parcel_discard(struct ws_parcel *parcel);

/* For connection.c and ws_client.c: a WebSocket on a stream whose handshake is done. `unread` is
 * what came behind it. */
struct ws_connection *ws_create(struct stream *stream, bool client, bool deflate,
                                struct bytes unread, const struct ws_handler *handler, void *ctx);
