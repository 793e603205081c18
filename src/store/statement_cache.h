#pragma once

/*
 * Statement cache
 *
 * Prepared statements by their text, least recently used ones leave first. A statement that is out
 * is nobody else's: the same text may run twice at once, and is then prepared anew. The first is
 * the one that is kept. Own thread.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"

/* What sqlite3_stmt_status() also tells of a statement (sqlite_counted.py). */
#define STATEMENT_ROWS_READ    9
#define STATEMENT_ROWS_WRITTEN 10

/* Names of a statement's columns; shared by the statement and its cursors. */
struct column_names {
    unsigned refs;
    size_t count;
    char *names[]; /* into the same allocation */
};

struct statement {
    sqlite3_stmt *sql; /* owned */
    struct bytes text; /* owned; data NULL: part of a longer text, not kept */
    size_t size_bytes;
    struct column_names *columns; /* one reference; NULL until asked for */
    int columns_prepared;         /* how often it had been prepared when they were read */
    bool defers;                  /* sql_policy.h */
    bool kept;                    /* in by_text */
    bool out;
    struct list link; /* while it is kept and not out */
};

struct statement_cache {
    struct map by_text;
    struct list idle;  /* newest first */
    size_t size_bytes; /* of those */
    size_t size_bytes_max;
};

void statement_cache_init(struct statement_cache *cache, size_t size_bytes_max);

/* Finalizes all that are idle; none may be out. */
void statement_cache_fini(struct statement_cache *cache);

/* The same, and it is as it was when it was new. */
void statement_cache_clear(struct statement_cache *cache);

/* The statement for this text, taken out, or NULL. */
struct statement *statement_cache_take(struct statement_cache *cache, struct bytes text);

/* A prepared statement; `text` is copied, data NULL if it must not be kept. */
struct statement *statement_create(sqlite3_stmt *sql, struct bytes text);

/* Reset and taken back, or finalized. */
void statement_cache_give(struct statement_cache *cache, struct statement *statement);

/* Never NULL; one reference more, for column_names_unref(). */
struct column_names *statement_columns(struct statement *statement);
void column_names_unref(struct column_names *columns);
