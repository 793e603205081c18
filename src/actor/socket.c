#include "actor/socket.h"

#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/outbox.h"
#include "actor/socket_state.h"
#include "actor/tags.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"

/*
 *   LOOSE ──accept()──────────► STANDARD ──────┐
 *     │ └──acceptWebSocket()──► HIBERNATABLE ──┤ closed both ways, lost, dropped
 *     └────in a Response──────► AWAY ──────────┴──────────────────────────────────► CLOSED
 *
 * Who holds references: the language's wrapper, the list of the object (or, for a socket of a
 * Worker, the socket itself) while it is STANDARD or HIBERNATABLE, events, letters in the outbox, a
 * far end. With the last one the wire goes.
 */

struct socket *socket_create(struct shard *shard)
{
    struct socket *socket = mem_new(struct socket);

    socket->refs = 1;
    socket->mode = SOCKET_LOOSE;
    socket->shard = shard;
    list_init(&socket->link);
    shard->counts.sockets++;
    return socket;
}

struct socket *socket_ref(struct socket *socket)
{
    socket->refs++;
    return socket;
}

void socket_unref(struct socket *socket)
{
    if (socket == NULL)
        return;

    ASSERT(socket->refs > 0);
    if (--socket->refs > 0)
        return;
    ASSERT(list_empty(&socket->link));
    socket_release_wire(socket);
    waiting_destroy(socket_take_waiting(socket));
    socket->shard->counts.sockets--;
    blob_unref(socket->attachment);
    mem_free(socket->listener);
    mem_free(socket->tags);
    mem_free(socket->protocol);
    mem_free(socket->extensions);
    mem_free(socket);
}

enum socket_mode socket_mode(const struct socket *socket)
{
    return (enum socket_mode)socket->mode;
}

void socket_release_wire(struct socket *socket)
{
    struct socket_wire *wire = socket->wire;

    if (wire == NULL)
        return;
    socket->wire = NULL;
    wire->socket = NULL;
    wire->ops->release(wire);
}

/* Both directions are over. Gives back the reference of whoever listened. */
static void finish(struct socket *socket)
{
    bool listened = socket->mode == SOCKET_STANDARD || socket->mode == SOCKET_HIBERNATABLE;
    struct object *object = socket->object;

    if (socket->mode == SOCKET_CLOSED)
        return;
    if (socket->mode == SOCKET_HIBERNATABLE) {
        object->socket_count--;
        object->shard->counts.accepted--;
        socket->left = true;
    }
    if (socket->mode == SOCKET_STANDARD && object != NULL)
        object->life->holds[HOLD_SOCKET]--;
    list_remove(&socket->link);
    socket->mode = SOCKET_CLOSED;
    socket->object = NULL;
    socket_release_wire(socket);
    if (object != NULL && object->life != NULL)
        life_review(object->life);
    if (listened)
        socket_unref(socket);
}

void socket_drop(struct socket *socket)
{
    socket->ended = true;
    socket->lost = true;
    finish(socket);
}

/* ---- what waits ---- */

void frame_fini(struct frame *frame)
{
    if (frame->kind == FRAME_ERROR)
        failure_unref(frame->failure);
    else
        blob_unref(frame->data);
    frame->data = NULL;
}

struct frame socket_lost_frame(void)
{
    static const char reason[] = "WebSocket disconnected without sending Close frame.";

    return (struct frame){
        .kind = FRAME_LOST, .code = 1006, .data = blob_create(reason, sizeof reason - 1)};
}

static size_t frame_size(const struct frame *frame)
{
    return frame->kind == FRAME_ERROR ? 0 : blob_bytes(frame->data).len;
}

struct waiting *socket_take_waiting(struct socket *socket)
{
    struct waiting *waiting = socket->waiting;

    socket->waiting = NULL;
    if (waiting != NULL)
        list_remove(&waiting->link);
    return waiting;
}

void waiting_destroy(struct waiting *waiting)
{
    if (waiting == NULL)
        return;

    list_remove(&waiting->link);
    for (size_t i = 0; i < waiting->count; i++)
        frame_fini(&waiting->frames[waiting->first + i]);
    mem_free(waiting->frames);
    mem_free(waiting);
}

void waiting_flush(struct waiting *waiting, struct socket_wire *wire)
{
    for (size_t i = 0; waiting != NULL && i < waiting->count; i++) {
        const struct frame *frame = &waiting->frames[waiting->first + i];

        switch ((enum frame_kind)frame->kind) {
        case FRAME_TEXT:
        case FRAME_BINARY: wire->ops->send(wire, frame->data, frame->kind == FRAME_TEXT); break;
        case FRAME_CLOSE: wire->ops->close(wire, frame->code, blob_bytes(frame->data)); break;
        case FRAME_LOST:
        case FRAME_ERROR: break;
        }
    }
    waiting_destroy(waiting);
}

