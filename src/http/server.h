#pragma once

/*
 * HTTP server
 *
 * The listening side of one shard: accepts connections, bounds their number, keeps the cached Date,
 * and closes everything in the end. Requests and answers: connection.h. WebSockets that came
 * out of an upgrade are no longer the server's. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/listener.h"

struct err_text;
struct http_handler;
struct http_server;
struct loop;

/* Times and bounds; http_server_create() fills in limits.h for each 0, and no bound of its own for
 * connections: the listener has one. */
struct http_server_options {
    size_t connections_max;
    uint32_t head_timeout_ms;  /* for a request's head, from its first byte or the connection */
    uint32_t idle_timeout_ms;  /* between two requests */
    uint32_t stall_timeout_ms; /* no progress on a body, either way, while we wait for the client */
};

struct http_server *http_server_create(struct loop *loop, const struct http_handler *handler,
                                       void *ctx, const struct http_server_options *options);

/* May be called more than once, for more addresses. */
int http_server_listen(struct http_server *server, const char *host, uint16_t port,
                       enum listener_sharing sharing, struct err_text *why);

/* The real port of the first listener. */
uint16_t http_server_port(const struct http_server *server);

/* Serve a connected socket that came from elsewhere. Takes `fd`. */
void http_server_adopt(struct http_server *server, int fd);

size_t http_server_connections(const struct http_server *server);

/* Stop accepting, close idle connections, let running requests finish ("Connection: close").
 * `done(ctx)` runs from the loop once none is left. */
void http_server_drain(struct http_server *server, void (*done)(void *ctx), void *ctx);

/* Close everything now (running requests get on_abort()) and free. NULL is allowed. */
void http_server_destroy(struct http_server *server);
