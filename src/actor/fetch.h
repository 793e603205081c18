#pragma once

/*
 * Fetch
 *
 * A request and its response as values, in no wire format: between the HTTP front and a Worker,
 * a Worker and an object, one object and another. Owned by one holder at a time; handing one over
 * hands over all it holds, also to another thread.
 *
 * Headers are one block: name NUL value NUL name NUL value NUL …, names as they came, values
 * Latin-1, in order.
 */

#include <stdbool.h>
#include <stdint.h>

struct blob;
struct pipe;
struct socket_far;

struct fetch_body {
    struct blob *whole; /* owned reference: the whole body; or NULL */
    struct pipe *pipe;  /* owned reference: the body streams; or NULL. Both NULL: no body */
    int64_t length;     /* bytes if known, else -1 */
};

struct fetch_request {
    char *method;         /* owned, upper case as far as standardised */
    char *url;            /* owned, absolute */
    struct blob *headers; /* owned reference; NULL: none */
    struct blob *cf;      /* owned reference: request.cf as JSON; NULL: none */
    struct fetch_body body;
    bool upgrade; /* asks for a WebSocket */
};

struct fetch_response {
    unsigned status;
    char *reason; /* owned; NULL: the standard phrase */
    struct blob *headers;
    struct fetch_body body;
    struct socket_far *socket; /* owned: with 101, the end for the client; else NULL */
};

/* Never NULL; strings are copied. */
struct fetch_request *fetch_request_create(const char *method, const char *url);
void fetch_request_destroy(struct fetch_request *request); /* NULL is allowed */

struct fetch_response *fetch_response_create(unsigned status);
void fetch_response_destroy(struct fetch_response *response); /* NULL is allowed */

void fetch_body_fini(struct fetch_body *body);
