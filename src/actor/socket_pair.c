#include "actor/shard_state.h"
#include "actor/socket.h"
#include "actor/socket_state.h"
#include "base/blob.h"
#include "base/mem.h"

/*
 * Two ends in one shard, wired to each other: what one says lies at the other until it listens,
 * travels, or is gone.
 */

struct pair_wire {
    struct socket_wire wire;
    struct socket *peer; /* borrowed; NULL: gone */
};

static struct pair_wire *pair_of(const struct socket *socket);

static void pair_send(struct socket_wire *wire, struct blob *data, bool text)
{
    struct pair_wire *pair = container_of(wire, struct pair_wire, wire);

    if (pair->peer != NULL)
        socket_arrive(pair->peer, (struct frame){.kind = text ? FRAME_TEXT : FRAME_BINARY,
                                                 .data = blob_ref(data)});
}

static void pair_close(struct socket_wire *wire, uint16_t code, struct bytes reason)
{
    struct pair_wire *pair = container_of(wire, struct pair_wire, wire);

    if (pair->peer != NULL)
        socket_arrive(pair->peer, (struct frame){.kind = FRAME_CLOSE,
                                                 .code = code,
                                                 .data = blob_create(reason.data, reason.len)});
}

static void pair_release(struct socket_wire *wire)
{
    struct pair_wire *pair = container_of(wire, struct pair_wire, wire);
    struct socket *peer = pair->peer;

    if (peer != NULL) {
        pair_of(peer)->peer = NULL;
        socket_arrive(peer, socket_lost_frame());
    }
    mem_free(pair);
}

static void pair_set_auto_response(struct socket_wire *wire, struct blob *request,
                                   struct blob *response)
{
    /* The socket that is asked answers by itself. */
    (void)wire;
    (void)request;
    (void)response;
}

static void pair_pause(struct socket_wire *wire, bool paused)
{
    /* What is said meanwhile waits at the end that paused, as long as there is room. */
    (void)wire;
    (void)paused;
}

static const struct socket_wire_ops pair_ops = {
    .send = pair_send,
    .close = pair_close,
    .release = pair_release,
    .set_auto_response = pair_set_auto_response,
    .pause = pair_pause,
};

static struct pair_wire *pair_of(const struct socket *socket)
{
    if (socket->wire == NULL || socket->wire->ops != &pair_ops)
        return NULL;
    return container_of(socket->wire, struct pair_wire, wire);
}

static void wire_to(struct socket *end, struct socket *peer)
{
    struct pair_wire *pair = mem_new(struct pair_wire);

    pair->wire.ops = &pair_ops;
    pair->peer = peer;
    end->in_memory = true;
    socket_attach_wire(end, &pair->wire);
}

void socket_pair(struct shard *shard, struct socket *ends[2])
{
    ends[0] = socket_create(shard);
    ends[1] = socket_create(shard);
    wire_to(ends[0], ends[1]);
    wire_to(ends[1], ends[0]);
}

bool socket_paired(const struct socket *end)
{
    return pair_of(end) != NULL;
}

struct socket *socket_peer(const struct socket *end)
{
    const struct pair_wire *pair = pair_of(end);

    return pair != NULL ? pair->peer : NULL;
}

void socket_pair_split(struct socket *end)
{
    struct socket *peer = socket_peer(end);

    if (peer != NULL) {
        pair_of(peer)->peer = NULL;
        pair_of(end)->peer = NULL;
        socket_release_wire(peer);
    }
    socket_release_wire(end);
}

void socket_pair_replace(struct socket *end, struct socket *with)
{
    struct socket *peer = socket_peer(end);

    with->waiting = socket_take_waiting(end);
    if (with->waiting != NULL)
        with->waiting->socket = with;
    with->ended = end->ended;
    socket_pair_split(end);
    wire_to(with, peer);
    if (peer != NULL)
        wire_to(peer, with);
}
