#pragma once

/*
 * Segment log
 *
 * The log as a folder of segments: files of one size, written once with zeros and then overwritten
 * for ever, because overwriting is what makes fdatasync() cheap. A segment that is made while none
 * is free is waited for, so it is only allocated: the zeros come with segment_log_wash(), or before
 * what is appended. Which segment a file is at the moment stands in its batches, not in its name; a
 * file is used again, under a new number, when the last record in it is needed no more.
 *
 * Opening finds where the log ends. A batch that does not check is the torn tail if nothing comes
 * after it; if a later batch of the same journal exists, acknowledged records are missing and the
 * log is refused as damaged, with file and offset.
 */

#include <stdbool.h>
#include <stdint.h>

struct err_text;
struct log;
struct os;

struct segment_log_options {
    struct os *os;       /* borrowed */
    const char *dir;     /* exists */
    uint64_t size_bytes; /* of a segment */
    unsigned count;      /* segments to have; more are made only when they all are in use */
    unsigned count_max;  /* then no more room */
    bool sync;
};

/* Results as enum store_open_result. One segment is there afterwards; grow() makes the others. */
int segment_log_open(struct log **out, const struct segment_log_options *options,
                     struct err_text *why);

/* Numbers for operators and for the keeper. */
struct segment_log_counts {
    unsigned in_use; /* segments with records that are needed or being written */
    unsigned free;
    uint64_t oldest_half_lsn; /* releasing up to here empties half of the segments in use */
};

void segment_log_count(struct log *log, struct segment_log_counts *counts);

/* Zeros into a free segment that has none yet, if another is free meanwhile. Any thread. */
int segment_log_wash(struct log *log);

/* The file of the segment that has the record, and the LSN behind its last one so far; free the
 * path. UINT64_MAX: the segment that is being written, which may or may not have it. */
char *segment_log_find(struct log *log, uint64_t lsn, uint64_t *end_lsn);

/* From here to let_go() nothing is released, so that what is needed now can be copied. -EBUSY:
 * held already. Any thread. */
int segment_log_hold(struct log *log);

/* False if it was not held: somebody else needed the room and let go, a copy is worth nothing. */
bool segment_log_let_go(struct log *log);

/* While held: everything durable so far and still needed into a folder, as a log that opens by
 * itself; synced. Appending goes on meanwhile. */
int segment_log_copy(struct log *log, const char *dir);
