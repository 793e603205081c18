#pragma once

/*
 * Wire
 *
 * Couples a client's WebSocket connection (http/) with the socket of an object or a Worker
 * (actor/). A connection that was upgraded on one shard and belongs to an object of another is
 * taken off its loop here and continued there, so that its messages never cross a thread.
 *
 * One `struct wires` per shard thread. What is sent to many sockets is framed once: the second
 * time in a row that the same blob is sent it is made into a frame that all later ones share.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"

struct blob;
struct http_request;
struct http_upgrade;
struct shard;
struct socket_far;
struct auto_pair;
struct wire;
struct ws_connection;

struct wires {
    struct loop *loop;        /* borrowed */
    struct wires *const *all; /* borrowed: every shard's, by shard_index() */
    struct shard *shard;      /* borrowed */
    struct list open;         /* wire.link: those with a connection */
    size_t count;
    struct blob *sent; /* what was sent last; one reference */
    bool sent_text;
    struct blob *frame; /* what holds the same framed; NULL until it is sent twice */
    size_t frame_at, frame_len;
    struct loop_task forget; /* lets go of both before the loop sleeps */
    struct blob *run;        /* frames of small messages, one after the other; one reference */
    uint8_t *run_data;
    size_t run_len;         /* so far */
    struct auto_pair *pair; /* the auto-response set last; one reference */
};

void wires_init(struct wires *wires, struct loop *loop, struct shard *shard,
                struct wires *const *all);

/* Answer 101 and couple the connection with the end that stayed, here or on its own shard. Takes
 * `far`. -EINVAL for headers that cannot be sent; `req` lives on and `far` was dropped. */
int wires_upgrade(struct wires *wires, struct http_request *req, const struct http_upgrade *upgrade,
                  struct socket_far *far);

/* Couple a connection that a script opened to somewhere else. Takes both. */
void wires_couple(struct wires *wires, struct ws_connection *ws, struct socket_far *far);

/* Start the close handshake on every connection. */
void wires_close(struct wires *wires, uint16_t code, const char *reason);

/* Drop every connection at once. Sockets are not told; the shard is about to go. */
void wires_fini(struct wires *wires);
