#include "store/export.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inspect.h"
#include "store/plain_sqlite.h"
#include "store/store.h"

#define CHUNK_BYTES (UINT64_C(256) << 10)
#define NS_PER_MS   1000000

/* ---- the copy ---- */

/* What is copied at the moment: from one folder to another. */
struct copying {
    struct os *os;
    const char *from;
    const char *to;
};

static int copy_open(struct os_file *from, struct os_file *to)
{
    uint8_t *chunk = mem_alloc(CHUNK_BYTES);
    size_t got = CHUNK_BYTES;
    int r = 0;

    for (uint64_t at = 0; r == 0 && got == CHUNK_BYTES; at += got) {
        r = os_pread(from, chunk, CHUNK_BYTES, at, &got);
        if (r == 0 && got > 0)
            r = os_pwrite(to, chunk, got, at);
    }
    mem_free(chunk);
    if (r == 0)
        r = os_fdatasync(to);
    return r < 0 ? err_pass(r) : 0;
}

/* One that is not there is no fault. */
static int copy_file(void *arg, const char *name)
{
    const struct copying *copying = arg;
    char *from_path = mem_format("%s/%s", copying->from, name);
    char *to_path = mem_format("%s/%s", copying->to, name);
    struct os_file *from = NULL;
    struct os_file *to = NULL;
    int r = os_open(copying->os, from_path, OS_READ, &from);

    if (r == 0)
        r = os_open(copying->os, to_path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, &to);
    if (r == 0)
        r = copy_open(from, to);
    else if (r == OS_OPEN_MISSING)
        r = 0;
    else if (r > 0)
        r = err_raise(-EEXIST);
    os_close(to);
    os_close(from);
    mem_free(to_path);
    mem_free(from_path);
    return r < 0 ? err_pass(r) : 0;
}

static int copy_segment(void *arg, const char *name)
{
    int r = strncmp(name, "segment-", 8) == 0 ? copy_file(arg, name) : 0;

    return r < 0 ? err_pass(r) : 0;
}

static int copy_object(void *arg, const char *name)
{
    size_t len = strlen(name);
    int r = 0;

    if (len == 2 * STORE_ID_SIZE + 7 && strcmp(name + len - 7, ".sqlite") == 0)
        r = copy_file(arg, name);
    return r < 0 ? err_pass(r) : 0;
}

/* A folder whose entries `each` copies. */
static int copy_folder(const struct copying *above, const char *name, os_list_cb *each)
{
    char *from = mem_format("%s/%s", above->from, name);
    char *to = mem_format("%s/%s", above->to, name);
    struct copying inner = {.os = above->os, .from = from, .to = to};
    int r = os_mkdir(above->os, to);

    if (r == 0)
        r = os_list_dir(above->os, from, each, &inner);
    if (r == -ENOENT || r == -ENOTDIR)
        r = 0; /* never made, or put there by hand */
    if (r == 0)
        r = os_sync_dir(above->os, to);
    mem_free(to);
    mem_free(from);
    return r < 0 ? err_pass(r) : 0;
}

static int copy_class(void *arg, const char *name)
{
    int r = copy_folder(arg, name, copy_object);

    return r < 0 ? err_pass(r) : 0;
}

static int copy_all(struct copying *top)
{
    static const char *const files[] = {"version", "namespaces", "alarms.sqlite"};
    int r = os_mkdir(top->os, top->to);

    for (size_t i = 0; r == 0 && i < sizeof files / sizeof *files; i++)
        r = copy_file(top, files[i]);
    if (r == 0)
        r = copy_folder(top, "journal", copy_segment);
    if (r == 0)
        r = copy_folder(top, "do", copy_class);
    if (r == 0)
        r = os_sync_dir(top->os, top->to);
    return r < 0 ? err_pass(r) : 0;
}

int export_copy(struct os *os, const char *from, const char *to, struct err_text *why)
{
    struct copying top = {.os = os, .from = from, .to = to};
    struct inspection *inspection = NULL; /* for its lock */
    int r = inspection_open(&inspection, os, from, why);

    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    r = copy_all(&top);
    inspection_close(inspection);
    if (r < 0)
        err_text_set(why, "%s could not be copied to %s: %s", from, to, err_describe(r));
    return r < 0 ? err_pass(r) : 0;
}

