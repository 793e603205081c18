#include "native/peer.h"

#include <string.h>

#include "actor/failure.h"
#include "actor/socket.h"
#include "base/blob.h"
#include "base/mem.h"
#include "native/host.h"

/*
 * References: the open socket's, given back with its last event or with the instance, and one for
 * each event under way. `hold` is bound as long as the first is there; it is never ready.
 */
struct peer {
    struct later hold;
    const struct dm_peer *calls;
    void *data;
    struct socket *socket; /* owned reference */
    unsigned refs;
};

enum peer_event_kind {
    PEER_MESSAGE,
    PEER_CLOSE,
    PEER_ERROR
};

/* Something that the other end did, on its way to the class. */
struct peer_event {
    struct later later;
    struct peer *peer; /* a reference */
    enum peer_event_kind kind;
    struct blob *bytes; /* owned reference: a message, or the reason of a Close */
    bool text;
    bool clean;
    uint16_t code;
    struct failure *failure; /* owned reference */
};

static void peer_unref(struct peer *peer)
{
    if (--peer->refs > 0)
        return;
    socket_unref(peer->socket);
    mem_free(peer);
}

/* The instance goes. */
static void hold_drop(struct later *hold)
{
    struct peer *peer = container_of(hold, struct peer, hold);

    socket_close(peer->socket, 1001, bytes_of(NULL, 0));
    socket_drop(peer->socket);
    peer_unref(peer);
}

/* The socket has said its last. */
static void peer_over(struct peer *peer)
{
    if (peer->hold.host == NULL)
        return;
    later_unbind(&peer->hold);
    peer_unref(peer);
}

static void peer_event_free(struct peer_event *event)
{
    peer_unref(event->peer);
    blob_unref(event->bytes);
    failure_unref(event->failure);
    mem_free(event);
}

static void peer_event_drop(struct later *later)
{
    peer_event_free(container_of(later, struct peer_event, later));
}

static void call(struct peer_event *event, struct dm_object *host)
{
    const struct peer *peer = event->peer;
    const struct dm_peer *calls = peer->calls;
    struct dm_socket *socket = (struct dm_socket *)peer->socket;
    struct bytes bytes = blob_bytes(event->bytes);
    struct dm_bytes data = dm_bytes(bytes.data, bytes.len);

    switch (event->kind) {
    case PEER_MESSAGE:
        if (calls->message != NULL)
            calls->message(host->self, host, peer->data, socket, data, event->text);
        break;
    case PEER_CLOSE:
        if (calls->close != NULL)
            calls->close(host->self, host, peer->data, socket, event->code, data, event->clean);
        break;
    case PEER_ERROR:
        if (calls->error != NULL)
            calls->error(host->self, host, peer->data, socket, event->failure->message);
        break;
    }
}

static void peer_event_run(struct later *later, struct dm_object *host)
{
    struct peer_event *event = container_of(later, struct peer_event, later);
    struct peer *peer = event->peer;

    call(event, host);
    if (event->kind == PEER_CLOSE && event->clean)
        socket_close(peer->socket, event->code, blob_bytes(event->bytes));
    if (event->kind != PEER_MESSAGE)
        peer_over(peer);
    peer_event_free(event);
}

/* NULL: the instance has gone. */
static struct peer_event *peer_event_make(struct peer *peer, enum peer_event_kind kind)
{
    struct dm_object *host = peer->hold.host;
    struct peer_event *event;

    if (host == NULL)
        return NULL;
    event = mem_new(struct peer_event);
    event->peer = peer;
    peer->refs++;
    event->kind = kind;
    event->later.run = peer_event_run;
    event->later.drop = peer_event_drop;
    later_bind(&event->later, host, HOLD_IO);
    return event;
}

static void on_message(void *data, struct blob *payload, bool text)
{
    struct peer_event *event = peer_event_make(data, PEER_MESSAGE);

    if (event == NULL)
        return;
    event->bytes = blob_ref(payload);
    event->text = text;
    later_ready(&event->later);
}

static void on_close(void *data, uint16_t code, const char *reason, bool clean)
{
    struct peer_event *event = peer_event_make(data, PEER_CLOSE);

    if (event == NULL)
        return;
    event->code = code;
    event->bytes = blob_create(reason, reason != NULL ? strlen(reason) : 0);
    event->clean = clean;
    later_ready(&event->later);
}

static void on_error(void *data, struct failure *failure)
{
    struct peer_event *event = peer_event_make(data, PEER_ERROR);

    if (event == NULL)
        return;
    event->failure = failure_ref(failure);
    later_ready(&event->later);
}

void peer_open(struct dm_object *host, const struct dm_peer *calls, void *data,
               struct socket *socket, const struct dm_reply *reply)
{
    struct socket_listener listener = {on_message, on_close, on_error, NULL, NULL};
    struct peer *peer;

    if (socket == NULL) {
        if (calls->open != NULL)
            calls->open(host->self, host, data, NULL, reply);
        return;
    }
    peer = mem_new(struct peer);
    peer->calls = calls;
    peer->data = data;
    peer->socket = socket;
    peer->refs = 1;
    peer->hold.drop = hold_drop;
    later_bind(&peer->hold, host, HOLD_SOCKET);
    listener.data = peer;
    socket_accept(socket, host->object, &listener);
    if (calls->open != NULL)
        calls->open(host->self, host, data, (struct dm_socket *)socket, reply);
}

void peer_abandon(struct socket *socket)
{
    socket_drop(socket);
    socket_unref(socket);
}
