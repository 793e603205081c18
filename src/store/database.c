#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/alarm_shard.h"
#include "store/database_state.h"
#include "store/journal.h"
#include "store/kv_state.h"
#include "store/object_file.h"
#include "store/shard.h"
#include "store/sql_error.h"
#include "store/sql_policy.h"
#include "store/sql_state.h"
#include "store/store_parts.h"

/*
 * Of one turn:
 *
 *            database_begin                      COMMIT
 *   CLEAN ------------------> IN TRANSACTION -------------> CLEAN, a record in the journal
 *     ^                            |
 *     +----------------------------+ ROLLBACK, by us or, after an error, by SQLite
 *
 * CLEAN           SQLite is in autocommit mode; cursors may be open.
 * IN TRANSACTION  everything that is written belongs to it, savepoints nest in it (depth). It may
 *                 last over several turns while the author's transaction() does.
 *
 * A database that its user closes with something that is not yet in its file is parked: the shard
 * checkpoints it when its last record is durable, and closes it then. Opening the object meanwhile
 * takes the parked one back, connection, cache and all.
 */

/* clang-format off */
static const char *const own_text[OWN_COUNT] = {
    [OWN_BEGIN] = "BEGIN",
    [OWN_COMMIT] = "COMMIT",
    [OWN_ROLLBACK] = "ROLLBACK",
    [OWN_ALARM_GET] = "SELECT value FROM _cf_METADATA WHERE key = 1",
    [OWN_ALARM_SET] = "INSERT INTO _cf_METADATA VALUES(1, ?1) "
                      "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    [OWN_ALARM_REMOVE] = "DELETE FROM _cf_METADATA WHERE key = 1",
    [OWN_NAME_GET] = "SELECT value FROM _cf_METADATA WHERE key = 1146944002",
    [OWN_NAME_SET] = "INSERT INTO _cf_METADATA VALUES(1146944002, ?1) "
                     "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    [OWN_KV_GET] = "SELECT value FROM _cf_KV WHERE key = ?1",
    [OWN_KV_PUT] = "INSERT INTO _cf_KV VALUES(?1, ?2) "
                   "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    [OWN_KV_DELETE] = "DELETE FROM _cf_KV WHERE key = ?1",
    [OWN_PAGE_COUNT] = "PRAGMA page_count",
    [OWN_FREE_COUNT] = "PRAGMA freelist_count",
};

static const struct { int id, value; } limits[] = {
    {SQLITE_LIMIT_LENGTH, LIMIT_SQL_VALUE_BYTES},
    {SQLITE_LIMIT_SQL_LENGTH, LIMIT_SQL_TEXT_BYTES},
    {SQLITE_LIMIT_COLUMN, LIMIT_SQL_COLUMNS},
    {SQLITE_LIMIT_EXPR_DEPTH, LIMIT_SQL_EXPR_DEPTH},
    {SQLITE_LIMIT_COMPOUND_SELECT, LIMIT_SQL_COMPOUND_SELECT},
    {SQLITE_LIMIT_VDBE_OP, LIMIT_SQL_VDBE_OPS},
    {SQLITE_LIMIT_FUNCTION_ARG, LIMIT_SQL_FUNCTION_ARGS},
    {SQLITE_LIMIT_ATTACHED, LIMIT_SQL_ATTACHED},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LIMIT_SQL_LIKE_PATTERN_BYTES},
    {SQLITE_LIMIT_VARIABLE_NUMBER, LIMIT_SQL_VARIABLES},
    {SQLITE_LIMIT_TRIGGER_DEPTH, LIMIT_SQL_TRIGGER_DEPTH},
    {SQLITE_LIMIT_WORKER_THREADS, LIMIT_SQL_WORKER_THREADS},
};

/* clang-format on */

/* ---- errors ---- */

#define LOCATE_PAGES_MAX 16384 /* 64 MB: looking through more would hold up the shard */

/* Where the damage is, as far as SQLite can tell when it looks through the whole file: the first
 * page that it complains about. 0: it cannot. */
