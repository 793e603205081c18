#pragma once

/*
 * Alarm table
 *
 * The alarm index on disk: `<dir>/alarms.sqlite`, a database of the store's own, journaled like an
 * object's. It is a view of the records in the journal, brought up to date in the background, and
 * says up to which LSN; so the alarm of an object and the object itself are one record and cannot
 * part (rule 4). The journal is held from there on until the table has followed.
 *
 * The table delivers to each shard, ahead of time and in portions, the alarms that are due soon.
 */

#include <stdbool.h>
#include <stdint.h>

struct alarm_shard;
struct alarm_table;
struct list;
struct store;

/* Never NULL. */
struct alarm_table *alarm_table_create(struct store *store);

/* Opens the database, the keeper's thread or none yet. Notes may have come before. */
int alarm_table_open(struct alarm_table *table);

/* The database must be closed (keeper_finish). NULL is allowed. */
void alarm_table_destroy(struct alarm_table *table);

/* Lets go of the journal: it is about to be stopped, and everything is applied. */
void alarm_table_unpin(struct alarm_table *table);

/* No note waits to be applied. */
bool alarm_table_is_done(struct alarm_table *table);

/* Everything up to `lsn` is durable, `notes` (taken over) are its alarms. The journal's thread. */
void alarm_table_accept(struct alarm_table *table, uint64_t lsn, struct list *notes);

/* The shard's part, or NULL when it goes. The shard's thread. */
void alarm_table_attach(struct alarm_table *table, unsigned shard, struct alarm_shard *alarms);

/* A shard has taken some that were loaded. Any thread. */
void alarm_table_taken(struct alarm_table *table);

/* Applies what has gathered if it is much or old, or `all`; loads what is due soon. The keeper's
 * thread. */
int alarm_table_round(struct alarm_table *table, bool all);
