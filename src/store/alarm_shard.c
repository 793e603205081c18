#include "store/alarm_shard.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/alarm_index.h"
#include "store/alarm_table.h"
#include "store/shard.h"
#include "store/store_parts.h"

/*
 * An entry, by what is known of its object's alarm:
 *
 *               take                    finish, retry
 *   WAITING ------------> RUNNING ---------------------> WAITING or NONE
 *      ^                     |
 *      +--- news ---> NONE   +-- news: kept aside in `next`, taken up when the run is over
 *
 * WAITING  in the heap by its time.
 * RUNNING  handed out; not in the heap.
 * NONE     there is none. Kept only as long as the table may still have a row that says otherwise.
 *
 * WAITING and NONE leave memory when the table has applied what the entry knows, and, for WAITING,
 * when its time is beyond the horizon, so that the table will deliver it again.
 */

#define KEY_BYTES (STORE_ID_SIZE + 4)

enum entry_state {
    ENTRY_WAITING,
    ENTRY_RUNNING,
    ENTRY_NONE
};

struct alarm_entry {
    uint8_t key[KEY_BYTES];
    enum entry_state state;
    struct heap_node node;    /* WAITING */
    struct alarm_note *known; /* owned; NULL in NONE */
    struct alarm_note *next;  /* owned; news that came while it ran */
    uint64_t lsn;             /* of the newest news; 0: the table has it */
    struct list unapplied;    /* alarm_shard.unapplied while lsn is not 0 */
    bool from_table;
};

/* Something delivered. */
struct parcel {
    struct list link;
    struct alarm_note *row; /* owned; NULL: marks */
    uint64_t applied_lsn;
    int64_t horizon_ms;
};

struct alarm_shard {
    struct store_shard *shard; /* borrowed */
    struct map entries;
    struct heap due;
    struct list expected;  /* alarm_note.base.link: appended, not yet durable */
    struct list unapplied; /* alarm_entry.unapplied, in the order of LSNs */
    int64_t horizon_ms;
    atomic_uint loaded;

    pthread_mutex_t mutex; /* over the mailbox */
    struct list mailbox;   /* parcel.link */
};

struct alarm_shard *alarm_shard_create(struct store_shard *shard)
{
    struct alarm_shard *alarms = mem_new(struct alarm_shard);

    alarms->shard = shard;
    heap_init(&alarms->due);
    list_init(&alarms->expected);
    list_init(&alarms->unapplied);
    list_init(&alarms->mailbox);
    alarms->horizon_ms = INT64_MIN;
    pthread_mutex_init(&alarms->mutex, NULL);
    alarm_table_attach(shard->store->alarms, shard->index, alarms);
    return alarms;
}

static void forget(struct alarm_shard *alarms, struct alarm_entry *entry)
{
    heap_remove(&alarms->due, &entry->node);
    list_remove(&entry->unapplied);
    map_remove(&alarms->entries, bytes_of(entry->key, KEY_BYTES));
    if (entry->from_table)
        atomic_fetch_sub(&alarms->loaded, 1);
    mem_free(entry->known);
    mem_free(entry->next);
    mem_free(entry);
}

void alarm_shard_destroy(struct alarm_shard *alarms)
{
    struct alarm_entry *entry;
    struct list *link;
    size_t at = 0;

    if (alarms == NULL)
        return;
    alarm_table_attach(alarms->shard->store->alarms, alarms->shard->index, NULL);
    for (; (entry = map_next(&alarms->entries, &at, NULL)) != NULL; at = 0)
        forget(alarms, entry);
    while ((link = list_pop_front(&alarms->expected)) != NULL)
        mem_free(container_of(link, struct alarm_note, base.link));
    while ((link = list_pop_front(&alarms->mailbox)) != NULL) {
        mem_free(container_of(link, struct parcel, link)->row);
        mem_free(container_of(link, struct parcel, link));
    }
    map_fini(&alarms->entries);
    heap_fini(&alarms->due);
    pthread_mutex_destroy(&alarms->mutex);
    mem_free(alarms);
}

unsigned alarm_shard_loaded(const struct alarm_shard *alarms)
{
    return atomic_load(&alarms->loaded);
}

/* ---- entries ---- */

static void make_key(uint8_t key[KEY_BYTES], uint32_t namespace_number, const uint8_t *id)
{
    memcpy(key, id, STORE_ID_SIZE);
    memcpy(key + STORE_ID_SIZE, &namespace_number, sizeof namespace_number);
}

static struct alarm_entry *find(struct alarm_shard *alarms, uint32_t namespace_number,
                                const uint8_t *id)
{
    uint8_t key[KEY_BYTES];

    make_key(key, namespace_number, id);
    return map_get(&alarms->entries, bytes_of(key, KEY_BYTES));
}