static unsigned long locate_damage(struct database *db, char *words, size_t size)
{
    sqlite3_stmt *check = NULL;
    unsigned long page = 0;
    const char *text = NULL;
    const char *at;
    bool trusted = db->trusted;

    if (db->pages.size_pages > LOCATE_PAGES_MAX)
        return 0;
    db->trusted = true;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &check, NULL) == SQLITE_OK &&
        sqlite3_step(check) == SQLITE_ROW)
        text = (const char *)sqlite3_column_text(check, 0);
    if (text != NULL && strcmp(text, "ok") != 0) {
        const char *line = strrchr(text, '\n'); /* behind "*** in database main ***" */

        snprintf(words, size, "%s", line != NULL ? line + 1 : text);
        at = strstr(words, "age ");
        if (at == NULL || sscanf(at, "age %lu", &page) != 1)
            page = 0;
    }
    sqlite3_finalize(check);
    db->trusted = trusted;
    return page;
}

/* Nobody above knows the file, and the author of the object can do nothing about it. `message` and
 * `code` are what SQLite said. */
static void report_damage(struct database *db, const char *message, int code)
{
    char words[200] = "";
    unsigned long page;

    if (db->damage_reported)
        return;
    db->damage_reported = true;
    if ((code & 0xff) == SQLITE_NOTADB) {
        log_error("%s is damaged at offset 0: %s", object_file_path(db->pages.file), message);
        return;
    }
    page = locate_damage(db, words, sizeof words);
    if (page > 0)
        log_error("%s is damaged at offset %lu: %s; %s (%s)", object_file_path(db->pages.file),
                  (page - 1) * PAGE_BYTES, words, message, sqlite3_errstr(code));
    else
        log_error("%s is damaged: %s (%s)", object_file_path(db->pages.file), message,
                  sqlite3_errstr(code));
}

static void format_error(struct database *db, int code, char *text, size_t size)
{
    int extended = sqlite3_extended_errcode(db->sql);
    const char *message = (code & 0xff) == (sqlite3_errcode(db->sql) & 0xff)
                              ? sqlite3_errmsg(db->sql)
                              : sqlite3_errstr(code);

    if ((extended & 0xff) != (code & 0xff))
        extended = code;
    /* After the schema was rolled back or dropped, an error of the statement can come with this. */
    if (extended == SQLITE_SCHEMA && strcmp(message, sqlite3_errstr(SQLITE_SCHEMA)) != 0)
        extended = strcmp(message, "not authorized") == 0 ? SQLITE_AUTH : SQLITE_ERROR;
    sql_error_format(text, size, message, sqlite3_error_offset(db->sql), extended);
}

int database_error(struct database *db, int code, struct err_text *why)
{
    char text[sizeof why->text];

    if ((code & 0xff) == SQLITE_INTERRUPT) { /* by sql_guard.h */
        err_text_set(why, "Durable Object exceeded its CPU time limit and was reset.");
        return DATABASE_CRITICAL;
    }
    if (db->policy_reason != NULL) {
        err_text_set(why, "%s", db->policy_reason);
        db->policy_reason = NULL;
    } else {
        format_error(db, code, text, sizeof text);
        err_text_set(why, "%s", text);
    }
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
        snprintf(text, sizeof text, "%s", sqlite3_errmsg(db->sql));
        report_damage(db, text, sqlite3_extended_errcode(db->sql));
    }
    /* Autocommit is back without our doing: SQLite has rolled back, what was written is gone. */
    if (db->in_transaction && sqlite3_get_autocommit(db->sql) != 0)
        return DATABASE_CRITICAL;
    return DATABASE_ERROR;
}

/* ---- our own statements ---- */

sqlite3_stmt *database_own(struct database *db, enum own_statement which, int *result,
                           struct err_text *why)
{
    int rc;

    *result = 0;
    if (db->own[which] != NULL)
        return db->own[which];
    db->trusted = true;
    rc = sqlite3_prepare_v3(db->sql, own_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                            &db->own[which], NULL);
    db->trusted = false;
    if (rc != SQLITE_OK)
        *result = database_error(db, rc, why);
    return db->own[which];
}

int database_own_step(struct database *db, sqlite3_stmt *statement)
{
    int rc;

    db->trusted = true; /* it may have to be prepared again */
    rc = sqlite3_step(statement);
    db->trusted = false;
    return rc;
}

