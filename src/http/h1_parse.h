#pragma once

/*
 * HTTP/1.1 heads, parsed
 *
 * Pure: bytes in, slices of those bytes out, no I/O, nothing allocated. A head is parsed when it is
 * complete; until then the caller keeps the bytes and calls again with more of them. Splitting
 * the input in any way gives the same result as one piece (fuzzed).
 *
 * Strict, because two parsers that disagree about where a request ends are how requests are
 * smuggled: lines end in CRLF and nothing else, no folded headers, no space before the colon,
 * no control characters, one Host, one plain Content-Length or one "chunked" but never both.
 * Methods are those workerd knows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct http_header {
    struct bytes name;
    struct bytes value; /* without surrounding blanks */
};

/* How the end of a body is known. */
enum http_body_kind {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_TO_END, /* answers only: until the connection closes */
};

struct h1_request {
    struct bytes method;
    struct bytes target;    /* origin form ("/path?query") or "*" */
    struct bytes authority; /* Host; without one (HTTP/1.0) that of an absolute target, or "" */
    uint8_t version_minor;  /* 0 or 1 */
    enum http_body_kind body_kind;
    uint64_t body_length; /* for HTTP_BODY_LENGTH */
    bool keep_alive;      /* what the client wants: Connection and version */
    bool expect_continue;
    bool upgrade; /* "Connection: upgrade" and an Upgrade header are there */
    size_t header_count;
    size_t head_bytes; /* length of the head, blank line included */
};

struct h1_response {
    unsigned status;
    struct bytes reason;
    uint8_t version_minor;
    enum http_body_kind body_kind; /* as if the request was not HEAD */
    uint64_t body_length;
    bool keep_alive;
    size_t header_count;
    size_t head_bytes;
};

/* What parsing a head can find. */
enum h1_parse_result {
    H1_PARSE_MORE = 1, /* not complete yet */
    H1_PARSE_REFUSED,  /* answer `refusal->status` and close */
};

struct h1_refusal {
    unsigned status;  /* 400, 414, 417, 431, 501, 505 */
    const char *what; /* static text */
};

/* `seen` is how much of `input` an earlier call has already looked at (0 at first): no work is
 * repeated unless a line has been completed since. `headers` holds LIMIT_HTTP_HEADERS. */
int h1_parse_request(struct bytes input, size_t seen, struct h1_request *out,
                     struct http_header *headers, struct h1_refusal *refusal);

/* The same for an answer (the WebSocket client's handshake). */
int h1_parse_response(struct bytes input, size_t seen, struct h1_response *out,
                      struct http_header *headers, struct h1_refusal *refusal);

/* True if the comma-separated list `value` has `token`, compared without case. */
bool h1_list_has(struct bytes value, const char *token);

/* True if `name` is a token: what a header name or method must be. */
bool h1_token_valid(struct bytes name);

/* True if `value` may stand in a header: no CR, LF, NUL or other control character but TAB. */
bool h1_value_valid(struct bytes value);
