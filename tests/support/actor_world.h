#pragma once

/*
 * A world for tests of the actor core: shards without threads, a store under the test's control,
 * time that stands still, and a class whose code is the test's. What happens is written down in one
 * line of words.
 */

#include <stdint.h>

#include "actor/class.h"
#include "actor/event.h"
#include "actor/failure.h"
#include "actor/namespace.h"
#include "actor/object.h"
#include "actor/output_gate.h"
#include "actor/shard.h"
#include "base/buf.h"
#include "fake_store.h"
#include "sim_os.h"

#define WORLD_SHARDS_MAX 2

/* An instance of the test's class. */
struct actor {
    struct world *world;
    struct object *object;
    struct event *held[8]; /* events that the test finishes later */
    unsigned held_count;
};

struct world {
    struct sim_os *sim;
    struct store *store;
    struct shard_group *group;
    struct shard *shards[WORLD_SHARDS_MAX];
    unsigned shard_count;
    struct namespace *ns;
    struct class class;
    bool woken[WORLD_SHARDS_MAX];
    struct buf log;
    bool quiet;         /* write nothing down */
    struct actor *last; /* made last; NULL after it went */
    unsigned constructed;
    unsigned destroyed;

    /* The code of the class; NULL: as below. */
    void (*construct)(struct actor *actor); /* may call object_abort() */
    struct failure *construct_failure;      /* thrown by the next constructor; owned */
    void (*deliver)(struct actor *actor, struct event *event); /* world_answer(method) */
    void (*destroy)(struct actor *actor);
};

/* Zeroed options: one shard, hibernation after 10 s. Never NULL. */
struct world *world_create(const struct shard_options *options);
void world_destroy(struct world *world);

/* Shards take turns until none has anything to do now. */
void world_run(struct world *world);
/* Time goes by in steps that let every timer be on time. */
void world_pass_ms(struct world *world, int64_t ms);

/* "word" is added to the log. */
void world_note(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The log so far, which is empty afterwards; valid until the next call. */
const char *world_log(struct world *world);

void world_id(struct world *world, const char *name, struct object_id *id);

/* Sends a call; what comes back is noted as "method=value" or "method!message". */
void world_call(struct world *world, const char *name, const char *method);
void world_call_from(struct world *world, unsigned shard, const char *name, const char *method);

/* In a turn of the actor: the call ends with this text. */
void world_answer(struct event *event, const char *value);
void world_fail(struct event *event, struct failure *failure);
/* Keep the event for later. */
void actor_hold(struct actor *actor, struct event *event);

/* Of an object's database, in a turn; a fault aborts the test. */
void actor_put(struct actor *actor, int64_t value);
int64_t actor_get(struct actor *actor);
int64_t world_value(struct world *world, const char *name);
