#include "actor/alarm.h"
#include "actor/class.h"
#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/outbox.h"
#include "actor/parcel.h"
#include "actor/socket_state.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"

/*
 * The way of an event: shard_send() on the sender's thread, the mailbox of the object on its own,
 * the input gate, the class, event_finish(), the outbox, and back.
 */

static bool is_socket_event(const struct event *event)
{
    return event->kind == EVENT_MESSAGE || event->kind == EVENT_CLOSE || event->kind == EVENT_ERROR;
}

/* ---- sending ---- */

static void refuse(struct parcel *parcel, unsigned flags, const char *message)
{
    struct failure *failure = failure_create("Error", message, NULL, flags);

    parcel_refuse(parcel, failure);
    failure_unref(failure);
}

static void arrived(struct message *message)
{
    struct parcel *parcel = container_of(message, struct parcel, message);
    struct shard *shard = shard_of(parcel->sender->group, &parcel->id);

    __atomic_fetch_sub(&shard->inbound_events, 1, __ATOMIC_RELAXED);
    mailbox_put(shard, parcel);
}

void shard_send(struct shard *sender, struct namespace *ns, const struct object_id *id,
                const char *name, struct event *event)
{
    struct parcel *parcel = parcel_of(event);
    struct shard *shard = shard_of(sender->group, id);
    const struct object *turn = sender->turn;

    ASSERT(parcel->state == PARCEL_NEW);
    parcel->state = PARCEL_UNDER_WAY;
    parcel->sender = sender;
    parcel->ns = ns;
    parcel->id = *id;
    if (name != NULL && strlen(name) <= LIMIT_OBJECT_NAME_BYTES)
        parcel->name = mem_strdup(name);

    if (shard == sender) {
        /* A call of an object to itself belongs to the section that makes it. */
        if (turn != NULL && turn->ns == ns && object_id_equal(&turn->key.id, id))
            parcel->wait.origin = section_ref(turn->life->section);
        mailbox_put(shard, parcel);
        return;
    }
    if (__atomic_add_fetch(&shard->inbound_events, 1, __ATOMIC_RELAXED) > LIMIT_SHARD_QUEUE) {
        __atomic_fetch_sub(&shard->inbound_events, 1, __ATOMIC_RELAXED);
        refuse(parcel, FAILURE_OVERLOADED,
               "Durable Object is overloaded. Too many requests queued.");
        return;
    }
    parcel->message.run = arrived;
    shard_post(shard, &parcel->message);
}

/* ---- delivering ---- */

static void leave_mail(struct parcel *parcel)
{
    struct life *life = parcel->life;

    list_remove(&parcel->link);
    life->mail_count--;
    life->mail_bytes -= parcel->size_bytes;
    life->object->shard->counts.events_waiting--;
}

/* The first in flight sets the time for all: they have the same limit. */
static void watch_event_age(struct life *life, struct parcel *parcel)
{
    const struct socket_rules *rules = life->object->rules;

    if (rules == NULL || rules->event_timeout_ms == 0 || life->event_timer.armed)
        return;
    shard_timer_set(life->object->shard, &life->event_timer,
                    parcel->delivered_ms + rules->event_timeout_ms -
                        shard_monotonic_ms(life->object->shard));
}

static void deliver(struct input_gate_wait *wait)
{
    struct parcel *parcel = container_of(wait, struct parcel, wait);
    struct life *life = parcel->life;
    struct object *object = life->object;
    struct section *section = wait->origin;
    struct socket *leaving = NULL;

    wait->origin = NULL;
    leave_mail(parcel);
    list_push_back(&life->flight, &parcel->link);
    parcel->state = PARCEL_DELIVERED;
    object->shard->counts.events++;
    if (is_socket_event(&parcel->event)) {
        parcel->delivered_ms = shard_monotonic_ms(object->shard);
        watch_event_age(life, parcel);
        socket_event_delivered(parcel->event.socket.socket, parcel->event.kind);
        if (parcel->event.kind != EVENT_MESSAGE)
            leaving = socket_ref(parcel->event.socket.socket);
    }

    turn_begin(life, section);
    if (parcel->event.kind == EVENT_ALARM && !alarm_begin(life, parcel))
        event_finish(&parcel->event, &(struct event_result){0});
    else
        life->class->ops->deliver(life->instance, &parcel->event);
    turn_end(object->shard);
    if (leaving != NULL)
        socket_leave(leaving);
    socket_unref(leaving);
}