static struct alarm_entry *add(struct alarm_shard *alarms, uint32_t namespace_number,
                               const uint8_t *id)
{
    struct alarm_entry *entry = mem_new(struct alarm_entry);

    make_key(entry->key, namespace_number, id);
    entry->state = ENTRY_NONE;
    list_init(&entry->unapplied);
    map_put(&alarms->entries, bytes_of(entry->key, KEY_BYTES), entry);
    return entry;
}

/* Not RUNNING: becomes what `note` (taken over) says. */
static void take_up(struct alarm_shard *alarms, struct alarm_entry *entry, struct alarm_note *note)
{
    mem_free(entry->known);
    entry->known = note;
    if (note->alarm.scheduled_ms == 0) {
        entry->state = ENTRY_NONE;
        heap_remove(&alarms->due, &entry->node);
        mem_free(entry->known);
        entry->known = NULL;
        return;
    }
    entry->state = ENTRY_WAITING;
    heap_update(&alarms->due, &entry->node,
                note->alarm.run_ms > 0 ? (uint64_t)note->alarm.run_ms : 0);
}

static void forget_if_done(struct alarm_shard *alarms, struct alarm_entry *entry)
{
    if (entry->lsn != 0 || entry->state == ENTRY_RUNNING)
        return;
    if (entry->state == ENTRY_WAITING && entry->known->alarm.run_ms < alarms->horizon_ms)
        return;
    forget(alarms, entry);
}

static void news(struct alarm_shard *alarms, struct alarm_note *note)
{
    struct alarm_entry *entry = find(alarms, note->namespace_number, note->id);

    if (entry == NULL)
        entry = add(alarms, note->namespace_number, note->id);
    entry->lsn = note->base.lsn;
    list_remove(&entry->unapplied);
    list_push_back(&alarms->unapplied, &entry->unapplied);
    if (entry->state == ENTRY_RUNNING) {
        mem_free(entry->next);
        entry->next = note;
    } else {
        take_up(alarms, entry, note);
    }
}

/* ---- the two sides ---- */

void alarm_shard_expect(struct alarm_shard *alarms, struct alarm_note *note, uint64_t lsn)
{
    note->base.lsn = lsn;
    list_push_back(&alarms->expected, &note->base.link);
}

static void open_parcel(struct alarm_shard *alarms, struct parcel *parcel)
{
    struct alarm_entry *entry;
    struct list *link;

    if (parcel->row != NULL) {
        if (find(alarms, parcel->row->namespace_number, parcel->row->id) != NULL) {
            mem_free(parcel->row);
            atomic_fetch_sub(&alarms->loaded, 1);
            return;
        }
        entry = add(alarms, parcel->row->namespace_number, parcel->row->id);
        entry->from_table = true;
        take_up(alarms, entry, parcel->row);
        return;
    }
    alarms->horizon_ms = parcel->horizon_ms;
    while ((link = list_first(&alarms->unapplied)) != NULL) {
        entry = container_of(link, struct alarm_entry, unapplied);
        if (entry->lsn > parcel->applied_lsn)
            break;
        list_remove(link);
        entry->lsn = 0;
        forget_if_done(alarms, entry);
    }
}

void alarm_shard_poll(struct alarm_shard *alarms, uint64_t durable_lsn)
{
    struct list parcels;
    struct list *link;

    while ((link = list_first(&alarms->expected)) != NULL) {
        struct alarm_note *note = container_of(link, struct alarm_note, base.link);

        if (note->base.lsn > durable_lsn)
            break;
        list_remove(link);
        news(alarms, note);
    }
    list_init(&parcels);
    pthread_mutex_lock(&alarms->mutex);
    list_splice_back(&parcels, &alarms->mailbox);
    pthread_mutex_unlock(&alarms->mutex);
    while ((link = list_pop_front(&parcels)) != NULL) {
        struct parcel *parcel = container_of(link, struct parcel, link);

        open_parcel(alarms, parcel);
        mem_free(parcel);
    }
}

static void deliver(struct alarm_shard *alarms, const struct parcel *content)
{
    struct parcel *parcel = mem_dup(content, sizeof *content);

    pthread_mutex_lock(&alarms->mutex);
    list_push_back(&alarms->mailbox, &parcel->link);
    pthread_mutex_unlock(&alarms->mutex);
}

void alarm_shard_deliver_row(struct alarm_shard *alarms, struct alarm_note *row)
{
    atomic_fetch_add(&alarms->loaded, 1);
    deliver(alarms, &(struct parcel){.row = row});
}

void alarm_shard_deliver_marks(struct alarm_shard *alarms, uint64_t applied_lsn, int64_t horizon_ms)
{
    deliver(alarms, &(struct parcel){.applied_lsn = applied_lsn, .horizon_ms = horizon_ms});
}

