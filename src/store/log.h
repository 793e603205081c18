#pragma once

/*
 * Log
 *
 * The one thing the journal asks of what is below it: keep this batch of records, and say when it
 * is durable. A folder of segments is the first implementation (segment_log.h); a replicated log
 * that accepts a batch under the writer's epoch can be another. The journal numbers the records and
 * does not look at how they are kept.
 *
 * append() comes from one thread at a time, everything else from any.
 */

#include <stdint.h>

#include "base/bytes.h"

struct err_text;
struct log;

struct log_batch {
    uint64_t first_lsn;
    uint32_t record_count;
    struct bytes records;
};

typedef int log_batch_cb(void *data, const struct log_batch *batch);

struct log_ops {
    /* Durable on return. A fault is final: what was appended may be there or not, nothing may be
     * appended any more. */
    int (*append)(struct log *log, const struct log_batch *batch);

    /* Every batch that is kept with a record of at least `from_lsn`, in order. Only before the
     * first append. A result of `cb` other than 0 ends the walk and is returned. */
    int (*read)(struct log *log, uint64_t from_lsn, log_batch_cb *cb, void *data);

    /* No record below `needed_lsn` will ever be read again. Never goes back. */
    void (*release)(struct log *log, uint64_t needed_lsn);

    /* Bytes of records that can be appended for certain, whatever the size of the batches. */
    uint64_t (*room)(struct log *log);

    /* Make more room. -ENOSPC: it must not grow further or the disk is full; harmless. */
    int (*grow)(struct log *log);

    /* Everything before is needed no more and nothing comes after: note it durably. */
    int (*stop)(struct log *log);

    void (*destroy)(struct log *log);
};

/* Embedded first by an implementation. */
struct log {
    const struct log_ops *ops;
    uint64_t batch_bytes_max; /* of records in one append */
    uint64_t next_lsn;        /* as found when opened: of the first record to be appended */
    uint64_t needed_lsn;      /* as found when opened: recovery starts here */
};
