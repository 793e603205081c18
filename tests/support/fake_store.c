#include "fake_store.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "store/alarm_index.h"
#include "store/database.h"
#include "store/restore.h"

/* All there is to know about one object. */
struct fake_object {
    struct list link;
    uint32_t number;
    uint8_t id[STORE_ID_SIZE];
    unsigned shard;
    int64_t value; /* committed */
    int64_t durable_value;
    int64_t alarm_ms;
    char *name;
    int64_t run_ms; /* of the index, durable; 0: none */
    int64_t scheduled_ms;
    unsigned retries;
    bool running;
    int64_t queued_ms; /* set while it runs; 0: nothing, -1: removed */
};

/* A commit on its way: the index follows when it is durable. */
struct fake_record {
    struct list link;
    uint64_t lsn;
    struct fake_object *object;
    int64_t value;
    int64_t alarm_ms;
    bool has_alarm;
};

struct store_shard {
    struct store *store;
    unsigned index;
    struct store_shard_listener listener;
    uint64_t reported;
    int reported_fault;
};

struct store {
    pthread_mutex_t lock;
    unsigned shard_count;
    struct store_shard *shards;
    struct list objects;
    struct list records;
    char *keys[64];
    uint32_t key_count;
    uint64_t lsn;
    uint64_t durable;
    int fault;
    bool manual;
    int shard;
    unsigned fail_commits;
    int fail_result;
    char *fail_why;
    unsigned fail_opens;
    int open_fault;
    unsigned open_count;
};

struct database {
    struct store *store;
    struct fake_object *object;
    struct database_listener listener;
    bool dirty;
    bool busy;
    int64_t value;
    int64_t alarm_ms;
    bool alarm_changed;
    char *name;
};

struct store *fake_store_create(unsigned shard_count)
{
    struct store *store = mem_new(struct store);

    pthread_mutex_init(&store->lock, NULL);
    store->shard_count = shard_count;
    store->shards = mem_new_array(struct store_shard, shard_count);
    store->shard = -1;
    list_init(&store->objects);
    list_init(&store->records);
    return store;
}

void fake_store_destroy(struct store *store)
{
    struct list *link;

    while ((link = list_pop_front(&store->objects)) != NULL) {
        struct fake_object *object = container_of(link, struct fake_object, link);

        mem_free(object->name);
        mem_free(object);
    }
    while ((link = list_pop_front(&store->records)) != NULL)
        mem_free(container_of(link, struct fake_record, link));
    ASSERT(store->open_count == 0);
    for (uint32_t i = 0; i < store->key_count; i++)
        mem_free(store->keys[i]);
    mem_free(store->shards);
    mem_free(store->fail_why);
    pthread_mutex_destroy(&store->lock);
    mem_free(store);
}

static void lock(struct store *store)
{
    pthread_mutex_lock(&store->lock);
}

static void unlock(struct store *store)
{
    pthread_mutex_unlock(&store->lock);
}

/* Locked. */
static struct fake_object *object_of(struct store *store, uint32_t number, const uint8_t *id)
{
    struct fake_object *object;
    struct list *link;

    list_for_each (link, &store->objects) {
        object = container_of(link, struct fake_object, link);
        if (object->number == number && memcmp(object->id, id, STORE_ID_SIZE) == 0)
            return object;
    }
    object = mem_new(struct fake_object);
    object->number = number;
    memcpy(object->id, id, STORE_ID_SIZE);
    object->shard = store_shard_of(store, id);
    list_push_back(&store->objects, &object->link);
    return object;
}

/* ---- under the test's control ---- */

void fake_store_set_manual(struct store *store, bool manual)
{
    store->manual = manual;
}

/* Locked. Rule 4: the index follows the record. */
static void index_apply(struct fake_record *record)
{
    struct fake_object *object = record->object;

    if (!record->has_alarm)
        return;
    if (object->running) {
        object->queued_ms = record->alarm_ms != 0 ? record->alarm_ms : -1;
        return;
    }
    object->run_ms = object->scheduled_ms = record->alarm_ms;
    object->retries = 0;
}