static void push(struct socket *socket, struct frame frame)
{
    struct waiting *waiting = socket->waiting;

    if (waiting == NULL) {
        waiting = mem_new(struct waiting);
        waiting->socket = socket;
        list_init(&waiting->link);
        socket->waiting = waiting;
    }
    if (waiting->first > 0 && waiting->first + waiting->count == waiting->cap) {
        memmove(waiting->frames, waiting->frames + waiting->first,
                waiting->count * sizeof(struct frame));
        waiting->first = 0;
    }
    if (waiting->count == waiting->cap) {
        waiting->cap = waiting->cap == 0 ? 4 : waiting->cap * 2;
        waiting->frames = mem_realloc_array(waiting->frames, waiting->cap, sizeof(struct frame));
    }
    waiting->bytes += frame_size(&frame) + sizeof(struct frame);
    waiting->frames[waiting->first + waiting->count++] = frame;
}

static bool pop(struct socket *socket, struct frame *frame)
{
    struct waiting *waiting = socket->waiting;

    if (waiting == NULL)
        return false;
    if (waiting->count == 0) {
        waiting_destroy(socket_take_waiting(socket));
        return false;
    }
    *frame = waiting->frames[waiting->first++];
    waiting->count--;
    waiting->bytes -= frame_size(frame) + sizeof(struct frame);
    return true;
}

static bool listens(const struct socket *socket)
{
    return socket->mode == SOCKET_STANDARD || socket->mode == SOCKET_HIBERNATABLE;
}

/* Have what waits handed over from the loop. */
static void schedule(struct socket *socket)
{
    if (socket->waiting == NULL || !listens(socket) || socket->paused ||
        !list_empty(&socket->waiting->link))
        return;
    list_push_back(&socket->shard->arrivals, &socket->waiting->link);
    shard_poke(socket->shard);
}

void socket_pause(struct socket *socket, bool paused)
{
    if (socket->paused == paused)
        return;
    socket->paused = paused;
    if (socket->wire != NULL)
        socket->wire->ops->pause(socket->wire, paused);
    if (!paused)
        schedule(socket);
}

void socket_arrive(struct socket *socket, struct frame frame)
{
    bool over = frame.kind >= FRAME_CLOSE;

    if (socket->mode == SOCKET_CLOSED || socket->ended) {
        frame_fini(&frame);
        return;
    }
    if (socket->waiting != NULL && !over &&
        socket->waiting->bytes + frame_size(&frame) > LIMIT_SOCKET_WAITING_BYTES) {
        /* Nobody reads, and there is no one to hold back. */
        frame_fini(&frame);
        frame = socket_lost_frame();
        over = true;
    }
    if (over && !socket->shard->alive) {
        /* The collector's last round, after the last turn: nobody will be told. */
        frame_fini(&frame);
        socket_drop(socket);
        return;
    }
    socket->ended = over;
    push(socket, frame);
    if (!socket->in_memory && !listens(socket) &&
        socket->waiting->bytes > LIMIT_SOCKET_WAITING_BYTES / 2)
        socket_pause(socket, true);
    schedule(socket);
}

/* ---- handing over ---- */

static void hear_end(struct socket *socket, const struct frame *frame)
{
    const struct socket_listener *listener = socket->listener;
    struct bytes reason = frame->kind == FRAME_ERROR ? BYTES("") : blob_bytes(frame->data);
    char *text = mem_strndup(reason.len > 0 ? (const char *)reason.data : "", reason.len);

    socket->close_received = true;
    if (frame->kind != FRAME_CLOSE)
        socket->lost = true;
    socket_ref(socket);
    if (frame->kind == FRAME_ERROR)
        listener->error(listener->data, frame->failure);
    else
        listener->close(listener->data, frame->code, text, frame->kind == FRAME_CLOSE);
    if (socket->lost || socket->close_sent)
        finish(socket);
    socket_unref(socket);
    mem_free(text);
}

static void hand_over(struct socket *socket, struct frame *frame)
{
    if (socket->mode == SOCKET_HIBERNATABLE) {
        socket_send_event(socket, frame);
    } else if (frame->kind >= FRAME_CLOSE) {
        hear_end(socket, frame);
    } else {
        const struct socket_listener *listener = socket->listener;

        listener->message(listener->data, frame->data, frame->kind == FRAME_TEXT);
    }
    frame_fini(frame);
}

/* Everything that waits, until somebody says stop. */
static void hand_over_waiting(struct socket *socket)
{
    struct frame frame;

    socket_ref(socket);
    while (listens(socket) && !socket->paused && pop(socket, &frame))
        hand_over(socket, &frame);
    socket_unref(socket);
}

