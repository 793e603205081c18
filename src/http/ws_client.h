#pragma once

/*
 * WebSocket client
 *
 * Connects to a ws: or wss: URL, does the opening handshake and hands over a ws_connection in the
 * client's role. Names, TCP and TLS come from the HTTP client's libcurl. A server may answer with
 * something else, which is handed over like the answer to any request. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/h1_parse.h"

struct http_client;
struct ws_client;
struct ws_connection;

struct ws_client_handler {
    /* The handshake succeeded; `ws` has no handler yet: ws_set_handler() now. `headers` is the 101
     * answer, valid until return. The attempt is over, its pointer dead. */
    void (*on_open)(void *ctx, struct ws_connection *ws, const struct http_header *headers,
                    size_t header_count);
    /* It failed. `status` is the HTTP answer's if there was one, else 0: 101 when it was to be a
     * handshake and is none. The attempt is over. */
    void (*on_error)(void *ctx, unsigned status, const char *what);
    /* The server has answered with another status than 101: its head, then its body in pieces, then
     * on_end(), or on_error() with status 0. Slices are valid until return. All three, or none of
     * them: then such an answer is an error. */
    void (*on_answer)(void *ctx, const struct h1_response *answer,
                      const struct http_header *headers);
    void (*on_body)(void *ctx, struct bytes piece);
    void (*on_end)(void *ctx); /* the attempt is over */
};

/* Everything is copied. */
struct ws_client_options {
    struct bytes url; /* ws, wss, http or https */
    const struct http_header *headers;
    size_t header_count; /* more headers, such as Cookie or Sec-WebSocket-Protocol */
    bool deflate;        /* offer permessage-deflate */
    uint32_t timeout_ms; /* 0: LIMIT_HTTP_CONNECT_TIMEOUT_MS */
};

/* Never NULL; callbacks come from the loop only. */
struct ws_client *ws_client_connect(struct http_client *client,
                                    const struct ws_client_options *options,
                                    const struct ws_client_handler *handler, void *ctx);

/* Stop and go for on_body(); a few pieces may come yet. */
void ws_client_pause(struct ws_client *attempt);
void ws_client_resume(struct ws_client *attempt);

/* Stop; no callback follows, the pointer is dead. All attempts end before their http_client. */
void ws_client_abort(struct ws_client *attempt);
