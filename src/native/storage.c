/* SQL, keys, alarm. */

#include <stdlib.h>
#include <string.h>

#include "actor/failure.h"
#include "actor/output_gate.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "native/host.h"
#include "native/value.h"
#include "store/database.h"
#include "store/kv.h"
#include "store/restore.h"
#include "store/sql.h"

/* What a result of the store means to the class; resets the object if it must. */
static int worked(struct dm_object *host, int r)
{
    struct failure *failure;

    if (r == 0)
        return 0;
    if (r == DATABASE_ERROR)
        return DM_ERROR;
    if (r < 0) {
        log_error("storage of an object: %s", err_trail());
        err_text_set(&host->why, "internal error; reference = storage-%s", err_name(r));
    }
    failure = failure_create("Error", host->why.text, NULL,
                             FAILURE_RESET | (r < 0 ? (unsigned)FAILURE_INTERNAL : 0u));
    object_abort(host->object, failure);
    failure_unref(failure);
    return DM_RESET;
}

static int database_of(struct dm_object *host, struct database **db)
{
    int r;

    if (!host_usable(host, &r))
        return r;
    return worked(host, object_database(host->object, db, &host->why));
}

/* ---- SQL ---- */

struct dm_rows {
    struct dm_object *host;
    struct sql_cursor *cursor;
    bool begun;
    struct list link; /* host.rows */
};

static void rows_free(struct dm_rows *rows)
{
    list_remove(&rows->link);
    sql_cursor_close(rows->cursor);
    mem_free(rows);
}

void rows_close_all(struct dm_object *host)
{
    while (!list_empty(&host->rows))
        rows_free(container_of(list_first(&host->rows), struct dm_rows, link));
}

static int execute(struct dm_object *host, const char *sql, const struct dm_sql_value *from,
                   size_t count, struct sql_cursor **cursor)
{
    struct sql_value values[LIMIT_SQL_VARIABLES];
    struct database *db;
    int r = database_of(host, &db);

    if (r < 0)
        return r;
    if (count > LIMIT_SQL_VARIABLES)
        return host_error(host, "Wrong number of parameter bindings for SQL query.");
    for (size_t i = 0; i < count; i++) {
        values[i].type = (enum sql_type)from[i].type;
        if (from[i].type == DM_SQL_INTEGER)
            values[i].integer = from[i].integer;
        else if (from[i].type == DM_SQL_REAL)
            values[i].real = from[i].real;
        else
            values[i].bytes = bytes_of(from[i].bytes.data, from[i].bytes.len);
    }
    return worked(host, sql_exec(db, bytes_of_string(sql), values, count, cursor, &host->why));
}

int native_sql_exec(struct dm_object *host, const char *sql, const struct dm_sql_value *values,
                    size_t count)
{
    struct sql_cursor *cursor = NULL;
    int r = execute(host, sql, values, count, &cursor);

    while (r == 0 && sql_cursor_has_row(cursor))
        r = worked(host, sql_cursor_next(cursor, &host->why));
    sql_cursor_close(cursor);
    return r;
}

int native_sql_query(struct dm_object *host, struct dm_rows **out, const char *sql,
                     const struct dm_sql_value *values, size_t count)
{
    struct sql_cursor *cursor = NULL;
    struct dm_rows *rows;
    int r = execute(host, sql, values, count, &cursor);

    if (r < 0)
        return r;
    rows = mem_new(struct dm_rows);
    rows->host = host;
    rows->cursor = cursor;
    list_push_back(&host->rows, &rows->link);
    *out = rows;
    return 0;
}

int native_sql_step(struct dm_rows *rows)
{
    struct dm_object *host = rows->host;
    int r = 0;

    if (rows->begun && sql_cursor_has_row(rows->cursor))
        r = worked(host, sql_cursor_next(rows->cursor, &host->why));
    rows->begun = true;
    if (r == 0 && !sql_cursor_has_row(rows->cursor))
        r = DM_NONE;
    if (r != 0)
        rows_free(rows);
    return r;
}

size_t native_sql_columns(struct dm_rows *rows)
{
    return sql_cursor_column_count(rows->cursor);
}

const char *native_sql_column_name(struct dm_rows *rows, size_t column)
{
    return sql_cursor_column_name(rows->cursor, column);
}

