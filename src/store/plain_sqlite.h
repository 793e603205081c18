#pragma once

/*
 * Plain SQLite
 *
 * Files that are not (or not now) an object's: what other programs left, copies, exports. Opened
 * with SQLite's own way to the disk instead of ours, with extensions, triggers and views of a
 * strange schema kept from doing harm.
 */

#include <sqlite3.h>
#include <stdint.h>

struct err_text;

enum plain_sqlite_mode {
    PLAIN_SQLITE_FROZEN, /* read only, nobody changes it: nothing is written beside it either */
    PLAIN_SQLITE_WRITE,  /* what a -wal beside it has is part of it */
    PLAIN_SQLITE_MAKE,   /* as WRITE, made if it is missing */
};

/* What plain_sqlite_open() and plain_sqlite_check() can find out; `why` has SQLite's words. */
enum plain_sqlite_result {
    PLAIN_SQLITE_BAD = 1, /* no SQLite file, or a damaged one */
};

int plain_sqlite_open(sqlite3 **out, const char *path, enum plain_sqlite_mode mode,
                      struct err_text *why);

/* What plain_sqlite_number() can find out. */
enum plain_sqlite_number_result {
    PLAIN_SQLITE_NONE = 1, /* no row, no such table, or no number */
};

/* The one number that a query gives. */
int plain_sqlite_number(sqlite3 *sql, const char *query, int64_t *number);

/* Whether SQLite finds the whole file in order. */
int plain_sqlite_check(sqlite3 *sql, struct err_text *why);
