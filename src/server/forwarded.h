#pragma once

/*
 * Forwarded
 *
 * Who asks, and over what: the connection itself says so, or, when requests come through a proxy
 * of the operator's (--trust-proxy), the headers that the proxy adds. Whatever a client claims of
 * itself is replaced, as on Cloudflare: CF-Connecting-IP is always true. Pure, but for the peer's
 * address.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct http_request;

enum {
    FORWARDED_ADDRESS_SIZE = 46, /* INET6_ADDRSTRLEN: the longest numeric address and its NUL */
};

/* Header with the client's address; what comes under this name from outside is dropped. */
#define FORWARDED_ADDRESS_HEADER "CF-Connecting-IP"

/* The client's numeric address, "" if unknown. With `proxied`, the proxy's CF-Connecting-IP, else
 * the last of X-Forwarded-For (the one that the proxy itself saw), if it is an address. */
void forwarded_address(const struct http_request *req, bool proxied, char *text, size_t size);

/* "http://", or "https://" if the proxy's X-Forwarded-Proto says so. */
struct bytes forwarded_scheme(const struct http_request *req, bool proxied);