void sockets_run_arrivals(struct shard *shard)
{
    struct list *link;

    for (unsigned i = 0; i < LIMIT_SHARD_STEPS_PER_TURN; i++) {
        link = list_pop_front(&shard->arrivals);
        if (link == NULL)
            return;
        hand_over_waiting(container_of(link, struct waiting, link)->socket);
    }
}

void sockets_drop_arrivals(struct shard *shard)
{
    struct list *link;

    while ((link = list_pop_front(&shard->arrivals)) != NULL)
        socket_drop(container_of(link, struct waiting, link)->socket);
}

/* From a connection: at once if it is this frame's turn. */
static void receive(struct socket *socket, struct frame frame)
{
    if (socket->waiting != NULL || socket->shard->turn != NULL || !listens(socket) ||
        socket->paused || socket->ended) {
        socket_arrive(socket, frame);
        return;
    }
    socket->ended = frame.kind >= FRAME_CLOSE;
    hand_over(socket, &frame);
}

void socket_receive(struct socket *socket, struct blob *data, bool text)
{
    receive(socket,
            (struct frame){.kind = text ? FRAME_TEXT : FRAME_BINARY, .data = blob_ref(data)});
}

void socket_receive_close(struct socket *socket, uint16_t code, struct bytes reason, bool clean)
{
    if (!clean) {
        /* After a Close that was answered by nobody the loss is the end of it. */
        socket->lost = true;
        if (socket->ended && socket->mode == SOCKET_STANDARD && socket->close_received) {
            finish(socket);
            return;
        }
    }
    receive(socket, (struct frame){.kind = clean ? FRAME_CLOSE : FRAME_LOST,
                                   .code = code,
                                   .data = blob_create(reason.data, reason.len)});
}

void socket_receive_error(struct socket *socket, struct failure *failure)
{
    socket->lost = true;
    receive(socket, (struct frame){.kind = FRAME_ERROR, .failure = failure_ref(failure)});
}

void socket_drained(struct socket *socket)
{
    if (socket->mode == SOCKET_STANDARD && socket->listener->drained != NULL)
        socket->listener->drained(socket->listener->data);
}

void socket_auto_responded(struct socket *socket, int64_t time_ms)
{
    socket->auto_response_ms = time_ms;
}

void socket_attach_wire(struct socket *socket, struct socket_wire *wire)
{
    ASSERT(socket->wire == NULL);
    socket->wire = wire;
    wire->socket = socket;
    if (socket->mode == SOCKET_HIBERNATABLE && socket->object->rules != NULL)
        wire->ops->set_auto_response(wire, socket->object->rules->request,
                                     socket->object->rules->response);
    if (socket->paused)
        wire->ops->pause(wire, true);
}

/* ---- accepting ---- */

static void settle_down(struct socket *socket, enum socket_mode mode, struct object *object)
{
    ASSERT(socket->mode == SOCKET_LOOSE);
    socket->mode = (uint8_t)mode;
    socket->object = object;
    socket_ref(socket);
    socket_pause(socket, false);
    schedule(socket);
}

void socket_accept(struct socket *socket, struct object *object,
                   const struct socket_listener *listener)
{
    socket->listener = mem_dup(listener, sizeof *listener);
    if (object != NULL) {
        object->life->holds[HOLD_SOCKET]++;
        list_push_back(&object->life->standard, &socket->link);
    }
    settle_down(socket, SOCKET_STANDARD, object);
}

int socket_accept_hibernatable(struct socket *socket, struct object *object,
                               const struct bytes *tags, size_t tag_count)
{
    if (object->socket_count >= LIMIT_WS_PER_OBJECT)
        return SOCKET_ACCEPT_TOO_MANY;

    socket->tags = tags_create(tags, tag_count);
    object->socket_count++;
    object->shard->counts.accepted++;
    list_push_back(&object->sockets, &socket->link);
    settle_down(socket, SOCKET_HIBERNATABLE, object);
    if (object->rules != NULL && socket->wire != NULL)
        socket->wire->ops->set_auto_response(socket->wire, object->rules->request,
                                             object->rules->response);
    return 0;
}

/* ---- saying ---- */

void socket_send(struct socket *socket, struct blob *data, bool text)
{
    if (socket->close_called || socket->mode == SOCKET_CLOSED)
        return;
    if (socket->object != NULL && socket->object->life != NULL)
        outbox_send(socket->object->life, socket, data, text);
    else
        socket_put_frame(socket, data, text);
}

void socket_put_frame(struct socket *socket, struct blob *data, bool text)
{
    if (socket->wire != NULL && !socket->lost && !socket->close_sent)
        socket->wire->ops->send(socket->wire, data, text);
}

