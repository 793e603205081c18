#pragma once

/*
 * The parts of a segment log, for segment_log.c and segment_copy.c.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "store/journal_format.h"
#include "store/log.h"
#include "store/segment_log.h"

#define SLOTS_MAX 4096 /* files looked at when opening */

struct segment {
    struct list link;
    char *path;           /* owned */
    struct os_file *file; /* owned */
    uint64_t size;
    uint64_t number;    /* 0: no batch of this journal found */
    uint64_t first_lsn; /* only while opening */
    uint64_t next_lsn;  /* FULL: of the first record behind it */
    uint64_t end;       /* ACTIVE: where the next batch goes */
    uint64_t last;      /* only while opening: where the last batch stands */
    bool blank;         /* only while opening: it begins with a window full of zeros */
    uint64_t washed;    /* up to here blocks hold something; from here on, maybe not */
};

struct segment_log {
    struct log log;
    struct segment_log_options options;
    char *dir; /* owned */
    uint64_t journal_id;
    unsigned slot_next; /* for the name of the next file */

    pthread_mutex_t mutex; /* over what follows */
    struct list free;      /* oldest first */
    struct list full;
    struct segment *active; /* NULL until there was an append or a batch was found */
    unsigned free_count;
    unsigned full_count;
    uint64_t free_bytes;
    uint64_t needed_lsn;
    uint64_t release_lsn; /* what was released while held */
    bool held;            /* somebody copies the log: needed_lsn stands still */

    /* the appending thread's */
    uint32_t crc; /* of the last batch */
    bool stopped; /* the last batch is a stop */
    bool sealed;  /* the last batch is a seal; only while opening */
    uint64_t next_lsn;
    int fault;
};

static inline struct segment_log *segment_log_of(struct log *log)
{
    return container_of(log, struct segment_log, log);
}

/* Reads batches one after the other, many with one call; what it gives is valid until the next. */
struct cursor {
    struct segment *segment;
    uint64_t offset;
    uint8_t *data; /* owned: what the file has from `base` on */
    size_t cap;
    uint64_t base;
    size_t len;
};

int segment_read_at(struct cursor *at, size_t len, struct bytes *out);

/* The batch at the cursor, whatever it belongs to: 0, BATCH_NONE, BATCH_NEWER or a fault. */
int segment_read_batch(struct cursor *at, struct batch *batch);

/* What is known while the row is walked. */
struct walk {
    uint64_t expected_lsn; /* 0: not yet known */
    uint32_t crc;
    bool crc_known;
    bool sealed;  /* the last batch was a seal */
    bool stopped; /* ... a stop */
};

bool segment_continues(const struct segment_log *self, const struct walk *walk,
                       const struct segment *segment, const struct batch *batch);

/* With the mutex held. */
void segment_release_locked(struct segment_log *self, uint64_t needed_lsn);
