#pragma once

/*
 * The state of a server connection, for connection.c (what comes in) and answer.c (what goes out).
 *
 * One connection serves one request at a time:
 *
 *            head complete             answer complete, body read
 *   HEAD ---------------------> BUSY ------------------------------> HEAD
 *    |                           |  \                                 ^
 *    |                           |   `----------> SKIP ---------------+
 *    |                           |    body unread       body skipped
 *    v                           v
 *   CLOSED (timeout, refusal, "close", client gone, upgraded; memory freed by the task)
 *
 * HEAD   req is NULL. A partial head waits in `input`, of which `seen` bytes have been looked at.
 * BUSY   req is the running request. What follows its head waits in `input` until asked for.
 * SKIP   req is NULL; the rest of a body nobody wants is thrown away.
 * CLOSED stream is NULL; the task is queued.
 *
 * process() is the only place that looks at input, and runs from the loop only: after a read, or
 * from the task, which the embedder's calls queue. `input` is empty, and owns no memory, between
 * requests.
 *
 * One timer serves all timeouts. It is moved only when it would fire too late, not with every
 * request: when it fires it looks how long ago `since_ms` is and goes on for the rest.
 */

#include "base/buf.h"
#include "base/bytes.h"
#include "base/list.h"
#include "http/chunked.h"
#include "http/connection.h"
#include "http/h1_parse.h"
#include "http/host.h"
#include "net/loop.h"
#include "net/timer.h"

struct stream;

enum connection_state {
    CONNECTION_HEAD,
    CONNECTION_BUSY,
    CONNECTION_SKIP,
    CONNECTION_CLOSED,
};

struct http_connection {
    struct stream *stream;  /* owned; NULL once CLOSED */
    struct http_host *host; /* borrowed: outlives the connection until CLOSED */
    struct list link;       /* in host->connections */
    struct timer timer;
    struct loop_task task;
    struct buf input;    /* received, not yet consumed */
    size_t seen;         /* of input: known to hold no complete head */
    uint64_t since_ms;   /* when the client last did what we wait for */
    uint64_t sent_bytes; /* by the stream, when the timer last looked */
    enum connection_state state;

    struct http_request *req; /* owned; while BUSY */
    struct bytes ws_key;      /* in req's memory */
    enum http_body_kind in_kind;
    uint64_t in_left; /* of a body of known length */
    struct chunked_decoder chunked;
    bool in_done;          /* all of the body has been taken off the input */
    bool in_told;          /* its last piece has been delivered */
    bool asked;            /* http_request_read_more() has been called */
    bool wanted;           /* on_body() is owed */
    bool read_paused;      /* too much input is waiting */
    bool expects_continue; /* the client waits for 100 Continue */

    enum http_body_kind out_kind;
    uint64_t out_left;
    bool out_empty;  /* no body is sent, whatever is written */
    bool out_excess; /* more was written than announced */
    bool head_sent;
    bool wait_drain; /* on_drain() is owed */
    bool keep_alive;
    bool is_head; /* the request's method */
    uint8_t version_minor;
    bool processing;
};

/* The client has just done something, or a new wait begins. */
void connection_restart_timeout(struct http_connection *conn);
/* process() from the loop, soon. */
void connection_process_later(struct http_connection *conn);
void connection_free_request(struct http_connection *conn);
/* The connection leaves its host; its stream is somebody else's from here on. */
void connection_retire(struct http_connection *conn);
/* Send what is queued, then close. */
void connection_finish(struct http_connection *conn);
/* For a Date header; the host's, good until the next call. */
const struct h1_date *connection_date(struct http_host *host);
