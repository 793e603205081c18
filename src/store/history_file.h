#pragma once

/*
 * History file
 *
 * What one object's database was and how it changed, in one file that only grows at its end: images
 * of the whole database now and then, and between them the object's records as the journal had
 * them. Whatever was not synced may be torn; what is kept ends with the last end mark that checks.
 * When it is old or large enough its beginning is cut off, up to an image, or comes to one.
 * docs/point-in-time.md.
 *
 * Written by the keeper; read by whoever restores, with the history's mutex held.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/history_replay.h"

struct err_text;
struct os;
struct os_file;

struct history_bounds {
    int64_t oldest_ms;  /* what is older may go */
    uint64_t bytes_max; /* of one object's file, beside its newest image */
};

/* What is to be added for one object. */
struct history_addition {
    struct buf entries; /* by history_add_record() */
    uint64_t first_lsn;
    uint64_t last_lsn;
    int64_t first_ms;
    bool birth; /* the first record builds on nothing */
};

void history_add_record(struct history_addition *addition, uint64_t lsn, int64_t written_ms,
                        struct bytes encoded);

struct history_file_source {
    struct os *os;
    const char *path;                /* of the history file */
    const char *database;            /* of the object's file */
    uint64_t epoch;                  /* files of another one count as missing */
    uint64_t needed_lsn;             /* what is below is in the object's file */
    uint64_t added_lsn;              /* what is below has been added, to whatever file */
    uint64_t (*durable)(void *data); /* nothing above has reached the object's file */
    void *data;
    struct history_bounds bounds;
};

/* Not synced yet but for what replaces the file; *created: the folder must be synced, too. What was
 * added before is left out. A file whose last part is damaged begins anew, with an image. */
int history_file_append(const struct history_file_source *source,
                        const struct history_addition *addition, struct os_file **written,
                        bool *created);

/* Where nothing is added any more: what the bounds do not want goes, and a file of another epoch
 * as a whole. Of the source: os, path, epoch, bounds. *changed: the folder must be synced before
 * anything is added. Otherwise a fault leaves it as it was. */
int history_file_trim(const struct history_file_source *source, bool *changed);

/* Replays what the file has, from the newest image that is not beyond replay->until.
 * HISTORY_MISSING: there is none. *found: there is a file that counts. Of the source: os, path,
 * added_lsn. */
int history_file_replay(const struct history_file_source *source, const struct history_epoch *epoch,
                        struct history_replay *replay, bool *found, struct err_text *why);
