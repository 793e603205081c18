#include "store/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_note.h"
#include "store/database_state.h"
#include "store/history.h"
#include "store/journal.h"
#include "store/object_file.h"
#include "store/page_diff.h"
#include "store/plain_sqlite.h"
#include "store/recovery.h"
#include "store/shard.h"
#include "store/store_parts.h"

/*
 * A small object is one commit. A larger one grows in several, all of them with the first page of
 * an empty database; the last of them brings the right one. One that is replaced is emptied first.
 * What an interrupted import leaves is an object that reads as empty, and is imported again.
 */

#define CHUNK_BYTES  (UINT64_C(256) << 10)
#define COMMIT_PAGES 2048 /* 8 MB: half a segment of the journal */
#define NS_PER_MS    1000000

/* ---- making ready ---- */

static int copy_file(struct os *os, const char *from_path, const char *to_path)
{
    uint8_t *chunk = mem_alloc(CHUNK_BYTES);
    struct os_file *from = NULL;
    struct os_file *to = NULL;
    size_t got = CHUNK_BYTES;
    int r = os_open(os, from_path, OS_READ, &from);

    if (r == 0)
        r = os_open(os, to_path, OS_WRITE | OS_CREATE | OS_TRUNCATE, &to);
    for (uint64_t at = 0; r == 0 && got == CHUNK_BYTES; at += got) {
        r = os_pread(from, chunk, CHUNK_BYTES, at, &got);
        if (r == 0 && got > 0)
            r = os_pwrite(to, chunk, got, at);
    }
    os_close(to);
    os_close(from);
    mem_free(chunk);
    return r < 0 ? err_pass(r) : r;
}

/* What was never checkpointed is there; a file without is fine. */
static int copy_beside(struct os *os, const char *from, const char *to, const char *end)
{
    char *from_path = mem_format("%s%s", from, end);
    char *to_path = mem_format("%s%s", to, end);
    int r = copy_file(os, from_path, to_path);

    mem_free(to_path);
    mem_free(from_path);
    return r < 0 ? err_pass(r) : 0;
}