/* ---- alarms ---- */

/* The first release with names added the column behind the others; it adds it to a file without,
 * but an older one does not start with a file that has it. */
static const char plain_table[] = "CREATE TABLE _cf_ALARM (actor_id TEXT PRIMARY KEY, "
                                  "scheduled_time INTEGER) WITHOUT ROWID";
static const char named_table[] = "CREATE TABLE _cf_ALARM (actor_id TEXT PRIMARY KEY, "
                                  "scheduled_time INTEGER, actor_name TEXT) WITHOUT ROWID";

static int write_alarm(sqlite3_stmt *insert, sqlite3_stmt *row, bool with_names)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};
    struct bytes id = {.data = sqlite3_column_blob(row, 0)};
    int rc;

    id.len = (size_t)sqlite3_column_bytes(row, 0);
    if (id.len != STORE_ID_SIZE)
        return SQLITE_CORRUPT;
    hex_encode(id, hex);
    sqlite3_bind_text(insert, 1, hex, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, sqlite3_column_int64(row, 1) * NS_PER_MS);
    if (with_names)
        sqlite3_bind_value(insert, 3, sqlite3_column_value(row, 2));
    rc = sqlite3_step(insert);
    sqlite3_reset(insert);
    return rc;
}

static int write_alarms(const struct export_alarms *what, sqlite3_stmt *row, sqlite3 *to,
                        size_t *count)
{
    const char *text = what->with_names ? "INSERT INTO _cf_ALARM VALUES (?1, ?2, ?3)"
                                        : "INSERT INTO _cf_ALARM VALUES (?1, ?2)";
    sqlite3_stmt *insert = NULL;
    int rc = sqlite3_exec(to, "PRAGMA journal_mode = WAL; BEGIN", NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to, what->with_names ? named_table : plain_table, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(to, text, -1, &insert, NULL);
    if (rc == SQLITE_OK)
        rc = SQLITE_ROW; /* the caller has stepped to the first */
    while (rc == SQLITE_ROW) {
        rc = write_alarm(insert, row, what->with_names);
        if (rc == SQLITE_DONE) {
            ++*count;
            rc = sqlite3_step(row);
        }
    }
    sqlite3_finalize(insert);
    return rc == SQLITE_DONE ? sqlite3_exec(to, "COMMIT", NULL, NULL, NULL) : rc;
}

static int write_file(const struct export_alarms *what, sqlite3_stmt *row, size_t *count,
                      struct err_text *why)
{
    sqlite3 *to = NULL;
    int r = plain_sqlite_open(&to, what->to, PLAIN_SQLITE_MAKE, why);

    if (r != 0)
        return err_raise(r < 0 ? r : -EIO);
    if (write_alarms(what, row, to, count) != SQLITE_OK) {
        err_text_set(why, "%s: %s", what->to, sqlite3_errmsg(to));
        r = err_raise(-EIO);
    }
    sqlite3_close(to);
    return r;
}

int export_alarms(const struct export_alarms *what, size_t *count, struct err_text *why)
{
    sqlite3 *from = NULL;
    sqlite3_stmt *row = NULL;
    int r = plain_sqlite_open(&from, what->from, PLAIN_SQLITE_FROZEN, why);
    int rc;

    *count = 0;
    if (r != 0)
        return err_raise(r < 0 ? r : -EIO);
    rc = sqlite3_prepare_v2(from,
                            "SELECT id, scheduled_ms, name FROM alarm WHERE namespace = ?1 "
                            "ORDER BY id",
                            -1, &row, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, what->namespace_number);
        rc = sqlite3_step(row);
    }
    if (rc == SQLITE_ROW) {
        r = write_file(what, row, count, why);
    } else if (rc != SQLITE_DONE) {
        err_text_set(why, "%s: %s", what->from, sqlite3_errmsg(from));
        r = err_raise(-EIO);
    }
    sqlite3_finalize(row);
    sqlite3_close(from);
    return r < 0 ? err_pass(r) : 0;
}
