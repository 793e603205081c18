#include "store_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "sim_os.h"
#include "store/database.h"
#include "store/journal.h"
#include "store/kv.h"
#include "store/sql.h"
#include "store/store_parts.h"
#include "store_world_state.h"
#include "test.h"

void world_fail(const struct world *world, const char *what, unsigned object)
{
    if (!world->child)
        test_fail(__FILE__, __LINE__, "DORMOUSE_SIM_SEED=%" PRIu64 ": object %u: %s", world->seed,
                  object, what);
    printf("# DORMOUSE_SIM_SEED=%" PRIu64 ": object %u, after a call that failed: %s\n",
           world->seed, object, what);
    fflush(stdout);
    _exit(1);
}

/* ---- store ---- */

static void wake(void *data)
{
    (void)data;
}

static void durable(void *data, uint64_t lsn, int fault)
{
    struct world *world = data;

    if (lsn > world->acknowledged_lsn && !world->judging)
        world->acknowledged_lsn = lsn;
    if (fault < 0)
        world->broken = true;
}

void world_note_durable(struct world *world)
{
    uint64_t lsn = world->is_open ? journal_durable_lsn(world->store->journal) : 0;

    if (lsn > world->acknowledged_lsn && !world->judging)
        world->acknowledged_lsn = lsn;
}

int world_open(struct world *world, struct err_text *why)
{
    struct store_options options = {
        .os = sim_os_base(world->sim),
        .dir = "/data",
        .shard_count = WORLD_SHARDS,
        .segment_size_bytes = 128 * 1024,
        .segment_count = 4,
        .history_days = WORLD_HISTORY_DAYS,
        .sync = true,
        .stepped = true,
    };
    struct store_shard_listener listener = {.wake = wake, .durable = durable, .data = world};
    int r = store_open(&world->store, &options, why);

    if (r != 0)
        return r;
    for (unsigned i = 0; i < WORLD_SHARDS; i++)
        world->shards[i] = store_shard_create(world->store, i, &listener);
    world->is_open = true;
    return 0;
}

void world_open_surely(struct world *world)
{
    struct err_text why = {""};
    int r = world_open(world, &why);

    if (r != 0 && sim_os_has_failed(world->sim)) {
        sim_os_boot(world->sim);
        r = world_open(world, &why);
    }
    if (r == 0)
        return;
    test_note("%s", why.text);
    world_fail(world, "store_open", 0);
}

void world_close_object(struct world_object *object)
{
    if (object->db == NULL)
        return;
    sql_cursor_close(object->cursor);
    database_close(object->db);
    object->cursor = NULL;
    object->db = NULL;
    object->dirty = false;
}

void world_close(struct world *world)
{
    world_note_durable(world);
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        world_close_object(&world->objects[i]);
        world->objects[i].running = false;
    }
    for (unsigned i = 0; i < WORLD_SHARDS; i++) {
        store_shard_destroy(world->shards[i]);
        world->shards[i] = NULL;
    }
    world->is_open = false;
    store_close(world->store);
    world->store = NULL;
}

int64_t world_now_ms(struct world *world)
{
    return os_wall_ns(sim_os_base(world->sim)) / 1000000;
}

/* A turn that failed resets its object. */
static void reset_object(struct world *world, struct world_object *object)
{
    world_close_object(object);
    if (journal_fault(world->store->journal) < 0)
        world->broken = true;
}

/* ---- what is written ---- */

static bool run_cursor(struct sql_cursor *cursor)
{
    int r = 0;

    while (r == 0 && sql_cursor_has_row(cursor))
        r = sql_cursor_next(cursor, NULL);
    sql_cursor_close(cursor);
    return r == 0;
}

/* An error of the author's is none of ours: the table may not exist. */
static bool exec(struct world_object *object, const char *text, const struct sql_value *values,
                 size_t count)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int r = sql_exec(object->db, bytes_of_string(text), values, count, &cursor, &why);

    if (r == 0)
        return run_cursor(cursor);
    return r == DATABASE_ERROR && strstr(why.text, "no such table") != NULL;
}

#define LARGE_ROW 16000

