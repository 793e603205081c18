#include "store/plain_sqlite.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

/* Whatever the path has in it must not be taken for a part of the URI. */
static void append_uri(struct buf *uri, const char *path)
{
    buf_append_string(uri, "file:");
    for (; *path != '\0'; path++) {
        if (isalnum((unsigned char)*path) || strchr("/-_.~", *path) != NULL)
            buf_append_byte(uri, (uint8_t)*path);
        else
            buf_append_format(uri, "%%%02X", (unsigned char)*path);
    }
}

static void guard(sqlite3 *sql)
{
    sqlite3_db_config(sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
}

/* Opening alone reads nothing: this does. */
static int touch(sqlite3 *sql)
{
    return sqlite3_exec(sql, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
}

static int fault_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_PERM:
    case SQLITE_READONLY: return -EACCES;
    default: return -EIO;
    }
}

int plain_sqlite_open(sqlite3 **out, const char *path, enum plain_sqlite_mode mode,
                      struct err_text *why)
{
    struct buf uri = {0};
    sqlite3 *sql = NULL;
    int flags = mode == PLAIN_SQLITE_FROZEN ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int r = 0;
    int rc;

    if (mode == PLAIN_SQLITE_MAKE)
        flags |= SQLITE_OPEN_CREATE;
    append_uri(&uri, path);
    if (mode == PLAIN_SQLITE_FROZEN)
        buf_append_string(&uri, "?immutable=1");
    rc = sqlite3_open_v2(buf_string(&uri), &sql,
                         flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                         NULL);
    buf_fini(&uri);
    if (rc == SQLITE_OK) {
        guard(sql);
        rc = touch(sql);
    }
    if (rc != SQLITE_OK) {
        bool bad = (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT;

        err_text_set(why, "%s: %s", path, sql != NULL ? sqlite3_errmsg(sql) : "no memory");
        r = bad ? PLAIN_SQLITE_BAD : err_raise(fault_of(rc));
        sqlite3_close(sql);
        return r;
    }
    *out = sql;
    return 0;
}

int plain_sqlite_number(sqlite3 *sql, const char *query, int64_t *number)
{
    sqlite3_stmt *statement = NULL;
    int r = PLAIN_SQLITE_NONE;

    if (sqlite3_prepare_v2(sql, query, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_type(statement, 0) == SQLITE_INTEGER) {
        *number = sqlite3_column_int64(statement, 0);
        r = 0;
    }
    sqlite3_finalize(statement);
    return r;
}

int plain_sqlite_check(sqlite3 *sql, struct err_text *why)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(sql, "PRAGMA quick_check(1)", -1, &statement, NULL);
    const char *words = NULL;
    int r = 0;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        words = (const char *)sqlite3_column_text(statement, 0);
    if (words == NULL || strcmp(words, "ok") != 0) {
        err_text_set(why, "%s", words != NULL ? words : sqlite3_errmsg(sql));
        r = PLAIN_SQLITE_BAD;
    }
    sqlite3_finalize(statement);
    return r;
}
