#include "store/kv.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/database_state.h"
#include "store/kv_state.h"

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID";

struct kv_list {
    struct database *db; /* borrowed */
    sqlite3_stmt *sql;   /* owned; NULL when there is nothing to list, or it was canceled */
    struct list link;    /* database.kv_lists while there is a statement */
    bool fresh;          /* stands on a row that was not handed out */
    bool canceled;
    bool is_void;
};

static bool table_exists(struct database *db)
{
    return sqlite3_table_column_metadata(db->sql, NULL, "_cf_KV", NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* Prepared for one key. A missing table is SQLITE_DONE at once: `*sql` is NULL and the result 0. */
static int prepare_key(struct database *db, enum own_statement which, struct bytes key,
                       sqlite3_stmt **sql, struct err_text *why)
{
    int result = 0;

    *sql = NULL;
    if (!table_exists(db))
        return 0;
    *sql = database_own(db, which, &result, why);
    if (*sql == NULL)
        return result;
    sqlite3_reset(*sql);
    if (sqlite3_bind_text64(*sql, 1, key.len > 0 ? (const char *)key.data : "", key.len,
                            SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
        return database_error(db, sqlite3_errcode(db->sql), why);
    return 0;
}

int kv_get(struct database *db, struct bytes key, struct bytes *value, struct err_text *why)
{
    sqlite3_stmt *sql;
    int r = prepare_key(db, OWN_KV_GET, key, &sql, why);
    int rc;

    if (r != 0)
        return r;
    if (sql == NULL)
        return KV_GET_MISSING;
    rc = database_own_step(db, sql);
    if (rc == SQLITE_ROW) {
        /* Copied out, so that no statement stays open and holds up a checkpoint. */
        struct bytes blob = {.data = sqlite3_column_blob(sql, 0)};

        blob.len = (size_t)sqlite3_column_bytes(sql, 0);
        buf_clear(&db->kv_value);
        buf_reserve(&db->kv_value, blob.len + 1);
        buf_append_bytes(&db->kv_value, blob);
        *value = buf_bytes(&db->kv_value);
    } else if (rc == SQLITE_DONE) {
        r = KV_GET_MISSING;
    } else {
        r = database_error(db, rc, why);
    }
    sqlite3_reset(sql);
    return r;
}

int kv_put(struct database *db, struct bytes key, struct bytes value, struct err_text *why)
{
    sqlite3_stmt *sql;
    int r = database_begin(db, why);
    int rc;

    if (r == 0 && !table_exists(db)) {
        rc = database_own_exec(db, create_table);
        if (rc != SQLITE_OK)
            r = database_error(db, rc, why);
    }
    if (r == 0)
        r = prepare_key(db, OWN_KV_PUT, key, &sql, why);
    if (r != 0)
        return r;
    ASSERT(sql != NULL);
    rc = sqlite3_bind_blob64(sql, 2, value.len > 0 ? (const void *)value.data : "", value.len,
                             SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = database_own_step(db, sql);
    if (rc != SQLITE_DONE)
        r = database_error(db, rc, why);
    sqlite3_reset(sql);
    sqlite3_clear_bindings(sql);
    return r;
}

int kv_delete(struct database *db, struct bytes key, bool *existed, struct err_text *why)
{
    sqlite3_stmt *sql;
    int r;
    int rc;

    *existed = false;
    if (!table_exists(db))
        return 0;
    r = database_begin(db, why);
    if (r == 0)
        r = prepare_key(db, OWN_KV_DELETE, key, &sql, why);
    if (r != 0)
        return r;
    rc = database_own_step(db, sql);
    if (rc == SQLITE_DONE)
        *existed = sqlite3_changes(db->sql) > 0;
    else
        r = database_error(db, rc, why);
    sqlite3_reset(sql);
    sqlite3_clear_bindings(sql);
    return r;
}

/* ---- lists ---- */

/* "SELECT key, value FROM _cf_KV WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?" */
static int prepare_list(struct kv_list *list, const struct kv_range *range)
{
    struct database *db = list->db;
    char text[160];
    int place = 1;
    int rc;

    snprintf(text, sizeof text, "SELECT key, value FROM _cf_KV%s%s%s ORDER BY key%s%s",
             range->start.data != NULL || range->end.data != NULL ? " WHERE" : "",
             range->start.data != NULL ? " key >= ?" : "",
             range->end.data == NULL     ? ""
             : range->start.data != NULL ? " AND key < ?"
                                         : " key < ?",
             range->reverse ? " DESC" : "", range->limit > 0 ? " LIMIT ?" : "");
    db->trusted = true;
    rc = sqlite3_prepare_v2(db->sql, text, -1, &list->sql, NULL);
    db->trusted = false;
    if (rc == SQLITE_OK && range->start.data != NULL)
        rc = sqlite3_bind_text64(list->sql, place++, (const char *)range->start.data,
                                 range->start.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    if (rc == SQLITE_OK && range->end.data != NULL)
        rc = sqlite3_bind_text64(list->sql, place++, (const char *)range->end.data, range->end.len,
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
    if (rc == SQLITE_OK && range->limit > 0)
        rc = sqlite3_bind_int64(list->sql, place,
                                range->limit > INT64_MAX ? INT64_MAX : (int64_t)range->limit);
    return rc;
}

static void let_go(struct kv_list *list)
{
    sqlite3_finalize(list->sql);
    list->sql = NULL;
    list_remove(&list->link);
    list_init(&list->link);
}

void kv_cancel_lists(struct database *db)
{
    struct list *link;

    while ((link = list_first(&db->kv_lists)) != NULL) {
        struct kv_list *list = container_of(link, struct kv_list, link);

        let_go(list);
        list->canceled = true;
    }
}

int kv_list_open(struct database *db, const struct kv_range *range, struct kv_list **out,
                 struct err_text *why)
{
    struct kv_list *list = mem_new(struct kv_list);
    int rc;

    list->db = db;
    list_init(&list->link);
    list->is_void = !table_exists(db) ||
                    (range->end.data != NULL && bytes_compare(range->end, range->start) <= 0);
    if (!list->is_void) {
        rc = prepare_list(list, range);
        if (rc != SQLITE_OK) {
            int r = database_error(db, rc, why);

            kv_list_close(list);
            return r;
        }
        list_push_back(&db->kv_lists, &list->link);
        /* At once, as workerd does: from here on it is a statement that runs. */
        rc = database_own_step(db, list->sql);
        list->fresh = rc == SQLITE_ROW;
        if (rc != SQLITE_ROW)
            let_go(list);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
            int r = database_error(db, rc, why);

            kv_list_close(list);
            return r;
        }
    }
    *out = list;
    return 0;
}

int kv_list_next(struct kv_list *list, struct bytes *key, struct bytes *value, struct err_text *why)
{
    int rc;
    int r = KV_LIST_END;

    if (list->canceled) {
        err_text_set(why, "SQLite query was canceled because the database was deleted.");
        return DATABASE_ERROR;
    }
    if (list->sql == NULL)
        return KV_LIST_END;
    rc = list->fresh ? SQLITE_ROW : database_own_step(list->db, list->sql);
    list->fresh = false;
    if (rc == SQLITE_ROW) {
        *key = bytes_of(sqlite3_column_text(list->sql, 0), 0);
        key->len = (size_t)sqlite3_column_bytes(list->sql, 0);
        *value = bytes_of(sqlite3_column_blob(list->sql, 1), 0);
        value->len = (size_t)sqlite3_column_bytes(list->sql, 1);
        return 0;
    }
    if (rc != SQLITE_DONE)
        r = database_error(list->db, rc, why);
    let_go(list);
    return r;
}

bool kv_list_is_void(const struct kv_list *list)
{
    return list->is_void;
}

void kv_list_close(struct kv_list *list)
{
    if (list == NULL)
        return;
    let_go(list);
    mem_free(list);
}