static bool write_row_of(struct world *world, struct world_object *object, const char *table,
                         size_t len)
{
    static uint8_t blob[LARGE_ROW];
    char text[128];
    struct sql_value values[2] = {
        {.type = SQL_INTEGER, .integer = (int64_t)rng_below(&world->rng, WORLD_KEYS)},
        {.type = SQL_BLOB, .bytes = bytes_of(blob, len)},
    };
    bool ok;

    for (size_t i = 0; blob[LARGE_ROW - 1] == 0 && i < sizeof blob; i++)
        blob[i] = (uint8_t)(i * 131 % 251 + 1); /* the same in every row but for its beginning */
    rng_fill(&world->rng, blob, len < 64 ? len : 64);
    snprintf(text, sizeof text, "CREATE TABLE IF NOT EXISTS %s (k INTEGER PRIMARY KEY, v BLOB)",
             table);
    ok = exec(object, text, NULL, 0);
    if (table[0] == 'u')
        ok = ok && exec(object, "CREATE INDEX IF NOT EXISTS u_v ON u (v)", NULL, 0);
    snprintf(text, sizeof text, "INSERT OR REPLACE INTO %s VALUES (?, ?)", table);
    return ok && exec(object, text, values, 2);
}

static bool write_row(struct world *world, struct world_object *object, const char *table)
{
    bool large = rng_below(&world->rng, world->heavy ? 2 : 12) == 0;

    return write_row_of(world, object, table, rng_below(&world->rng, large ? LARGE_ROW : 300));
}

/* Pages that one transaction appends and frees again, so that SQLite never writes them. */
static bool grow_and_free(struct world_object *object)
{
    return exec(object,
                "CREATE TABLE w AS WITH RECURSIVE n(i) AS "
                "(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) SELECT i, zeroblob(3000) FROM n",
                NULL, 0) &&
           exec(object, "DROP TABLE IF EXISTS w", NULL, 0);
}

static bool write_key(struct world *world, struct world_object *object)
{
    char key[16];
    uint8_t value[64];
    bool existed;

    snprintf(key, sizeof key, "key%u", (unsigned)rng_below(&world->rng, WORLD_KEYS));
    rng_fill(&world->rng, value, sizeof value);
    if (rng_below(&world->rng, 3) == 0)
        return kv_delete(object->db, bytes_of_string(key), &existed, NULL) == 0;
    return kv_put(object->db, bytes_of_string(key), bytes_of(value, sizeof value), NULL) == 0;
}

static bool write_in_savepoint(struct world *world, struct world_object *object)
{
    struct err_text why;

    if (database_savepoint(object->db, 1, &why) != 0 || !write_row(world, object, "t") ||
        !write_row(world, object, "u"))
        return false;
    if (rng_below(&world->rng, 2) == 0)
        return database_savepoint_rollback(object->db, 1, &why) == 0;
    return database_savepoint_release(object->db, 1, &why) == 0;
}

static bool delete_all(struct world *world, struct world_object *object)
{
    bool with_alarm = rng_below(&world->rng, 2) == 0;

    sql_cursor_close(object->cursor);
    object->cursor = NULL;
    return database_delete_all(object->db, with_alarm, NULL) == 0;
}

static int64_t some_time(struct world *world)
{
    return world_now_ms(world) + (int64_t)rng_below(&world->rng, 50000);
}

bool world_write(struct world *world, struct world_object *object)
{
    object->dirty = true;
    switch (rng_below(&world->rng, 32)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: return write_row(world, object, "t");
    case 6:
    case 7:
    case 8:
    case 9: return write_row(world, object, "u");
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
    case 15: return write_key(world, object);
    case 16:
    case 17: return exec(object, "DELETE FROM t WHERE k % 3 = 0", NULL, 0);
    case 18: return exec(object, "DROP TABLE IF EXISTS u", NULL, 0);
    case 19:
    case 20:
    case 21:
    case 22:
    case 23: return database_set_alarm(object->db, some_time(world), "name", NULL) == 0;
    case 24:
    case 25: return database_set_alarm(object->db, 0, NULL, NULL) == 0;
    case 26:
    case 27: return grow_and_free(object);
    case 28:
    case 29: return write_in_savepoint(world, object);
    case 30: return delete_all(world, object);
    default: return true;
    }
}

/* ---- the end of a turn ---- */

/* What was acknowledged will not be asked about any more, but for the last. */
static void forget_old(const struct world *world, struct world_object *object)
{
    unsigned keep = object->count;

    while (keep > 0 && object->versions[keep - 1].lsn > world->acknowledged_lsn)
        keep--;
    if (keep < 2)
        return;
    object->count -= keep - 1;
    memmove(object->versions, object->versions + keep - 1,
            object->count * sizeof *object->versions);
}

