#pragma once

/*
 * Life
 *
 * What an object has while it is awake: instance, gates, mail, tasks, what it has written and said
 * in this turn. For the files of actor/ only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/object.h"
#include "actor/shard.h"
#include "base/list.h"

struct alarm_run;
struct batch;
struct class;
struct input_gate;
struct output_gate;

struct life {
    struct object *object;
    struct class *class;     /* of the instance */
    void *instance;          /* NULL while LOADING */
    struct failure *failure; /* owned: why it is BROKEN */

    struct input_gate *input;
    struct output_gate *output;
    struct output_gate *unsynced; /* behind unconfirmed writes too; NULL until there is one */
    struct section *section;      /* owned: whose code runs in this turn */
    struct list sections;         /* section_watch.link: begun and not ended */

    struct list mail;   /* parcel.link: waiting at the input gate */
    struct list flight; /* parcel.link: delivered and not finished, oldest first */
    size_t mail_count;
    size_t mail_bytes;
    struct list tasks; /* task.instance_link: bound ones */
    size_t ready_count;
    size_t holds[HOLD_REASON_COUNT];
    struct list standard; /* socket.link: accepted by accept() */

    uint64_t ticket;          /* of the writes of this turn; 0: none taken */
    uint64_t unsynced_ticket; /* the same of the other gate */
    bool writing;             /* something was written since the last commit */
    bool storage_begun;       /* its database has been looked at */
    bool unconfirmed;         /* writes take no ticket now */
    unsigned transactions;    /* open ones: the end of a turn does not commit */
    bool corked;
    struct list commits; /* commit.life_link */
    struct batch *batch; /* borrowed: the newest, while it can take more */
    size_t outbox_bytes;
    struct alarm_run *alarm; /* borrowed: delivered and not finished */

    struct list run_link;
    struct list rest_link;
    struct list touched_link;
    int64_t quiet_since_ms;
    bool resting_held; /* in shard->held rather than in shard->idle */
    bool stale;        /* its class was replaced */
    bool overdue;      /* stale for so long that it goes with events in flight */
    struct shard_timer event_timer;
};

/* ---- object.c ---- */

/* Something about the life has changed: is it runnable, idle, held? */
void life_review(struct life *life);

/* The instance goes, and with it the life if no mail waits. Not in a turn, nothing in flight. */
void life_rest(struct life *life);

/* ---- turn.c ---- */

/* Takes the reference to `section`. */
void turn_begin(struct life *life, struct section *section);
void turn_end(struct shard *shard);

/* Not in a turn: commits what touched lives have written and lets out what they said. */
void turn_settle(struct shard *shard);

/* This life wrote or spoke: settle it when the turn is over. */
void turn_touch(struct life *life);

/* The first write of a turn. */
void turn_writing(struct life *life);

/* ---- task.c ---- */

void task_bind_in(struct task *task, struct object *object, enum hold_reason reason,
                  struct section *section);
void task_drop_all(struct life *life);

/* ---- section.c ---- */

/* Code of this section is about to run: its time begins. */
void section_enter(struct life *life, struct section *section);
void section_forget_all(struct life *life);
