#pragma once

/*
 * What a shard is made of: for the files of actor/ only. All of it belongs to the shard's thread
 * but for the inbox, which every thread may push to.
 */

#include "actor/shard.h"
#include "base/map.h"
#include "base/rng.h"
#include "store/store.h"

struct batch;
struct life;
struct parcel;

/* A namespace and the class that it has here. */
struct class_slot {
    struct namespace *ns; /* borrowed; NULL: never set */
    struct class *class;  /* borrowed */
};

struct shard {
    struct shard_group *group;
    unsigned index;

    /* The inbox: a stack that pushers put on top of and the owner takes whole. */
    struct message *inbox;   /* atomic */
    unsigned inbound_events; /* atomic: parcels in the inbox */
    bool alive;              /* atomic: wake may be called */
    bool awake;              /* atomic: wake was called, shard_turn() has not begun */
    void (*wake)(void *data);
    void *data;

    struct message *backlog; /* taken out of the inbox, oldest first */
    bool turning;            /* inside shard_turn() */
    int64_t wall_ms;         /* of this shard_turn() */
    struct store_shard *store;
    struct heap timers;
    struct rng rng;

    struct map objects;         /* struct object by key */
    struct class_slot *classes; /* owned, by namespace_index() */
    unsigned class_count;
    struct shard_timer stale_timer; /* until instances of old classes are overdue */

    struct object *turn;  /* whose code runs now; NULL between turns */
    struct list touched;  /* life.touched_link: wrote or spoke in this turn */
    struct list runnable; /* life.run_link */
    struct list idle;     /* life.rest_link, by quiet_since_ms: nothing holds them */
    struct list held;     /* life.rest_link, by quiet_since_ms: something that expires does */
    struct list commits;  /* commit.link, by lsn */
    struct list vaults;   /* vault.link, least recently used first */
    struct list stranded; /* alarm_run.link: due, and their class is missing */
    size_t stranded_count;
    struct list arrivals; /* waiting.link: sockets with something to hand over */
    struct list relays;   /* of sockets, by their link */
    struct batch *spare;  /* an empty batch kept for its memory */
    size_t vault_count;

    bool draining;
    void (*drained)(void *data);
    void *drained_data;
    struct shard_counts counts;
};

struct shard_group {
    struct shard_options options;
    struct shard shards[];
};

int64_t shard_monotonic_ms(const struct shard *shard);

/* Own thread: make sure that shard_turn() is called soon. */
void shard_poke(struct shard *shard);

/* Every life of the shard, one after the other; `each` may end the one it is given. */
void shard_for_each_life(struct shard *shard, void (*each)(struct life *life, void *arg),
                         void *arg);

/* ---- class.c ---- */

/* NULL: no class was set. */
struct class *shard_class(const struct shard *shard, const struct namespace *ns);

/* The namespace of a number in the store; NULL: none that has a class here. */
struct namespace *shard_namespace(const struct shard *shard, uint32_t number);