static struct sql_value value_at(struct dm_rows *rows, size_t column)
{
    struct sql_value none = {.type = SQL_NULL};

    if (!sql_cursor_has_row(rows->cursor) || column >= sql_cursor_column_count(rows->cursor))
        return none;
    return sql_cursor_value(rows->cursor, column);
}

struct dm_sql_value native_sql_value(struct dm_rows *rows, size_t column)
{
    struct sql_value from = value_at(rows, column);
    struct dm_sql_value value = {.type = (enum dm_sql_type)from.type};
    struct bytes kept;

    switch (from.type) {
    case SQL_NULL: break;
    case SQL_INTEGER: value.integer = from.integer; break;
    case SQL_REAL: value.real = from.real; break;
    case SQL_TEXT:
    case SQL_BLOB:
        kept = bytes_of(arena_string(&rows->host->scratch, from.bytes), from.bytes.len);
        value.bytes = dm_bytes(kept.data, kept.len);
        break;
    }
    return value;
}

int64_t native_sql_integer(struct dm_rows *rows, size_t column)
{
    struct sql_value value = value_at(rows, column);

    if (value.type == SQL_INTEGER)
        return value.integer;
    if (value.type == SQL_REAL && value.real >= -9.2e18 && value.real <= 9.2e18)
        return (int64_t)value.real;
    return value.type == SQL_TEXT ? strtoll(native_sql_text(rows, column), NULL, 10) : 0;
}

double native_sql_real(struct dm_rows *rows, size_t column)
{
    struct sql_value value = value_at(rows, column);

    if (value.type == SQL_REAL)
        return value.real;
    if (value.type == SQL_INTEGER)
        return (double)value.integer;
    return value.type == SQL_TEXT ? strtod(native_sql_text(rows, column), NULL) : 0;
}

const char *native_sql_text(struct dm_rows *rows, size_t column)
{
    struct sql_value value = value_at(rows, column);
    struct arena *arena = &rows->host->scratch;

    switch (value.type) {
    case SQL_NULL: return "";
    case SQL_INTEGER: return arena_format(arena, "%lld", (long long)value.integer);
    case SQL_REAL: return arena_format(arena, "%.17g", value.real);
    case SQL_TEXT:
    case SQL_BLOB: return arena_string(arena, value.bytes);
    }
    return "";
}

void native_sql_close(struct dm_rows *rows)
{
    if (rows != NULL)
        rows_free(rows);
}

int native_sql_size(struct dm_object *host, uint64_t *bytes)
{
    struct database *db;
    int r = database_of(host, &db);

    return r < 0 ? r : worked(host, database_size(db, bytes, &host->why));
}

/* ---- keys ---- */

static int key_of(struct dm_object *host, struct dm_bytes from, struct bytes *key)
{
    *key = bytes_of(from.data, from.len);
    if (from.len > LIMIT_KV_KEY_BYTES)
        return host_error(host,
                          "Keys cannot be larger than %d bytes. A key of size %zu was provided.",
                          LIMIT_KV_KEY_BYTES, from.len);
    return 0;
}

int native_kv_get(struct dm_object *host, struct dm_bytes from, const struct dm_value **value)
{
    struct database *db;
    struct bytes key;
    struct bytes found;
    int r = database_of(host, &db);

    if (r == 0)
        r = key_of(host, from, &key);
    if (r < 0)
        return r;
    r = kv_get(db, key, &found, &host->why);
    if (r == KV_GET_MISSING)
        return DM_NONE;
    if (r != 0)
        return worked(host, r);
    return value_read(found, &host->scratch, value, &host->why) == 0 ? 0 : DM_ERROR;
}

int native_kv_put(struct dm_object *host, struct dm_bytes from, const struct dm_value *value)
{
    struct buf bytes = {0};
    struct database *db;
    struct bytes key;
    int r = database_of(host, &db);

    if (r == 0)
        r = key_of(host, from, &key);
    if (r == 0 && value_write(&bytes, value, LIMIT_SQL_VALUE_BYTES, &host->why) != 0)
        r = DM_ERROR;
    if (r == 0)
        r = worked(host, kv_put(db, key, buf_bytes(&bytes), &host->why));
    buf_fini(&bytes);
    return r;
}

