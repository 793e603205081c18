#include "store/keeper.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/cond.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_table.h"
#include "store/checkpoint.h"
#include "store/history.h"
#include "store/journal.h"
#include "store/log.h"
#include "store/object_file.h"
#include "store/recovery.h"
#include "store/rule.h"
#include "store/segment_log.h"
#include "store/shard.h"
#include "store/store_parts.h"

#define ROUND_APART_NS INT64_C(10000000)   /* rounds asked for in a hurry do work worth a sync */
#define ROUND_IDLE_NS  INT64_C(1000000000) /* then the work that nobody asked for is done */
#define QUIET_NS       UINT64_C(250000000) /* from the start on, unless room is waited for */
#define ROUND_FULL_NS  INT64_C(100000000)  /* how often a full disk is asked whether it still is */
#define FILES_WAITING  512                 /* files kept open only to be synced later */
#define BRING_MAX      128                 /* recovered objects that a round writes */

struct written_file {
    struct list link;
    struct object_file *file;
    struct journal_pin *pin;
};

struct keeper {
    struct store *store; /* borrowed */
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t work;
    struct list written; /* written_file.link, oldest first */
    unsigned written_count;
    bool recovered; /* some of them by the recovery: synced as soon as there is time */
    bool asked;
    bool urgent; /* somebody waits for room */
    bool stopping;
    bool bringing;           /* what was recovered, into its files; the keeper's thread */
    bool disk_full;          /* the last round found no room; the keeper's thread */
    uint64_t quiet_until_ns; /* the process starts: what can wait does; the keeper's thread */

    struct store_shard shard; /* the alarm table's; the keeper's thread */
};

struct keeper *keeper_create(struct store *store)
{
    struct keeper *keeper = mem_new(struct keeper);

    keeper->store = store;
    list_init(&keeper->written);
    pthread_mutex_init(&keeper->mutex, NULL);
    cond_init(&keeper->work);
    return keeper;
}

void keeper_ask(struct keeper *keeper, bool urgent)
{
    pthread_mutex_lock(&keeper->mutex);
    if (!keeper->asked || (urgent && !keeper->urgent))
        pthread_cond_signal(&keeper->work);
    keeper->asked = true;
    keeper->urgent |= urgent;
    pthread_mutex_unlock(&keeper->mutex);
}

/* True when there are many. */
static bool add_written(struct keeper *keeper, struct object_file *file, struct journal_pin *pin,
                        bool recovered)
{
    struct written_file *written = mem_new(struct written_file);
    bool many;

    written->file = object_file_ref(file);
    written->pin = pin;
    pthread_mutex_lock(&keeper->mutex);
    list_push_back(&keeper->written, &written->link);
    many = ++keeper->written_count >= FILES_WAITING;
    keeper->recovered |= recovered;
    pthread_mutex_unlock(&keeper->mutex);
    return many;
}

void keeper_sync_later(struct keeper *keeper, struct object_file *file, struct journal_pin *pin)
{
    if (add_written(keeper, file, pin, false))
        keeper_ask(keeper, false);
}

void keeper_sync_recovered(struct keeper *keeper, struct object_file *file)
{
    add_written(keeper, file, NULL, true);
}

void keeper_bring_recovered(struct keeper *keeper)
{
    keeper->bringing = true;
    keeper_ask(keeper, false);
}

/* ---- a round ---- */

/* What is waiting, as a list of its own; the files, in the same order, as an array to be freed. */
static struct object_file **take_written(struct keeper *keeper, struct list *batch, size_t *count)
{
    struct object_file **files;
    struct list *it;

    pthread_mutex_lock(&keeper->mutex);
    list_splice_back(batch, &keeper->written);
    *count = keeper->written_count;
    keeper->written_count = 0;
    keeper->recovered = false;
    pthread_mutex_unlock(&keeper->mutex);
    files = mem_new_array(struct object_file *, *count + 1);
    *count = 0;
    list_for_each (it, batch)
        files[(*count)++] = container_of(it, struct written_file, link)->file;
    return files;
}

