#pragma once

/*
 * HTTP client
 *
 * Outgoing requests of one loop, on libcurl's multi interface: connection reuse, TLS, names.
 * Redirects are not followed, cookies not kept, proxies of the environment ignored: the layer above
 * decides such things. HTTP/1.1 over http and https only.
 *
 * Life of a fetch
 *   on_head          status and headers of the final answer (1xx are skipped)
 *   on_body          one piece for each http_fetch_read_more()
 *   on_upload_drain  the streamed request body wants more
 *   on_end, on_error exactly one of them, the last call; the pointer is dead when it returns
 *
 * Callbacks come from the loop only, never from inside a call made by the embedder. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/h1_parse.h"

struct http_client;
struct http_fetch;
struct loop;

struct http_fetch_handler {
    /* All slices are valid until return. */
    void (*on_head)(void *ctx, struct http_fetch *fetch, unsigned status, struct bytes reason,
                    const struct http_header *headers, size_t header_count);
    void (*on_body)(void *ctx, struct http_fetch *fetch, struct bytes piece);
    void (*on_upload_drain)(void *ctx, struct http_fetch *fetch);
    void (*on_end)(void *ctx, struct http_fetch *fetch);
    void (*on_error)(void *ctx, struct http_fetch *fetch, const char *what);
};

/* Everything is copied. */
struct http_fetch_options {
    struct bytes method;
    struct bytes url; /* absolute, http or https, without a fragment */
    const struct http_header *headers;
    size_t header_count;
    enum http_body_kind body_kind; /* NONE; LENGTH: `body`, or `body_length` bytes streamed if
                                      `stream`; CHUNKED: streamed */
    bool stream;
    struct bytes body;
    uint64_t body_length;
    bool decompress; /* undo gzip, deflate and br, and offer them */
};

int http_client_create(struct http_client **out, struct loop *loop);

/* Aborts what still runs, fetches and WebSocket attempts, without callbacks; its owners must have
 * let go of them. NULL is allowed. */
void http_client_destroy(struct http_client *client);

struct loop *http_client_loop(const struct http_client *client);

/* Never NULL; what is wrong with the options is told by on_error(). */
struct http_fetch *http_fetch_start(struct http_client *client,
                                    const struct http_fetch_options *options,
                                    const struct http_fetch_handler *handler, void *ctx);

/* Ask for one on_body(); on_end() comes unasked when nothing is left. From on_head() on. */
void http_fetch_read_more(struct http_fetch *fetch);

/* Streamed request body. True: wait for on_upload_drain(). */
bool http_fetch_write(struct http_fetch *fetch, struct bytes piece);
void http_fetch_write_end(struct http_fetch *fetch);

/* Stop; no callback follows, the pointer is dead. */
void http_fetch_abort(struct http_fetch *fetch);
