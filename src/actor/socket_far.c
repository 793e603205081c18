#include "actor/failure.h"
#include "actor/shard_state.h"
#include "actor/socket.h"
#include "actor/socket_relay.h"
#include "actor/socket_state.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"

/*
 * An end that travels. At home two sockets remain: the one that stays and the one that went AWAY,
 * where everything that the first says lies until it is known where to. Then either a connection
 * takes the place of the AWAY end, or a socket on another shard does, over a link:
 *
 *     home                                         there
 *     stay ── far_wire ──┐   packets through   ┌── far_wire ── new LOOSE socket
 *                        └── shard_post() ─────┘
 *
 * Opening there comes first: the new socket may speak at once, and what it says is in the queue of
 * the home shard behind the packet that couples the one that stayed.
 */

struct socket_far {
    struct message message;
    struct shard *home;
    struct socket *away; /* owned reference; of the home shard's thread */
};

struct link {
    unsigned refs; /* atomic: one per wire, one per packet under way */
    struct shard *shards[2];
    struct socket *sockets[2]; /* borrowed; each of its own shard's thread; NULL: gone */
};

enum {
    HOME,
    THERE
};

struct far_wire {
    struct socket_wire wire;
    struct link *link;
    int side;
};

struct packet {
    struct message message;
    struct link *link;
    int to;
    struct frame frame;
};

/* ---- the link ---- */

static void link_unref(struct link *link)
{
    if (__atomic_fetch_sub(&link->refs, 1, __ATOMIC_ACQ_REL) == 1)
        mem_free(link);
}

static void packet_arrived(struct message *message)
{
    struct packet *packet = container_of(message, struct packet, message);
    struct socket *socket = packet->link->sockets[packet->to];

    if (socket != NULL)
        socket_arrive(socket, packet->frame);
    else
        frame_fini(&packet->frame);
    link_unref(packet->link);
    mem_free(packet);
}

static void post_frame(struct link *link, int to, struct frame frame)
{
    struct packet *packet = mem_new(struct packet);

    __atomic_fetch_add(&link->refs, 1, __ATOMIC_RELAXED);
    packet->message.run = packet_arrived;
    packet->link = link;
    packet->to = to;
    packet->frame = frame;
    shard_post(link->shards[to], &packet->message);
}

static void far_send(struct socket_wire *wire, struct blob *data, bool text)
{
    struct far_wire *far = container_of(wire, struct far_wire, wire);

    post_frame(far->link, !far->side,
               (struct frame){.kind = text ? FRAME_TEXT : FRAME_BINARY, .data = blob_ref(data)});
}

static void far_close(struct socket_wire *wire, uint16_t code, struct bytes reason)
{
    struct far_wire *far = container_of(wire, struct far_wire, wire);

    post_frame(far->link, !far->side,
               (struct frame){.kind = FRAME_CLOSE,
                              .code = code,
                              .data = blob_create(reason.data, reason.len)});
}

static void far_release(struct socket_wire *wire)
{
    struct far_wire *far = container_of(wire, struct far_wire, wire);

    far->link->sockets[far->side] = NULL;
    post_frame(far->link, !far->side, socket_lost_frame());
    link_unref(far->link);
    mem_free(far);
}

static void far_set_auto_response(struct socket_wire *wire, struct blob *request,
                                  struct blob *response)
{
    /* The socket that is asked answers by itself. */
    (void)wire;
    (void)request;
    (void)response;
}

static void far_pause(struct socket_wire *wire, bool paused)
{
    /* What is said meanwhile waits at the end that paused, as long as there is room. */
    (void)wire;
    (void)paused;
}

static const struct socket_wire_ops far_ops = {
    .send = far_send,
    .close = far_close,
    .release = far_release,
    .set_auto_response = far_set_auto_response,
    .pause = far_pause,
};