/* Rule 2: first the files, then the pins. */
static int sync_written(struct keeper *keeper)
{
    struct journal *journal = keeper->store->journal;
    struct object_file **files;
    struct list batch;
    struct list *link;
    size_t count;
    int r = 0;

    list_init(&batch);
    files = take_written(keeper, &batch, &count);
    if (keeper->store->options.sync && !MUTANT(21))
        r = object_file_sync_all(files, count);
    mem_free(files);
    if (r < 0)
        journal_fail(journal, r); /* and nothing is released any more */
    while ((link = list_pop_front(&batch)) != NULL) {
        struct written_file *written = container_of(link, struct written_file, link);

        if (written->pin != NULL)
            journal_unpin(journal, written->pin);
        mem_free(written->pin);
        object_file_unref(written->file);
        mem_free(written);
    }
    return r < 0 ? err_pass(r) : 0;
}

/* Asks every shard to bring what is pinned below `lsn` into its files. */
static void want(struct store *store, uint64_t lsn)
{
    if (atomic_load(&store->wanted_lsn) >= lsn)
        return;
    atomic_store_explicit(&store->wanted_lsn, lsn, memory_order_release);
    journal_wake_all(store->journal);
}

/* Whether the journal is so full that objects must leave it. */
static bool pressed(struct keeper *keeper, struct segment_log_counts *counts)
{
    const struct store *store = keeper->store;

    segment_log_count(store->log, counts);
    return counts->in_use > 1 &&
           (counts->in_use * 2 > store->options.segment_count || counts->free == 0);
}

/* Whether the process may be busy with its first answers, for which it needs processor and disk. */
static bool is_quiet(const struct keeper *keeper)
{
    return keeper->quiet_until_ns > 0 &&
           os_monotonic_ns(keeper->store->os) < keeper->quiet_until_ns;
}

/* Segments are made when they are about to be needed: a store opens at once, and a quiet one stays
 * small. While it opens one is enough, and it gets its zeros later; the second comes with the first
 * record. */
static int make_room(struct keeper *keeper)
{
    struct log *log = keeper->store->log;
    bool opening = !keeper->started && !keeper->store->options.stepped;
    unsigned enough = opening || is_quiet(keeper) ? 1 : 2;
    struct segment_log_counts counts;
    int r = 0;

    segment_log_count(log, &counts);
    while (r == 0 && counts.free < enough) {
        r = log->ops->grow(log);
        journal_release(keeper->store->journal, false);
        segment_log_count(log, &counts);
    }
    if (r == 0 && enough > 1 && counts.free > 1) {
        segment_log_wash(log); /* only for speed */
        journal_release(keeper->store->journal, false);
    }
    return r;
}

/* A part of what was recovered; *done when it all is in its files. No space: another time. */
static int bring_recovered(struct keeper *keeper, bool all, bool *done)
{
    struct recovery *recovery = keeper->store->recovery;
    int r;

    *done = false;
    if (!keeper->bringing || (!all && is_quiet(keeper)))
        return 0;
    r = recovery_bring_some(recovery, all ? UINT_MAX : BRING_MAX);
    *done = recovery_is_done(recovery);
    if (r == 0 && !*done)
        keeper_ask(keeper, false);
    return r == -ENOSPC || r == -EDQUOT ? 0 : r < 0 ? err_pass(r) : 0;
}

