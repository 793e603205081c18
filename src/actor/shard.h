#pragma once

/*
 * Shard
 *
 * Everything that one thread runs: its objects, their timers, and the queue through which other
 * threads reach it. Knows no event loop: its owner calls shard_turn() when wake() asked for it or
 * the time it returned has come.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"

struct class;
struct event;
struct failure;
struct namespace;
struct object;
struct object_id;
struct os;
struct shard;
struct shard_group;
struct store;
struct store_shard;

/* ---- all shards of a process ---- */

struct shard_options {
    struct os *os;       /* borrowed: clock */
    struct store *store; /* borrowed */
    unsigned count;
    int64_t hibernate_after_ms;  /* idle time before an instance goes; §1.4.2: 10,000 */
    bool evict_always;           /* development: drop the instance after every event */
    unsigned databases_open_max; /* per shard; 0: the default in base/limits.h */
    /* Any shard's thread: the journal has failed for good (fault < 0); the process must end at
     * once and recover when it is started again. May be NULL. */
    void (*lost)(void *data, int fault);
    void *lost_data;
};

struct shard_group *shard_group_create(const struct shard_options *options);
/* Once, before the first shard_create(), if the options had none. */
void shard_group_set_store(struct shard_group *group, struct store *store);
/* After every shard was destroyed. */
void shard_group_destroy(struct shard_group *group);
struct shard *shard_of(struct shard_group *group, const struct object_id *id);
unsigned shard_group_count(const struct shard_group *group);
/* Also before it is created and after it is destroyed: what is posted then runs in
 * shard_group_destroy(). */
struct shard *shard_group_shard(struct shard_group *group, unsigned index);

/* ---- one shard, on its thread ---- */

/* wake(): any thread; have shard_turn() called soon on the shard's own. */
struct shard *shard_create(struct shard_group *group, unsigned index, void (*wake)(void *data),
                           void *data);
void shard_destroy(struct shard *shard);
unsigned shard_index(const struct shard *shard);
int64_t shard_now_ms(const struct shard *shard); /* wall clock of this turn, ms since the epoch */
struct shard_group *shard_group_of(const struct shard *shard);
struct store_shard *shard_store(const struct shard *shard);
/* The object whose turn is running; NULL between turns. */
struct object *shard_object(const struct shard *shard);

/* Runs what is due: messages, durable commits, timers, tasks, alarms, evictions; bounded work per
 * call. Returns ms until it should be called again at the latest, 0: at once, -1: when woken. */
int64_t shard_turn(struct shard *shard);

/* Give up everything in an orderly way: no new events (they fail with "… is shutting down"),
 * running ones may end; done() tells when nothing is under way and all is durable. */
void shard_drain(struct shard *shard, void (*done)(void *data), void *data);

/* Which class a namespace has on this shard from now on. A new one replaces the old: instances are
 * destroyed when they are next idle or at the next event boundary; sockets and alarms stay. */
void shard_set_class(struct shard *shard, struct namespace *ns, struct class *class);

/* ---- sending ---- */

/* Sends `event` to the object, from `sender`'s thread; takes ownership. Events from one shard to
 * one object arrive in the order sent. `name`: the object's name or NULL (copied). */
void shard_send(struct shard *sender, struct namespace *ns, const struct object_id *id,
                const char *name, struct event *event);

/* ---- other threads, other times ---- */

struct message {
    void (*run)(struct message *message); /* on the shard's thread, in shard_turn() */
    struct message *next;                 /* private */
};

/* Any thread. `message` stays valid until it has run. In order per sender. */
void shard_post(struct shard *shard, struct message *message);

/* The object with this number of its namespace in the store, if it is in memory, is reset as by
 * ctx.abort() before this returns. Any thread but the shards' own, while they run. */
void shard_group_reset(struct shard_group *group, uint32_t namespace_number, const uint8_t id[32],
                       const char *why);

struct shard_timer {
    void (*fire)(struct shard_timer *timer);
    struct heap_node node; /* private */
    bool armed;            /* private */
};

/* Own thread. Monotonic; setting an armed timer moves it. */
void shard_timer_set(struct shard *shard, struct shard_timer *timer, int64_t after_ms);
void shard_timer_clear(struct shard *shard, struct shard_timer *timer);

struct shard_counts {
    size_t objects, instances, databases_open, events_waiting;
    size_t sockets;  /* ends that something refers to */
    size_t accepted; /* hibernatable ones that are open */
    uint64_t events, evictions, resets, alarms;
};

void shard_counts(const struct shard *shard, struct shard_counts *counts);

/* The same from any thread but the shards' own. False if the shard did not come to it within
 * LIMIT_COUNTS_WAIT_S: something runs there that does not give way. */
bool shard_group_counts(struct shard_group *group, unsigned index, struct shard_counts *counts);
