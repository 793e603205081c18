#include "store/checkpoint.h"

#include <errno.h>

#include "base/assert.h"
#include "base/err.h"
#include "store/database_state.h"
#include "store/journal.h"
#include "store/rule.h"
#include "store/shard.h"
#include "store/store_parts.h"

#define LARGE_FRAMES                                                                               \
    4000 /* checkpoint when it can be done without waiting; an index page is 4096 */
#define HUGE_FRAMES  16000 /* wait for the flush under way */
#define PARKED_BATCH 64    /* per poll: a shard that closes thousands still answers in between */

static struct database *of_pages(struct pages *pages)
{
    return container_of(pages, struct database, pages);
}

/* By SQLite, which wants the database to itself. */
static int checkpoint_sqlite(struct database *db)
{
    int rc;

    db->pages.checkpointing = true;
    rc = sqlite3_wal_checkpoint_v2(db->sql, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    db->pages.checkpointing = false;
    return rc;
}

int checkpoint_database(struct database *db)
{
    struct pages *pages = &db->pages;
    bool alone = !db->in_transaction && list_empty(&db->cursors) && list_empty(&db->kv_lists);
    int rc = SQLITE_LOCKED;
    int r = 0;

    if (!MUTANT(11) && pages->last_lsn > journal_durable_lsn(pages->shard->journal))
        return CHECKPOINT_LATER;
    if (alone)
        rc = checkpoint_sqlite(db);
    if (rc == SQLITE_OK)
        r = pages_write_holes(pages);
    else if (rc == SQLITE_LOCKED || rc == SQLITE_BUSY)
        r = pages->pin != NULL ? pages_write_back(pages) : 0;
    else
        return CHECKPOINT_LATER; /* the VFS has noted why */
    if (r < 0) {
        shard_note_file_fault(pages->shard, r);
        return CHECKPOINT_LATER;
    }
    list_remove(&db->large_link);
    pages_written(pages);
    return 0;
}

/* Rather than never: waits for the record's flush. */
static int checkpoint_now(struct database *db)
{
    int r = journal_wait(db->pages.shard->journal, db->pages.last_lsn);

    if (r < 0)
        return err_pass(r);
    return checkpoint_database(db);
}

static void close_parked(struct store_shard *shard)
{
    struct list *it;
    struct list *tmp;
    unsigned count = 0;

    list_for_each_safe (it, tmp, &shard->parked) {
        struct database *db = container_of(it, struct database, parked_link);

        if (++count > PARKED_BATCH || checkpoint_database(db) != 0)
            break; /* they stand in the order of their last records */
        database_destroy(db);
    }
}

static void empty_large(struct store_shard *shard)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &shard->large) {
        struct database *db = container_of(it, struct database, large_link);

        if (db->pages.wal.frame_count >= HUGE_FRAMES)
            checkpoint_now(db);
        else
            checkpoint_database(db);
    }
}

/* Objects whose oldest record is below `lsn`, or as many as it takes to get below the budget. */
static void empty_oldest(struct store_shard *shard, uint64_t lsn, size_t frames_max)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &shard->pinned) {
        struct database *db = container_of(it, struct database, pinned_link);

        if (db->pages.pin->lsn >= lsn && shard->pool.used_count <= frames_max)
            break;
        if (checkpoint_now(db) != 0)
            break;
    }
}

void checkpoint_shard(struct store_shard *shard)
{
    uint64_t wanted = atomic_load_explicit(&shard->store->wanted_lsn, memory_order_acquire);
    size_t frames_max = shard->store->wal_bytes_max / PAGE_BYTES;

    if (journal_fault(shard->journal) < 0)
        return;
    if (!list_empty(&shard->parked))
        close_parked(shard);
    if (!list_empty(&shard->large))
        empty_large(shard);
    if (!list_empty(&shard->pinned) && (wanted > 0 || shard->pool.used_count > frames_max))
        empty_oldest(shard, wanted, frames_max);
}

int checkpoint_all(struct store_shard *shard)
{
    struct list *it;
    struct list *tmp;
    int r = journal_fault(shard->journal);

    list_for_each_safe (it, tmp, &shard->pinned) {
        struct database *db = container_of(it, struct database, pinned_link);

        if (r == 0)
            r = checkpoint_now(db);
    }
    return r < 0 ? err_pass(r) : r;
}

void shard_note_size(struct store_shard *shard, struct database *db)
{
    if (db->pages.wal.frame_count >= LARGE_FRAMES && list_empty(&db->large_link))
        list_push_back(&shard->large, &db->large_link);
}

void shard_note_pinned(struct store_shard *shard, struct pages *pages)
{
    list_push_back(&shard->pinned, &of_pages(pages)->pinned_link);
}

void shard_note_unpinned(struct store_shard *shard, struct pages *pages)
{
    (void)shard;
    list_remove(&of_pages(pages)->pinned_link);
}
