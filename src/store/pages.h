#pragma once

/*
 * Pages
 *
 * The pages of one object: its file, the memory WAL over it, and the way from one to the other. A
 * commit becomes a journal record; a checkpoint, once that record is durable, brings the pages into
 * the file. Own thread of the shard.
 *
 * Every page up to the committed size has a defined version in the journal's terms: the one that
 * the records up to now describe. SQLite leaves pages unwritten that it frees in the transaction
 * that appended them; in the record they are zeros, and until they are written they are `holes`,
 * whatever the file happens to hold there. (Without this, a difference could be taken against
 * bytes that are there by accident, and replay would find others.)
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "store/memory_wal.h"
#include "store/record.h"
#include "store/store.h"

struct journal_note;
struct journal_pin;
struct object_file;

struct pages {
    struct store_shard *shard; /* borrowed */
    uint32_t namespace_number;
    uint8_t id[STORE_ID_SIZE];
    struct object_file *file; /* one reference */
    struct memory_wal wal;
    struct map_u64 holes;    /* page number -> anything */
    uint32_t size_pages;     /* as committed; 0: nothing ever was */
    uint64_t last_lsn;       /* of the newest record, 0: none since it was opened */
    struct journal_pin *pin; /* NULL: the file has everything */
    bool checkpointing;      /* SQLite may write the file */

    /* What the next record says about the alarm. */
    bool alarm_changed;
    struct record_alarm alarm;
    struct journal_note *note; /* owned; taken by the journal with the record */
    int commit_fault;          /* why the last commit made no record */
};

/* The file at `path` in folder `dir`. */
int pages_open(struct pages *pages, struct store_shard *shard, uint32_t namespace_number,
               const uint8_t id[STORE_ID_SIZE], const char *dir, const char *path);

/* Takes a half-opened one. Nothing may be pinned. */
void pages_close(struct pages *pages);

/* The journal record of what SQLite wrote since the last one, if anything. */
int pages_commit(struct pages *pages);

/* A record without pages, for an alarm that changed alone. */
int pages_commit_alarm(struct pages *pages);

/* Brings the committed pages into the file without SQLite's help, which refuses while a cursor or a
 * transaction is open. The memory WAL stays. Rule 1: the last record is durable. */
int pages_write_back(struct pages *pages);

/* After SQLite's checkpoint: what it does not write. */
int pages_write_holes(struct pages *pages);

/* It reads as zeros, whatever the file has: it may be that the disk was full. */
bool pages_is_hole(const struct pages *pages, uint32_t number);

/* The file has everything: hands the pin to the keeper, which syncs the file and lets go. */
void pages_written(struct pages *pages);

/* Where the pages of an import come from. */
typedef int pages_source_cb(void *data, uint32_t number, uint8_t *page);

/* A commit without SQLite: pages `first` to `last` of a database that has size_pages afterwards,
 * with the alarm if that changed. Returns when they are durable and in the file. Nothing may be in
 * the memory WAL; pages by which the database grows must be among them. */
int pages_take(struct pages *pages, uint32_t size_pages, uint32_t first, uint32_t last,
               pages_source_cb *source, void *data);
