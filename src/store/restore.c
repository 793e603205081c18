#include "store/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_shard.h"
#include "store/database_state.h"
#include "store/history.h"
#include "store/journal.h"
#include "store/object_file.h"
#include "store/page_diff.h"
#include "store/shard.h"
#include "store/store_parts.h"

/*
 * The restored database knows, in _cf_METADATA, the restores that were made of this object: pairs
 * of a restore's number and the LSN before it. By the last number a restore is not made twice when
 * the process ends between the commit and the removal of the order; by the LSN it is undone.
 */

#define KEY_ALARM     1
#define KEY_RESTORES  INT64_C(1146944001)
#define KEY_NAME      1146944002 /* database.c */
#define RESTORE_BYTES 16
#define RESTORES_KEPT 16

static const char no_recovery[] = "This Durable Object's storage back-end does not implement "
                                  "point-in-time recovery.";

static int refuse(struct err_text *why, const char *words)
{
    err_text_set(why, "%s", words);
    return RESTORE_REFUSED;
}

/* ---- the restores so far ---- */

struct restores {
    uint8_t list[RESTORES_KEPT + 1][RESTORE_BYTES]; /* number, LSN: as they are in memory */
    size_t count;
};

static uint64_t number_at(const struct restores *restores, size_t i, size_t offset)
{
    uint64_t number;

    memcpy(&number, restores->list[i] + offset, sizeof number);
    return number;
}

static void restores_add(struct restores *restores, uint64_t number, uint64_t lsn)
{
    if (restores->count == RESTORES_KEPT) {
        memmove(restores->list[0], restores->list[1], (size_t)(RESTORES_KEPT - 1) * RESTORE_BYTES);
        restores->count--;
    }
    memcpy(restores->list[restores->count], &number, sizeof number);
    memcpy(restores->list[restores->count++] + sizeof number, &lsn, sizeof lsn);
}

static void restores_read(struct database *db, struct restores *restores)
{
    sqlite3_stmt *get = NULL;
    char text[80];
    int rc;

    restores->count = 0;
    snprintf(text, sizeof text, "SELECT value FROM _cf_METADATA WHERE key = %" PRId64,
             KEY_RESTORES);
    db->trusted = true;
    rc = sqlite3_prepare_v2(db->sql, text, -1, &get, NULL);
    if (rc == SQLITE_OK && sqlite3_step(get) == SQLITE_ROW) {
        size_t len = (size_t)sqlite3_column_bytes(get, 0);

        if (len <= (size_t)RESTORES_KEPT * RESTORE_BYTES && len % RESTORE_BYTES == 0) {
            restores->count = len / RESTORE_BYTES;
            if (len > 0)
                memcpy(restores->list, sqlite3_column_blob(get, 0), len);
        }
    }
    sqlite3_finalize(get);
    db->trusted = false;
}

/* ---- bookmarks ---- */

static int64_t now_ms(const struct store *store)
{
    return os_wall_ns(store->os) / 1000000;
}

int restore_bookmark_now(struct database *db, char text[BOOKMARK_TEXT_SIZE], struct err_text *why)
{
    struct store *store = db->pages.shard->store;
    struct bookmark bookmark = {.time_ms = now_ms(store),
                                .lsn = journal_durable_lsn(store->journal)};

    if (store->history == NULL)
        return refuse(why, no_recovery);
    bookmark_format(&bookmark, text);
    return 0;
}

static int check_time(const struct store *store, int64_t time_ms, struct err_text *why)
{
    if (time_ms < history_oldest_ms(store->history)) {
        err_text_set(why, "Point-in-time recovery goes back at most %u days.",
                     store->options.history_days);
        return RESTORE_REFUSED;
    }
    if (time_ms > now_ms(store))
        return refuse(why, "A point in time to go back to cannot be in the future.");
    return 0;
}

int restore_bookmark_at(struct database *db, int64_t time_ms, char text[BOOKMARK_TEXT_SIZE],
                        struct err_text *why)
{
    const struct store *store = db->pages.shard->store;
    struct bookmark bookmark = {.time_ms = time_ms};
    int r = store->history != NULL ? check_time(store, time_ms, why) : refuse(why, no_recovery);

    if (r == 0)
        bookmark_format(&bookmark, text);
    return r;
}

/* ---- ordering ---- */

/* What cannot be had is said now and not when the object starts. */
static int check_image(struct store *store, const struct history_order *order, struct err_text *why)
{
    struct history_image image = {0};
    int r = history_image(store->history, order->source_namespace, order->source_id, &order->until,
                          &image, why);

    history_image_fini(&image);
    return r < 0 ? err_pass(r) : r == 0 ? 0 : RESTORE_REFUSED;
}

static uint64_t new_number(struct store *store)
{
    uint64_t number = 0;

    while (number == 0)
        os_random(store->os, &number, sizeof number);
    return number;
}

