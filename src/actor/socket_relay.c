#include "actor/socket_relay.h"

#include "actor/shard_state.h"
#include "actor/socket.h"
#include "actor/socket_state.h"
#include "base/blob.h"
#include "base/list.h"
#include "base/mem.h"

/*
 * A side is over once it has heard its end, or was cut because the other one was lost. The relay
 * goes with the second.
 *
 * A side that cannot say as quickly as the other hears stops that one until its connection has
 * drained.
 */

struct side {
    struct socket *socket; /* owned reference */
    struct side *other;
    struct relay *relay;
    bool over;
};

struct relay {
    struct side sides[2];
    struct list link; /* shard->relays */
};

static void relay_free(struct relay *relay)
{
    list_remove(&relay->link);
    for (int i = 0; i < 2; i++)
        socket_unref(relay->sides[i].socket);
    mem_free(relay);
}

static void side_over(struct side *side)
{
    side->over = true;
    if (side->other->over)
        relay_free(side->relay);
}

/* Also where that one has heard a Close, which nobody will answer now. */
static void cut_other(struct side *side)
{
    side->other->over = true;
    socket_drop(side->other->socket);
    side_over(side);
}

static void on_message(void *data, struct blob *payload, bool text)
{
    struct side *side = data;
    struct socket *to = side->other->socket;

    socket_send(to, payload, text);
    if (to->wire != NULL && to->wire->ops->full != NULL && to->wire->ops->full(to->wire))
        socket_pause(side->socket, true);
}

static void on_drained(void *data)
{
    struct side *side = data;

    socket_pause(side->other->socket, false);
}

static void on_close(void *data, uint16_t code, const char *reason, bool clean)
{
    struct side *side = data;

    if (!clean) {
        cut_other(side);
        return;
    }
    socket_close(side->other->socket, code, bytes_of_string(reason));
    side_over(side);
}

static void on_error(void *data, struct failure *failure)
{
    (void)failure;
    cut_other(data);
}

static void listen(struct side *side)
{
    struct socket_listener listener = {.message = on_message,
                                       .close = on_close,
                                       .error = on_error,
                                       .drained = on_drained,
                                       .data = side};

    socket_accept(side->socket, NULL, &listener);
}

void socket_relay(struct socket *one, struct socket *other)
{
    struct relay *relay = mem_new(struct relay);

    relay->sides[0].socket = socket_ref(one);
    relay->sides[1].socket = socket_ref(other);
    for (int i = 0; i < 2; i++) {
        relay->sides[i].other = &relay->sides[!i];
        relay->sides[i].relay = relay;
    }
    list_push_back(&one->shard->relays, &relay->link);
    listen(&relay->sides[0]);
    listen(&relay->sides[1]);
}

void socket_relays_drop(struct shard *shard)
{
    struct list *link;

    while ((link = list_first(&shard->relays)) != NULL) {
        struct relay *relay = container_of(link, struct relay, link);

        for (int i = 0; i < 2; i++)
            socket_drop(relay->sides[i].socket);
        relay_free(relay);
    }
}
