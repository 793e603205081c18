#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "store/journal.h"
#include "store_world.h"

/*
 * Journal, keeper and several shards on threads of their own: small segments, so that checkpoints,
 * syncs and reuse happen all the time, and alarms that the keeper has to follow.
 */

#define SHARDS  3U
#define OBJECTS 12 /* per shard */
#define TURNS   300

struct worker {
    struct store *store;
    unsigned index;
    uint32_t ns;
    pthread_t thread;
    atomic_bool woken;
    uint64_t durable_lsn;
    int fault;
    unsigned failures;
    unsigned alarms;
};

static void wake(void *data)
{
    struct worker *worker = data;

    atomic_store(&worker->woken, true);
}

static void durable(void *data, uint64_t lsn, int fault)
{
    struct worker *worker = data;

    worker->durable_lsn = lsn;
    worker->fault = fault;
}

static void due(void *data, const struct alarm *alarm)
{
    (void)alarm;
    ++*(unsigned *)data;
}

/* An id that lives on this worker's shard. */
static const uint8_t *id_on(const struct worker *worker, unsigned number)
{
    static _Thread_local uint8_t id[STORE_ID_SIZE];

    memset(id, 0, sizeof id);
    memcpy(id + 8, &number, sizeof number);
    for (unsigned i = 0; store_shard_of(worker->store, id) != worker->index; i++) {
        id[0] = (uint8_t)i;
        id[1] = (uint8_t)(i >> 8);
    }
    return id;
}

static bool exec(struct database *db, const char *text)
{
    struct sql_cursor *cursor;

    if (sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, NULL) != 0)
        return false;
    sql_cursor_close(cursor);
    return true;
}

static bool one_turn(struct worker *worker, struct store_shard *shard, unsigned turn, uint64_t *lsn)
{
    struct database *db;
    bool ok;

    if (database_open(&db, shard, worker->ns, id_on(worker, turn % OBJECTS), NULL, NULL) != 0)
        return false;
    ok = exec(db, "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b BLOB)") &&
         exec(db, "INSERT INTO t (b) VALUES (randomblob(3000))") &&
         database_set_alarm(db, 1000 + turn, "name", NULL) == 0 &&
         database_commit(db, lsn, NULL) == 0;
    database_close(db);
    return ok;
}

static void *work(void *data)
{
    struct worker *worker = data;
    struct store_shard_listener listener = {.wake = wake, .durable = durable, .data = worker};
    struct store_shard *shard = store_shard_create(worker->store, worker->index, &listener);
    uint64_t lsn = 0;

    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (turn % 64 == 8)
            store_shard_hold(shard); /* longer than the journal has room for */
        if (turn % 64 == 60)
            store_shard_let_go(shard);
        if (!one_turn(worker, shard, turn, &lsn))
            worker->failures++;
        if (turn % 8 == 0)
            store_shard_poll(shard);
    }
    store_shard_let_go(shard);
    while (worker->durable_lsn < lsn && worker->fault == 0) {
        if (atomic_exchange(&worker->woken, false))
            store_shard_poll(shard);
        else
            usleep(1000);
    }
    alarm_index_take(shard, 100000, OBJECTS, due, &worker->alarms);
    store_shard_destroy(shard);
    return NULL;
}

TEST(shards_keeper_and_journal_work_side_by_side)
{
    struct sim_os *sim = sim_os_create(1);
    struct store_options options = {.os = sim_os_base(sim),
                                    .dir = "/data",
                                    .shard_count = SHARDS,
                                    .segment_size_bytes = 512 * 1024,
                                    .segment_count = 4,
                                    .sync = true};
    struct worker workers[SHARDS] = {0};
    struct store_world world = {.sim = sim, .shard_count = SHARDS};
    struct store *store;
    uint32_t ns;
    int64_t rows = 0;

    CHECK_EQ(store_open(&store, &options, NULL), 0);
    CHECK_EQ(store_namespace(store, "chat-ChatRoom", &ns), 0);
    for (unsigned i = 0; i < SHARDS; i++) {
        workers[i].store = store;
        workers[i].index = i;
        workers[i].ns = ns;
        CHECK_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_EQ(workers[i].fault, 0);
        CHECK_EQ(workers[i].failures, 0);
        CHECK_EQ(workers[i].alarms, OBJECTS);
    }
    store_close(store);

    world.shard_count = 1; /* the objects are the same with another number of shards */
    store_world_open(&world);
    for (unsigned i = 0; i < SHARDS; i++) {
        for (unsigned o = 0; o < OBJECTS; o++) {
            struct database *db;
            uint8_t id[STORE_ID_SIZE] = {0};

            memcpy(id + 8, &o, sizeof o);
            for (unsigned n = 0;
                 ((id[0] << 8 | id[1]) % STORE_PARTITION_COUNT) * SHARDS / STORE_PARTITION_COUNT !=
                 i;
                 n++) {
                id[0] = (uint8_t)n;
                id[1] = (uint8_t)(n >> 8);
            }
            CHECK_EQ(database_open(&db, world.shard, world.ns, id, NULL, NULL), 0);
            rows += number_of(db, "SELECT count(*) FROM t");
            CHECK_EQ(number_of(db, "SELECT count(*) FROM pragma_quick_check "
                                   "WHERE quick_check <> 'ok'"),
                     0);
            database_close(db);
        }
    }
    CHECK_EQ(rows, SHARDS * TURNS);
    store_world_end(&world);
}
