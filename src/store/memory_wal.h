#pragma once

/*
 * Memory WAL
 *
 * SQLite's write-ahead log of one database as memory: what SQLite writes to it as a file is kept
 * frame by frame, and looked at as frames when a commit is made into a journal record. Own thread.
 *
 *     header (32) | frame 1: header (24), page (4096) | frame 2 | ...
 *
 * Frames up to `committed` belong to commits that are in the journal. Behind them stand the frames
 * of the transaction under way and what a rolled back one left; the last frame of a commit says so
 * in its header.
 *
 * Of a page that was committed several times only the newest frame is kept: the one connection
 * reads no other, neither for a query, whose snapshot moves with its own commits, nor in a
 * checkpoint. So a busy object needs memory for the pages it changes, not for every change.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "store/page_diff.h"

#define WAL_HEADER_BYTES       32
#define WAL_FRAME_HEADER_BYTES 24

struct wal_frame {
    struct wal_frame *next; /* in the pool */
    uint32_t index;         /* in the WAL */
    uint8_t header[WAL_FRAME_HEADER_BYTES];
    uint8_t page[PAGE_BYTES];
};

/* Frames that the databases of one shard have no use for at the moment, and how many are in use. */
struct wal_pool {
    struct wal_frame *free;
    unsigned free_count;
    size_t used_count;
};

void wal_pool_init(struct wal_pool *pool);
void wal_pool_fini(struct wal_pool *pool);

struct memory_wal {
    struct wal_pool *pool; /* borrowed */
    uint8_t header[WAL_HEADER_BYTES];
    bool header_written;
    struct wal_frame **frames; /* owned; frame i + 1 of the file; NULL: superseded */
    uint32_t frame_count;
    uint32_t frame_cap;
    uint32_t commit_end;  /* number of the last frame that ends a commit */
    uint32_t committed;   /* frames that are in the journal */
    struct map_u64 pages; /* page number -> its newest committed frame */
};

void memory_wal_init(struct memory_wal *wal, struct wal_pool *pool);
void memory_wal_fini(struct memory_wal *wal);

uint64_t memory_wal_size(const struct memory_wal *wal);

/* As a file. Reading: *got is less than `len` at the end. Writing: false for a hole. */
void memory_wal_read(const struct memory_wal *wal, void *out, size_t len, uint64_t offset,
                     size_t *got);
bool memory_wal_write(struct memory_wal *wal, const void *data, size_t len, uint64_t offset);

/* Everything in it is in the database file. */
void memory_wal_clear(struct memory_wal *wal);

/* Frames are numbered from 1. */
uint32_t wal_frame_page_number(const struct wal_frame *frame);
uint32_t wal_frame_commit_size(const struct wal_frame *frame); /* pages; 0: no commit frame */

/* The page as last committed, or NULL if it is not in here. */
const uint8_t *memory_wal_page(const struct memory_wal *wal, uint32_t number);

/* The frames from `committed` up to `commit_end` are in the journal now. */
void memory_wal_committed(struct memory_wal *wal);
