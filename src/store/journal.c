#include "store/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/log.h"
#include "store/rule.h"

/*
 * Two buffers take turns: shards fill `gathering` under the mutex while the thread writes
 * `flushing` without it. There is no delay to let a batch grow: the flush under way is the delay,
 * so a lone commit waits for nothing and a crowd shares a flush. A listener that holds knows
 * better: its next records are already on their way. Whoever waits for anything starts the flush.
 */

#define HELD_RECORDS_MAX 32 /* then the device should begin */

struct gathered {
    struct buf records;
    uint64_t first_lsn;
    uint32_t count;
    struct list notes;
    bool *listeners; /* owned: which had records in it */
    bool called;     /* the thread knows of it */
};

struct journal {
    struct journal_options options;
    struct log *log; /* owned */
    pthread_t thread;
    uint64_t batch_bytes; /* of records in one batch at most */

    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t work;
    pthread_cond_t space;   /* the gathering batch was taken, or room was made */
    pthread_cond_t settled; /* the durable LSN moved */
    struct gathered batches[2];
    struct gathered *gathering;
    struct gathered *flushing; /* NULL while nothing is written */
    uint64_t next_lsn;
    struct list pins; /* oldest first */
    bool *holding;    /* owned, by listener */
    bool hopeless;
    bool stopping;

    atomic_uint_fast64_t durable_lsn;
    atomic_int fault;

    pthread_mutex_t listeners_mutex;
    struct journal_listener *listeners; /* owned, by index; wake NULL: nobody */
};

static void gathered_init(struct gathered *batch, unsigned listener_count)
{
    buf_init(&batch->records);
    list_init(&batch->notes);
    batch->listeners = mem_new_array(bool, listener_count);
}

static void gathered_fini(struct gathered *batch)
{
    ASSERT(list_empty(&batch->notes));
    buf_fini(&batch->records);
    mem_free(batch->listeners);
}

static void *journal_run(void *data);

struct journal *journal_create(const struct journal_options *options)
{
    struct journal *journal = mem_new(struct journal);

    journal->options = *options;
    journal->log = options->log;
    journal->batch_bytes = options->log->batch_bytes_max;
    pthread_mutex_init(&journal->mutex, NULL);
    pthread_mutex_init(&journal->listeners_mutex, NULL);
    pthread_cond_init(&journal->work, NULL);
    pthread_cond_init(&journal->space, NULL);
    pthread_cond_init(&journal->settled, NULL);
    gathered_init(&journal->batches[0], options->listener_count);
    gathered_init(&journal->batches[1], options->listener_count);
    journal->gathering = &journal->batches[0];
    journal->next_lsn = journal->log->next_lsn;
    atomic_init(&journal->durable_lsn, journal->next_lsn - 1);
    atomic_init(&journal->fault, 0);
    list_init(&journal->pins);
    journal->listeners = mem_new_array(struct journal_listener, options->listener_count);
    journal->holding = mem_new_array(bool, options->listener_count);
    if (!options->stepped)
        ASSERT(pthread_create(&journal->thread, NULL, journal_run, journal) == 0);
    return journal;
}

/* A journal that failed leaves notes behind. */
static void drop_notes(struct journal *journal)
{
    for (unsigned i = 0; i < 2; i++) {
        journal->options.durable(journal->options.data, 0, &journal->batches[i].notes);
        ASSERT(list_empty(&journal->batches[i].notes));
    }
}

static void free_abandoned(struct journal *journal)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &journal->pins) {
        struct journal_pin *pin = container_of(it, struct journal_pin, link);

        list_remove(it);
        if (pin->abandoned)
            mem_free(pin);
    }
}

/* Writes what has gathered and ends the thread. */
static void end_thread(struct journal *journal)
{
    if (journal->options.stepped || journal->stopping)
        return;
    pthread_mutex_lock(&journal->mutex);
    journal->stopping = true;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->mutex);
    pthread_join(journal->thread, NULL);
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL)
        return;
    end_thread(journal);
    drop_notes(journal);
    free_abandoned(journal);
    gathered_fini(&journal->batches[0]);
    gathered_fini(&journal->batches[1]);
    journal->log->ops->destroy(journal->log);
    pthread_cond_destroy(&journal->work);
    pthread_cond_destroy(&journal->space);
    pthread_cond_destroy(&journal->settled);
    pthread_mutex_destroy(&journal->mutex);
    pthread_mutex_destroy(&journal->listeners_mutex);
    mem_free(journal->listeners);
    mem_free(journal->holding);
    mem_free(journal);
}