int native_kv_delete(struct dm_object *host, struct dm_bytes from)
{
    struct database *db;
    struct bytes key;
    bool existed = false;
    int r = database_of(host, &db);

    if (r == 0)
        r = key_of(host, from, &key);
    if (r == 0)
        r = worked(host, kv_delete(db, key, &existed, &host->why));
    return r == 0 && !existed ? DM_NONE : r;
}

/* The keys that start with `prefix` end where it, counted up by one, begins. */
static void narrow(struct kv_range *range, struct bytes prefix, uint8_t *after)
{
    size_t len = prefix.len;

    if (range->start.data == NULL || bytes_compare(range->start, prefix) < 0)
        range->start = prefix;
    memcpy(after, prefix.data, len);
    while (len > 0 && after[len - 1] == 0xff)
        len--;
    if (len == 0)
        return;
    after[len - 1]++;
    if (range->end.data == NULL || bytes_compare(range->end, bytes_of(after, len)) > 0)
        range->end = bytes_of(after, len);
}

static int walk(struct dm_object *host, struct kv_list *list, dm_kv_fn *each, void *data)
{
    struct arena pair = {0};
    const struct dm_value *value;
    struct bytes key;
    struct bytes found;
    int r;

    for (;;) {
        r = kv_list_next(list, &key, &found, &host->why);
        if (r == KV_LIST_END) {
            r = 0;
            break;
        }
        r = r != 0 ? worked(host, r)
            : value_read(found, &pair, &value, &host->why) != 0
                ? DM_ERROR
                : each(data, dm_bytes(arena_string(&pair, key), key.len), value);
        if (r != 0)
            break;
        arena_reset(&pair);
    }
    arena_fini(&pair);
    return r;
}

int native_kv_list(struct dm_object *host, const struct dm_range *from, dm_kv_fn *each, void *data)
{
    struct kv_range range = {0};
    struct kv_list *list = NULL;
    struct database *db;
    int r = database_of(host, &db);

    if (r < 0)
        return r;
    if (from != NULL) {
        range.start = bytes_of(from->start.data, from->start.len);
        range.end = bytes_of(from->end.data, from->end.len);
        range.reverse = from->reverse;
        range.limit = from->limit;
        if (from->prefix.len > 0)
            narrow(&range, bytes_of(from->prefix.data, from->prefix.len),
                   arena_alloc(&host->scratch, from->prefix.len));
    }
    r = worked(host, kv_list_open(db, &range, &list, &host->why));
    if (r < 0)
        return r;
    r = walk(host, list, each, data);
    kv_list_close(list);
    return r;
}

/* ---- all of it ---- */

int savepoint_begin(struct dm_object *host, unsigned *depth)
{
    struct database *db;
    int r = database_of(host, &db);

    *depth = host->savepoints + 1;
    if (r == 0)
        r = worked(host, database_savepoint(db, *depth, &host->why));
    if (r == 0)
        host->savepoints = *depth;
    return r;
}

int savepoint_end(struct dm_object *host, unsigned depth, bool keep)
{
    struct database *db;
    int r;

    if (host->savepoints != depth)
        return host_error(host, "A transaction inside this one is still open.");
    r = database_of(host, &db);
    if (r < 0)
        return r;
    rows_close_all(host); /* a statement that reads would keep the savepoint */
    r = worked(host, keep ? database_savepoint_release(db, depth, &host->why)
                          : database_savepoint_rollback(db, depth, NULL));
    if (r == 0)
        host->savepoints = depth - 1;
    return r;
}

int native_transaction(struct dm_object *host, dm_transaction_fn *body, void *data)
{
    unsigned depth;
    int ended;
    int r = savepoint_begin(host, &depth);

    if (r < 0)
        return r;
    r = body(host, data);
    if (object_broken(host->object))
        return DM_RESET;
    ended = savepoint_end(host, depth, r == 0);
    return ended < 0 ? ended : r;
}

int native_delete_all(struct dm_object *host)
{
    struct database *db;
    int r = database_of(host, &db);

    if (r < 0)
        return r;
    if (host->savepoints > 0)
        return host_error(host, "Cannot call delete_all() within a transaction.");
    rows_close_all(host);
    return worked(host, database_delete_all(db, true, &host->why));
}