/* Locked. */
static void apply_to(struct store *store, uint64_t lsn)
{
    struct list *link;

    while ((link = list_first(&store->records)) != NULL) {
        struct fake_record *record = container_of(link, struct fake_record, link);

        if (record->lsn > lsn)
            break;
        list_remove(link);
        record->object->durable_value = record->value;
        index_apply(record);
        mem_free(record);
    }
    store->durable = lsn;
}

static void wake_all(struct store *store)
{
    for (unsigned i = 0; i < store->shard_count; i++) {
        struct store_shard *shard = &store->shards[i];

        if (shard->listener.wake != NULL)
            shard->listener.wake(shard->listener.data);
    }
}

void fake_store_flush_to(struct store *store, uint64_t lsn)
{
    lock(store);
    apply_to(store, lsn);
    unlock(store);
    wake_all(store);
}

void fake_store_flush(struct store *store)
{
    fake_store_flush_to(store, fake_store_last_lsn(store));
}

void fake_store_break(struct store *store, int fault)
{
    lock(store);
    store->fault = fault;
    unlock(store);
    wake_all(store);
}

uint64_t fake_store_last_lsn(struct store *store)
{
    uint64_t lsn;

    lock(store);
    lsn = store->lsn;
    unlock(store);
    return lsn;
}

void fake_store_fail_commits(struct store *store, unsigned count, int result, const char *why)
{
    store->fail_commits = count;
    store->fail_result = result;
    mem_free(store->fail_why);
    store->fail_why = mem_strdup(why);
}

void fake_store_fail_opens(struct store *store, unsigned count, int fault)
{
    store->fail_opens = count;
    store->open_fault = fault;
}

unsigned fake_store_open_count(struct store *store)
{
    return store->open_count;
}

void fake_store_set_shard(struct store *store, int shard)
{
    store->shard = shard;
}

int64_t fake_store_value(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE])
{
    int64_t value;

    lock(store);
    value = object_of(store, number, id)->value;
    unlock(store);
    return value;
}

int64_t fake_store_durable_value(struct store *store, uint32_t number,
                                 const uint8_t id[STORE_ID_SIZE])
{
    int64_t value;

    lock(store);
    value = object_of(store, number, id)->durable_value;
    unlock(store);
    return value;
}

int64_t fake_store_alarm(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE])
{
    int64_t alarm_ms;

    lock(store);
    alarm_ms = object_of(store, number, id)->alarm_ms;
    unlock(store);
    return alarm_ms;
}

int64_t fake_store_run_ms(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE])
{
    const struct fake_object *object;
    int64_t run_ms;

    lock(store);
    object = object_of(store, number, id);
    run_ms = object->running || object->run_ms == 0 ? -1 : object->run_ms;
    unlock(store);
    return run_ms;
}

unsigned fake_store_retries(struct store *store, uint32_t number, const uint8_t id[STORE_ID_SIZE])
{
    unsigned retries;

    lock(store);
    retries = object_of(store, number, id)->retries;
    unlock(store);
    return retries;
}

/* ---- store.h ---- */

int store_namespace(struct store *store, const char *unique_key, uint32_t *number)
{
    for (uint32_t i = 0; i < store->key_count; i++) {
        if (strcmp(store->keys[i], unique_key) == 0) {
            *number = i + 1;
            return 0;
        }
    }
    store->keys[store->key_count++] = mem_strdup(unique_key);
    *number = store->key_count;
    return 0;
}

const char *store_namespace_key(struct store *store, uint32_t number)
{
    return number >= 1 && number <= store->key_count ? store->keys[number - 1] : NULL;
}

