#pragma once

/*
 * Record
 *
 * A small file in which the result of a computation is kept beside everything that went into it, for
 * the next start: a row of fields behind a checksum. A record that is not there, damaged or of
 * another version is as good as none, and one that cannot be written is not: nothing depends on it.
 * Only the user can read it, because a configuration holds secrets.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

/* ---- fields, one after the other ---- */

void record_add(struct buf *record, struct bytes field);
void record_add_text(struct buf *record, const char *field);
void record_add_number(struct buf *record, int64_t field);

/* A record that is read. What is taken after its end, or is not what it should be, is empty, and
 * `good` is false from then on. */
struct record {
    struct bytes rest;
    bool good;
};

struct bytes record_take(struct record *record);
/* Free with mem_free(). Never NULL. */
char *record_take_text(struct record *record);
int64_t record_take_number(struct record *record);

/* ---- files ---- */

/* The fields of the file, which lie in `content`. */
struct record record_load(const char *path, struct buf *content);

/* Replaces the file at once; another process that reads it sees all or nothing. */
void record_save(const char *path, struct bytes record);
