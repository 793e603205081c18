#pragma once

/*
 * Connector
 *
 * Gets a connected socket for a URL: names, TCP and TLS are libcurl's. For http it is the TCP
 * socket itself. For https it is one end of a socket pair; behind the other end a tunnel
 * encrypts and decrypts until either side closes, so that a WebSocket on top needs to know
 * nothing of TLS. Own thread.
 */

#include <stdint.h>

struct connector;
struct http_client;

/* `fd` belongs to the callee; < 0: it failed, `what` says why. The connector is dead then. */
typedef void connector_done(void *ctx, int fd, const char *what);

/* `url` is http or https. `done` comes from the loop. Never NULL. */
struct connector *connector_start(struct http_client *client, const char *url, uint32_t timeout_ms,
                                  connector_done *done, void *ctx);

/* Before `done` only: it will not come. */
void connector_abort(struct connector *connector);
