#pragma once

/*
 * Import
 *
 * Takes over objects that another runtime has left as SQLite files of the same layout. An object is
 * first made ready: a copy with what its -wal has, in pages of our size, found in order by SQLite.
 * The copy's pages then go through the journal like any commit, so recovery, history and backups
 * know nothing of imports. The first page, without which the others are an empty database with
 * unused pages, comes last, together with the alarm: an object is there as a whole or not at all.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct err_text;
struct os;

/* What making ready can find out. */
enum import_ready_result {
    IMPORT_BAD = 1, /* no SQLite file, or a damaged one: `why` says which */
    IMPORT_EMPTY,   /* nothing was ever stored in it */
};

/* Makes `to`, a whole SQLite file, from `from` and the -wal beside it, which are not touched. */
int import_make_ready(struct os *os, const char *from, const char *to, struct err_text *why);

/* Names of objects, as far as workerd has noted them with their alarms. */
struct import_names;

/* `path`: a copy of its metadata.sqlite as import_make_ready() gives it. Never NULL; without such a
 * file there are none. */
struct import_names *import_names_read(const char *path);
const char *import_names_find(const struct import_names *names, const char *id_hex);
void import_names_destroy(struct import_names *names);

struct import_object {
    uint32_t namespace_number;
    const uint8_t *id;
    const char *path; /* of the copy */
    const char *name; /* or NULL */
};

/* What stands in the way of an import. */
enum import_check_result {
    IMPORT_SAME = 1, /* it was imported already and has not changed since */
    IMPORT_THERE,    /* another object with this id */
};

int import_check(struct store *store, const struct import_object *object);

/* The object becomes what the copy is, in place of what it was. *alarm: it has one. The shard is
 * the only one and has no database open. */
int import_object(struct store_shard *shard, const struct import_object *object, bool *alarm,
                  struct err_text *why);
