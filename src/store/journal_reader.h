#pragma once

/*
 * Journal reader
 *
 * The journal of a data directory that nobody uses, read and never written: which files are its
 * segments and in which order, what stands in them, where it ends. It goes by the same rules as
 * opening (segment_log.h), but mends nothing and refuses nothing: what does not check is told with
 * its place. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct batch;
struct os;

enum journal_file_role {
    JOURNAL_FILE_FREE,    /* needed no more, or never written */
    JOURNAL_FILE_PART,    /* of the row of segments that is the journal */
    JOURNAL_FILE_TORN,    /* was being reused when the process ended: not of the row */
    JOURNAL_FILE_FOREIGN, /* of another data directory */
};

enum journal_file_end {
    JOURNAL_END_OPEN, /* nothing that continues it stands there */
    JOURNAL_END_SEAL,
    JOURNAL_END_STOP,
};

#define JOURNAL_NOWHERE UINT64_MAX

struct journal_file {
    char *path; /* owned */
    uint64_t size;
    enum journal_file_role role;
    uint64_t number;     /* the segment it is at the moment; 0: it does not start with a batch */
    uint64_t journal_id; /* what its first batch says, as the next */
    uint64_t first_lsn;
    uint64_t end; /* behind the last batch that continues the journal */
    enum journal_file_end ending;
    uint64_t later; /* JOURNAL_NOWHERE, or a batch behind the end: what is between is damaged */
};

struct journal_reader {
    struct os *os;              /* borrowed */
    struct journal_file *files; /* owned; by segment number, those without one last */
    size_t count;
    uint64_t journal_id; /* 0: there is no batch */
    uint64_t needed_lsn; /* records below are in the files of their objects */
    uint64_t next_lsn;
    bool stopped; /* ends with a clean stop */
    bool damaged;
    struct err_text damage; /* file and offset, in words */
};

/* The folder with the segments; a missing one is an empty journal. Results as enum
 * store_open_result, of which only STORE_OPEN_NEWER is used. */
int journal_reader_open(struct journal_reader **out, struct os *os, const char *dir,
                        struct err_text *why);

/* One segment by itself. -ENOENT when it is not there. */
int journal_reader_open_file(struct journal_reader **out, struct os *os, const char *path,
                             struct err_text *why);

/* NULL is allowed. */
void journal_reader_close(struct journal_reader *reader);

/* A result other than 0 ends the walk and is returned. */
typedef int journal_batch_cb(void *data, const struct journal_file *file, uint64_t offset,
                             const struct batch *batch);

/* The batches of one file up to its end. */
int journal_file_walk(struct journal_reader *reader, const struct journal_file *file,
                      journal_batch_cb *cb, void *data);

/* The batches of the whole row. */
int journal_reader_walk(struct journal_reader *reader, journal_batch_cb *cb, void *data);