/* True if it was committed, or there was nothing to commit. */
bool world_commit(struct world *world, struct world_object *object)
{
    struct world_version version = {.lsn = UINT64_MAX};
    struct err_text why = {""};
    uint64_t lsn = 0;

    if (!world_describe(object->db, &version))
        return false;
    forget_old(world, object);
    if (object->count == WORLD_VERSIONS)
        world_fail(world, "WORLD_VERSIONS is too small", 0);
    object->versions[object->count++] = version;
    if (database_commit(object->db, &lsn, &why) != 0 || lsn == 0) {
        object->count--;
        return why.text[0] == '\0';
    }
    object->versions[object->count - 1].lsn = lsn;
    object->dirty = false;
    world->last_lsn = lsn;
    world->commits++;
    return true;
}

static void end_turn(struct world *world, struct world_object *object)
{
    if (rng_below(&world->rng, 10) == 0) {
        sql_cursor_close(object->cursor);
        object->cursor = NULL;
        database_rollback(object->db);
        object->dirty = false;
    } else if (!world_commit(world, object)) {
        reset_object(world, object);
    }
}

bool world_open_object(struct world *world, struct world_object *object)
{
    return object->db != NULL ||
           database_open(&object->db, world->shards[object->shard], world->namespaces[object->name],
                         object->id, NULL, NULL) == 0;
}

static void take_turn(struct world *world, struct world_object *object)
{
    unsigned writes = 1 + (unsigned)rng_below(&world->rng, 4);

    if (!world_begin(world, object)) {
        reset_object(world, object);
        return;
    }
    while (writes-- > 0) {
        if (!world_write(world, object)) {
            reset_object(world, object);
            return;
        }
    }
    if (rng_below(&world->rng, 12) > 0) /* else a transaction() that goes on */
        end_turn(world, object);
}

static void poll_shards(struct world *world);

/* A database that is large in its file, is emptied, and grows again by pages that SQLite takes from
 * the end, frees and does not write: what the file has there must not come back. */
static void shrink_and_grow(struct world *world, struct world_object *object)
{
    bool ok = world_begin(world, object) && write_row_of(world, object, "t", LARGE_ROW) &&
              world_commit(world, object);

    world_close_object(object);
    store_step(world->store);
    poll_shards(world);
    ok = ok && world_begin(world, object) && delete_all(world, object) &&
         world_commit(world, object) && grow_and_free(object) && world_commit(world, object) &&
         write_row_of(world, object, "u", LARGE_ROW) && world_commit(world, object);
    if (!ok)
        reset_object(world, object);
}

/* Leaves a cursor open, so that a checkpoint has to go around it. */
static void read_on(struct world *world, struct world_object *object)
{
    if (object->cursor != NULL) {
        sql_cursor_close(object->cursor);
        object->cursor = NULL;
    } else if (world_begin(world, object) && sql_exec(object->db, BYTES("SELECT k FROM t"), NULL, 0,
                                                      &object->cursor, NULL) != 0) {
        object->cursor = NULL;
    }
}

/* ---- alarms ---- */

static void note_due(void *data, const struct alarm *alarm)
{
    struct world *world = data;
    unsigned i = world_find(world, alarm);
    struct world_object *object = &world->objects[i];

    if (object->running)
        world_fail(world, "its alarm is run twice at a time", i);
    object->running = true;
    object->finish_lsn = 0;
    object->alarm = *alarm;
    if (alarm->name == NULL || strcmp(alarm->name, "name") != 0)
        world_fail(world, "its alarm has lost the name", i);
    object->alarm.name = "name";
}

void world_take_alarms(struct world *world, int64_t now_ms)
{
    for (unsigned i = 0; i < WORLD_SHARDS; i++)
        alarm_index_take(world->shards[i], now_ms, WORLD_OBJECTS, note_due, world);
}

static void retry_alarm(struct world *world, struct world_object *object, bool counted)
{
    unsigned count = object->alarm.retry_count + counted;

    if (count > object->retries)
        object->retries = count;
    object->running = false;
    alarm_index_retry(world->shards[object->shard], &object->alarm,
                      world_now_ms(world) + (int64_t)rng_below(&world->rng, 9000), count);
}

/* The handler has ended: one commit with its writes takes the alarm away. */
static void finish_alarm(struct world *world, struct world_object *object)
{
    int64_t alarm_ms = 0;

    if (object->dirty)
        return;
    if (world_begin(world, object) && database_alarm(object->db, &alarm_ms, NULL) == 0 &&
        (alarm_ms != object->alarm.scheduled_ms ||
         (database_set_alarm(object->db, 0, NULL, NULL) == 0 && write_key(world, object))) &&
        world_commit(world, object)) {
        object->finish_lsn = world->last_lsn;
        return;
    }
    reset_object(world, object);
    retry_alarm(world, object, false);
}

