#pragma once

/*
 * HTTP host
 *
 * What all connections of one server share: whom they serve, the bounds, the cached date, a scratch
 * buffer for heads. The server owns it; connections point to it until they are closed. Own
 * thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/list.h"
#include "http/h1_write.h"
#include "http/server.h"

struct http_connection;
struct http_handler;
struct loop;

struct http_host {
    struct loop *loop;                  /* borrowed */
    const struct http_handler *handler; /* borrowed */
    void *ctx;                          /* borrowed: the handler's */
    struct http_server_options options;
    struct list connections; /* open ones */
    size_t connection_count;
    struct h1_date date;
    struct buf scratch; /* owned; heads are put together here */
    bool draining;      /* answers say "Connection: close", idle connections close */
    void (*on_closed)(struct http_host *host); /* one connection less */
};

/* Serve a connected socket. The connection is the host's until it closes or is upgraded. */
void http_connection_open(struct http_host *host, int fd);

/* Close it if it waits for a request; else it closes by itself after the answer. */
void http_connection_drain(struct http_connection *connection);

/* Close it now; a running request gets on_abort(). */
void http_connection_close(struct http_connection *connection);

/* The connection a link of host->connections belongs to. */
struct http_connection *http_connection_of(struct list *link);