void journal_listen(struct journal *journal, unsigned index,
                    const struct journal_listener *listener)
{
    ASSERT(index < journal->options.listener_count);
    pthread_mutex_lock(&journal->listeners_mutex);
    journal->listeners[index] = listener != NULL ? *listener : (struct journal_listener){0};
    pthread_mutex_unlock(&journal->listeners_mutex);
}

uint64_t journal_durable_lsn(const struct journal *journal)
{
    return atomic_load_explicit(&journal->durable_lsn, memory_order_acquire);
}

int journal_fault(const struct journal *journal)
{
    return atomic_load_explicit(&journal->fault, memory_order_acquire);
}

uint64_t journal_record_bytes_max(const struct journal *journal)
{
    return journal->batch_bytes / 2;
}

/* ---- telling ---- */

/* `which` NULL: everybody. */
static void wake_listeners(struct journal *journal, bool *which)
{
    pthread_mutex_lock(&journal->listeners_mutex);
    for (unsigned i = 0; i < journal->options.listener_count; i++) {
        const struct journal_listener *listener = &journal->listeners[i];

        if ((which == NULL || which[i]) && listener->wake != NULL)
            listener->wake(listener->data);
        if (which != NULL)
            which[i] = false;
    }
    pthread_mutex_unlock(&journal->listeners_mutex);
}

void journal_wake_all(struct journal *journal)
{
    wake_listeners(journal, NULL);
}

void journal_fail(struct journal *journal, int fault)
{
    int none = 0;

    ASSERT(fault < 0);
    if (!atomic_compare_exchange_strong(&journal->fault, &none, fault))
        return; /* the first one counts */
    pthread_mutex_lock(&journal->mutex);
    pthread_cond_broadcast(&journal->space);
    pthread_cond_broadcast(&journal->settled);
    pthread_mutex_unlock(&journal->mutex);
    wake_listeners(journal, NULL);
}

/* ---- writing ---- */

/* Has what is gathered written, after what is being written. The mutex is held. */
static void call_thread(struct journal *journal)
{
    struct gathered *batch = journal->gathering;

    if (batch->count == 0 || batch->called)
        return;
    batch->called = true;
    pthread_cond_signal(&journal->work);
}

/* Takes the gathered batch and writes it. The mutex is held on entry and on return. */
static void flush(struct journal *journal)
{
    struct gathered *batch = journal->gathering;
    struct log_batch content = {.first_lsn = batch->first_lsn,
                                .record_count = batch->count,
                                .records = buf_bytes(&batch->records)};
    uint64_t last_lsn = batch->first_lsn + batch->count - 1;
    int r;

    journal->gathering = &journal->batches[batch == &journal->batches[0]];
    journal->flushing = batch;
    pthread_cond_broadcast(&journal->space);
    pthread_mutex_unlock(&journal->mutex);

    r = journal_fault(journal);
    if (r == 0 && MUTANT(12))
        atomic_store_explicit(&journal->durable_lsn, last_lsn, memory_order_release);
    if (r == 0)
        r = journal->log->ops->append(journal->log, &content);
    if (r == 0) {
        atomic_store_explicit(&journal->durable_lsn, last_lsn, memory_order_release);
        journal->options.durable(journal->options.data, last_lsn, &batch->notes);
    } else {
        journal_fail(journal, r);
    }

    pthread_mutex_lock(&journal->mutex);
    buf_clear(&batch->records);
    batch->count = 0;
    batch->called = false;
    journal->flushing = NULL;
    pthread_cond_broadcast(&journal->settled);
    pthread_mutex_unlock(&journal->mutex);
    wake_listeners(journal, batch->listeners);
    pthread_mutex_lock(&journal->mutex);
}