/* The state before a restore that was made. */
static int find_undone(struct database *db, struct bookmark *bookmark, struct err_text *why)
{
    struct restores restores;

    restores_read(db, &restores);
    for (size_t i = 0; i < restores.count; i++) {
        if (number_at(&restores, i, 0) != bookmark->undo_of)
            continue;
        bookmark->lsn = number_at(&restores, i, 8);
        bookmark->undo_of = 0;
        return 0;
    }
    return refuse(why, "The restore that this bookmark undoes has not been made.");
}

int restore_later(struct database *db, struct bytes bookmark, char undo[BOOKMARK_TEXT_SIZE],
                  struct err_text *why)
{
    struct store *store = db->pages.shard->store;
    struct history_order order = {.source_namespace = db->pages.namespace_number};
    struct bookmark back = {0};
    int r;

    if (store->history == NULL)
        return refuse(why, no_recovery);
    if (!bookmark_parse(bookmark, &order.until))
        return refuse(why, "The bookmark is not one of this Durable Object's.");
    memcpy(order.source_id, db->pages.id, STORE_ID_SIZE);
    order.number = new_number(store);
    r = order.until.undo_of != 0 ? find_undone(db, &order.until, why) : 0;
    if (r == 0 && order.until.lsn > journal_durable_lsn(store->journal))
        r = refuse(why, "The bookmark is not one of this Durable Object's.");
    if (r == 0)
        r = check_time(store, order.until.time_ms, why);
    if (r == 0)
        r = check_image(store, &order, why);
    if (r == 0)
        r = history_order(store->history, db->pages.namespace_number, db->pages.id, &order);
    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    back = (struct bookmark){.time_ms = now_ms(store),
                             .lsn = journal_durable_lsn(store->journal),
                             .undo_of = order.number};
    bookmark_format(&back, undo);
    return 0;
}

