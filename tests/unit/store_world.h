#pragma once

/*
 * A store on a simulated kernel, for the unit tests of store/: no threads, small segments. What
 * should work is checked on the way; what should fail is asked for by name.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "os/os.h"
#include "sim_os.h"
#include "store/alarm_index.h"
#include "store/database.h"
#include "store/kv.h"
#include "store/sql.h"
#include "store/store.h"
#include "test.h"

struct store_world {
    struct sim_os *sim;
    struct store *store;
    struct store_shard *shard;
    uint32_t ns;
    uint64_t durable_lsn;
    int fault;
    unsigned shard_count;
    int64_t statement_limit_ms;
};

static inline void store_world_wake(void *data)
{
    (void)data;
}

static inline void store_world_durable(void *data, uint64_t lsn, int fault)
{
    struct store_world *world = data;

    world->durable_lsn = lsn;
    if (fault < 0)
        world->fault = fault;
}

static inline int store_world_try_open(struct store_world *world, struct err_text *why)
{
    struct store_options options = {
        .os = sim_os_base(world->sim),
        .dir = "/data",
        .shard_count = world->shard_count,
        .segment_size_bytes = 256 * 1024,
        .segment_count = 4,
        .history_days = 30,
        .statement_limit_ms = world->statement_limit_ms,
        .sync = true,
        .stepped = true,
    };
    struct store_shard_listener listener = {
        .wake = store_world_wake, .durable = store_world_durable, .data = world};
    int r = store_open(&world->store, &options, why);

    if (r != 0)
        return r;
    world->shard = store_shard_create(world->store, 0, &listener);
    return store_namespace(world->store, "chat-ChatRoom", &world->ns);
}

static inline void store_world_open(struct store_world *world)
{
    struct err_text why = {""};
    int r = store_world_try_open(world, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
}

static inline struct store_world *store_world_create(void)
{
    static struct store_world world;

    world = (struct store_world){.sim = sim_os_create(1), .shard_count = 1};
    store_world_open(&world);
    return &world;
}

static inline void store_world_close(struct store_world *world)
{
    store_shard_destroy(world->shard);
    store_close(world->store);
}

static inline void store_world_end(struct store_world *world)
{
    store_world_close(world);
    sim_os_destroy(world->sim);
}

/* The power fails and comes back; databases must be closed. */
static inline void store_world_crash(struct store_world *world, uint64_t seed)
{
    sim_os_crash(world->sim, seed);
    store_world_close(world);
    sim_os_boot(world->sim);
    world->fault = 0;
    store_world_open(world);
}

/* What was committed becomes durable, and the shard hears of it. */
static inline void store_world_settle(struct store_world *world)
{
    store_step(world->store);
    store_shard_poll(world->shard);
}

static inline const uint8_t *store_world_id(unsigned number)
{
    static uint8_t id[STORE_ID_SIZE];

    memset(id, 0, sizeof id);
    id[0] = (uint8_t)(number * 37);
    memcpy(id + 8, &number, sizeof number);
    return id;
}

static inline struct database *store_world_object(struct store_world *world, unsigned number)
{
    struct database *db = NULL;
    struct err_text why = {""};

    CHECK_EQ(database_open(&db, world->shard, world->ns, store_world_id(number), NULL, &why), 0);
    return db;
}

static inline void check_runs(struct database *db, const char *text)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int r = sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
    sql_cursor_close(cursor);
}

/* The first value of the first row as a number; -1 without a row. */
static inline int64_t number_of(struct database *db, const char *text)
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

/* The error's text; static. */
static inline const char *error_of(struct database *db, const char *text)
{
    static struct err_text why;
    struct sql_cursor *cursor = NULL;

    why.text[0] = '\0';
    if (sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, &why) == 0)
        sql_cursor_close(cursor);
    return why.text;
}

static inline uint64_t check_commits(struct database *db)
{
    struct err_text why = {""};
    uint64_t lsn = 0;
    int r = database_commit(db, &lsn, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
    return lsn;
}
