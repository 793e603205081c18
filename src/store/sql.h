#pragma once

/*
 * SQL
 *
 * What `storage.sql.exec()` is made of (platform.md §3.4): several statements in one text, the last
 * of which has parameters and yields rows; deny rules, limits and error texts are the platform's.
 * Own thread. Values are borrowed: text and blobs are valid until the cursor moves.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct database;
struct err_text;
struct sql_cursor;

enum sql_type {
    SQL_NULL,
    SQL_INTEGER,
    SQL_REAL,
    SQL_TEXT,
    SQL_BLOB
};

struct sql_value {
    enum sql_type type;

    union {
        int64_t integer;
        double real;
        struct bytes bytes; /* text (UTF-8) or blob */
    };
};

/* Runs all but the last statement to the end and the last one up to its first row, or to its end
 * when it writes (§3.4.6); the rows of a writing statement are kept. Results as database.h. Free
 * *out with sql_cursor_close(). */
int sql_exec(struct database *db, struct bytes text, const struct sql_value *bindings,
             size_t binding_count, struct sql_cursor **out, struct err_text *why);

/* The cursor stands on a row. */
bool sql_cursor_has_row(const struct sql_cursor *cursor);

size_t sql_cursor_column_count(const struct sql_cursor *cursor);

/* Borrowed; valid for the cursor's life, also after the last row. */
const char *sql_cursor_column_name(const struct sql_cursor *cursor, size_t column);

struct sql_value sql_cursor_value(const struct sql_cursor *cursor, size_t column);

/* Moves on; DATABASE_ERROR also when the database was deleted under the cursor. */
int sql_cursor_next(struct sql_cursor *cursor, struct err_text *why);

/* Up to now, by the last statement of the text, as Cloudflare counts (docs/storage.md). */
uint64_t sql_cursor_rows_read(const struct sql_cursor *cursor);
uint64_t sql_cursor_rows_written(const struct sql_cursor *cursor);

/* Gives the statement back to the cache. NULL is allowed. Must happen before database_close(). */
void sql_cursor_close(struct sql_cursor *cursor);