void socket_close(struct socket *socket, uint16_t code, struct bytes reason)
{
    if (socket->close_called || socket->mode == SOCKET_CLOSED)
        return;
    socket->close_called = true;
    if (socket->object != NULL && socket->object->life != NULL) {
        struct blob *text = reason.len > 0 ? blob_create(reason.data, reason.len) : NULL;

        outbox_close(socket->object->life, socket, code, text);
        blob_unref(text);
        return;
    }
    socket_put_close(socket, code, reason);
}

void socket_put_close(struct socket *socket, uint16_t code, struct bytes reason)
{
    if (socket->close_sent || socket->mode == SOCKET_CLOSED)
        return;
    socket->close_sent = true;
    if (socket->wire != NULL && !socket->lost)
        socket->wire->ops->close(socket->wire, code, reason);
    if (socket->mode == SOCKET_STANDARD && socket->close_received)
        finish(socket);
}

bool socket_close_sent(const struct socket *socket)
{
    return socket->close_called;
}

bool socket_close_received(const struct socket *socket)
{
    return socket->close_received;
}

/* ---- events of hibernatable sockets ---- */

static void last_event_over(struct event *event, struct event_result *result)
{
    struct socket *socket = event->socket.socket;

    event_result_fini(result);
    if (socket->mode == SOCKET_HIBERNATABLE)
        finish(socket);
}

/* A peer of this process has no connection that answers for a sleeping object. */
static bool auto_respond(struct socket *socket, const struct frame *frame)
{
    const struct socket_rules *rules = socket->object->rules;

    if (!socket->in_memory || rules == NULL || rules->request == NULL ||
        frame->kind != FRAME_TEXT ||
        !bytes_equal(blob_bytes(rules->request), blob_bytes(frame->data)))
        return false;
    socket->auto_response_ms = socket->shard->wall_ms;
    socket_put_frame(socket, rules->response, true);
    return true;
}

static struct event *last_event(struct socket *socket, struct frame *frame)
{
    struct event *event = event_create(frame->kind == FRAME_ERROR ? EVENT_ERROR : EVENT_CLOSE);

    event->reply = last_event_over;
    event->socket.code = frame->code;
    event->socket.clean = frame->kind == FRAME_CLOSE;
    if (frame->kind == FRAME_ERROR) {
        event->socket.failure = failure_ref(frame->failure);
    } else {
        struct bytes reason = blob_bytes(frame->data);

        event->socket.reason =
            mem_strndup(reason.len > 0 ? (const char *)reason.data : "", reason.len);
    }
    socket->lost = socket->lost || frame->kind != FRAME_CLOSE;
    socket->hidden = object_instance(socket->object) == NULL;
    return event;
}

void socket_send_event(struct socket *socket, struct frame *frame)
{
    struct object *object = socket->object;
    struct event *event;

    if (frame->kind >= FRAME_CLOSE) {
        event = last_event(socket, frame);
    } else {
        if (auto_respond(socket, frame))
            return;
        event = event_create(EVENT_MESSAGE);
        event->socket.data = blob_ref(frame->data);
        event->socket.text = frame->kind == FRAME_TEXT;
    }
    event->socket.socket = socket_ref(socket);
    socket->pending++;
    shard_send(socket->shard, object->ns, &object->key.id, NULL, event);
    if (socket->mode == SOCKET_HIBERNATABLE && object->life != NULL &&
        (socket->pending >= LIMIT_SOCKET_PENDING ||
         object->life->mail_count >= LIMIT_MAILBOX_PAUSE))
        socket_pause(socket, true);
}

void socket_event_delivered(struct socket *socket, enum event_kind kind)
{
    const struct life *life = socket->object != NULL ? socket->object->life : NULL;

    socket->pending--;
    if (kind != EVENT_MESSAGE)
        socket->close_received = true;
    if (life != NULL && socket->paused &&
        (socket->pending == 0 ||
         (socket->pending <= LIMIT_SOCKET_PENDING / 2 && life->mail_count < LIMIT_MAILBOX_PAUSE)))
        socket_pause(socket, false);
}

void socket_leave(struct socket *socket)
{
    socket->left = true;
}

/* ---- of an object, an instance ---- */

void sockets_forget_wrappers(struct object *object)
{
    struct list *link;

    list_for_each (link, &object->sockets)
        container_of(link, struct socket, link)->wrapper = NULL;
}

void sockets_lose_standard(struct life *life)
{
    struct list *link;

    while ((link = list_first(&life->standard)) != NULL)
        socket_drop(container_of(link, struct socket, link));
}

void sockets_lose_all(struct object *object)
{
    struct list *link;

    while ((link = list_first(&object->sockets)) != NULL)
        socket_drop(container_of(link, struct socket, link));
}
