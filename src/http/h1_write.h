#pragma once

/*
 * HTTP/1.1 heads, written
 *
 * Turns a status, headers and what is known about the body into the bytes of an answer's head, and
 * the same for the client's upgrade request. Framing headers are ours: whatever the embedder
 * put into such a header is replaced by what is
 * true, so that no header can desynchronise a connection. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/h1_parse.h"

/* The value of Date, made once a second. Zeroed memory is an empty one. */
struct h1_date {
    int64_t second;
    char text[32];
};

/* Bring it up to date; `now` in seconds since 1970. */
void h1_date_update(struct h1_date *date, int64_t now);

struct h1_response_head {
    unsigned status;
    struct bytes reason; /* empty: the standard phrase */
    const struct http_header *headers;
    size_t header_count;
    enum http_body_kind body_kind;
    uint64_t body_length;
    uint8_t version_minor;      /* of the request */
    bool head_request;          /* the answer to HEAD: keeps a Content-Length of `headers` */
    bool keep_alive;            /* what to tell the client */
    const struct h1_date *date; /* NULL: no Date of ours */
};

/* Append the head to `out`. -EINVAL if a name, a value or the reason cannot be sent; `out` is as it
 * was then. */
int h1_write_response(struct buf *out, const struct h1_response_head *head);

/* Append one "name: value" line. -EINVAL as above. */
int h1_write_header(struct buf *out, const struct http_header *header);

/* True for the headers that only we may write: Content-Length, Transfer-Encoding, Connection,
 * Keep-Alive, Upgrade. */
bool h1_header_framing(struct bytes name);

/* The phrase registered for a status, "Unknown" for others. */
const char *h1_reason(unsigned status);

/* True if the headers say "Connection: close". */
bool h1_headers_close(const struct http_header *headers, size_t count);

/* False for answers that end with their head: 1xx, 204, 304. */
bool h1_status_has_body(unsigned status);
