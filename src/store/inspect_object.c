#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inspect_parts.h"
#include "store/journal_reader.h"
#include "store/namespaces.h"
#include "store/object_image.h"
#include "store/page_diff.h"
#include "store/plain_sqlite.h"
#include "store/store_parts.h"

/*
 * An object whose file has everything is opened where it is, as a file that does not change; SQLite
 * writes nothing beside it then. With something in the journal for it, the two are put together in
 * the scratch file, and that is opened.
 */

#define NS_PER_MS 1000000

struct looking {
    struct inspection *inspection;
    const struct inspect_output *output;
    const char *scratch;
    struct err_text *why;
    uint32_t number;
    const uint8_t *id;
    char *path; /* owned: of its file, there or not */
};

/* The image of a file and its journal, open; *image is to be freed. *sql is NULL where there is
 * nothing. */
static int open_image(struct looking *looking, const struct object_image_source *source,
                      struct object_image *image, sqlite3 **sql)
{
    int r = object_image_make(image, source, NULL, looking->why);

    *sql = NULL;
    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    if (image->page_count > 0) {
        object_image_fini(image);
        r = object_image_make(image, source, looking->scratch, looking->why);
    }
    if (r == 0 && (image->page_count > 0 || image->file_there)) {
        const char *path = image->page_count > 0 ? looking->scratch : source->path;

        r = plain_sqlite_open(sql, path, PLAIN_SQLITE_FROZEN, looking->why);
    }
    if (r != 0)
        object_image_fini(image);
    return r < 0 ? err_pass(r) : r;
}

/* ---- the database ---- */

static void print_key_value(struct looking *looking, sqlite3 *sql)
{
    int64_t number;

    if (plain_sqlite_number(sql, "SELECT count(*) FROM _cf_KV", &number) == 0)
        inspect_say(looking->output, "  keys      %" PRId64, number);
    if (plain_sqlite_number(sql, "SELECT value FROM _cf_METADATA WHERE key = 1", &number) == 0) {
        char time[INSPECT_TIME_BYTES];

        inspect_say(looking->output, "  alarm     %s", inspect_time(number / NS_PER_MS, time));
    } else {
        inspect_say(looking->output, "  alarm     none");
    }
}

