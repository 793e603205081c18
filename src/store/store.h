#pragma once

/*
 * Store
 *
 * The bytes of all objects on one disk: a journal that every commit goes through, one SQLite file
 * per object that the journal is checkpointed into, and the index of alarms. One per process; a
 * lock file keeps a second process out.
 *
 * Every shard thread has a `struct store_shard`. Databases are opened on it and used on its thread
 * only. Committing a database hands the journal a record and yields its LSN; once the journal's
 * next fdatasync has made it durable, wake() is called on some thread and store_shard_poll(), on
 * the shard's own thread, reports the durable LSN.
 *
 * Rules (docs/storage.md):
 *   1. no page reaches a database file before the record that carries it is durable;
 *   2. a segment is reused only after every object in it is checkpointed and its file synced;
 *   3. replaying a segment twice gives the same files as replaying it once;
 *   4. the alarm index and the object change together or not at all.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err_text;
struct os;
struct store;
struct store_shard;

#define STORE_ID_SIZE 32

struct store_options {
    struct os *os;               /* borrowed: outlives the store */
    const char *dir;             /* data directory; made when missing */
    unsigned shard_count;        /* shard threads that will attach */
    uint64_t segment_size_bytes; /* 0: the default in base/limits.h */
    unsigned segment_count;      /* half of them in use is pressure; 0: the default */
    unsigned history_days;       /* of point-in-time recovery; 0: none */
    uint64_t history_bytes;      /* of one object's; 0: the default */
    int64_t statement_limit_ms;  /* of the processor, for a step of a statement; 0: none */
    bool sync;                   /* false only in benchmarks of the layers above */
    bool stepped;                /* tests: no threads of its own, store_step() does their work */
};

/* What store_open() can find out; `why` then holds a sentence for the operator. */
enum store_open_result {
    STORE_OPEN_LOCKED = 1, /* another process holds the directory */
    STORE_OPEN_NEWER,      /* a newer version wrote it */
    STORE_OPEN_DAMAGED,    /* a file is not what it should be */
};

/* Opens and recovers: afterwards every acknowledged commit is in its database file or will be
 * replayed when it is opened. Free with store_close(). */
int store_open(struct store **out, const struct store_options *options, struct err_text *why);

/* Checkpoints everything, so that each file is an ordinary SQLite database, and lets go of the
 * directory. All shards must be destroyed. NULL is allowed. */
void store_close(struct store *store);

/* With options.stepped: writes what the journal has gathered and does one round of background
 * work. */
void store_step(struct store *store);

/* The number by which journal and index know a namespace, remembered for ever under its unique key
 * (`<worker>-<Class>`, also the folder of its files). Durable on return. Any thread. */
int store_namespace(struct store *store, const char *unique_key, uint32_t *number);

/* The unique key of a number; NULL when there is none. Any thread. */
const char *store_namespace_key(struct store *store, uint32_t number);

/* The number of a class as people name it: namespaces_find(). Any thread. */
uint32_t store_namespace_find(struct store *store, const char *word, struct err_text *why);

struct store_counts {
    unsigned segments_in_use, segments_free; /* of the journal */
    uint64_t durable_lsn;                    /* records written so far, over all time */
};

/* Any thread. */
void store_count(struct store *store, struct store_counts *counts);

struct store_shard_listener {
    /* Any thread: have store_shard_poll() called soon on the shard's own thread. */
    void (*wake)(void *data);
    /* Own thread, from store_shard_poll(): everything up to `lsn` is durable (fault 0), or the
     * journal has failed for good and nothing after the last durable LSN ever will be (< 0). */
    void (*durable)(void *data, uint64_t lsn, int fault);
    void *data;
};

/* Never NULL. `index` is below options.shard_count. Without a listener whoever owns it polls. */
struct store_shard *store_shard_create(struct store *store, unsigned index,
                                       const struct store_shard_listener *listener);

/* Closes all databases of the shard. The durable() of commits still on their way is not called. */
void store_shard_destroy(struct store_shard *shard);

/* Own thread: reports what became durable, checkpoints what is due, closes what waits. Cheap when
 * there is nothing to do. */
void store_shard_poll(struct store_shard *shard);

/* Own thread: many commits are coming; those until let_go() share as few flushes as can be. */
void store_shard_hold(struct store_shard *shard);
void store_shard_let_go(struct store_shard *shard);

/* Last LSN known durable, as of the last poll. */
uint64_t store_shard_durable_lsn(const struct store_shard *shard);
