#include "store/sql.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/database_state.h"
#include "store/shard.h"
#include "store/sql_guard.h"
#include "store/sql_policy.h"
#include "store/sql_state.h"

/*
 * A cursor is in one of three states:
 *
 *                      last row, or all rows copied
 *   RUNNING ------------------------------------------> ENDED
 *      |
 *      +----------------> CANCELED
 *        deleteAll(), reset
 *
 * RUNNING   has a statement of the cache, standing on a row.
 * ENDED     has given it back. A statement that writes runs to its end at once, and the rows that
 * it
 *           returned are kept in `rows`, from where the cursor serves them: only then it is over.
 * CANCELED  every further move fails.
 */

struct sql_cursor {
    struct database *db;         /* borrowed */
    struct statement *statement; /* RUNNING only */
    struct column_names *columns;
    struct list link; /* database.cursors while RUNNING */
    bool has_row;
    bool canceled;
    uint64_t rows_read; /* of the last statement of the text, once it is over */
    uint64_t rows_written;

    /* Rows of a writing statement, one value behind the other, each as encode_value() leaves it. */
    struct buf rows;
    size_t row_offset; /* of the row the cursor stands on */
    size_t row_next;
    struct sql_value *values; /* owned: the row at row_offset, decoded */
};

static const char canceled_text[] = "SQLite query was canceled because the database was deleted.";

/* ---- kept rows ---- */

static void encode_value(struct buf *out, sqlite3_stmt *sql, int column)
{
    struct sql_value value = {.type = SQL_NULL};

    switch (sqlite3_column_type(sql, column)) {
    case SQLITE_INTEGER:
        value.type = SQL_INTEGER;
        value.integer = sqlite3_column_int64(sql, column);
        break;
    case SQLITE_FLOAT:
        value.type = SQL_REAL;
        value.real = sqlite3_column_double(sql, column);
        break;
    case SQLITE_TEXT:
        value.type = SQL_TEXT;
        value.bytes.data = sqlite3_column_text(sql, column);
        value.bytes.len = (size_t)sqlite3_column_bytes(sql, column);
        break;
    case SQLITE_BLOB:
        value.type = SQL_BLOB;
        value.bytes.data = sqlite3_column_blob(sql, column);
        value.bytes.len = (size_t)sqlite3_column_bytes(sql, column);
        break;
    default: break;
    }
    buf_append(out, &value, sizeof value);
    if (value.type == SQL_TEXT || value.type == SQL_BLOB)
        buf_append_bytes(out, value.bytes);
}

/* Stands on the next kept row, if there is one. */
static void next_kept(struct sql_cursor *cursor)
{
    cursor->row_offset = cursor->row_next;
    cursor->has_row = cursor->row_next < cursor->rows.len;
    for (size_t i = 0; cursor->has_row && i < cursor->columns->count; i++) {
        struct sql_value *value = &cursor->values[i];

        memcpy(value, cursor->rows.data + cursor->row_next, sizeof *value);
        cursor->row_next += sizeof *value;
        if (value->type == SQL_TEXT || value->type == SQL_BLOB) {
            value->bytes.data = cursor->rows.data + cursor->row_next;
            cursor->row_next += value->bytes.len;
        }
    }
}

/* ---- states ---- */

/* RUNNING is over: the statement goes back. */
static void let_go(struct sql_cursor *cursor)
{
    if (cursor->statement == NULL)
        return;
    cursor->rows_read = sql_cursor_rows_read(cursor);
    cursor->rows_written = sql_cursor_rows_written(cursor);
    statement_cache_give(&cursor->db->statements, cursor->statement);
    cursor->statement = NULL;
    list_remove(&cursor->link);
}

void sql_cancel_cursors(struct database *db)
{
    struct list *link;

    while ((link = list_first(&db->cursors)) != NULL) {
        struct sql_cursor *cursor = container_of(link, struct sql_cursor, link);

        let_go(cursor);
        cursor->has_row = false;
        cursor->canceled = true;
    }
}

static int step(struct sql_cursor *cursor, struct err_text *why)
{
    int rc = sqlite3_step(cursor->statement->sql);
    int result = 0;

    cursor->has_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return 0;
    if (rc != SQLITE_DONE)
        result = database_error(cursor->db, rc, why);
    let_go(cursor);
    return result;
}

static int guarded_step(struct sql_cursor *cursor, struct err_text *why)
{
    struct sql_guard_seat *seat = &cursor->db->pages.shard->seat;
    int r;

    sql_guard_enter(seat, cursor->db->sql);
    r = step(cursor, why);
    sql_guard_leave(seat);
    return r;
}

