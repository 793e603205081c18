#pragma once

/*
 * Socket
 *
 * One end of a WebSocket as the platform sees it: in the hands of an object or of a Worker, at home
 * on one shard. What is on the other side is a wire: a client's connection (server/), another end in
 * this process (socket_pair), or a server that was called. A socket outlives the JavaScript that
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

#include "base/bytes.h"

struct blob;
struct failure;
struct object;
struct shard;
struct socket;
struct socket_far;

/* ---- wires: implemented by connections ---- */

struct socket_wire;

struct socket_wire_ops {
    /* Takes no ownership. `data` is the unframed payload; a wire that frames it may keep the frame
     * with the blob's identity so that one blob sent to many is framed once. */
    void (*send)(struct socket_wire *wire, struct blob *data, bool text);
    void (*close)(struct socket_wire *wire, uint16_t code, struct bytes reason);
    /* No socket any more: what was sent and closed still goes out, a connection that is open beyond
     * that is dropped; then free the wire. May come from inside socket_receive_close() or _error();
     * the other operations never do, and never call the socket back. */
    void (*release)(struct socket_wire *wire);
    /* request/response NULL: none. Answers text frames equal to `request` by itself and notes it
     * with socket_auto_responded(). */
    void (*set_auto_response)(struct socket_wire *wire, struct blob *request,
                              struct blob *response);
    /* Stop (or go on) handing over messages: the object's mailbox is full. */
    void (*pause)(struct socket_wire *wire, bool paused);
};

struct socket_wire {
    const struct socket_wire_ops *ops;
    struct socket *socket; /* set by socket_attach_wire() */
};

/* From now on `wire` carries the socket; what waited is sent. */
void socket_attach_wire(struct socket *socket, struct socket_wire *wire);

/* ---- what arrives, told by the wire ---- */

void socket_receive(struct socket *socket, struct blob *data, bool text); /* takes no ownership */
/* The peer's Close frame (clean), or the loss of the connection (not clean, 1006). */
void socket_receive_close(struct socket *socket, uint16_t code, struct bytes reason, bool clean);
void socket_receive_error(struct socket *socket, struct failure *failure);
void socket_auto_responded(struct socket *socket, int64_t time_ms);

/* ---- making and taking ---- */

/* A loose end without a wire, for one that socket_attach_wire() brings: a server that was called. */
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

size_t socket_tag_count(const struct socket *socket);
struct bytes socket_tag(const struct socket *socket, size_t index);
/* Serialised; NULL: none. Takes a reference. */
void socket_set_attachment(struct socket *socket, struct blob *attachment);
struct blob *socket_attachment(const struct socket *socket);       /* borrowed */
int64_t socket_auto_response_time_ms(const struct socket *socket); /* 0: never */

/* What the JavaScript wrapper needs after hibernation: url, protocol, extensions. Borrowed. */
void socket_set_protocol(struct socket *socket, const char *protocol, const char *extensions);
const char *socket_protocol(const struct socket *socket);
const char *socket_extensions(const struct socket *socket);

/* One pointer for the language's wrapper while the instance lives; cleared when it goes (drop). */
void *socket_wrapper(const struct socket *socket);
void socket_set_wrapper(struct socket *socket, void *wrapper);

/* The hibernatable sockets of an object: without tag newest first, with tag in accept order
 * (§5.1.3). `each` may not accept or close. */
void object_sockets(struct object *object, const struct bytes *tag,
                    void (*each)(void *data, struct socket *socket), void *data);
/* Both NULL clears. */
void object_set_auto_response(struct object *object, struct blob *request, struct blob *response);
void object_auto_response(const struct object *object, struct blob **request,
                          struct blob **response); /* borrowed */
/* ms; 0: none (§5.1.10) */
void object_set_socket_event_timeout(struct object *object, int64_t timeout_ms);
int64_t object_socket_event_timeout(const struct object *object);

/* ---- travelling ---- */

/* Sends one loose end of a pair away with a Response: its other end stays where it is. The far end
 * may cross threads. The socket becomes AWAY. */
struct socket_far *socket_send_away(struct socket *end);
/* Any thread. Where the other end lives: a connection to be attached must be handed over there. */
struct shard *socket_far_home(const struct socket_far *far);
/* On the home shard: couple a connection with the end that stayed. Frees `far`. If that end is gone
 * the wire is closed with 1006's cause and released. */
void socket_far_attach(struct socket_far *far, struct socket_wire *wire);
/* Any shard: take the far end as an ordinary loose socket here (resp.webSocket), wired across
 * threads. Frees `far`. The reference is the caller's. */
struct socket *socket_far_open(struct socket_far *far, struct shard *here);
/* Any thread: nobody wants it; the end that stayed sees a lost connection. NULL is allowed. */
void socket_far_drop(struct socket_far *far);