static void run_alarms(struct world *world)
{
    world_take_alarms(world, world_now_ms(world));
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];

        if (!object->running || world->broken)
            continue;
        if (object->finish_lsn == 0 && rng_below(&world->rng, 3) == 0)
            retry_alarm(world, object, true);
        else if (object->finish_lsn == 0)
            finish_alarm(world, object);
    }
}

/* Runs whose end is durable are over. */
static void settle_alarms(struct world *world)
{
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];

        if (!object->running || object->finish_lsn == 0 ||
            object->finish_lsn > world->acknowledged_lsn)
            continue;
        object->running = false;
        alarm_index_finish(world->shards[object->shard], &object->alarm);
    }
}

/* ---- steps ---- */

static void poll_shards(struct world *world)
{
    for (unsigned i = 0; i < WORLD_SHARDS; i++)
        store_shard_poll(world->shards[i]);
    settle_alarms(world);
}

static void change_space(struct world *world)
{
    world->scarce = !world->scarce;
    sim_os_set_space(world->sim,
                     world->scarce ? 500000 + rng_below(&world->rng, 600000) : UINT64_MAX);
}

/* Histories grow old; in the next round each has its turn. */
static void let_days_pass(struct world *world)
{
    sim_os_advance(world->sim, (1 + rng_below(&world->rng, 20)) * UINT64_C(86400000000000));
}

void world_step(struct world *world)
{
    struct world_object *object = &world->objects[rng_below(&world->rng, WORLD_OBJECTS)];
    unsigned what = (unsigned)rng_below(&world->rng, 200);

    if (what < 40) {
        store_step(world->store);
    } else if (what < 60) {
        poll_shards(world);
    } else if (what < 70) {
        world_close_object(object);
    } else if (what < 80) {
        sim_os_advance(world->sim, rng_below(&world->rng, 2) == 0 ? 200000000 : 5000000000);
    } else if (what < 90) {
        run_alarms(world);
    } else if (what < 94) {
        read_on(world, object);
    } else if (what == 94) {
        if (world->forgetful)
            change_space(world);
        else
            let_days_pass(world);
    } else if (what == 95) {
        world_restart(world);
    } else if (what == 96) {
        shrink_and_grow(world, object);
    } else if (what < 103) {
        world_mark(world, object);
    } else if (what < 107) {
        world_order(world, object);
    } else {
        take_turn(world, object);
    }
}

void world_check_live(struct world *world)
{
    sim_os_set_space(world->sim, UINT64_MAX);
    store_step(world->store);
    poll_shards(world);
    for (unsigned i = 0; i < WORLD_OBJECTS && !world->broken; i++) {
        struct world_object *object = &world->objects[i];
        struct world_version now = {0};

        world_close_object(object);
        if (!world_open_object(world, object) || !world_describe(object->db, &now))
            world_fail(world, "cannot be read, though the store works", i);
        if (!world_is_newest(object, &now))
            world_fail(world, "is not as its last commit left it", i);
    }
}

/* ---- the world ---- */

struct world *world_create(uint64_t seed)
{
    struct world *world = mem_new(struct world);

    world->seed = seed;
    rng_init(&world->rng, seed);
    world->heavy = seed % 8 == 2;
    world->forgetful = (seed + seed / 8) % 2 == 1;
    world->sim = sim_os_create(seed);
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        world->objects[i].name = i % WORLD_NAMESPACES;
        rng_fill(&world->rng, world->objects[i].id, STORE_ID_SIZE);
    }
    return world;
}

void world_start(struct world *world)
{
    static const char *const names[WORLD_NAMESPACES] = {"sim-Object", "sim-Other"};

    world_open_surely(world);
    for (unsigned i = 0; i < WORLD_NAMESPACES; i++) {
        int r = store_namespace(world->store, names[i], &world->namespaces[i]);

        if (r < 0 && sim_os_has_failed(world->sim)) {
            world_close(world);
            sim_os_boot(world->sim);
            world_open_surely(world);
            r = store_namespace(world->store, names[i], &world->namespaces[i]);
        }
        if (r != 0)
            world_fail(world, "store_namespace", 0);
    }
    for (unsigned i = 0; i < WORLD_OBJECTS; i++)
        world->objects[i].shard = store_shard_of(world->store, world->objects[i].id);
}

void world_destroy(struct world *world)
{
    if (world->is_open)
        world_close(world);
    sim_os_destroy(world->sim);
    mem_free(world);
}