/* ---- point-in-time recovery ---- */

/* The text of a bookmark to where the class wants it. */
static int bookmark_out(struct dm_object *host, const char *bookmark, char *text, size_t size)
{
    if (size < BOOKMARK_TEXT_SIZE)
        return host_error(host, "A bookmark needs %d bytes.", BOOKMARK_TEXT_SIZE);
    memcpy(text, bookmark, BOOKMARK_TEXT_SIZE);
    return 0;
}

static int restore_worked(struct dm_object *host, int r)
{
    return r == RESTORE_REFUSED ? DM_ERROR : worked(host, r);
}

int native_bookmark(struct dm_object *host, char *text, size_t size)
{
    char made[BOOKMARK_TEXT_SIZE];
    struct database *db;
    int r = database_of(host, &db);

    if (r == 0)
        r = restore_worked(host, restore_bookmark_now(db, made, &host->why));
    return r == 0 ? bookmark_out(host, made, text, size) : r;
}

int native_bookmark_at(struct dm_object *host, int64_t time_ms, char *text, size_t size)
{
    char made[BOOKMARK_TEXT_SIZE];
    struct database *db;
    int r = database_of(host, &db);

    if (r == 0)
        r = restore_worked(host, restore_bookmark_at(db, time_ms, made, &host->why));
    return r == 0 ? bookmark_out(host, made, text, size) : r;
}

int native_restore(struct dm_object *host, const char *bookmark, char *undo, size_t size)
{
    char made[BOOKMARK_TEXT_SIZE];
    struct database *db;
    int r = database_of(host, &db);

    if (r == 0)
        r = restore_worked(host, restore_later(db, bytes_of_string(bookmark), made, &host->why));
    return r == 0 && undo != NULL ? bookmark_out(host, made, undo, size) : r;
}

int native_alarm(struct dm_object *host, int64_t *time_ms)
{
    int r;

    *time_ms = 0;
    if (!host_usable(host, &r))
        return r;
    r = worked(host, object_alarm(host->object, time_ms, &host->why));
    return r == 0 && *time_ms == 0 ? DM_NONE : r;
}

int native_set_alarm(struct dm_object *host, int64_t time_ms)
{
    int r;

    if (!host_usable(host, &r))
        return r;
    if (time_ms <= 0)
        return host_error(host, "setAlarm() cannot be called with an alarm time <= 0");
    if (host->class->alarm == NULL)
        return host_error(host, "The class must have alarm() in order to set one.");
    return worked(host, object_set_alarm(host->object, time_ms, &host->why));
}

int native_delete_alarm(struct dm_object *host)
{
    int r;

    if (!host_usable(host, &r))
        return r;
    return worked(host, object_set_alarm(host->object, 0, &host->why));
}

/* ---- sync() ---- */

struct sync_wait {
    struct output_gate_wait gate;
    struct later later;
    dm_fn *synced;
    void *data;
    unsigned refs; /* the gate's and the later's */
};

static void sync_unref(struct sync_wait *wait)
{
    if (--wait->refs == 0)
        mem_free(wait);
}

static void sync_passed(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct sync_wait *wait = container_of(gate, struct sync_wait, gate);

    if (verdict == OUTPUT_GATE_GO && wait->later.host != NULL)
        later_ready(&wait->later); /* otherwise the object is about to be reset */
    sync_unref(wait);
}

static void sync_run(struct later *later, struct dm_object *host)
{
    struct sync_wait *wait = container_of(later, struct sync_wait, later);

    wait->synced(host->self, host, wait->data);
    sync_unref(wait);
}

static void sync_drop(struct later *later)
{
    sync_unref(container_of(later, struct sync_wait, later));
}

int native_sync(struct dm_object *host, dm_fn *synced, void *data)
{
    struct sync_wait *wait;
    int r;

    if (!host_usable(host, &r))
        return r;
    wait = mem_new(struct sync_wait);
    wait->gate.cb = sync_passed;
    wait->later.run = sync_run;
    wait->later.drop = sync_drop;
    wait->synced = synced;
    wait->data = data;
    wait->refs = 2;
    later_bind(&wait->later, host, HOLD_IO);
    object_sync(host->object, &wait->gate);
    return 0;
}
