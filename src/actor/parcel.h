#pragma once

/*
 * Parcel
 *
 * An event with what the actor keeps about it: where it goes, where it is, what came of it. For
 * the files of actor/ only.
 *
 *   NEW ──send──► UNDER_WAY ──► WAITING ──admitted──► DELIVERED ──finish──► FINISHED ──► ANSWERED
 *                     │            │                      │                    │            ▲
 *                     └────────────┴── refused, reset ────┴────────────────────┴────────────┘
 */

#include "actor/event.h"
#include "actor/input_gate.h"
#include "actor/namespace.h"
#include "actor/shard.h"

struct life;

enum parcel_state {
    PARCEL_NEW,
    PARCEL_UNDER_WAY, /* on its way to the shard of the object */
    PARCEL_WAITING,   /* in the mailbox, at the input gate */
    PARCEL_DELIVERED, /* in the hands of the class */
    PARCEL_FINISHED,  /* its result waits at the output gate */
    PARCEL_ANSWERED,  /* the result is on its way to the sender */
};

struct parcel {
    struct event event;
    enum parcel_state state;
    struct message message; /* from shard to shard, there and back */
    struct namespace *ns;
    struct object_id id;
    char *name;                  /* owned; NULL */
    struct shard *sender;        /* reply() runs there */
    struct life *life;           /* while WAITING, DELIVERED or FINISHED */
    struct input_gate_wait wait; /* while WAITING; its link is that of the life's mail */
    struct list link;            /* life's mail or flight */
    struct event_result result;  /* owned, from FINISHED on */
    int64_t delivered_ms;        /* monotonic */
    size_t size_bytes;
};

struct parcel *parcel_of(struct event *event);

/* Not in a turn: the sender hears the result, now if it is on this shard. */
void parcel_answer(struct parcel *parcel, struct shard *here);

/* The same from the queue of the sender's shard, with a failure (takes no ownership). */
void parcel_refuse(struct parcel *parcel, struct failure *failure);

/* ---- mailbox.c ---- */

/* On the shard of the object. */
void mailbox_put(struct shard *shard, struct parcel *parcel);

/* Resets the object when a socket event has been in flight for longer than it may. */
void mailbox_check_event_age(struct life *life);

/* Takes every parcel that waits or is in flight out of a life; linked by parcel.link. */
void mailbox_take_all(struct life *life, struct list *parcels);
