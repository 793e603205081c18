#pragma once

/*
 * Memo
 *
 * A small file in which the result of a computation is kept beside everything that went into it,
 * for the next start: a row of fields behind a checksum. A memo that is not there, damaged or of
 * another version is as good as none, and one that cannot be written is not: nothing depends on it.
 * Only the user can read it, because a configuration holds secrets.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

/* ---- fields, one after the other ---- */

void memo_add(struct buf *memo, struct bytes field);
void memo_add_text(struct buf *memo, const char *field);
void memo_add_number(struct buf *memo, int64_t field);

/* A memo that is read. What is taken after its end, or is not what it should be, is empty, and
 * `good` is false from then on. */
struct memo {
    struct bytes rest;
    bool good;
};

struct bytes memo_take(struct memo *memo);
/* Free with mem_free(). Never NULL. */
char *memo_take_text(struct memo *memo);
int64_t memo_take_number(struct memo *memo);

/* ---- files ---- */

/* The fields of the file, which lie in `content`. */
struct memo memo_load(const char *path, struct buf *content);

/* Replaces the file at once; another process that reads it sees all or nothing. */
void memo_save(const char *path, struct bytes fields);