static const char *overload(const struct life *life, const struct parcel *parcel)
{
    /* Wires are told to stop long before; what they still hand over is not thrown away. */
    if (is_socket_event(&parcel->event) || parcel->event.kind == EVENT_ALARM)
        return NULL;
    if (life->mail_count >= LIMIT_MAILBOX_EVENTS)
        return "Durable Object is overloaded. Too many requests queued.";
    if (parcel->size_bytes > 0 && life->mail_bytes > 0 &&
        life->mail_bytes + parcel->size_bytes > LIMIT_MAILBOX_BYTES)
        return "Durable Object is overloaded. Too much data queued.";
    return NULL;
}

static size_t size_of(const struct event *event)
{
    if (event->kind == EVENT_CALL)
        return blob_bytes(event->call.arguments).len;
    if (event->kind == EVENT_MESSAGE)
        return blob_bytes(event->socket.data).len;
    return 0;
}

/* A call for one instance does not wake another; it runs where what it calls was made. */
static bool take_aim(struct parcel *parcel)
{
    const struct event_aim *aim = parcel->event.call.aim;

    if (aim == NULL)
        return true;
    if (aim->over) {
        refuse(parcel, 0, EVENT_AIM_OVER_TEXT);
        return false;
    }
    if (parcel->wait.origin == NULL)
        parcel->wait.origin = section_ref(aim->section);
    return true;
}

void mailbox_put(struct shard *shard, struct parcel *parcel)
{
    struct object *object;
    struct life *life;
    const char *refusal;

    if (!shard->alive || shard->draining) {
        refuse(parcel, FAILURE_RETRYABLE, "The Durable Object's server is shutting down.");
        return;
    }
    if (shard_class(shard, parcel->ns) == NULL) {
        struct failure *failure =
            failure_format(0, "Worker does not export a Durable Object class named \"%s\".",
                           namespace_class_name(parcel->ns));

        parcel_refuse(parcel, failure);
        failure_unref(failure);
        return;
    }

    if (parcel->event.kind == EVENT_CALL && !take_aim(parcel))
        return;

    object = registry_get_or_create(shard, parcel->ns, &parcel->id);
    if (object->name == NULL && parcel->name != NULL) {
        object->name = parcel->name;
        parcel->name = NULL;
    }
    life = object_wake(object);
    parcel->size_bytes = size_of(&parcel->event);
    refusal = overload(life, parcel);
    if (refusal != NULL) {
        refuse(parcel, FAILURE_OVERLOADED, refusal);
        return;
    }

    parcel->state = PARCEL_WAITING;
    parcel->life = life;
    parcel->event.object = object;
    parcel->wait.admit = deliver;
    list_push_back(&life->mail, &parcel->link);
    life->mail_count++;
    life->mail_bytes += parcel->size_bytes;
    shard->counts.events_waiting++;
    input_gate_wait(life->input, &parcel->wait);
    life_review(life);
}

/* ---- finishing ---- */

void event_finish(struct event *event, struct event_result *result)
{
    struct parcel *parcel = parcel_of(event);
    struct life *life = parcel->life;

    ASSERT(parcel->state == PARCEL_DELIVERED);
    if (life->failure != NULL) {
        /* It is answered with the failure when the object is buried. */
        event_result_fini(result);
        return;
    }
    list_remove(&parcel->link);
    parcel->state = PARCEL_FINISHED;
    parcel->result = *result;
    *result = (struct event_result){0};
    if (event->kind == EVENT_ALARM)
        alarm_end(life, parcel, &parcel->result);
    outbox_reply(life, parcel);
    life_review(life);
}

void mailbox_check_event_age(struct life *life)
{
    const struct socket_rules *rules = life->object->rules;
    struct shard *shard = life->object->shard;
    struct list *link;

    if (rules == NULL || rules->event_timeout_ms == 0)
        return;
    list_for_each (link, &life->flight) {
        struct parcel *parcel = container_of(link, struct parcel, link);
        struct failure *failure;
        int64_t left_ms;

        if (!is_socket_event(&parcel->event))
            continue;
        left_ms = parcel->delivered_ms + rules->event_timeout_ms - shard_monotonic_ms(shard);
        if (left_ms > 0) {
            shard_timer_set(shard, &life->event_timer, left_ms);
            return;
        }
        failure = failure_format(0, "Actor exceeded event execution time and was disconnected.");
        object_abort(life->object, failure);
        failure_unref(failure);
        return;
    }
}

void mailbox_take_all(struct life *life, struct list *parcels)
{
    struct list *link;

    list_splice_back(parcels, &life->flight);
    while ((link = list_first(&life->mail)) != NULL) {
        struct parcel *parcel = container_of(link, struct parcel, link);

        input_gate_cancel(&parcel->wait);
        leave_mail(parcel);
        list_push_back(parcels, &parcel->link);
    }
}