/* `link` gains a reference. */
static void wire_to(struct socket *socket, struct link *link, int side)
{
    struct far_wire *far = mem_new(struct far_wire);

    __atomic_fetch_add(&link->refs, 1, __ATOMIC_RELAXED);
    far->wire.ops = &far_ops;
    far->link = link;
    far->side = side;
    link->sockets[side] = socket;
    socket->in_memory = true;
    socket_attach_wire(socket, &far->wire);
}

/* ---- the end that travels ---- */

/* What a connection carries stays: a pair is relayed to it, whose other end can go. */
static struct socket *relayed(struct socket *carried)
{
    struct socket *ends[2];

    socket_pair(carried->shard, ends);
    socket_relay(carried, ends[0]);
    socket_unref(ends[0]);
    return ends[1];
}

struct socket_far *socket_send_away(struct socket *end)
{
    struct socket_far *far = mem_new(struct socket_far);

    ASSERT(end->mode == SOCKET_LOOSE);
    far->home = end->shard;
    if (end->wire == NULL || socket_paired(end))
        far->away = socket_ref(end);
    else
        far->away = relayed(end);
    far->away->mode = SOCKET_AWAY;
    return far;
}

struct shard *socket_far_home(const struct socket_far *far)
{
    return far->home;
}

static void far_free(struct socket_far *far)
{
    socket_unref(far->away);
    mem_free(far);
}

void socket_far_attach(struct socket_far *far, struct socket_wire *wire)
{
    struct socket *away = far->away;
    struct socket *stay = socket_peer(away);
    struct waiting *waiting = socket_take_waiting(away);

    socket_pair_split(away);
    away->mode = SOCKET_CLOSED;
    if (stay == NULL) {
        waiting_flush(waiting, wire);
        wire->ops->release(wire);
        far_free(far);
        return;
    }
    stay->in_memory = false;
    socket_attach_wire(stay, wire);
    waiting_flush(waiting, wire);
    far_free(far);
}

/* On the home shard: the coupling of socket_far_open(). */
struct coupling {
    struct message message;
    struct socket_far *far;
    struct link *link;
};

static void post_waiting(struct link *link, struct waiting *waiting)
{
    for (size_t i = 0; waiting != NULL && i < waiting->count; i++) {
        struct frame *frame = &waiting->frames[waiting->first + i];

        post_frame(link, THERE, *frame);
        *frame = (struct frame){0};
    }
    waiting_destroy(waiting);
}

static void couple(struct message *message)
{
    struct coupling *coupling = container_of(message, struct coupling, message);
    struct socket *away = coupling->far->away;
    struct socket *stay = socket_peer(away);
    struct waiting *waiting = socket_take_waiting(away);

    socket_pair_split(away);
    away->mode = SOCKET_CLOSED;
    post_waiting(coupling->link, waiting);
    if (stay != NULL)
        wire_to(stay, coupling->link, HOME);
    else
        post_frame(coupling->link, THERE, socket_lost_frame());
    link_unref(coupling->link);
    far_free(coupling->far);
    mem_free(coupling);
}

struct socket *socket_far_open(struct socket_far *far, struct shard *here)
{
    struct socket *socket = socket_create(here);
    struct coupling *coupling;

    if (far->home == here) {
        socket_pair_replace(far->away, socket);
        far->away->mode = SOCKET_CLOSED;
        far_free(far);
        return socket;
    }
    coupling = mem_new(struct coupling);
    coupling->far = far;
    coupling->message.run = couple;
    coupling->link = mem_new(struct link);
    coupling->link->refs = 1;
    coupling->link->shards[HOME] = far->home;
    coupling->link->shards[THERE] = here;
    wire_to(socket, coupling->link, THERE);
    shard_post(far->home, &coupling->message);
    return socket;
}

static void dropped(struct message *message)
{
    struct socket_far *far = container_of(message, struct socket_far, message);

    far->away->mode = SOCKET_CLOSED;
    socket_release_wire(far->away);
    far_free(far);
}

void socket_far_drop(struct socket_far *far)
{
    if (far == NULL)
        return;

    far->message.run = dropped;
    shard_post(far->home, &far->message);
}
