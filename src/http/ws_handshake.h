#pragma once

/*
 * WebSocket opening handshake (RFC 6455 §4)
 *
 * What makes a request an upgrade, what answers it, and the same from the client's side. Pure.
 * Extensions: permessage-deflate only, and only without context takeover in both directions, so
 * that no connection carries compression state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/h1_parse.h"

/* "Sec-WebSocket-Accept" for a key: 28 characters and a NUL. */
#define WS_ACCEPT_SIZE 29
void ws_handshake_accept(struct bytes key, char accept[WS_ACCEPT_SIZE]);

enum ws_request {
    WS_REQUEST_NONE,    /* does not ask for a WebSocket, or not with GET on HTTP/1.1 */
    WS_REQUEST_VERSION, /* asks for one, but not in version 13: 426 (RFC 6455 §4.4) */
    WS_REQUEST_KEY,     /* has not one key of 16 bytes: 400 */
    WS_REQUEST_VALID,   /* `*key` is set */
};

/* Whether a request asks for one Upgrade: websocket, and whether it can have it. */
enum ws_request ws_handshake_request(const struct h1_request *request,
                                     const struct http_header *headers, struct bytes *key);

/* True if the client offers permessage-deflate in a form that can be accepted. */
bool ws_handshake_offers_deflate(const struct http_header *headers, size_t count);

/* True if the client offers this subprotocol. */
bool ws_handshake_offers_protocol(const struct http_header *headers, size_t count,
                                  struct bytes protocol);

/* What to write into Sec-WebSocket-Extensions, to offer as well as to accept. */
#define WS_DEFLATE_EXTENSION                                                                       \
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* A fresh key: 24 characters and a NUL. */
#define WS_KEY_SIZE 25
void ws_handshake_key(char key[WS_KEY_SIZE]);

/* Check a server's answer to `key`. NULL: it is one, `*deflate` says what was agreed; otherwise
 * what is wrong with it. */
const char *ws_handshake_answer(const struct h1_response *answer, const struct http_header *headers,
                                const char *key, bool deflate_offered, bool *deflate);