/* A statement that writes runs to its end; what it returns is kept. */
static int run_to_end(struct sql_cursor *cursor, bool keep, struct err_text *why)
{
    struct sql_guard_seat *seat = &cursor->db->pages.shard->seat;
    int r;

    sql_guard_enter(seat, cursor->db->sql);
    while ((r = step(cursor, why)) == 0 && cursor->statement != NULL) {
        for (size_t i = 0; keep && i < cursor->columns->count; i++)
            encode_value(&cursor->rows, cursor->statement->sql, (int)i);
    }
    sql_guard_leave(seat);
    if (r == 0 && cursor->rows.len > 0) {
        cursor->values = mem_new_array(struct sql_value, cursor->columns->count);
        next_kept(cursor);
    }
    return r;
}

/* ---- preparing ---- */

/* Past white space and comments. */
static struct bytes skip_blank(struct bytes text)
{
    size_t at = 0;

    while (at < text.len) {
        const uint8_t *c = text.data + at;

        if (*c == ' ' || (*c >= '\t' && *c <= '\r' && *c != '\v') || *c == ';') {
            at++;
        } else if (at + 1 < text.len && c[0] == '-' && c[1] == '-') {
            at = bytes_find_byte(text, '\n', at);
        } else if (at + 1 < text.len && c[0] == '/' && c[1] == '*') {
            size_t end = bytes_find(text, BYTES("*/"), at + 2);

            at = end < text.len ? end + 2 : text.len;
        } else {
            break;
        }
    }
    return bytes_slice(text, at, text.len);
}

/* The first statement of *text, and what is behind it. `whole`: keep it if nothing is behind it. */
static int prepare(struct database *db, struct bytes *text, bool whole, struct statement **out,
                   struct err_text *why)
{
    struct bytes kept = {0};
    sqlite3_stmt *sql = NULL;
    const char *tail = NULL;
    int rc;

    if (text->len == 0) {
        err_text_set(why, "SQL code did not contain a statement.");
        return DATABASE_ERROR;
    }
    db->policy_reason = NULL;
    db->policy_defers = false;
    rc = sqlite3_prepare_v3(db->sql, (const char *)text->data, (int)text->len,
                            SQLITE_PREPARE_PERSISTENT, &sql, &tail);
    if (rc != SQLITE_OK)
        return database_error(db, rc, why);
    if (sql == NULL) {
        err_text_set(why, "SQL code did not contain a statement.");
        return DATABASE_ERROR;
    }
    if (whole &&
        skip_blank(bytes_slice(*text, (size_t)(tail - (const char *)text->data), text->len)).len ==
            0)
        kept = *text;
    *out = statement_create(sql, kept);
    (*out)->defers = db->policy_defers;
    *text = skip_blank(bytes_slice(*text, (size_t)(tail - (const char *)text->data), text->len));
    return 0;
}

/* `copied`: the statement outlives the call, and so must its values. */
static int bind(struct database *db, sqlite3_stmt *sql, int place, const struct sql_value *value,
                bool copied, struct err_text *why)
{
    sqlite3_destructor_type life = copied ? SQLITE_TRANSIENT : SQLITE_STATIC;
    int rc = SQLITE_OK;

    switch (value->type) {
    case SQL_NULL: rc = sqlite3_bind_null(sql, place); break;
    case SQL_INTEGER: rc = sqlite3_bind_int64(sql, place, value->integer); break;
    case SQL_REAL: rc = sqlite3_bind_double(sql, place, value->real); break;
    case SQL_TEXT:
        rc = sqlite3_bind_text64(sql, place,
                                 value->bytes.len > 0 ? (const char *)value->bytes.data : "",
                                 value->bytes.len, life, SQLITE_UTF8);
        break;
    case SQL_BLOB:
        rc = sqlite3_bind_blob64(sql, place,
                                 value->bytes.len > 0 ? (const void *)value->bytes.data : "",
                                 value->bytes.len, life);
        break;
    }
    return rc != SQLITE_OK ? database_error(db, rc, why) : 0;
}

/* ---- running ---- */

static struct sql_cursor *cursor_create(struct database *db, struct statement *statement)
{
    struct sql_cursor *cursor = mem_new(struct sql_cursor);

    cursor->db = db;
    cursor->statement = statement;
    cursor->columns = statement_columns(statement);
    list_push_back(&db->cursors, &cursor->link);
    sqlite3_stmt_status(statement->sql, STATEMENT_ROWS_READ, 1);
    sqlite3_stmt_status(statement->sql, STATEMENT_ROWS_WRITTEN, 1);
    return cursor;
}

