#pragma once

/*
 * Keeper
 *
 * The thread in the background of a store. It syncs the files that checkpoints wrote and lets go of
 * the journal behind them, asks shards for checkpoints when the journal fills, makes new segments
 * when that does not help, and keeps the alarm index. It works in rounds; a round is due when
 * somebody asks for one.
 *
 * The order that rule 2 rests on: write (shard), sync (keeper), unpin, release.
 */

#include <stdbool.h>

struct journal_pin;
struct keeper;
struct object_file;
struct store;
struct store_shard;

/* Never NULL; keeper_start() when the rest of the store is there. */
struct keeper *keeper_create(struct store *store);
void keeper_start(struct keeper *keeper);

/* Ends the thread after the round under way. */
void keeper_stop(struct keeper *keeper);
void keeper_destroy(struct keeper *keeper);

/* The file (a reference is taken) was written: after its next sync `pin`, which is taken over,
 * goes. Any thread. */
void keeper_sync_later(struct keeper *keeper, struct object_file *file, struct journal_pin *pin);

/* The same for a file that the recovery wrote and has a pin for: the next round syncs it. */
void keeper_sync_recovered(struct keeper *keeper, struct object_file *file);

/* From now on rounds bring what was recovered into its files; before the thread starts. */
void keeper_bring_recovered(struct keeper *keeper);

/* Have a round soon; urgent: somebody waits for room in the journal. Any thread. */
void keeper_ask(struct keeper *keeper, bool urgent);

/* The shard that the alarm table's database is opened on. The keeper's thread. */
struct store_shard *keeper_shard(struct keeper *keeper);

/* One round, with `all` also the syncs that could wait. The keeper's thread, or without threads
 * whoever tests. A fault has stopped the store. */
int keeper_round(struct keeper *keeper, bool all);

/* Clean stop, without the thread: what is still in memory goes into its files and is synced. */
int keeper_finish(struct keeper *keeper);