int restore_order(struct store *store, const struct restore_request *request, struct err_text *why)
{
    struct history_order order = {.until = {.time_ms = request->time_ms},
                                  .source_namespace = request->source_namespace};
    int r = store->history != NULL ? check_time(store, request->time_ms, why)
                                   : refuse(why, no_recovery);

    memcpy(order.source_id, request->source_id, STORE_ID_SIZE);
    if (r == 0)
        r = check_image(store, &order, why);
    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    order.number = new_number(store);
    r = history_order(store->history, request->target_namespace, request->target_id, &order);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- carrying it out ---- */

/* The image as a database in memory that is to be copied into the object's. */
static int open_image(sqlite3 **out, const struct history_image *image)
{
    bool empty = image->size_pages == 0;
    size_t size = empty ? PAGE_BYTES : (size_t)image->size_pages * PAGE_BYTES;
    uint8_t *copy = sqlite3_malloc64(size);
    int rc;

    *out = NULL;
    if (copy == NULL)
        return SQLITE_NOMEM;
    memcpy(copy, empty ? object_file_template() : image->data, size);
    copy[18] = copy[19] = 1; /* not in WAL mode, which memory cannot be in */
    rc = sqlite3_open_v2(":memory:", out,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        sqlite3_free(copy);
        return rc;
    }
    return sqlite3_deserialize(*out, "main", copy, (sqlite3_int64)size, (sqlite3_int64)size,
                               SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
}

/* Notes the restore in it. Another object's alarm stays that object's. */
static int mark_image(sqlite3 *image, const struct restores *restores, bool own)
{
    sqlite3_stmt *put = NULL;
    int rc = sqlite3_exec(image,
                          "CREATE TABLE IF NOT EXISTS _cf_METADATA "
                          "(key INTEGER PRIMARY KEY, value BLOB)",
                          NULL, NULL, NULL);

    if (rc == SQLITE_OK && !own)
        rc = sqlite3_exec(image, "DELETE FROM _cf_METADATA WHERE key IN (1, 1146944002)", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(image, "INSERT OR REPLACE INTO _cf_METADATA VALUES (?1, ?2)", -1,
                                &put, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(put, 1, KEY_RESTORES);
        sqlite3_bind_blob64(put, 2, restores->list, restores->count * RESTORE_BYTES, SQLITE_STATIC);
        rc = sqlite3_step(put) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(image);
    }
    sqlite3_finalize(put);
    return rc;
}

static int64_t image_alarm_ms(sqlite3 *image)
{
    sqlite3_stmt *get = NULL;
    int64_t ms = 0;

    if (sqlite3_prepare_v2(image, "SELECT value / 1000000 FROM _cf_METADATA WHERE key = 1", -1,
                           &get, NULL) == SQLITE_OK &&
        sqlite3_step(get) == SQLITE_ROW)
        ms = sqlite3_column_int64(get, 0);
    sqlite3_finalize(get);
    return ms;
}

/* NULL, or to be freed. */
static char *image_name(sqlite3 *image)
{
    sqlite3_stmt *get = NULL;
    char text[80];
    char *name = NULL;

    snprintf(text, sizeof text, "SELECT value FROM _cf_METADATA WHERE key = %d", KEY_NAME);
    if (sqlite3_prepare_v2(image, text, -1, &get, NULL) == SQLITE_OK &&
        sqlite3_step(get) == SQLITE_ROW)
        name = mem_strdup((const char *)sqlite3_column_text(get, 0));
    sqlite3_finalize(get);
    return name;
}

static int copy_image(struct database *db, sqlite3 *image)
{
    sqlite3_backup *backup = sqlite3_backup_init(db->sql, "main", image, "main");

    if (backup == NULL)
        return sqlite3_errcode(db->sql);
    sqlite3_backup_step(backup, -1);
    return sqlite3_backup_finish(backup);
}

/* One commit, with the alarm in it. */
static int commit_image(struct database *db, sqlite3 *image, struct err_text *why)
{
    struct pages *pages = &db->pages;
    int64_t alarm_ms = image_alarm_ms(image);
    uint64_t before = pages->last_lsn;
    struct alarm_note *news;
    char *name = alarm_ms != 0 ? image_name(image) : NULL;
    int rc;

    if (name == NULL && alarm_ms != 0)
        name = database_alarm_name(db);
    pages->alarm = (struct record_alarm){.scheduled_ms = alarm_ms, .run_ms = alarm_ms};
    if (name != NULL)
        pages->alarm.name = bytes_of_string(name);
    pages->alarm_changed = true;
    pages->note = &alarm_note_create(pages->namespace_number, pages->id, &pages->alarm)->base;
    news = alarm_note_create(pages->namespace_number, pages->id, &pages->alarm);
    rc = copy_image(db, image);
    pages->alarm_changed = false;
    pages->alarm = (struct record_alarm){0};
    mem_free(pages->note);
    pages->note = NULL;
    mem_free(name);
    if (rc == SQLITE_OK && pages->last_lsn != before)
        alarm_shard_expect(pages->shard->alarms, news, pages->last_lsn);
    else
        mem_free(news);
    if (rc == SQLITE_OK)
        return 0;
    if (rc == SQLITE_FULL || (rc & 0xff) == SQLITE_IOERR) /* not now, but the order stands */
        return err_raise(rc == SQLITE_FULL ? -ENOSPC : -EIO);
    err_text_set(why, "%s", sqlite3_errstr(rc));
    return RESTORE_REFUSED;
}

static int wait_durable(struct store *store, uint64_t lsn)
{
    int r;

    if (store->options.stepped)
        journal_step(store->journal);
    r = journal_wait(store->journal, lsn);
    return r < 0 ? err_pass(r) : 0;
}

static int carry_out(struct database *db, const struct history_order *order,
                     struct restores *restores, struct err_text *why)
{
    struct store *store = db->pages.shard->store;
    struct history_image image = {0};
    sqlite3 *memory = NULL;
    bool own = order->source_namespace == db->pages.namespace_number &&
               memcmp(order->source_id, db->pages.id, STORE_ID_SIZE) == 0;
    int r = wait_durable(store, db->pages.last_lsn);
    int rc;

    if (r == 0)
        r = history_image(store->history, order->source_namespace, order->source_id, &order->until,
                          &image, why);
    if (r != 0) {
        history_image_fini(&image);
        return r < 0 ? err_pass(r) : RESTORE_REFUSED;
    }
    restores_add(restores, order->number, journal_durable_lsn(store->journal));
    rc = open_image(&memory, &image);
    history_image_fini(&image);
    if (rc == SQLITE_OK)
        rc = mark_image(memory, restores, own);
    if (rc == SQLITE_OK) {
        r = commit_image(db, memory, why);
    } else {
        err_text_set(why, "%s", memory != NULL ? sqlite3_errmsg(memory) : sqlite3_errstr(rc));
        r = RESTORE_REFUSED;
    }
    sqlite3_close(memory);
    if (r == 0)
        r = wait_durable(store, db->pages.last_lsn);
    return r < 0 ? err_pass(r) : r;
}

int restore_if_ordered(struct database *db, struct err_text *why)
{
    struct history *history = db->pages.shard->store->history;
    struct history_order order;
    struct restores restores;
    int r = 0;

    if (!history_ordered(history, db->pages.namespace_number, db->pages.id, &order))
        return 0;
    restores_read(db, &restores);
    if (restores.count == 0 || number_at(&restores, restores.count - 1, 0) != order.number) {
        r = carry_out(db, &order, &restores, why);
        if (r == 0)
            log_info("%s: restored to %" PRId64 " ms, record %" PRIu64,
                     object_file_path(db->pages.file), order.until.time_ms, order.until.lsn);
    }
    if (r > 0) {
        log_error("%s: it could not be restored, and is as it was: %s",
                  object_file_path(db->pages.file), why->text);
        r = 0;
    }
    if (r == 0)
        r = history_forget_order(history, db->pages.namespace_number, db->pages.id);
    return r < 0 ? err_pass(r) : 0;
}
