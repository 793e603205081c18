#pragma once

/*
 * Socket wire
 *
 * What carries a socket to its other side: implemented by connections (server/) and, between two
 * ends in this process, by the actor core. Own thread of the socket's home shard.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct blob;
struct failure;
struct socket;

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
    /* True: so much waits to be sent that it will say when it is less, with socket_drained(). NULL:
     * never. */
    bool (*full)(struct socket_wire *wire);
};

struct socket_wire {
    const struct socket_wire_ops *ops;
    struct socket *socket; /* set by socket_attach_wire() */
};

/* From now on `wire` carries the socket; what waited is sent. */
void socket_attach_wire(struct socket *socket, struct socket_wire *wire);

/* ---- what arrives, told by the wire ---- */

void socket_receive(struct socket *socket, struct blob *data, bool text); /* takes no ownership */
/* The peer's Close frame (clean), or the loss of the connection (not clean, 1006). A loss is told
 * also after a Close: it ends a socket whose owner never answered. */
void socket_receive_close(struct socket *socket, uint16_t code, struct bytes reason, bool clean);
void socket_receive_error(struct socket *socket, struct failure *failure);
void socket_drained(struct socket *socket);
void socket_auto_responded(struct socket *socket, int64_t time_ms);
