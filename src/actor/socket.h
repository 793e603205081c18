#pragma once

/*
 * Socket
 *
 * One end of a WebSocket as the platform sees it: in the hands of an object or of a Worker, at home
 * on one shard. What is on the other side is a wire: a client's connection (server/), another end
 * in this process (socket_pair), or a server that was called. A socket outlives the JavaScript that
 * looks at it: hibernatable ones, with tags, attachment and auto-response time, belong to the
 * object's resting record (platform.md §5).
 *
 *   LOOSE         made by a pair; what is sent to it waits (bounded)
 *   STANDARD      accept()ed: events go to its listener; keeps its object in memory
 *   HIBERNATABLE  acceptWebSocket()ed: events go to the object's mailbox
 *   AWAY          returned in a Response: the far end travels to the client
 *   CLOSED        both directions are over
 *
 * Own thread of its home shard, but for socket_far_*.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/socket_far.h"
#include "actor/socket_record.h"
#include "actor/socket_wire.h"
#include "base/bytes.h"

struct blob;
struct failure;
struct object;
struct shard;
struct socket;

/* ---- making and taking ---- */

/* A loose end without a wire, for one that socket_attach_wire() brings: a server that was
 * called. */
struct socket *socket_create(struct shard *shard);
/* Two loose ends wired to each other. One reference each is the caller's. */
void socket_pair(struct shard *shard, struct socket *ends[2]);
struct socket *socket_ref(struct socket *socket);
void socket_unref(struct socket *socket);

enum socket_mode {
    SOCKET_LOOSE,
    SOCKET_STANDARD,
    SOCKET_HIBERNATABLE,
    SOCKET_AWAY,
    SOCKET_CLOSED
};
enum socket_mode socket_mode(const struct socket *socket);

/* Events of a STANDARD socket; called from the shard's queue, not in a turn of the object. */
struct socket_listener {
    void (*message)(void *data, struct blob *payload, bool text);
    void (*close)(void *data, uint16_t code, const char *reason, bool clean);
    void (*error)(void *data, struct failure *failure);
    void (*drained)(void *data); /* what was sent has left a wire that was full; may be NULL */
    void *data;
};

/* object NULL: a Worker's. */
void socket_accept(struct socket *socket, struct object *object,
                   const struct socket_listener *listener);

/* ctx.acceptWebSocket(): the caller has checked platform.md §5.1.1-2. */
enum socket_accept_result {
    SOCKET_ACCEPT_TOO_MANY = 1, /* 32,768 on this object */
};

int socket_accept_hibernatable(struct socket *socket, struct object *object,
                               const struct bytes *tags, size_t tag_count);

/* ---- using ---- */

/* Through the output gate of the socket's object, in order. Takes no ownership. */
void socket_send(struct socket *socket, struct blob *data, bool text);
/* Close frame through the gate. The first one counts. */
void socket_close(struct socket *socket, uint16_t code, struct bytes reason);
bool socket_close_sent(const struct socket *socket);
bool socket_close_received(const struct socket *socket);
/* Over at once, as a lost connection; nothing more is heard of it. */
void socket_drop(struct socket *socket);
