#pragma once

/*
 * Object
 *
 * One Durable Object on its shard, from the first event that names it until there is nothing left
 * to remember (architecture.md §5). The class sees it as its host: storage, gates, sections, alarm,
 * sockets, abort. Own thread.
 *
 * A turn is one entry into the class: its code runs to the end of its microtasks, then what it
 * wrote is committed. Everything that happens to an object happens in a turn: an event is
 * delivered, a task runs. Turns never nest and never overlap, and no call below runs class code
 * before it returns.
 */

#include <stdbool.h>
#include <stdint.h>

#include "actor/input_gate.h"
#include "base/list.h"

struct blob;
struct database;
struct err_text;
struct failure;
struct namespace;
struct object;
struct object_id;
struct output_gate_wait;
struct section;
struct shard;

/* ---- who it is ---- */

struct shard *object_shard(const struct object *object);
struct namespace *object_namespace(const struct object *object);
const struct object_id *object_id(const struct object *object);
const char *object_name(const struct object *object); /* NULL when not known */
/* The instance that is alive, or NULL; changes with every construction. */
void *object_instance(const struct object *object);

/* ---- running ---- */

/* Something that will run later in the object's instance: a timer, an I/O result. Embedded in its
 * owner, zeroed before the first bind. */
struct task {
    /* In a turn of the object, in the section of its origin. */
    void (*run)(struct task *task);
    /* Instead of run(), not in a turn: the instance is gone. */
    void (*drop)(struct task *task);
    struct object *object;       /* private */
    struct input_gate_wait wait; /* private: its section, and its place when it is ready */
    struct list instance_link;   /* private */
    uint8_t state;               /* private; 0: unbound */
    uint8_t reason;              /* private */
};

/* Bind a task to the instance and to the section that is running now; it keeps the object in memory
 * (for `reason`, shown to operators) until it has run or was dropped or unbound. */
enum hold_reason {
    HOLD_TIMER,
    HOLD_IO,
    HOLD_SOCKET,
    HOLD_WAIT_UNTIL,
    HOLD_REASON_COUNT
};

void task_bind(struct task *task, struct object *object, enum hold_reason reason);
/* Its time has come: run when the input gate admits it, from the shard's loop. Once per bind. */
void task_ready(struct task *task);
/* Forget it; neither run() nor drop() will be called. Harmless if unbound. */
void task_unbind(struct task *task);

/* The section whose code is running in this turn; NULL outside any. */
struct section *object_section(const struct object *object);

/* blockConcurrencyWhile() (§1.8): a new critical section in the present one. `task`, which is not
 * bound, runs in it when it gets the gate. NULL when nested too deeply. The reference is lent: good
 * until object_section_end(). A section that does not end in 30 s resets the
 * object. Ended with object_section_end(). */
struct section *object_section_begin(struct object *object, struct task *task);
/* failure NULL: it worked. Else the object is reset with it (takes no ownership). */
void object_section_end(struct object *object, struct section *section, struct failure *failure);

/* ---- output ---- */

/* Lets `wait` through when everything written before is durable; at once, inside the call, when
 * nothing is under way. */
void object_say(struct object *object, struct output_gate_wait *wait);

/* ---- storage ---- */

/* The database, opened when it is not; borrowed for the turn. Results as store/database.h. */
int object_database(struct object *object, struct database **db, struct err_text *why);
/* transaction() (§3.5.2): the first begin commits what the turn wrote before, the last end what was
 * written since; between the two, ends of turns do not. They nest. In a turn. */
void object_transaction_begin(struct object *object);
void object_transaction_end(struct object *object);
/* Commit what the turn has written so far, unless a transaction() is open. In a turn. */
void object_commit(struct object *object);
/* Write without closing the output gate until the end of the turn (§1.7.8). */
void object_allow_unconfirmed(struct object *object, bool unconfirmed);
/* storage.sync(): as object_say(), but also behind unconfirmed writes. */
void object_sync(struct object *object, struct output_gate_wait *wait);

/* ---- alarm (platform.md §4), part of the turn's commit ---- */

int object_alarm(struct object *object, int64_t *time_ms, struct err_text *why);    /* 0: none */
int object_set_alarm(struct object *object, int64_t time_ms, struct err_text *why); /* 0: remove */

/* ---- the end ---- */

/* ctx.abort(), a failed write, an exceeded limit: uncommitted writes are undone, the instance is
 * destroyed after the running turn, everybody waiting gets `failure` (with FAILURE_RESET), all
 * sockets are disconnected. The next event starts afresh. Takes no ownership. */
void object_abort(struct object *object, struct failure *failure);
bool object_broken(const struct object *object);