int database_own_exec(struct database *db, const char *text)
{
    bool trusted = db->trusted;
    int rc;

    db->trusted = true;
    rc = sqlite3_exec(db->sql, text, NULL, NULL, NULL);
    db->trusted = trusted;
    return rc;
}

/* One that has no rows to show. */
static int run_own(struct database *db, enum own_statement which, struct err_text *why)
{
    int result;
    sqlite3_stmt *statement = database_own(db, which, &result, why);
    int rc;

    if (statement == NULL)
        return result;
    rc = database_own_step(db, statement);
    if (rc != SQLITE_DONE)
        result = database_error(db, rc, why);
    sqlite3_reset(statement);
    return result;
}

/* One that shows one number. */
static int number_own(struct database *db, enum own_statement which, int64_t *number,
                      struct err_text *why)
{
    int result;
    sqlite3_stmt *statement = database_own(db, which, &result, why);
    int rc;

    if (statement == NULL)
        return result;
    rc = database_own_step(db, statement);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    else
        result = database_error(db, rc, why);
    sqlite3_reset(statement);
    return result;
}

/* ---- opening ---- */

static int configure(struct database *db)
{
    sqlite3 *sql = db->sql;
    int rc = SQLITE_OK;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(sql, limits[i].id, limits[i].value);
    rc |= sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    rc |= sqlite3_db_config(sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    rc |= sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    rc |= sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    rc |= sqlite3_set_authorizer(sql, sql_policy_authorize, db);
    rc |= sqlite3_wal_autocheckpoint(sql, 0);
    rc |= database_own_exec(db, "PRAGMA locking_mode=EXCLUSIVE");
    return rc;
}

/* The more are open, the less page cache a newly opened one gets. There is no soft heap limit:
 * SQLite's count of its memory is one lock for the whole process. */
static int bound_cache(struct database *db, const struct store_shard *shard)
{
    unsigned kb = LIMIT_PAGE_CACHE_KB / ((unsigned)shard->databases.count + 1);
    char text[64];

    if (kb >= LIMIT_PAGE_CACHE_KB_EACH)
        return SQLITE_OK; /* its default */
    snprintf(text, sizeof text, "PRAGMA cache_size=-%u",
             kb > LIMIT_PAGE_CACHE_KB_LEAST ? kb : LIMIT_PAGE_CACHE_KB_LEAST);
    return database_own_exec(db, text);
}

static int sqlite_fault(int rc)
{
    return rc == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

int database_open_at(struct database **out, struct store_shard *shard, uint32_t namespace_number,
                     const uint8_t id[STORE_ID_SIZE], const char *dir, const char *path,
                     struct err_text *why)
{
    struct database *db = mem_new(struct database);
    int rc;
    int r;

    list_init(&db->pinned_link);
    list_init(&db->parked_link);
    list_init(&db->large_link);
    list_init(&db->cursors);
    list_init(&db->kv_lists);
    statement_cache_init(&db->statements, LIMIT_SQL_CACHE_BYTES);
    memcpy(db->key, id, STORE_ID_SIZE);
    memcpy(db->key + STORE_ID_SIZE, &namespace_number, sizeof namespace_number);

    r = pages_open(&db->pages, shard, namespace_number, id, dir, path);
    if (r < 0)
        goto out;
    shard->vfs.opening = &db->pages;
    rc = sqlite3_open_v2("object", &db->sql,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                         shard->vfs.name);
    if (rc == SQLITE_OK)
        rc = configure(db);
    if (rc == SQLITE_OK)
        rc = bound_cache(db, shard);
    if (rc != SQLITE_OK) {
        err_text_set(why, "%s: %s", path, db->sql != NULL ? sqlite3_errmsg(db->sql) : "no memory");
        r = err_raise(sqlite_fault(rc));
        goto out;
    }
    map_put(&shard->databases, bytes_of(db->key, sizeof db->key), db);
    *out = db;
    return 0;

out:
    database_destroy(db);
    return err_pass(r);
}

int database_open(struct database **out, struct store_shard *shard, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct database_listener *listener,
                  struct err_text *why)
{
    uint8_t key[DATABASE_KEY_BYTES];
    struct database *db;
    char *dir;
    char *path;
    int r;

    memcpy(key, id, STORE_ID_SIZE);
    memcpy(key + STORE_ID_SIZE, &namespace_number, sizeof namespace_number);
    db = map_get(&shard->databases, bytes_of(key, sizeof key));
    if (db != NULL) {
        ASSERT(db->parked); /* one user at a time */
        db->parked = false;
        list_remove(&db->parked_link);
    } else {
        if (!store_object_path(shard->store, namespace_number, id, &dir, &path))
            return err_raise(-ENOENT);
        r = database_open_at(&db, shard, namespace_number, id, dir, path, why);
        mem_free(dir);
        mem_free(path);
        if (r < 0)
            return err_pass(r);
    }
    db->listener = listener != NULL ? *listener : (struct database_listener){0};
    *out = db;
    return 0;
}

/* ---- closing ---- */

void database_destroy(struct database *db)
{
    if (db == NULL)
        return;
    statement_cache_fini(&db->statements);
    for (unsigned i = 0; i < OWN_COUNT; i++)
        sqlite3_finalize(db->own[i]);
    if (db->sql != NULL)
        ASSERT(sqlite3_close(db->sql) == SQLITE_OK);
    if (db->pages.shard != NULL)
        map_remove(&db->pages.shard->databases, bytes_of(db->key, sizeof db->key));
    list_remove(&db->pinned_link);
    list_remove(&db->parked_link);
    list_remove(&db->large_link);
    pages_close(&db->pages);
    buf_fini(&db->kv_value);
    mem_free(db->alarm_name);
    mem_free(db);
}

void database_cancel_cursors(struct database *db)
{
    sql_cancel_cursors(db);
    kv_cancel_lists(db);
}

void database_close(struct database *db)
{
    struct store_shard *shard;

    if (db == NULL)
        return;
    shard = db->pages.shard;
    database_cancel_cursors(db);
    database_rollback(db);
    db->listener = (struct database_listener){0};
    if (db->pages.pin == NULL) {
        database_destroy(db);
        return;
    }
    statement_cache_clear(
        &db->statements); /* the next user prepares its own, as if it were opened */
    db->parked = true;
    list_push_back(&shard->parked, &db->parked_link);
}

/* ---- the implicit transaction ---- */

bool database_dirty(const struct database *db)
{
    return db->in_transaction;
}

bool database_busy(const struct database *db)
{
    return !list_empty(&db->cursors) || !list_empty(&db->kv_lists);
}

int database_begin(struct database *db, struct err_text *why)
{
    int r;

    if (!db->announced && db->listener.writing != NULL)
        db->listener.writing(db->listener.data);
    db->announced = true;
    if (db->in_transaction)
        return 0;
    r = run_own(db, OWN_BEGIN, why);
    if (r == 0)
        db->in_transaction = true;
    return r;
}

/* Back to CLEAN, whatever SQLite still thinks. */
static void leave_transaction(struct database *db)
{
    db->in_transaction = false;
    db->announced = false;
    db->depth = 0;
    db->alarm_touched = false;
    mem_free(db->alarm_name);
    db->alarm_name = NULL;
    db->pages.alarm_changed = false;
    db->pages.alarm = (struct record_alarm){0};
    mem_free(db->pages.note);
    db->pages.note = NULL;
}

void database_rollback(struct database *db)
{
    if (!db->in_transaction) {
        leave_transaction(db);
        return;
    }
    database_cancel_cursors(db);
    if (sqlite3_get_autocommit(db->sql) == 0)
        run_own(db, OWN_ROLLBACK, NULL);
    db->vacuum_wanted = false;
    leave_transaction(db);
}

/* What the record and the alarm index are to be told: the alarm as the transaction leaves it, after
 * all savepoints that were rolled back. */
static int settle_alarm(struct database *db, struct err_text *why)
{
    struct record_alarm *alarm = &db->pages.alarm;
    int64_t time_ms;
    int r = database_alarm(db, &time_ms, why);

    if (r != 0)
        return r;
    *alarm = (struct record_alarm){.scheduled_ms = time_ms, .run_ms = time_ms};
    if (db->alarm_name != NULL && time_ms != 0)
        alarm->name = bytes_of_string(db->alarm_name);
    db->pages.alarm_changed = true;
    db->pages.note = &alarm_note_create(db->pages.namespace_number, db->pages.id, alarm)->base;
    return 0;
}

/* COMMIT failed: undo what is left and say why. */
static int fail_commit(struct database *db, int rc, struct err_text *why)
{
    struct err_text cause = {""};

    database_error(db, rc, &cause);
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        err_text_set(why,
                     "Durable Object was reset and rolled back to its last known good state "
                     "because the application left the database in a state where constraints were "
                     "violated: %s",
                     cause.text);
    else
        err_text_set(why, "%s", cause.text);
    database_rollback(db);
    return DATABASE_CRITICAL;
}

/* Gives the pages that delete_all() freed back to the file system. Only makes the file smaller, so
 * a failure is nobody's concern. */
static void vacuum(struct database *db)
{
    db->vacuum_wanted = false;
    if (!list_empty(&db->cursors) || !list_empty(&db->kv_lists))
        return;
    sqlite3_limit(db->sql, SQLITE_LIMIT_ATTACHED, 1);
    database_own_exec(db, "VACUUM");
    sqlite3_limit(db->sql, SQLITE_LIMIT_ATTACHED, LIMIT_SQL_ATTACHED);
}

int database_commit(struct database *db, uint64_t *lsn, struct err_text *why)
{
    uint64_t before = db->pages.last_lsn;
    int result = 0;
    struct alarm_note *news = NULL; /* the shard's own copy of what the record says */
    sqlite3_stmt *commit;
    int rc;

    *lsn = 0;
    if (!db->in_transaction) {
        db->announced = false;
        return 0;
    }
    if (sqlite3_get_autocommit(db->sql) != 0) {
        err_text_set(why, "Cannot commit transaction due to an earlier SQL critical error");
        database_rollback(db);
        return DATABASE_CRITICAL;
    }
    if (db->alarm_touched)
        result = settle_alarm(db, why);
    commit = result == 0 ? database_own(db, OWN_COMMIT, &result, why) : NULL;
    if (commit == NULL) {
        database_rollback(db);
        return DATABASE_CRITICAL;
    }
    if (db->alarm_touched)
        news = alarm_note_create(db->pages.namespace_number, db->pages.id, &db->pages.alarm);
    rc = database_own_step(db, commit);
    if (rc != SQLITE_DONE)
        result = fail_commit(db, rc, why);
    sqlite3_reset(commit);
    if (result != 0) {
        mem_free(news);
        return result;
    }

    /* SQLite found no page different: the alarm was set to the time it already had. */
    if (db->pages.note != NULL && pages_commit_alarm(&db->pages) < 0) {
        err_text_set(why, "database or disk is full: SQLITE_FULL");
        leave_transaction(db);
        mem_free(news);
        return DATABASE_CRITICAL;
    }
    leave_transaction(db);
    if (db->pages.last_lsn != before && news != NULL)
        alarm_shard_expect(db->pages.shard->alarms, news, db->pages.last_lsn);
    else
        mem_free(news);
    if (db->vacuum_wanted)
        vacuum(db);
    if (db->pages.last_lsn != before)
        *lsn = db->pages.last_lsn;
    shard_note_size(db->pages.shard, db);
    return 0;
}

/* ---- savepoints ---- */

static int savepoint(struct database *db, const char *verb, unsigned depth, struct err_text *why)
{
    char text[64];
    int rc;

    snprintf(text, sizeof text, "%s _cf_savepoint_%u", verb, depth);
    rc = database_own_exec(db, text);
    return rc != SQLITE_OK ? database_error(db, rc, why) : 0;
}

int database_savepoint(struct database *db, unsigned depth, struct err_text *why)
{
    int r = database_begin(db, why);

    ASSERT(depth == db->depth + 1 || r != 0);
    if (r == 0)
        r = savepoint(db, "SAVEPOINT", depth, why);
    if (r == 0)
        db->depth = depth;
    return r;
}

int database_savepoint_release(struct database *db, unsigned depth, struct err_text *why)
{
    int r;

    if (!db->in_transaction || sqlite3_get_autocommit(db->sql) != 0) {
        err_text_set(why, "Cannot commit transaction due to an earlier SQL critical error");
        return DATABASE_CRITICAL;
    }
    ASSERT(depth >= 1 && depth <= db->depth);
    r = savepoint(db, "RELEASE", depth, why);
    if (r == 0)
        db->depth = depth - 1;
    return r;
}

int database_savepoint_rollback(struct database *db, unsigned depth, struct err_text *why)
{
    int r;

    if (!db->in_transaction || sqlite3_get_autocommit(db->sql) != 0)
        return 0; /* all of it is rolled back already */
    ASSERT(depth >= 1 && depth <= db->depth);
    r = savepoint(db, "ROLLBACK TO", depth, why);
    if (r == 0)
        r = savepoint(db, "RELEASE", depth, why);
    if (r == 0)
        db->depth = depth - 1;
    return r;
}

/* ---- delete all ---- */

static const char drop_query[] =
    "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') "
    "AND (name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name LIKE 'sqlite\\_stat%' ESCAPE '\\') "
    "ORDER BY type = 'table', sql NOT LIKE 'CREATE VIRTUAL%' LIMIT 1";

/* Drops one table or view; SQLITE_DONE when there is none left. Dropping a virtual table drops its
 * shadow tables, so they come first, and the list is read anew each time. */
static int drop_next(struct database *db)
{
    sqlite3_stmt *next = NULL;
    char *text = NULL;
    int rc = sqlite3_prepare_v2(db->sql, drop_query, -1, &next, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(next);
    if (rc == SQLITE_ROW) {
        text = sqlite3_mprintf("DROP %s \"%w\"", sqlite3_column_text(next, 0),
                               sqlite3_column_text(next, 1));
    }
    sqlite3_finalize(next);
    if (text == NULL)
        return rc;
    rc = sqlite3_exec(db->sql, text, NULL, NULL, NULL);
    sqlite3_free(text);
    return rc;
}

static int drop_all(struct database *db, struct err_text *why)
{
    int rc;

    db->trusted = true;
    /* Dropping a table would check who refers to its rows; all of them go. */
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    sqlite3_limit(db->sql, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100);
    do {
        rc = drop_next(db);
    } while (rc == SQLITE_OK);
    if (rc == SQLITE_DONE)
        rc = sqlite3_exec(db->sql, "DELETE FROM sqlite_sequence", NULL, NULL, NULL);
    if (rc == SQLITE_ERROR) /* no such table: there is no AUTOINCREMENT */
        rc = SQLITE_OK;
    sqlite3_limit(db->sql, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LIMIT_SQL_LIKE_PATTERN_BYTES);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    db->trusted = false;
    return rc != SQLITE_OK ? database_error(db, rc, why) : 0;
}

int database_delete_all(struct database *db, bool with_alarm, struct err_text *why)
{
    char *name = NULL;
    int64_t alarm_ms = 0;
    int64_t kept_ms = 0;
    bool touched = db->alarm_touched;
    int r;

    if (db->depth > 0) {
        err_text_set(why, "Cannot call deleteAll() within a transaction");
        return DATABASE_ERROR;
    }
    r = database_alarm(db, &alarm_ms, why);
    if (r != 0)
        return r;
    if (!with_alarm) {
        kept_ms = alarm_ms;
        name = database_alarm_name(db);
    }
    database_cancel_cursors(db);
    database_rollback(db);
    r = database_begin(db, why);
    if (r == 0)
        r = drop_all(db, why);
    if (r == 0 && kept_ms != 0) {
        r = database_set_alarm(db, kept_ms, name, why);
        db->alarm_touched = touched;
    } else if (r == 0) {
        db->alarm_touched = true;
    }
    mem_free(name);
    db->vacuum_wanted = r == 0;
    return r;
}

/* ---- size and alarm ---- */

int database_size(struct database *db, uint64_t *size_bytes, struct err_text *why)
{
    int64_t pages = 0;
    int64_t free_pages = 0;
    int r = number_own(db, OWN_PAGE_COUNT, &pages, why);

    if (r == 0)
        r = number_own(db, OWN_FREE_COUNT, &free_pages, why);
    if (r == 0)
        *size_bytes = (uint64_t)(pages - free_pages) * PAGE_BYTES;
    return r;
}

static bool table_exists(struct database *db, const char *table)
{
    return sqlite3_table_column_metadata(db->sql, NULL, table, NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

#define NS_PER_MS INT64_C(1000000)

int database_alarm(struct database *db, int64_t *time_ms, struct err_text *why)
{
    sqlite3_stmt *get;
    int result = 0;
    int rc;

    *time_ms = 0;
    if (db->own[OWN_ALARM_GET] == NULL && !table_exists(db, "_cf_METADATA"))
        return 0;
    get = database_own(db, OWN_ALARM_GET, &result, why);
    if (get == NULL)
        return result;
    rc = database_own_step(db, get);
    if (rc == SQLITE_ROW && sqlite3_column_type(get, 0) == SQLITE_INTEGER)
        *time_ms = sqlite3_column_int64(get, 0) / NS_PER_MS;
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE && table_exists(db, "_cf_METADATA"))
        result = database_error(db, rc, why);
    sqlite3_reset(get);
    return result;
}

static int make_metadata(struct database *db, struct err_text *why)
{
    int rc;

    if (table_exists(db, "_cf_METADATA"))
        return 0;
    rc = database_own_exec(db, "CREATE TABLE _cf_METADATA (key INTEGER PRIMARY KEY, value BLOB)");
    return rc != SQLITE_OK ? database_error(db, rc, why) : 0;
}

static int write_alarm(struct database *db, int64_t time_ms, struct err_text *why)
{
    enum own_statement which = time_ms != 0 ? OWN_ALARM_SET : OWN_ALARM_REMOVE;
    sqlite3_stmt *statement;
    int result = 0;

    if (time_ms == 0 && !table_exists(db, "_cf_METADATA"))
        return 0;
    result = make_metadata(db, why);
    if (result != 0)
        return result;
    statement = database_own(db, which, &result, why);
    if (statement == NULL)
        return result;
    if (time_ms != 0)
        sqlite3_bind_int64(statement, 1, time_ms * NS_PER_MS);
    sqlite3_reset(statement);
    return run_own(db, which, why);
}

/* The object's name is where its alarm is, so that deleteAll() and a restore keep it; written when
 * it is another one than before. */
static int write_name(struct database *db, const char *name, struct err_text *why)
{
    sqlite3_stmt *statement;
    int result = 0;

    statement = database_own(db, OWN_NAME_GET, &result, why);
    if (statement == NULL)
        return result;
    if (database_own_step(db, statement) == SQLITE_ROW) {
        const char *known = (const char *)sqlite3_column_text(statement, 0);
        bool same = known != NULL && strcmp(known, name) == 0;

        sqlite3_reset(statement);
        if (same)
            return 0;
    }
    sqlite3_reset(statement);
    statement = database_own(db, OWN_NAME_SET, &result, why);
    if (statement == NULL)
        return result;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
    return run_own(db, OWN_NAME_SET, why);
}

char *database_alarm_name(struct database *db)
{
    sqlite3_stmt *get = NULL;
    char *name = NULL;
    int result = 0;

    if (db->alarm_name != NULL)
        return mem_strdup(db->alarm_name);
    if (db->own[OWN_NAME_GET] != NULL || table_exists(db, "_cf_METADATA"))
        get = database_own(db, OWN_NAME_GET, &result, NULL);
    if (get == NULL)
        return NULL;
    if (database_own_step(db, get) == SQLITE_ROW)
        name = mem_strdup((const char *)sqlite3_column_text(get, 0));
    sqlite3_reset(get);
    return name;
}

int database_set_alarm(struct database *db, int64_t time_ms, const char *name, struct err_text *why)
{
    char *kept;
    int r;

    if (time_ms > INT64_MAX / NS_PER_MS)
        time_ms = INT64_MAX / NS_PER_MS; /* nanoseconds of the file's format end in 2262 */
    r = database_begin(db, why);
    if (r == 0)
        r = write_alarm(db, time_ms, why);
    if (r != 0)
        return r;
    kept = name != NULL ? mem_strndup(name, strnlen(name, LIMIT_OBJECT_NAME_BYTES)) : NULL;
    if (kept != NULL && time_ms != 0)
        r = write_name(db, kept, why);
    mem_free(db->alarm_name);
    db->alarm_name = kept;
    db->alarm_touched = true;
    return r;
}