struct store_shard *store_shard_create(struct store *store, unsigned index,
                                       const struct store_shard_listener *listener)
{
    struct store_shard *shard = &store->shards[index];

    lock(store);
    shard->store = store;
    shard->index = index;
    shard->listener = *listener;
    unlock(store);
    return shard;
}

void store_shard_destroy(struct store_shard *shard)
{
    shard->listener.wake = NULL;
}

void store_shard_hold(struct store_shard *shard)
{
    (void)shard; /* nothing is flushed before a test says so */
}

void store_shard_let_go(struct store_shard *shard)
{
    (void)shard;
}

void store_shard_poll(struct store_shard *shard)
{
    uint64_t durable;
    int fault;

    lock(shard->store);
    durable = shard->store->durable;
    fault = shard->store->fault;
    unlock(shard->store);
    if (durable == shard->reported && fault == shard->reported_fault)
        return;
    shard->reported = durable;
    shard->reported_fault = fault;
    shard->listener.durable(shard->listener.data, durable, fault);
}

uint64_t store_shard_durable_lsn(const struct store_shard *shard)
{
    return shard->reported;
}

/* ---- database.h ---- */

int database_open(struct database **out, struct store_shard *shard, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct database_listener *listener,
                  struct err_text *why)
{
    struct store *store = shard->store;
    struct database *db;

    if (store->fail_opens > 0) {
        store->fail_opens--;
        err_text_set(why, "no such luck");
        return err_raise(store->open_fault);
    }
    db = mem_new(struct database);
    db->store = store;
    db->listener = *listener;
    lock(store);
    store->open_count++;
    db->object = object_of(store, namespace_number, id);
    db->value = db->object->value;
    db->alarm_ms = db->object->alarm_ms;
    unlock(store);
    *out = db;
    return 0;
}

void database_close(struct database *db)
{
    if (db == NULL)
        return;
    lock(db->store);
    db->store->open_count--;
    unlock(db->store);
    mem_free(db->name);
    mem_free(db);
}

static void write_begins(struct database *db)
{
    if (db->dirty)
        return;
    db->dirty = true;
    if (db->listener.writing != NULL)
        db->listener.writing(db->listener.data);
}

int database_commit(struct database *db, uint64_t *lsn, struct err_text *why)
{
    struct store *store = db->store;
    struct fake_record *record;

    *lsn = 0;
    if (!db->dirty)
        return 0;
    if (store->fail_commits > 0) {
        store->fail_commits--;
        err_text_set(why, "%s", store->fail_why);
        database_rollback(db);
        return store->fail_result;
    }
    db->dirty = false;
    lock(store);
    record = mem_new(struct fake_record);
    record->lsn = ++store->lsn;
    record->object = db->object;
    record->value = db->value;
    record->alarm_ms = db->alarm_ms;
    record->has_alarm = db->alarm_changed;
    list_push_back(&store->records, &record->link);
    db->object->value = db->value;
    db->object->alarm_ms = db->alarm_ms;
    if (db->alarm_changed && db->name != NULL) {
        mem_free(db->object->name);
        db->object->name = mem_strdup(db->name);
    }
    db->alarm_changed = false;
    *lsn = store->lsn;
    if (!store->manual)
        apply_to(store, store->lsn);
    unlock(store);
    if (!store->manual)
        wake_all(store);
    return 0;
}

void database_rollback(struct database *db)
{
    lock(db->store);
    db->value = db->object->value;
    db->alarm_ms = db->object->alarm_ms;
    unlock(db->store);
    db->alarm_changed = false;
    db->dirty = false;
}

bool database_dirty(const struct database *db)
{
    return db->dirty;
}

bool database_busy(const struct database *db)
{
    return db->busy;
}

int database_alarm(struct database *db, int64_t *time_ms, struct err_text *why)
{
    (void)why;
    *time_ms = db->alarm_ms;
    return 0;
}

int database_set_alarm(struct database *db, int64_t time_ms, const char *name, struct err_text *why)
{
    (void)why;
    write_begins(db);
    db->alarm_ms = time_ms;
    db->alarm_changed = true;
    mem_free(db->name);
    db->name = mem_strdup(name);
    return 0;
}

