#pragma once

/*
 * Checkpoint
 *
 * Brings the committed pages of a database from memory into its file, on its shard's thread: by
 * SQLite's own checkpoint, which empties the memory WAL, or past it while a cursor or a transaction
 * is open. Syncing the file is the keeper's, and only then the journal forgets the records.
 *
 * When: the database is closed; its memory WAL, or those of the shard together, are large; the
 * journal wants to reuse the segment with the object's oldest record.
 */

struct database;
struct store_shard;

/* What checkpoint_database() can find out. */
enum checkpoint_result {
    CHECKPOINT_LATER = 1, /* its last record is not durable yet, or there is no space */
};

int checkpoint_database(struct database *db);

/* Everything that is due on this shard. */
void checkpoint_shard(struct store_shard *shard);

/* Everything: waits for the last records. The shard is about to go. A fault is the journal's. */
int checkpoint_all(struct store_shard *shard);
