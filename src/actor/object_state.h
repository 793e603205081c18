#pragma once

/*
 * What an object is made of: for the files of actor/ only.
 *
 * The record is what remains of an object that sleeps, so it is small. Everything that only an
 * object with an instance, mail or running events needs is in its life.
 */

#include "actor/namespace.h"
#include "actor/object.h"
#include "actor/shard_state.h"

struct alarm_run;
struct blob;
struct class;
struct input_gate;
struct output_gate;
struct vault;

enum object_state {
    OBJECT_COLD,
    OBJECT_LOADING,
    OBJECT_LIVE,
    OBJECT_RESTING,
    OBJECT_BROKEN,
    OBJECT_LEAVING,
};

/* As it stands in the map: number and id without a gap. */
struct object_key {
    uint32_t number;
    struct object_id id;
};

/* What an object has said about its sockets; most say nothing. */
struct socket_rules {
    struct blob *request;  /* owned reference; NULL: no auto-response */
    struct blob *response; /* owned reference */
    int64_t event_timeout_ms;
};

struct object {
    struct object_key key;
    uint8_t state; /* enum object_state */
    struct shard *shard;
    struct namespace *ns;       /* borrowed: outlives us */
    char *name;                 /* owned; NULL when not known */
    struct life *life;          /* owned; NULL while COLD or RESTING */
    struct vault *vault;        /* owned; NULL while its database is closed */
    struct socket_rules *rules; /* owned; NULL: none */
    struct list sockets;        /* socket.link: hibernatable ones, in order of acceptance */
    unsigned socket_count;
    unsigned commit_count; /* on their way to the disk */
    uint64_t lsn;          /* of the last one */
};

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

/* ---- registry.c ---- */

struct object *registry_get(struct shard *shard, struct namespace *ns, const struct object_id *id);
struct object *registry_get_or_create(struct shard *shard, struct namespace *ns,
                                      const struct object_id *id);

/* ---- object.c ---- */

void object_move(struct object *object, enum object_state state);

/* It has something to do: make it LOADING if it sleeps. */
struct life *object_wake(struct object *object);

/* Gives the record back if there is nothing left to remember. */
void object_forget(struct object *object);

/* Some of what there is to do; called by the shard while the object is runnable. */
void object_step(struct object *object);

/* Something about the life has changed: is it runnable, idle, held? */
void life_review(struct life *life);

/* The instance goes, and with it the life if no mail waits. Not in a turn, nothing in flight. */
void life_rest(struct life *life);

/* At the end of a shard: whatever is under way is answered with `failure`. */
void object_bury(struct object *object);

/* "internal error; reference = …": what callers see of a fault of ours. */
struct failure *object_internal_failure(struct object *object);

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