int keeper_round(struct keeper *keeper, bool all)
{
    struct store *store = keeper->store;
    struct segment_log_counts counts;
    bool full = pressed(keeper, &counts);
    bool brought = false;
    bool waiting;
    int fault;
    int r;

    r = journal_fault(store->journal);
    if (r < 0)
        return r;
    fault = bring_recovered(keeper, all || full, &brought);
    pthread_mutex_lock(&keeper->mutex);
    waiting = keeper->written_count >= FILES_WAITING || keeper->recovered;
    pthread_mutex_unlock(&keeper->mutex);

    keeper->disk_full = false;
    history_round(store->history);
    journal_release(store->journal, false);
    make_room(keeper);
    r = alarm_table_round(store->alarms, all || full);
    checkpoint_shard(keeper_shard(keeper));
    if (r == 0)
        r = fault;
    if (r == 0 && (all || full || waiting))
        r = sync_written(keeper);
    if (r == 0 && brought) {
        recovery_unpin(store->recovery);
        keeper->bringing = false;
    }
    if (r < 0) {
        journal_fail(store->journal, r);
        return err_pass(r);
    }
    history_round(store->history);
    journal_release(store->journal, false);
    if (pressed(keeper, &counts) && counts.oldest_half_lsn > 0)
        want(store, counts.oldest_half_lsn);
    if (make_room(keeper) < 0) {
        if (segment_log_let_go(store->log)) { /* commits go before a copy */
            history_resume(store->history);
            history_round(store->history);
            journal_release(store->journal, false);
        }
        segment_log_count(store->log, &counts);
        keeper->disk_full = counts.free == 0;
        journal_release(store->journal, keeper->disk_full);
    }
    if (!pressed(keeper, &counts))
        history_trim(store->history);
    return 0;
}

/* ---- the thread ---- */

static void wait_ns(struct keeper *keeper, int64_t ns)
{
    struct timespec until = cond_deadline(ns);

    pthread_cond_timedwait(&keeper->work, &keeper->mutex, &until);
}

/* Every refused commit asks for a round, and each of them tries to write a whole segment. */
static void wait_for_disk(struct keeper *keeper)
{
    struct timespec until = cond_deadline(ROUND_FULL_NS);

    while (!keeper->stopping)
        if (pthread_cond_timedwait(&keeper->work, &keeper->mutex, &until) == ETIMEDOUT)
            break;
}

static void *keeper_run(void *data)
{
    struct keeper *keeper = data;

    pthread_mutex_lock(&keeper->mutex);
    keeper->quiet_until_ns = os_monotonic_ns(keeper->store->os) + QUIET_NS;
    while (!keeper->stopping) {
        if (!keeper->asked)
            wait_ns(keeper, ROUND_IDLE_NS);
        if (keeper->stopping)
            break;
        if (keeper->urgent)
            keeper->quiet_until_ns = 0;
        keeper->asked = false;
        keeper->urgent = false;
        pthread_mutex_unlock(&keeper->mutex);
        keeper_round(keeper, false);
        pthread_mutex_lock(&keeper->mutex);
        if (keeper->disk_full)
            wait_for_disk(keeper);
        else if (!keeper->stopping && !keeper->urgent)
            wait_ns(keeper, ROUND_APART_NS);
    }
    pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

struct store_shard *keeper_shard(struct keeper *keeper)
{
    if (keeper->shard.store == NULL) {
        shard_init(&keeper->shard, keeper->store, store_keeper_index(keeper->store));
        keeper->shard.vital = true;
    }
    return &keeper->shard;
}

void keeper_start(struct keeper *keeper)
{
    keeper->started = true; /* the thread reads it */
    ASSERT(pthread_create(&keeper->thread, NULL, keeper_run, keeper) == 0);
}

void keeper_stop(struct keeper *keeper)
{
    if (!keeper->started)
        return;
    pthread_mutex_lock(&keeper->mutex);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->work);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    keeper->started = false;
}

void keeper_destroy(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    keeper_stop(keeper);
    if (keeper->shard.store != NULL)
        shard_fini(&keeper->shard);
    sync_written(keeper);
    pthread_cond_destroy(&keeper->work);
    pthread_mutex_destroy(&keeper->mutex);
    mem_free(keeper);
}

int keeper_finish(struct keeper *keeper)
{
    int r = journal_fault(keeper->store->journal);

    if (keeper->shard.store != NULL) {
        shard_fini(&keeper->shard);
        keeper->shard.store = NULL;
    }
    if (r == 0)
        r = sync_written(keeper);
    return r < 0 ? err_pass(r) : 0;
}
