#pragma once

/*
 * What a database says that a history gave, for the unit tests of store/history.
 */

#include <sqlite3.h>

#include "base/mem.h"
#include "store/history_replay.h"

/* The number that `sql` selects first; -1: none. */
static inline int history_image_ask(const struct history_image *image, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *get = NULL;
    sqlite3_int64 size = (sqlite3_int64)image->size_pages * 4096;
    uint8_t *copy = mem_dup(image->data, (size_t)size);
    int number = -1;

    copy[18] = copy[19] = 1; /* not in WAL mode: there is no other file */
    sqlite3_open(":memory:", &db);
    sqlite3_deserialize(db, "main", copy, size, size, SQLITE_DESERIALIZE_READONLY);
    if (sqlite3_prepare_v2(db, sql, -1, &get, NULL) == SQLITE_OK && sqlite3_step(get) == SQLITE_ROW)
        number = sqlite3_column_int(get, 0);
    sqlite3_finalize(get);
    sqlite3_close(db);
    mem_free(copy);
    return number;
}