static void *journal_run(void *data)
{
    struct journal *journal = data;

    pthread_mutex_lock(&journal->mutex);
    for (;;) {
        while (!journal->gathering->called && !journal->stopping)
            pthread_cond_wait(&journal->work, &journal->mutex);
        if (journal->gathering->count == 0)
            break;
        flush(journal);
    }
    pthread_mutex_unlock(&journal->mutex);
    return NULL;
}

void journal_step(struct journal *journal)
{
    ASSERT(journal->options.stepped);
    pthread_mutex_lock(&journal->mutex);
    if (journal->gathering->count > 0)
        flush(journal);
    pthread_mutex_unlock(&journal->mutex);
}

/* ---- appending ---- */

static bool batch_has_space(const struct journal *journal, size_t len)
{
    const struct gathered *batch = journal->gathering;

    return batch->count == 0 || batch->records.len + len <= journal->batch_bytes;
}

static bool log_has_room(struct journal *journal, const struct journal_entry *entry)
{
    uint64_t room = journal->log->ops->room(journal->log);
    uint64_t wanted = entry->record.len + journal->gathering->records.len;

    if (journal->flushing != NULL)
        wanted += journal->flushing->records.len;
    if (!entry->vital)
        wanted += journal->options.reserve_bytes;
    return room >= wanted;
}

/* Waits until the record can be taken: 0, or why not. The mutex is held. */
static int wait_for_space(struct journal *journal, const struct journal_entry *entry)
{
    for (;;) {
        int fault = journal_fault(journal);
        bool room;

        if (fault < 0)
            return fault;
        room = log_has_room(journal, entry);
        if (room && batch_has_space(journal, entry->record.len))
            return 0;
        if (!room) {
            bool hopeless = journal->hopeless;

            if (entry->vital)
                return -ENOSPC;
            /* Asked for also when there was none a moment ago: the disk may have some again. */
            pthread_mutex_unlock(&journal->mutex);
            journal->options.scarce(journal->options.data);
            pthread_mutex_lock(&journal->mutex);
            if (hopeless && !log_has_room(journal, entry))
                return -ENOSPC;
            if (journal->hopeless || log_has_room(journal, entry))
                continue;
            if (journal->options.stepped)
                return -ENOSPC;
        }
        if (journal->options.stepped) {
            flush(journal);
        } else {
            call_thread(journal);
            pthread_cond_wait(&journal->space, &journal->mutex);
        }
    }
}

int journal_append(struct journal *journal, const struct journal_entry *entry, uint64_t *lsn)
{
    struct gathered *batch;
    bool call;
    int r;

    ASSERT(entry->record.len <= journal_record_bytes_max(journal));
    pthread_mutex_lock(&journal->mutex);
    r = wait_for_space(journal, entry);
    if (r < 0) {
        pthread_mutex_unlock(&journal->mutex);
        return err_raise(r);
    }
    batch = journal->gathering;
    *lsn = journal->next_lsn++;
    if (batch->count++ == 0)
        batch->first_lsn = *lsn;
    buf_append_bytes(&batch->records, entry->record);
    batch->listeners[entry->listener] = true;
    if (entry->note != NULL) {
        entry->note->lsn = *lsn;
        list_push_back(&batch->notes, &entry->note->link);
    }
    if (entry->pin != NULL) {
        entry->pin->lsn = *lsn;
        list_push_back(&journal->pins, &entry->pin->link);
    }
    call =
        !batch->called && (!journal->holding[entry->listener] || batch->count >= HELD_RECORDS_MAX);
    if (call)
        batch->called = true;
    call = call && journal->flushing == NULL;
    pthread_mutex_unlock(&journal->mutex);
    if (call)
        pthread_cond_signal(&journal->work); /* the thread finds the mutex free */
    return 0;
}

void journal_hold(struct journal *journal, unsigned listener)
{
    ASSERT(listener < journal->options.listener_count);
    pthread_mutex_lock(&journal->mutex);
    journal->holding[listener] = true;
    pthread_mutex_unlock(&journal->mutex);
}

void journal_let_go(struct journal *journal, unsigned listener)
{
    bool call = false;

    ASSERT(listener < journal->options.listener_count);
    pthread_mutex_lock(&journal->mutex);
    journal->holding[listener] = false;
    if (journal->gathering->count > 0 && !journal->gathering->called) {
        journal->gathering->called = true;
        call = journal->flushing == NULL;
    }
    pthread_mutex_unlock(&journal->mutex);
    if (call)
        pthread_cond_signal(&journal->work);
}