static int run(sqlite3 *sql, const char *path, const char *text, struct err_text *why)
{
    int rc = sqlite3_exec(sql, text, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        return 0;
    err_text_set(why, "%s: %s", path, sqlite3_errmsg(sql));
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
        return IMPORT_BAD;
    return err_raise((rc & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO);
}

/* One file, WAL mode, our page size. */
static int put_in_order(sqlite3 *sql, const char *from, struct err_text *why)
{
    int64_t page_bytes = 0;
    int64_t tables = 0;
    int r = plain_sqlite_check(sql, why);

    if (r != 0) {
        struct err_text words = *why;

        err_text_set(why, "%s is damaged: %.300s", from, words.text);
        return IMPORT_BAD;
    }
    plain_sqlite_number(sql, "PRAGMA page_size", &page_bytes);
    if (page_bytes != PAGE_BYTES)
        r = run(sql, from, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM", why);
    if (r == 0)
        r = run(sql, from, "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)", why);
    if (r == 0 && plain_sqlite_number(sql, "SELECT count(*) FROM sqlite_schema", &tables) == 0 &&
        tables == 0)
        r = IMPORT_EMPTY;
    return r;
}

int import_make_ready(struct os *os, const char *from, const char *to, struct err_text *why)
{
    sqlite3 *sql = NULL;
    int r = copy_file(os, from, to);

    if (r == OS_OPEN_MISSING)
        r = err_raise(-ENOENT);
    if (r == 0)
        r = copy_beside(os, from, to, "-wal");
    if (r == 0)
        r = copy_beside(os, from, to, "-journal");
    if (r < 0) {
        err_text_set(why, "%s: %s", from, err_describe(r));
        return err_pass(r);
    }
    r = plain_sqlite_open(&sql, to, PLAIN_SQLITE_WRITE, why);
    if (r == PLAIN_SQLITE_BAD) {
        struct err_text words = *why;

        err_text_set(why, "%s: %s", from, strstr(words.text, ": ") + 2);
        return IMPORT_BAD;
    }
    if (r == 0)
        r = put_in_order(sql, from, why);
    sqlite3_close(sql);
    return r < 0 ? err_pass(r) : r;
}

/* ---- names ---- */

struct import_names {
    struct map names; /* id in hex -> named, owned */
};

struct named {
    char *id;   /* owned */
    char *name; /* owned */
};

struct import_names *import_names_read(const char *path)
{
    struct import_names *names = mem_new(struct import_names);
    struct err_text why;
    sqlite3 *sql = NULL;
    sqlite3_stmt *rows = NULL;

    if (plain_sqlite_open(&sql, path, PLAIN_SQLITE_FROZEN, &why) != 0)
        return names;
    /* Older ones have no names. */
    sqlite3_prepare_v2(sql,
                       "SELECT actor_id, actor_name FROM _cf_ALARM WHERE actor_name IS NOT NULL",
                       -1, &rows, NULL);
    while (rows != NULL && sqlite3_step(rows) == SQLITE_ROW) {
        struct named *named = mem_new(struct named);
        size_t len = (size_t)sqlite3_column_bytes(rows, 1);
        const char *name = (const char *)sqlite3_column_text(rows, 1);

        named->id = mem_strdup((const char *)sqlite3_column_text(rows, 0));
        named->name = mem_strndup(name, strnlen(name, len));
        if (named->id != NULL)
            map_put(&names->names, bytes_of_string(named->id), named);
    }
    sqlite3_finalize(rows);
    sqlite3_close(sql);
    return names;
}

const char *import_names_find(const struct import_names *names, const char *id_hex)
{
    const struct named *named = map_get(&names->names, bytes_of_string(id_hex));

    return named != NULL ? named->name : NULL;
}

void import_names_destroy(struct import_names *names)
{
    struct named *named;
    size_t at = 0;

    while ((named = map_next(&names->names, &at, NULL)) != NULL) {
        mem_free(named->id);
        mem_free(named->name);
        mem_free(named);
    }
    map_fini(&names->names);
    mem_free(names);
}

/* ---- what is there ---- */

/* It has a table. */
static bool has_content(const char *path)
{
    struct err_text why;
    sqlite3 *sql = NULL;
    int64_t tables = 0;
    bool content;

    if (plain_sqlite_open(&sql, path, PLAIN_SQLITE_FROZEN, &why) != 0)
        return true; /* damaged: not ours to throw away unasked */
    content =
        plain_sqlite_number(sql, "SELECT count(*) FROM sqlite_schema", &tables) != 0 || tables > 0;
    sqlite3_close(sql);
    return content;
}

static int compare(struct os_file *one, struct os_file *two, bool *same)
{
    uint8_t *chunk = mem_alloc(2 * CHUNK_BYTES);
    size_t got = CHUNK_BYTES;
    size_t other = 0;
    int r = 0;

    *same = true;
    for (uint64_t at = 0; r == 0 && *same && got == CHUNK_BYTES; at += got) {
        r = os_pread(one, chunk, CHUNK_BYTES, at, &got);
        if (r == 0)
            r = os_pread(two, chunk + CHUNK_BYTES, CHUNK_BYTES, at, &other);
        *same = r == 0 && got == other && memcmp(chunk, chunk + CHUNK_BYTES, got) == 0;
    }
    mem_free(chunk);
    return r < 0 ? err_pass(r) : 0;
}

int import_check(struct store *store, const struct import_object *object)
{
    struct os_file *ours = NULL;
    struct os_file *theirs = NULL;
    bool same = false;
    char *dir;
    char *path;
    int r;

    if (!store_object_path(store, object->namespace_number, object->id, &dir, &path))
        return err_raise(-ENOENT);
    r = recovery_bring(store->recovery, object->namespace_number, object->id);
    if (r == 0)
        r = os_open(store->os, path, OS_READ, &ours);
    if (r == 0)
        r = os_open(store->os, object->path, OS_READ, &theirs);
    if (r == 0)
        r = compare(ours, theirs, &same);
    if (r == OS_OPEN_MISSING)
        r = 0; /* what the journal had is in its file by now */
    else if (r == 0)
        r = same ? IMPORT_SAME : has_content(path) ? IMPORT_THERE : 0;
    os_close(theirs);
    os_close(ours);
    mem_free(dir);
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

/* ---- importing ---- */

struct importing {
    struct database *db; /* without SQLite: for its pages */
    struct os_file *file;
    uint32_t size_pages;
    bool last; /* the first page may come */
};

static int give_page(void *data, uint32_t number, uint8_t *page)
{
    struct importing *importing = data;
    size_t got = 0;
    int r;

    if (number == 1 && !importing->last) {
        memcpy(page, object_file_template(), PAGE_BYTES);
        return 0;
    }
    r = os_pread(importing->file, page, PAGE_BYTES, (uint64_t)(number - 1) * PAGE_BYTES, &got);
    if (r == 0 && got < PAGE_BYTES)
        r = err_raise(-EIO);
    return r < 0 ? err_pass(r) : 0;
}

static int take(struct importing *importing, uint32_t size_pages, uint32_t first, uint32_t last)
{
    int r = pages_take(&importing->db->pages, size_pages, first, last, give_page, importing);

    return r < 0 ? err_pass(r) : 0;
}

/* Everything but the first page. */
static int take_rest(struct importing *importing)
{
    int r = take(importing, 1, 1, 1);

    for (uint32_t first = 2; r == 0 && first <= importing->size_pages; first += COMMIT_PAGES) {
        uint32_t left = importing->size_pages - first + 1;
        uint32_t last = first + (left < COMMIT_PAGES ? left : COMMIT_PAGES) - 1;

        r = take(importing, last, first, last);
    }
    return r < 0 ? err_pass(r) : 0;
}

static void set_alarm(struct pages *pages, int64_t time_ms, const char *name)
{
    pages->alarm_changed = true;
    pages->alarm = (struct record_alarm){.scheduled_ms = time_ms, .run_ms = time_ms};
    if (name != NULL && time_ms != 0)
        pages->alarm.name = bytes_of(name, strnlen(name, LIMIT_OBJECT_NAME_BYTES));
    pages->note = &alarm_note_create(pages->namespace_number, pages->id, &pages->alarm)->base;
}

static int take_all(struct importing *importing, const struct import_object *object,
                    int64_t alarm_ms)
{
    struct pages *pages = &importing->db->pages;
    bool small = importing->size_pages <= COMMIT_PAGES;
    int r = small ? 0 : take_rest(importing);

    if (r < 0)
        return err_pass(r);
    importing->last = true;
    if (alarm_ms != 0 || !object_file_missing(pages->file))
        set_alarm(pages, alarm_ms, object->name);
    r = take(importing, importing->size_pages, 1, small ? importing->size_pages : 1);
    return r < 0 ? err_pass(r) : 0;
}

/* In milliseconds; 0: there is none. */
static int read_alarm(const char *path, int64_t *alarm_ms, struct err_text *why)
{
    sqlite3 *sql = NULL;
    int64_t alarm_ns = 0;
    int r = plain_sqlite_open(&sql, path, PLAIN_SQLITE_FROZEN, why);

    if (r != 0)
        return err_raise(-EIO);
    plain_sqlite_number(sql, "SELECT value FROM _cf_METADATA WHERE key = 1", &alarm_ns);
    *alarm_ms = alarm_ns / NS_PER_MS;
    sqlite3_close(sql);
    return 0;
}

/* A database of the shard that has only pages. */
static int open_pages(struct database **out, struct store_shard *shard,
                      const struct import_object *object)
{
    struct database *db = mem_new(struct database);
    char *dir;
    char *path;
    int r;

    list_init(&db->pinned_link);
    list_init(&db->parked_link);
    list_init(&db->large_link);
    list_init(&db->cursors);
    list_init(&db->kv_lists);
    statement_cache_init(&db->statements, 0);
    if (!store_object_path(shard->store, object->namespace_number, object->id, &dir, &path)) {
        mem_free(db);
        return err_raise(-ENOENT);
    }
    r = pages_open(&db->pages, shard, object->namespace_number, object->id, dir, path);
    mem_free(dir);
    mem_free(path);
    if (r < 0) {
        mem_free(db);
        return err_pass(r);
    }
    *out = db;
    return 0;
}

static int import_open(struct store_shard *shard, struct importing *importing,
                       const struct import_object *object)
{
    uint64_t size = 0;
    int r = os_open(shard->os, object->path, OS_READ, &importing->file);

    if (r == 0)
        r = os_file_size(importing->file, &size);
    if (r == 0 && (size == 0 || size % PAGE_BYTES != 0))
        r = -EIO;
    if (r != 0)
        return err_raise(r < 0 ? r : -ENOENT);
    importing->size_pages = (uint32_t)(size / PAGE_BYTES);
    r = open_pages(&importing->db, shard, object);
    return r < 0 ? err_pass(r) : 0;
}

/* A restore that was ordered for what was there before. */
static int forget_order(struct store *store, const struct import_object *object)
{
    struct history_order order;
    int r;

    if (store->history == NULL ||
        !history_ordered(store->history, object->namespace_number, object->id, &order))
        return 0;
    r = history_forget_order(store->history, object->namespace_number, object->id);
    return r < 0 ? err_pass(r) : 0;
}

/* The journal has records that could not be brought into the file: they are the next start's. */
static void abandon(struct database *db)
{
    journal_abandon(db->pages.shard->journal, db->pages.pin);
    db->pages.pin = NULL;
    list_remove(&db->pinned_link);
}

int import_object(struct store_shard *shard, const struct import_object *object, bool *alarm,
                  struct err_text *why)
{
    struct importing importing = {0};
    int64_t alarm_ms = 0;
    int r = read_alarm(object->path, &alarm_ms, why);

    if (r == 0)
        r = import_open(shard, &importing, object);
    if (r == 0)
        r = forget_order(shard->store, object);
    if (r == 0)
        r = take_all(&importing, object, alarm_ms);
    *alarm = alarm_ms != 0;
    if (r < 0)
        err_text_set(why, "%s: %s", object->path, err_describe(r));
    os_close(importing.file);
    if (importing.db != NULL && importing.db->pages.pin != NULL)
        abandon(importing.db);
    if (importing.db != NULL)
        database_destroy(importing.db);
    return r < 0 ? err_pass(r) : 0;
}
