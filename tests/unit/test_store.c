#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "sim_os.h"
#include "store/database.h"
#include "store/sql.h"
#include "store/store.h"
#include "test.h"

/*
 * The store as a whole, on a simulated kernel: what is committed is there afterwards.
 */

static uint64_t reported_lsn;
static int reported_fault;

static void wake(void *data)
{
    (void)data;
}

static void durable(void *data, uint64_t lsn, int fault)
{
    (void)data;
    reported_lsn = lsn;
    reported_fault = fault;
}

static const struct store_shard_listener listener = {.wake = wake, .durable = durable};

struct world {
    struct sim_os *sim;
    struct store *store;
    struct store_shard *shard;
    uint32_t ns;
};

static void open_store(struct world *world)
{
    struct store_options options = {
        .os = sim_os_base(world->sim),
        .dir = "/data",
        .shard_count = 1,
        .segment_size_bytes = 256 * 1024,
        .segment_count = 4,
        .sync = true,
        .stepped = true,
    };
    struct err_text why = {""};
    int r = store_open(&world->store, &options, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
    world->shard = store_shard_create(world->store, 0, &listener);
    CHECK_EQ(store_namespace(world->store, "chat-ChatRoom", &world->ns), 0);
}

static void close_store(struct world *world)
{
    store_shard_destroy(world->shard);
    store_close(world->store);
}

static struct world fresh_world(void)
{
    struct world world = {.sim = sim_os_create(1)};

    reported_lsn = 0;
    reported_fault = 0;
    open_store(&world);
    return world;
}

static void end_world(struct world *world)
{
    close_store(world);
    sim_os_destroy(world->sim);
}

static const uint8_t *id_of(unsigned number)
{
    static uint8_t id[STORE_ID_SIZE];

    memset(id, 0, sizeof id);
    id[0] = (uint8_t)(number * 37);
    memcpy(id + 8, &number, sizeof number);
    return id;
}

static struct database *open_object(struct world *world, unsigned number)
{
    struct database *db = NULL;
    struct err_text why = {""};

    CHECK_EQ(database_open(&db, world->shard, world->ns, id_of(number), NULL, &why), 0);
    return db;
}

static void run(struct database *db, const char *text)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int r = sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
    sql_cursor_close(cursor);
}

static int64_t number(struct database *db, const char *text)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int64_t value = -1;
    int r = sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
    if (sql_cursor_has_row(cursor))
        value = sql_cursor_value(cursor, 0).integer;
    sql_cursor_close(cursor);
    return value;
}

static uint64_t commit(struct database *db)
{
    struct err_text why = {""};
    uint64_t lsn = 0;
    int r = database_commit(db, &lsn, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
    return lsn;
}

static void settle(struct world *world)
{
    store_step(world->store);
    store_shard_poll(world->shard);
}

TEST(a_commit_is_reported_durable_after_the_next_flush)
{
    struct world world = fresh_world();
    struct database *db = open_object(&world, 1);
    uint64_t lsn;

    run(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    run(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
    lsn = commit(db);
    CHECK(lsn > 0);
    store_shard_poll(world.shard);
    CHECK(reported_lsn < lsn);
    settle(&world);
    CHECK(reported_lsn >= lsn);
    database_close(db);
    end_world(&world);
}

TEST(a_turn_without_writes_has_no_lsn)
{
    struct world world = fresh_world();
    struct database *db = open_object(&world, 1);

    CHECK_EQ(number(db, "SELECT 41 + 1"), 42);
    CHECK_EQ(commit(db), 0);
    database_close(db);
    end_world(&world);
}

TEST(what_was_committed_is_there_after_a_clean_stop)
{
    struct world world = fresh_world();
    struct database *db = open_object(&world, 1);

    run(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    run(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
    commit(db);
    database_close(db);
    close_store(&world);
    open_store(&world);
    db = open_object(&world, 1);
    CHECK_EQ(number(db, "SELECT count(*) FROM t"), 2);
    database_close(db);
    end_world(&world);
}

TEST(what_is_durable_is_there_after_a_power_failure)
{
    struct world world = fresh_world();
    struct database *db = open_object(&world, 1);

    run(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    run(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
    commit(db);
    settle(&world);
    run(db, "INSERT INTO t (b) VALUES ('three')");
    commit(db);
    sim_os_crash(world.sim, 7);
    database_close(db);
    close_store(&world);
    sim_os_boot(world.sim);
    open_store(&world);
    db = open_object(&world, 1);
    CHECK(number(db, "SELECT count(*) FROM t") >= 2);
    database_close(db);
    end_world(&world);
}