int journal_wait(struct journal *journal, uint64_t lsn)
{
    int fault = 0;

    pthread_mutex_lock(&journal->mutex);
    while (journal_durable_lsn(journal) < lsn && (fault = journal_fault(journal)) == 0) {
        if (journal->options.stepped) {
            flush(journal);
        } else {
            call_thread(journal);
            pthread_cond_wait(&journal->settled, &journal->mutex);
        }
    }
    pthread_mutex_unlock(&journal->mutex);
    return fault < 0 ? err_raise(fault) : 0;
}

int journal_flush(struct journal *journal)
{
    uint64_t last_lsn;
    int r;

    pthread_mutex_lock(&journal->mutex);
    last_lsn = journal->next_lsn - 1;
    pthread_mutex_unlock(&journal->mutex);
    r = journal_wait(journal, last_lsn);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- releasing ---- */

void journal_unpin(struct journal *journal, struct journal_pin *pin)
{
    pthread_mutex_lock(&journal->mutex);
    list_remove(&pin->link);
    pin->lsn = 0;
    pthread_mutex_unlock(&journal->mutex);
}

void journal_abandon(struct journal *journal, struct journal_pin *pin)
{
    pthread_mutex_lock(&journal->mutex);
    pin->abandoned = true;
    pthread_mutex_unlock(&journal->mutex);
}

bool journal_is_unpinned(struct journal *journal)
{
    bool unpinned;

    pthread_mutex_lock(&journal->mutex);
    unpinned = list_empty(&journal->pins);
    pthread_mutex_unlock(&journal->mutex);
    return unpinned;
}

void journal_repin(struct journal *journal, struct journal_pin *pin, uint64_t lsn)
{
    struct list *place;

    pthread_mutex_lock(&journal->mutex);
    ASSERT(lsn >= pin->lsn);
    list_remove(&pin->link);
    pin->lsn = lsn;
    list_for_each (place, &journal->pins) {
        if (container_of(place, struct journal_pin, link)->lsn > lsn)
            break;
    }
    list_insert_before(place, &pin->link);
    pthread_mutex_unlock(&journal->mutex);
}

/* `beside` NULL, or a pin that does not count. */
static uint64_t needed_lsn(const struct journal *journal, const struct journal_pin *beside)
{
    uint64_t undurable = journal_durable_lsn(journal) + 1;
    uint64_t pinned = undurable;
    struct list *it;

    list_for_each (it, &journal->pins) {
        const struct journal_pin *pin = container_of(it, struct journal_pin, link);

        if (pin == beside || MUTANT(23))
            continue;
        pinned = pin->lsn;
        break;
    }
    return pinned < undurable ? pinned : undurable;
}

uint64_t journal_needed_beside(struct journal *journal, const struct journal_pin *pin)
{
    uint64_t lsn;

    pthread_mutex_lock(&journal->mutex);
    lsn = needed_lsn(journal, pin);
    pthread_mutex_unlock(&journal->mutex);
    return lsn;
}

uint64_t journal_needed_lsn(struct journal *journal)
{
    return journal_needed_beside(journal, NULL);
}

void journal_release(struct journal *journal, bool hopeless)
{
    uint64_t needed;

    pthread_mutex_lock(&journal->mutex);
    needed = needed_lsn(journal, NULL);
    RULE(2, list_empty(&journal->pins) ||
                ((const struct journal_pin *)journal->pins.next)->lsn >= needed);
    journal->log->ops->release(journal->log, needed);
    journal->hopeless = hopeless;
    pthread_cond_broadcast(&journal->space);
    pthread_mutex_unlock(&journal->mutex);
}

int journal_stop(struct journal *journal)
{
    int r;

    end_thread(journal);
    r = journal_fault(journal);
    ASSERT(journal->gathering->count == 0 && journal->flushing == NULL);
    if (r == 0) {
        ASSERT(list_empty(&journal->pins));
        r = journal->log->ops->stop(journal->log);
    }
    return r < 0 ? err_pass(r) : 0;
}
