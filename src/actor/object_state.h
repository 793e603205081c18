#pragma once

/*
 * Object, remembered
 *
 * What remains of an object that sleeps, so it is small: for the files of actor/ only. Everything
 * that only an object with an instance, mail or running events needs is in its life.
 */

#include "actor/life.h"
#include "actor/namespace.h"
#include "actor/object.h"
#include "actor/shard_state.h"

struct alarm_run;
struct blob;
struct class;
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

/* At the end of a shard: whatever is under way is answered with `failure`. */
void object_bury(struct object *object);

/* "internal error; reference = …": what callers see of a fault of ours. */
struct failure *object_internal_failure(struct object *object);
