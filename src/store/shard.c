#include "store/shard.h"

#include <errno.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/alarm_shard.h"
#include "store/checkpoint.h"
#include "store/database_state.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/store_parts.h"

void shard_init(struct store_shard *shard, struct store *store, unsigned index)
{
    *shard = (struct store_shard){
        .store = store,
        .os = store->os,
        .journal = store->journal,
        .keeper = store->keeper,
        .index = index,
        .durable_lsn = journal_durable_lsn(store->journal),
    };
    sql_guard_seat_init(&shard->seat, store->guard);
    vfs_register(&shard->vfs, shard);
    wal_pool_init(&shard->pool);
    list_init(&shard->pinned);
    list_init(&shard->parked);
    list_init(&shard->large);
}

/* It could not be checkpointed: the disk is full, or the journal has failed. Its records stay where
 * they are, and the next start brings in what is durable of them. */
static void abandon(struct database *db)
{
    struct pages *pages = &db->pages;

    database_cancel_cursors(db);
    database_rollback(db);
    if (pages->pin != NULL) {
        journal_abandon(pages->shard->journal, pages->pin);
        pages->pin = NULL;
        list_remove(&db->pinned_link);
    }
    database_destroy(db);
}

void shard_fini(struct store_shard *shard)
{
    struct database *db;
    size_t at = 0;

    while ((db = map_next(&shard->databases, &at, NULL)) != NULL) {
        database_cancel_cursors(db);
        database_rollback(db);
    }
    checkpoint_all(shard);
    for (at = 0; (db = map_next(&shard->databases, &at, NULL)) != NULL; at = 0)
        abandon(db);
    map_fini(&shard->databases);
    wal_pool_fini(&shard->pool);
    vfs_unregister(&shard->vfs);
    sql_guard_seat_fini(&shard->seat);
    buf_fini(&shard->record);
}

void shard_note_file_fault(struct store_shard *shard, int fault)
{
    if (fault != -ENOSPC && fault != -EDQUOT)
        journal_fail(shard->journal, fault);
}

/* ---- for the thread that owns it ---- */

static void wake(void *data)
{
    struct store_shard *shard = data;

    if (shard->listener.wake != NULL)
        shard->listener.wake(shard->listener.data);
}

struct store_shard *store_shard_create(struct store *store, unsigned index,
                                       const struct store_shard_listener *listener)
{
    struct store_shard *shard = mem_new(struct store_shard);

    ASSERT(index < store->options.shard_count && store->shards[index] == NULL);
    shard_init(shard, store, index);
    if (listener != NULL)
        shard->listener = *listener;
    shard->alarms = alarm_shard_create(shard);
    store->shards[index] = shard;
    journal_listen(store->journal, index, &(struct journal_listener){.wake = wake, .data = shard});
    return shard;
}

void store_shard_destroy(struct store_shard *shard)
{
    struct store *store;

    if (shard == NULL)
        return;
    store = shard->store;
    journal_listen(store->journal, shard->index, NULL);
    store->shards[shard->index] = NULL;
    shard_fini(shard);
    alarm_shard_destroy(shard->alarms);
    mem_free(shard);
}

static void report(struct store_shard *shard, uint64_t durable, int fault)
{
    if (shard->listener.durable != NULL)
        shard->listener.durable(shard->listener.data, durable, fault);
}

void store_shard_poll(struct store_shard *shard)
{
    uint64_t durable = journal_durable_lsn(shard->journal);
    int fault = journal_fault(shard->journal);

    alarm_shard_poll(shard->alarms, durable);
    if (durable > shard->durable_lsn) {
        shard->durable_lsn = durable;
        report(shard, durable, 0);
    }
    if (fault < 0 && !shard->fault_reported) {
        shard->fault_reported = true;
        report(shard, durable, fault);
    }
    checkpoint_shard(shard);
}

void store_shard_hold(struct store_shard *shard)
{
    journal_hold(shard->journal, shard->index);
}

void store_shard_let_go(struct store_shard *shard)
{
    journal_let_go(shard->journal, shard->index);
}

uint64_t store_shard_durable_lsn(const struct store_shard *shard)
{
    return shard->durable_lsn;
}