static void print_table(struct looking *looking, sqlite3 *sql, const char *type, const char *name,
                        const char *text)
{
    int64_t rows;
    char *query = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name);

    if (strcmp(type, "table") != 0)
        inspect_say(looking->output, "  %-9s %s", type, name);
    else if (plain_sqlite_number(sql, query, &rows) == 0)
        inspect_say(looking->output, "  table     %s  %" PRId64 " rows", name, rows);
    else
        inspect_say(looking->output, "  table     %s  cannot be read: %s", name,
                    sqlite3_errmsg(sql));
    sqlite3_free(query);
    if (text == NULL)
        return;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        inspect_say(looking->output, "            %.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static int print_tables(struct looking *looking, sqlite3 *sql)
{
    sqlite3_stmt *list = NULL;
    int rc = sqlite3_prepare_v2(sql,
                                "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE "
                                "'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE "
                                "'\\' ORDER BY type != 'table', name",
                                -1, &list, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(list);
        if (rc == SQLITE_ROW)
            print_table(looking, sql, (const char *)sqlite3_column_text(list, 0),
                        (const char *)sqlite3_column_text(list, 1),
                        (const char *)sqlite3_column_text(list, 2));
    }
    sqlite3_finalize(list);
    if (rc != SQLITE_DONE)
        inspect_say(looking->output, "  damaged: %s", sqlite3_errmsg(sql));
    return rc == SQLITE_DONE ? 0 : INSPECT_DAMAGED;
}

static int print_database(struct looking *looking, sqlite3 *sql)
{
    int64_t pages = 0;
    int64_t free_pages = 0;
    struct err_text why = {""};
    int r = 0;

    if (plain_sqlite_number(sql, "PRAGMA page_count", &pages) == 0 &&
        plain_sqlite_number(sql, "PRAGMA freelist_count", &free_pages) == 0)
        inspect_say(looking->output,
                    "  size      %" PRId64 " pages of 4096 bytes, %" PRId64 " free", pages,
                    free_pages);
    print_key_value(looking, sql);
    r = print_tables(looking, sql);
    if (plain_sqlite_check(sql, &why) == 0) {
        inspect_say(looking->output, "  check     ok");
        return r;
    }
    inspect_say(looking->output, "  check     %s", why.text);
    return INSPECT_DAMAGED;
}

/* ---- its alarm in the index ---- */

static void print_index_row(struct looking *looking, sqlite3_stmt *row, uint64_t applied_lsn)
{
    char scheduled[INSPECT_TIME_BYTES];
    char run[INSPECT_TIME_BYTES];
    const unsigned char *name = sqlite3_column_text(row, 3);

    inspect_say(looking->output,
                "  index     alarm %s, to be run at %s, %lld failures counted%s%s%s; index is at "
                "record %" PRIu64,
                inspect_time(sqlite3_column_int64(row, 0), scheduled),
                inspect_time(sqlite3_column_int64(row, 1), run), sqlite3_column_int64(row, 2),
                name != NULL ? ", name \"" : "", name != NULL ? (const char *)name : "",
                name != NULL ? "\"" : "", applied_lsn);
}

static void print_index(struct looking *looking, sqlite3 *sql)
{
    sqlite3_stmt *row = NULL;
    int64_t applied = 0;
    bool found = false;

    plain_sqlite_number(sql, "SELECT lsn FROM applied", &applied);
    if (sqlite3_prepare_v2(sql,
                           "SELECT scheduled_ms, run_ms, retry_count, name FROM alarm "
                           "WHERE namespace = ?1 AND id = ?2",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, looking->number);
        sqlite3_bind_blob(row, 2, looking->id, STORE_ID_SIZE, SQLITE_STATIC);
        found = sqlite3_step(row) == SQLITE_ROW;
        if (found)
            print_index_row(looking, row, (uint64_t)applied);
    }
    sqlite3_finalize(row);
    if (!found)
        inspect_say(looking->output, "  index     no alarm; index is at record %" PRId64, applied);
}

static int look_in_index(struct looking *looking)
{
    char *path = mem_format("%s/alarms.sqlite", looking->inspection->dir);
    struct object_image_source source = {
        .os = looking->inspection->os,
        .journal = looking->inspection->journal,
        .path = path,
        .namespace_number = STORE_NAMESPACE,
    };
    struct object_image image;
    sqlite3 *sql;
    int r = open_image(looking, &source, &image, &sql);

    if (r == 0) {
        if (sql != NULL)
            print_index(looking, sql);
        sqlite3_close(sql);
        object_image_fini(&image);
    }
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

/* ---- the object ---- */

static void print_head(struct looking *looking, const char *unique_key,
                       const struct object_image *image)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};
    char time[INSPECT_TIME_BYTES];

    hex_encode(bytes_of(looking->id, STORE_ID_SIZE), hex);
    inspect_say(looking->output, "%s %s", unique_key, hex);
    if (image->file_there)
        inspect_say(looking->output, "  file      %s  %" PRIu64 " bytes", looking->path,
                    image->file_bytes);
    else
        inspect_say(looking->output, "  file      %s  not there yet", looking->path);
    if (image->record_count > 0)
        inspect_say(looking->output,
                    "  journal   records %" PRIu64 ", from %" PRIu64 " to %" PRIu64
                    "; pages %" PRIu64 ", which may not be in the file yet",
                    image->record_count, image->first_lsn, image->last_lsn, image->page_count);
    else
        inspect_say(looking->output, "  journal   nothing: the file has everything");
    if (image->alarm_told)
        inspect_say(looking->output, "            record %" PRIu64 " %s%s", image->alarm_lsn,
                    image->alarm.scheduled_ms == 0 ? "removes the alarm" : "sets the alarm to ",
                    image->alarm.scheduled_ms == 0 ? ""
                                                   : inspect_time(image->alarm.scheduled_ms, time));
}

static int look(struct looking *looking, const char *unique_key)
{
    struct object_image_source source = {
        .os = looking->inspection->os,
        .journal = looking->inspection->journal,
        .path = looking->path,
        .namespace_number = looking->number,
        .id = looking->id,
    };
    struct object_image image;
    sqlite3 *sql;
    int r = open_image(looking, &source, &image, &sql);

    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    if (object_image_there(&image)) {
        print_head(looking, unique_key, &image);
        if (sql != NULL)
            r = print_database(looking, sql);
    } else {
        err_text_set(looking->why,
                     "%s has no such object: neither a file %s nor a record in the "
                     "journal",
                     looking->inspection->dir, looking->path);
        r = INSPECT_NOTHING;
    }
    sqlite3_close(sql);
    object_image_fini(&image);
    return r;
}

int inspect_object(struct inspection *inspection, const char *unique_key,
                   const uint8_t id[STORE_ID_SIZE], const char *scratch,
                   const struct inspect_output *output, struct err_text *why)
{
    struct looking looking = {
        .inspection = inspection,
        .output = output,
        .scratch = scratch,
        .why = why,
        .id = id,
    };
    char hex[2 * STORE_ID_SIZE + 1] = {0};
    const char *key;
    char *folder;
    int r;

    for (uint32_t i = 1; (key = namespaces_key(inspection->namespaces, i)) != NULL; i++) {
        if (strcmp(key, unique_key) == 0)
            looking.number = i;
    }
    folder = namespaces_folder(inspection->namespaces, looking.number);
    hex_encode(bytes_of(id, STORE_ID_SIZE), hex);
    looking.path = mem_format("%s/%s.sqlite", folder != NULL ? folder : inspection->dir, hex);
    r = look(&looking, unique_key);
    if (r == 0)
        r = look_in_index(&looking);
    if (inspection->journal->damaged && r == 0) {
        inspect_say(output, "  %s", inspection->journal->damage.text);
        r = INSPECT_DAMAGED;
    }
    os_unlink(inspection->os, scratch);
    mem_free(looking.path);
    mem_free(folder);
    return r < 0 ? err_pass(r) : r;
}
