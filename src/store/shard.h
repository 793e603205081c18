#pragma once

/*
 * Store shard
 *
 * The store's part of one shard thread: its open databases, what they share, and which of them the
 * journal still needs. Inside store/ only; own thread except where said.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "store/memory_wal.h"
#include "store/sql_guard.h"
#include "store/store.h"
#include "store/vfs.h"

struct alarm_shard;
struct database;
struct journal;
struct keeper;
struct pages;

struct store_shard {
    struct store *store; /* borrowed, with what hangs on it: */
    struct os *os;
    struct journal *journal;
    struct keeper *keeper;
    unsigned index;
    bool vital; /* the keeper's own: its records may use the reserve */
    struct store_shard_listener listener;

    struct sql_guard_seat seat;
    struct vfs vfs;
    struct wal_pool pool;
    struct buf record; /* under construction */

    struct map databases; /* id and namespace -> struct database, open or parked */
    struct list pinned;   /* database.pinned_link, oldest record first */
    struct list parked;   /* database.parked_link: closed by its user, not yet in its file */
    struct list large;    /* database.large_link: its memory WAL wants a checkpoint */

    struct alarm_shard *alarms; /* owned */
    uint64_t durable_lsn;       /* as last reported */
    bool fault_reported;
};

/* For the shards that users attach and the one that the keeper has. */
void shard_init(struct store_shard *shard, struct store *store, unsigned index);
void shard_fini(struct store_shard *shard);

/* A commit made the memory WAL longer. */
void shard_note_size(struct store_shard *shard, struct database *db);

/* A database's pages became pinned (by its newest record), or are no more. */
void shard_note_pinned(struct store_shard *shard, struct pages *pages);
void shard_note_unpinned(struct store_shard *shard, struct pages *pages);

/* Writing to an object's file failed. Without space it is tried again later: the journal has the
 * pages. Anything else stops the store. */
void shard_note_file_fault(struct store_shard *shard, int fault);