/* Runs one prepared statement, which the cursor takes. */
static int run(struct database *db, struct statement *statement, const struct sql_value *bindings,
               size_t binding_count, bool last, struct sql_cursor **out, struct err_text *why)
{
    bool writes = sqlite3_stmt_readonly(statement->sql) == 0;
    struct sql_cursor *cursor;
    int r = 0;

    if ((size_t)sqlite3_bind_parameter_count(statement->sql) != binding_count) {
        err_text_set(why, "Wrong number of parameter bindings for SQL query.");
        r = DATABASE_ERROR;
    }
    for (size_t i = 0; i < binding_count && r == 0; i++)
        r = bind(db, statement->sql, (int)i + 1, &bindings[i], !writes, why);
    if (r == 0 && (writes || statement->defers))
        r = database_begin(db, why);
    if (r != 0) {
        statement_cache_give(&db->statements, statement);
        return r;
    }
    cursor = cursor_create(db, statement);
    if (writes || !last)
        r = run_to_end(cursor, last, why);
    else
        r = guarded_step(cursor, why);
    if (r != 0) {
        sql_cursor_close(cursor);
        return r;
    }
    *out = cursor;
    return 0;
}

int sql_exec(struct database *db, struct bytes text, const struct sql_value *bindings,
             size_t binding_count, struct sql_cursor **out, struct err_text *why)
{
    struct statement *statement = statement_cache_take(&db->statements, text);
    struct sql_cursor *cursor;
    bool first = true;
    int r;

    if (statement != NULL)
        return run(db, statement, bindings, binding_count, true, out, why);
    for (;;) {
        r = prepare(db, &text, first, &statement, why);
        if (r != 0)
            return r;
        if (text.len == 0)
            break;
        first = false;
        if (sqlite3_bind_parameter_count(statement->sql) > 0) {
            err_text_set(why, "When executing multiple SQL statements in a single call, only the "
                              "last statement can have parameters.");
            statement_cache_give(&db->statements, statement);
            return DATABASE_ERROR;
        }
        r = run(db, statement, NULL, 0, false, &cursor, why);
        if (r != 0)
            return r;
        sql_cursor_close(cursor);
    }
    return run(db, statement, bindings, binding_count, true, out, why);
}

/* ---- the cursor ---- */

bool sql_cursor_has_row(const struct sql_cursor *cursor)
{
    return cursor->has_row;
}

size_t sql_cursor_column_count(const struct sql_cursor *cursor)
{
    return cursor->columns->count;
}

const char *sql_cursor_column_name(const struct sql_cursor *cursor, size_t column)
{
    ASSERT(column < cursor->columns->count);
    return cursor->columns->names[column];
}

struct sql_value sql_cursor_value(const struct sql_cursor *cursor, size_t column)
{
    sqlite3_stmt *sql;
    int i = (int)column;

    ASSERT(cursor->has_row && column < cursor->columns->count);
    if (cursor->values != NULL)
        return cursor->values[column];
    sql = cursor->statement->sql;
    switch (sqlite3_column_type(sql, i)) {
    case SQLITE_INTEGER:
        return (struct sql_value){.type = SQL_INTEGER, .integer = sqlite3_column_int64(sql, i)};
    case SQLITE_FLOAT:
        return (struct sql_value){.type = SQL_REAL, .real = sqlite3_column_double(sql, i)};
    case SQLITE_TEXT: {
        const uint8_t *text = sqlite3_column_text(sql, i);

        return (struct sql_value){.type = SQL_TEXT,
                                  .bytes = bytes_of(text, (size_t)sqlite3_column_bytes(sql, i))};
    }
    case SQLITE_BLOB: {
        const uint8_t *blob = sqlite3_column_blob(sql, i);

        return (struct sql_value){.type = SQL_BLOB,
                                  .bytes = bytes_of(blob, (size_t)sqlite3_column_bytes(sql, i))};
    }
    default: return (struct sql_value){.type = SQL_NULL};
    }
}

int sql_cursor_next(struct sql_cursor *cursor, struct err_text *why)
{
    if (cursor->canceled) {
        err_text_set(why, "%s", canceled_text);
        return DATABASE_ERROR;
    }
    if (!cursor->has_row)
        return 0;
    if (cursor->values != NULL) {
        next_kept(cursor);
        return 0;
    }
    return guarded_step(cursor, why);
}

static uint64_t rows_of(const struct statement *statement, int counter)
{
    return (uint32_t)sqlite3_stmt_status(statement->sql, counter, 0);
}

uint64_t sql_cursor_rows_read(const struct sql_cursor *cursor)
{
    return cursor->statement != NULL ? rows_of(cursor->statement, STATEMENT_ROWS_READ)
                                     : cursor->rows_read;
}

uint64_t sql_cursor_rows_written(const struct sql_cursor *cursor)
{
    return cursor->statement != NULL ? rows_of(cursor->statement, STATEMENT_ROWS_WRITTEN)
                                     : cursor->rows_written;
}

void sql_cursor_close(struct sql_cursor *cursor)
{
    if (cursor == NULL)
        return;
    let_go(cursor);
    column_names_unref(cursor->columns);
    buf_fini(&cursor->rows);
    mem_free(cursor->values);
    mem_free(cursor);
}
