#pragma once

/*
 * Journal format
 *
 * A segment is a row of batches, each starting on a sector: a header of BATCH_HEADER_BYTES, the
 * records, zeros up to the next sector. What is written in one go is one batch. Pure; the page for
 * people is docs/journal-format.md.
 *
 * The checksum covers header and records, and the header says to which journal, which segment and
 * which LSN the batch belongs and what the checksum of the batch before was. So bytes that an
 * earlier life of the file left behind can never pass for the continuation of this one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define JOURNAL_SECTOR_BYTES  512
#define BATCH_HEADER_BYTES    80
#define JOURNAL_FORMAT_NUMBER 1

enum batch_kind {
    BATCH_RECORDS = 1,
    BATCH_SEAL, /* no records: the last batch of its segment, the journal goes on in the next */
    BATCH_STOP, /* no records: clean stop, everything before is in the files */
};

struct batch {
    enum batch_kind kind;
    uint64_t journal_id;   /* random, one per data directory */
    uint64_t segment;      /* number of the segment it was written to */
    uint64_t first_lsn;    /* of its first record; of the next one if it has none */
    uint64_t needed_lsn;   /* records below are in the files: recovery starts here */
    int64_t written_ms;    /* wall clock */
    uint32_t record_count; /* LSNs go up by one per record */
    uint32_t previous_crc; /* of the batch before, 0 for the first of a journal */
    uint32_t crc;
    struct bytes records;
};

/* Encodes the header of a batch; sets batch->crc. `records` follow the header on disk. */
void batch_encode(struct batch *batch, uint8_t header[BATCH_HEADER_BYTES]);

/* Bytes of the whole batch, padding included. */
static inline uint64_t batch_bytes(size_t record_bytes)
{
    uint64_t bytes = BATCH_HEADER_BYTES + (uint64_t)record_bytes;

    return (bytes + JOURNAL_SECTOR_BYTES - 1) / JOURNAL_SECTOR_BYTES * JOURNAL_SECTOR_BYTES;
}

/* What batch_parse() can find out. */
enum batch_parse_result {
    BATCH_NONE = 1, /* nothing that checks stands here */
    BATCH_NEWER,    /* a batch that checks, in a later format */
};

/* `in` starts where a batch should and reaches as far as there is file. */
int batch_parse(struct bytes in, struct batch *batch);

/* What can be said from the header alone, before the records are there: BATCH_NONE if it cannot be
 * a batch; else *bytes is how much batch_parse() will want. */
int batch_parse_length(struct bytes in, uint64_t *bytes);