void fake_database_put(struct database *db, int64_t value)
{
    write_begins(db);
    db->value = value;
}

int64_t fake_database_get(struct database *db)
{
    return db->value;
}

void fake_database_set_busy(struct database *db, bool busy)
{
    db->busy = busy;
}

/* ---- alarm_index.h ---- */

int64_t alarm_index_next_ms(struct store_shard *shard)
{
    int64_t next_ms = INT64_MAX;
    struct list *link;

    lock(shard->store);
    list_for_each (link, &shard->store->objects) {
        const struct fake_object *object = container_of(link, struct fake_object, link);

        if (object->shard == shard->index && !object->running && object->run_ms != 0 &&
            object->run_ms < next_ms)
            next_ms = object->run_ms;
    }
    unlock(shard->store);
    return next_ms;
}

/* Locked. The first that is due, marked as running. */
static struct fake_object *take_due(struct store_shard *shard, int64_t now_ms)
{
    struct list *link;

    list_for_each (link, &shard->store->objects) {
        struct fake_object *object = container_of(link, struct fake_object, link);

        if (object->shard == shard->index && !object->running && object->run_ms != 0 &&
            object->run_ms <= now_ms) {
            object->running = true;
            object->queued_ms = 0;
            return object;
        }
    }
    return NULL;
}

unsigned alarm_index_take(struct store_shard *shard, int64_t now_ms, unsigned count_max,
                          void (*due)(void *data, const struct alarm *alarm), void *data)
{
    unsigned count = 0;

    while (count < count_max) {
        struct alarm alarm = {0};
        struct fake_object *object;

        lock(shard->store);
        object = take_due(shard, now_ms);
        unlock(shard->store);
        if (object == NULL)
            break;
        alarm.namespace_number = object->number;
        memcpy(alarm.id, object->id, STORE_ID_SIZE);
        alarm.scheduled_ms = object->scheduled_ms;
        alarm.run_ms = object->run_ms;
        alarm.retry_count = object->retries;
        alarm.name = object->name;
        count++;
        due(data, &alarm);
    }
    return count;
}

/* Locked. */
static void take_queued(struct fake_object *object)
{
    object->running = false;
    if (object->queued_ms == 0)
        return;
    object->run_ms = object->scheduled_ms = object->queued_ms > 0 ? object->queued_ms : 0;
    object->retries = 0;
    object->queued_ms = 0;
}

void alarm_index_finish(struct store_shard *shard, const struct alarm *alarm)
{
    struct fake_object *object;

    lock(shard->store);
    object = object_of(shard->store, alarm->namespace_number, alarm->id);
    ASSERT(object->running);
    if (object->queued_ms == 0) {
        object->run_ms = object->alarm_ms;
        object->scheduled_ms = object->alarm_ms;
        object->retries = 0;
    }
    take_queued(object);
    unlock(shard->store);
}

void alarm_index_retry(struct store_shard *shard, const struct alarm *alarm, int64_t run_ms,
                       unsigned retry_count)
{
    struct fake_object *object;

    lock(shard->store);
    object = object_of(shard->store, alarm->namespace_number, alarm->id);
    ASSERT(object->running);
    object->run_ms = run_ms;
    object->retries = retry_count;
    take_queued(object);
    unlock(shard->store);
}

unsigned store_partition(const uint8_t id[STORE_ID_SIZE])
{
    return id[0];
}

unsigned store_shard_of(const struct store *store, const uint8_t id[STORE_ID_SIZE])
{
    if (store->shard >= 0)
        return (unsigned)store->shard;
    return id[0] % store->shard_count;
}

/* ---- point-in-time recovery: there is none ---- */

int restore_if_ordered(struct database *db, struct err_text *why)
{
    (void)db;
    (void)why;
    return 0;
}
