#pragma once

/*
 * Fake store
 *
 * store/store.h, database.h and alarm_index.h in memory, for tests of what stands on them. A
 * database is a number and an alarm; the test decides when a commit is durable, which fail, and
 * when a file cannot be opened. What is committed is seen at once by whoever opens the database
 * again. Several shards may use it from several threads.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct database;

struct store *fake_store_create(unsigned shard_count);
void fake_store_destroy(struct store *store);

/* Every commit is durable at once (the default), or when fake_store_flush() says so. */
void fake_store_set_manual(struct store *store, bool manual);

/* All commits so far are durable; the shards are woken. */
void fake_store_flush(struct store *store);
/* Commits up to this LSN. */
void fake_store_flush_to(struct store *store, uint64_t lsn);
/* The journal has failed: nothing after the last flush ever will be durable. */
void fake_store_break(struct store *store, int fault);
uint64_t fake_store_last_lsn(struct store *store);

/* The next commits of any database come to this result (store/database.h) with this text. */
void fake_store_fail_commits(struct store *store, unsigned count, int result, const char *why);
/* The next opens fail. */
void fake_store_fail_opens(struct store *store, unsigned count, int fault);

unsigned fake_store_open_count(struct store *store);
/* Shards for ids: by the first byte of the id unless this names one for all. */
void fake_store_set_shard(struct store *store, int shard);

/* Of the object: what is committed. */
int64_t fake_store_value(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE]);
int64_t fake_store_durable_value(struct store *store, uint32_t number,
                                 const uint8_t id[STORE_ID_SIZE]);
int64_t fake_store_alarm(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE]);
/* Times of the index: next run of the object's alarm, -1: none; and its counted failures. */
int64_t fake_store_run_ms(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE]);
unsigned fake_store_retries(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE]);

/* ---- what the tests' objects do with a database ---- */

/* Replaces the number; a write. */
void fake_database_put(struct database *db, int64_t value);
int64_t fake_database_get(struct database *db);
/* A cursor is open: the database must not be closed behind its back. */
void fake_database_set_busy(struct database *db, bool busy);