/* ---- alarm_index.h ---- */

int64_t alarm_index_next_ms(struct store_shard *shard)
{
    const struct heap_node *first = heap_peek(&shard->alarms->due);

    return first != NULL ? (int64_t)first->key : INT64_MAX;
}

static struct alarm describe(const struct alarm_note *note)
{
    struct alarm alarm = {
        .namespace_number = note->namespace_number,
        .scheduled_ms = note->alarm.scheduled_ms,
        .run_ms = note->alarm.run_ms,
        .retry_count = note->alarm.retry_count,
        .name = note->alarm.name.data != NULL ? note->text : NULL,
    };

    memcpy(alarm.id, note->id, STORE_ID_SIZE);
    return alarm;
}

unsigned alarm_index_take(struct store_shard *shard, int64_t now_ms, unsigned count_max,
                          void (*due)(void *data, const struct alarm *alarm), void *data)
{
    struct alarm_shard *alarms = shard->alarms;
    unsigned count = 0;

    while (count < count_max && alarm_index_next_ms(shard) <= now_ms) {
        struct heap_node *node = heap_pop(&alarms->due);
        struct alarm_entry *entry = container_of(node, struct alarm_entry, node);
        struct alarm alarm = describe(entry->known);

        entry->state = ENTRY_RUNNING;
        if (entry->from_table) {
            entry->from_table = false;
            atomic_fetch_sub(&alarms->loaded, 1);
        }
        due(data, &alarm);
        count++;
    }
    if (count > 0)
        alarm_table_taken(shard->store->alarms);
    return count;
}

/* The run of an entry is over; *expected: news of it that are not durable yet count as well. */
static void end_run(struct alarm_shard *alarms, struct alarm_entry *entry)
{
    struct alarm_note *next = entry->next;

    entry->next = NULL;
    entry->state = ENTRY_NONE;
    if (next != NULL) {
        take_up(alarms, entry, next);
    } else {
        mem_free(entry->known);
        entry->known = NULL;
    }
    forget_if_done(alarms, entry);
}

void alarm_index_finish(struct store_shard *shard, const struct alarm *alarm)
{
    struct alarm_entry *entry = find(shard->alarms, alarm->namespace_number, alarm->id);

    ASSERT(entry != NULL && entry->state == ENTRY_RUNNING);
    end_run(shard->alarms, entry);
}

/* Whether the run has already said what comes after it, durably or not yet. */
static bool has_news(const struct alarm_shard *alarms, const struct alarm_entry *entry)
{
    const struct list *it;

    if (entry->next != NULL)
        return true;
    list_for_each (it, &alarms->expected) {
        const struct alarm_note *note = (const struct alarm_note *)it;
        uint8_t key[KEY_BYTES];

        make_key(key, note->namespace_number, note->id);
        if (memcmp(key, entry->key, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

/* The record that says so; without room or a working journal the retry is in memory only. */
static uint64_t append_retry(struct store_shard *shard, const struct alarm_note *note)
{
    struct record record = {
        .kind = RECORD_RETRY,
        .flags = RECORD_FIRST | RECORD_ALARM,
        .namespace_number = note->namespace_number,
        .partition = (uint16_t)store_partition(note->id),
        .id = note->id,
        .alarm = note->alarm,
    };
    struct alarm_note *copy = alarm_note_create(note->namespace_number, note->id, &note->alarm);
    struct journal_entry entry = {.listener = shard->index, .note = &copy->base};
    uint64_t lsn = 0;

    buf_clear(&shard->record);
    record_begin(&shard->record, &record);
    record_end(&shard->record, 0, true);
    entry.record = buf_bytes(&shard->record);
    if (journal_append(shard->journal, &entry, &lsn) < 0)
        mem_free(copy);
    return lsn;
}

void alarm_index_retry(struct store_shard *shard, const struct alarm *alarm, int64_t run_ms,
                       unsigned retry_count)
{
    struct alarm_shard *alarms = shard->alarms;
    struct alarm_entry *entry = find(alarms, alarm->namespace_number, alarm->id);
    struct alarm_note *note;
    uint64_t lsn;

    ASSERT(entry != NULL && entry->state == ENTRY_RUNNING);
    if (has_news(alarms, entry)) {
        end_run(alarms, entry); /* what the run has set takes precedence (platform.md §4.5) */
        return;
    }
    note = entry->known;
    entry->known = NULL;
    note->alarm.run_ms = run_ms;
    note->alarm.retry_count = retry_count;
    entry->state = ENTRY_NONE;
    lsn = append_retry(shard, note);
    if (lsn != 0) {
        entry->lsn = lsn;
        list_remove(&entry->unapplied);
        list_push_back(&alarms->unapplied, &entry->unapplied);
    }
    take_up(alarms, entry, note);
}
