#pragma once

/*
 * What a database is made of, for the files of this folder that work on one.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "store/database.h"
#include "store/pages.h"
#include "store/statement_cache.h"

#define DATABASE_KEY_BYTES (STORE_ID_SIZE + 4)

/* Statements of our own, prepared when first needed. */
enum own_statement {
    OWN_BEGIN,
    OWN_COMMIT,
    OWN_ROLLBACK,
    OWN_ALARM_GET,
    OWN_ALARM_SET,
    OWN_ALARM_REMOVE,
    OWN_NAME_GET,
    OWN_NAME_SET,
    OWN_KV_GET,
    OWN_KV_PUT,
    OWN_KV_DELETE,
    OWN_PAGE_COUNT,
    OWN_FREE_COUNT,
    OWN_COUNT,
};

struct database {
    struct pages pages; /* first: a shard's lists of pages are lists of databases */
    sqlite3 *sql;       /* owned */
    uint8_t key[DATABASE_KEY_BYTES];
    struct database_listener listener;
    struct list pinned_link;
    struct list parked_link;
    struct list large_link;
    bool parked;

    sqlite3_stmt *own[OWN_COUNT]; /* owned */
    struct statement_cache statements;
    struct list cursors;  /* sql_cursor.link: those that have a statement */
    struct list kv_lists; /* kv_list.link: the same */
    struct buf kv_value;  /* what kv_get() last found */

    bool in_transaction;
    bool announced; /* the listener was told of a write since the last commit */
    unsigned depth; /* savepoints */
    bool alarm_touched;
    char *alarm_name;   /* owned */
    bool vacuum_wanted; /* after delete_all: give the pages back */

    bool trusted;              /* our own statement: the policy lets everything pass */
    const char *policy_reason; /* static: what to throw instead of SQLite's message */
    bool damage_reported;
    bool policy_defers; /* the statement being prepared is a PRAGMA that needs a transaction */
};

/* The statement, reset and without bindings, run as trusted: call database_own_done() after. NULL:
 * `*result` and `why` say what went wrong. */
sqlite3_stmt *database_own(struct database *db, enum own_statement which, int *result,
                           struct err_text *why);
/* Steps it: SQLITE_ROW, SQLITE_DONE or an error code. */
int database_own_step(struct database *db, sqlite3_stmt *statement);

/* Runs text of our own without rows. An SQLite code. */
int database_own_exec(struct database *db, const char *text);

/* Before the first write of a turn: opens the implicit transaction and tells the listener. */
int database_begin(struct database *db, struct err_text *why);

/* What an SQLite error amounts to: the text is set, and if SQLite has rolled the transaction back
 * the result is DATABASE_CRITICAL. */
int database_error(struct database *db, int code, struct err_text *why);

/* Ends all cursors and lists: their statements are given back, they fail from now on. */
void database_cancel_cursors(struct database *db);

/* Brings what is committed into the file if it can be done now. Nothing is waited for. */
int database_checkpoint(struct database *db);

/* The last user has gone: a parked database is closed for good. Nothing is pinned. */
void database_destroy(struct database *db);

/* Opens what is not in a namespace: the store's own. */
int database_open_at(struct database **out, struct store_shard *shard, uint32_t namespace_number,
                     const uint8_t id[STORE_ID_SIZE], const char *dir, const char *path,
                     struct err_text *why);
