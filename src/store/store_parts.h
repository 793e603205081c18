#pragma once

/*
 * The parts of a store, for the files of this folder.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct alarm_table;
struct history;
struct journal;
struct keeper;
struct log;
struct namespaces;
struct os_file;
struct recovery;

struct store {
    struct store_options options;  /* dir is ours */
    char *dir;                     /* owned */
    struct os *os;                 /* borrowed */
    struct os_file *lock;          /* owned */
    struct log *log;               /* owned by the journal, once there is one */
    struct journal *journal;       /* owned */
    struct namespaces *namespaces; /* owned */
    struct alarm_table *alarms;    /* owned */
    struct recovery *recovery;     /* owned */
    struct history *history;       /* owned; NULL: none is kept */
    struct keeper *keeper;         /* owned */
    struct sql_guard *guard;       /* owned; NULL: statements have no limit */
    struct store_shard **shards;   /* by index, NULL while not attached; the last is the keeper's */
    uint64_t wal_bytes_max;        /* memory WALs of one shard, together */
    atomic_bool stopping;          /* nothing is asked of the keeper any more */
    atomic_uint_fast64_t wanted_lsn; /* checkpoint what is pinned below; set by the keeper */
};

/* The keeper's own shard comes after those of the users. */
static inline unsigned store_keeper_index(const struct store *store)
{
    return store->options.shard_count;
}

#define STORE_SEGMENTS_MIN      4
#define STORE_SEGMENTS_GROWTH   8 /* times as many, when objects cannot be checkpointed in time */
#define STORE_SEGMENT_BYTES_MIN (128 * 1024)

/* Namespace 0: databases of the store's own. */
#define STORE_NAMESPACE 0

/* Folder and file of an object; free both. False when the namespace is not known. */
bool store_object_path(struct store *store, uint32_t namespace_number,
                       const uint8_t id[STORE_ID_SIZE], char **dir, char **path);
