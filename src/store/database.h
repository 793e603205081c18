#pragma once

/*
 * Database
 *
 * The SQLite database of one object: opened on its shard, used on its thread. Writes gather in an
 * implicit transaction that the first write of a turn opens and database_commit() ends; one commit
 * is one journal record: pages, alarm and all.
 *
 * Errors of the author's SQL are outcomes with the platform's text (platform.md §3.4.10). A
 * critical outcome (§3.5.6, 3.5.7) means that the transaction is gone and the object must be
 * reset.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct database;

/* Outcomes shared by everything that touches a database. */
enum database_result {
    DATABASE_ERROR = 1, /* the author's mistake: throw `why`; the transaction stays usable */
    DATABASE_CRITICAL,  /* rolled back: reset the object with `why` */
};

struct database_listener {
    /* The first write since the last commit is about to happen: the output gate closes here. */
    void (*writing)(void *data);
    void *data;
};

/* Opens the object's database, made lazily: an object that never writes leaves no file. */
int database_open(struct database **out, struct store_shard *shard, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct database_listener *listener,
                  struct err_text *why);

/* Rolls back what is not committed and lets go. What is committed but not yet checkpointed is kept
 * by the shard; the same object may be opened again at once. NULL is allowed. */
void database_close(struct database *db);

/* End of turn. *lsn is 0 when nothing was written. */
int database_commit(struct database *db, uint64_t *lsn, struct err_text *why);

/* Undo what was written since the last commit (the object is reset, §1.9.1). */
void database_rollback(struct database *db);

/* Something was written since the last commit. */
bool database_dirty(const struct database *db);

/* A cursor or a list is open: closing the database now would end it. */
bool database_busy(const struct database *db);

/* Savepoints of transaction() and transactionSync(), numbered by depth from 1 (§3.5). Opening one
 * begins the implicit transaction. */
int database_savepoint(struct database *db, unsigned depth, struct err_text *why);
int database_savepoint_release(struct database *db, unsigned depth, struct err_text *why);
int database_savepoint_rollback(struct database *db, unsigned depth, struct err_text *why);

/* Removes every table and key; cursors fail from now on (§3.6). The alarm goes too if asked.
 * Part of the implicit transaction. */
int database_delete_all(struct database *db, bool with_alarm, struct err_text *why);

/* (page_count - freelist_count) * page_size. */
int database_size(struct database *db, uint64_t *size_bytes, struct err_text *why);

/* Alarm time in ms since the epoch as last written, committed or not; 0: none. */
int database_alarm(struct database *db, int64_t *time_ms, struct err_text *why);

/* Set (or with 0 remove) the alarm: part of the implicit transaction and of its journal record,
 * from which the alarm index is brought up to date (alarm_index.h). `name` is the object's name or
 * NULL, kept with the alarm so that it can be given to the object that it wakes. */
int database_set_alarm(struct database *db, int64_t time_ms, const char *name,
                       struct err_text *why);

/* The name that an alarm of the object was set with, or NULL; mem_free() it. */
char *database_alarm_name(struct database *db);
