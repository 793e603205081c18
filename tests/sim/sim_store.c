#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "os/os.h"
#include "sim_os.h"
#include "store/alarm_index.h"
#include "store/database.h"
#include "store/kv.h"
#include "store/sql.h"
#include "store/store.h"
#include "test.h"

/*
 * Histories of a store on a simulated disk that loses power at any call.
 *
 * A handful of objects are written, rolled back, emptied, closed and opened at random. The model is
 * the list of commits of each object: LSN, a digest of its rows and keys, its alarm. At some call
 * of the kernel the power fails; the disk keeps, of every sector not synced, an old version or a
 * new one. Afterwards, for several such disks of the same moment,
 *
 *   - each object is as one of its commits left it, and not as one before the last acknowledged;
 *   - what was committed before anything that is there is there, too;
 *   - each database passes SQLite's quick_check;
 *   - the alarm index and the objects say the same.
 *
 * Recovery itself is interrupted in the same way and repeated. DORMOUSE_SIM_SEED replays one
 * history, DORMOUSE_SIM_POINTS sets how many crashes there are.
 */

#define OBJECTS      6
#define VERSIONS_MAX 512
#define KEYS         24
#define CLONES       3

struct version {
    uint64_t lsn;
    uint64_t digest;
    int64_t alarm_ms;
};

struct object {
    uint8_t id[STORE_ID_SIZE];
    struct database *db; /* NULL while closed */
    struct version versions[VERSIONS_MAX];
    unsigned count;
    bool dirty;
};

struct world {
    struct rng rng;
    struct sim_os *sim;
    struct store *store;
    struct store_shard *shard;
    uint32_t ns;
    struct object objects[OBJECTS];
    uint64_t durable_lsn;
    bool heavy;  /* large rows: the journal is full all the time */
    bool broken; /* the journal has said so, or a call failed */
    uint64_t wrote;
};

static uint64_t seed;

_Noreturn static void fail(const char *what, unsigned object)
{
    test_fail(__FILE__, __LINE__, "DORMOUSE_SIM_SEED=%" PRIu64 ": object %u: %s", seed, object,
              what);
}

/* ---- store ---- */

static void wake(void *data)
{
    (void)data;
}

static void durable(void *data, uint64_t lsn, int fault)
{
    struct world *world = data;

    world->durable_lsn = lsn;
    if (fault < 0)
        world->broken = true;
}

static int open_store(struct world *world, struct err_text *why)
{
    struct store_options options = {
        .os = sim_os_base(world->sim),
        .dir = "/data",
        .shard_count = 1,
        .segment_size_bytes = 128 * 1024,
        .segment_count = 4,
        .sync = true,
        .stepped = true,
    };
    struct store_shard_listener listener = {.wake = wake, .durable = durable, .data = world};
    int r = store_open(&world->store, &options, why);

    if (r != 0)
        return r;
    world->shard = store_shard_create(world->store, 0, &listener);
    return 0;
}

static void close_store(struct world *world)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        database_close(world->objects[i].db);
        world->objects[i].db = NULL;
        world->objects[i].dirty = false;
    }
    store_shard_destroy(world->shard);
    store_close(world->store);
    world->store = NULL;
    world->shard = NULL;
}

/* ---- what is in a database ---- */

static uint64_t mix(uint64_t sum, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* True if the statement ran and gave a number. */
static bool ask(struct database *db, const char *text, uint64_t *digest)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int r = sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, &why);

    if (r != 0)
        return strstr(why.text, "no such table") != NULL;
    while (r == 0 && sql_cursor_has_row(cursor)) {
        for (size_t i = 0; i < sql_cursor_column_count(cursor); i++) {
            struct sql_value value = sql_cursor_value(cursor, i);

            if (value.type == SQL_TEXT || value.type == SQL_BLOB)
                *digest = mix(*digest, value.bytes);
            else if (value.type == SQL_INTEGER)
                *digest = mix(*digest, bytes_of(&value.integer, sizeof value.integer));
        }
        r = sql_cursor_next(cursor, &why);
    }
    sql_cursor_close(cursor);
    return r == 0;
}

static bool describe(struct database *db, struct version *version)
{
    struct kv_range all = {0};
    struct kv_list *list;
    struct bytes key;
    struct bytes value;
    int r;

    version->digest = UINT64_C(0xcbf29ce484222325);
    if (!ask(db, "SELECT k, v FROM t ORDER BY k", &version->digest) ||
        !ask(db, "SELECT k, v FROM u ORDER BY v, k", &version->digest))
        return false;
    if (kv_list_open(db, &all, &list, NULL) != 0)
        return false;
    while ((r = kv_list_next(list, &key, &value, NULL)) == 0)
        version->digest = mix(mix(version->digest, key), value);
    kv_list_close(list);
    return r == KV_LIST_END && database_alarm(db, &version->alarm_ms, NULL) == 0;
}

/* ---- steps of a history ---- */

static bool exec(struct world *world, struct database *db, const char *text,
                 const struct sql_value *values, size_t count)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int r = sql_exec(db, bytes_of_string(text), values, count, &cursor, &why);

    if (r == 0) {
        while (sql_cursor_has_row(cursor) && sql_cursor_next(cursor, NULL) == 0)
            continue;
        sql_cursor_close(cursor);
    } else if (r == DATABASE_CRITICAL || strstr(why.text, "IOERR") != NULL) {
        world->broken = true;
    }
    return r == 0;
}

static void write_row(struct world *world, struct object *object, const char *table)
{
    static uint8_t blob[20000];
    char text[128];
    size_t len = rng_below(&world->rng, world->heavy ? 2 : 8) == 0
                     ? rng_below(&world->rng, sizeof blob)
                     : rng_below(&world->rng, 300);
    struct sql_value values[2] = {
        {.type = SQL_INTEGER, .integer = (int64_t)rng_below(&world->rng, KEYS)},
        {.type = SQL_BLOB, .bytes = bytes_of(blob, len)},
    };

    rng_fill(&world->rng, blob, len < 64 ? len : 64);
    snprintf(text, sizeof text, "CREATE TABLE IF NOT EXISTS %s (k INTEGER PRIMARY KEY, v BLOB)",
             table);
    exec(world, object->db, text, NULL, 0);
    if (table[0] == 'u')
        exec(world, object->db, "CREATE INDEX IF NOT EXISTS u_v ON u (v)", NULL, 0);
    snprintf(text, sizeof text, "INSERT OR REPLACE INTO %s VALUES (?, ?)", table);
    exec(world, object->db, text, values, 2);
}

/* Pages that one transaction appends and frees again, so that SQLite never writes them. */
static void grow_and_free(struct world *world, struct object *object)
{
    exec(
        world, object->db,
        "CREATE TABLE w AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) "
        "SELECT i, zeroblob(3000) FROM n",
        NULL, 0);
    exec(world, object->db, "DROP TABLE IF EXISTS w", NULL, 0);
}

static void write_key(struct world *world, struct object *object)
{
    char key[16];
    uint8_t value[64];
    bool existed;
    int r;

    snprintf(key, sizeof key, "key%u", (unsigned)rng_below(&world->rng, KEYS));
    rng_fill(&world->rng, value, sizeof value);
    if (rng_below(&world->rng, 3) == 0)
        r = kv_delete(object->db, bytes_of_string(key), &existed, NULL);
    else
        r = kv_put(object->db, bytes_of_string(key), bytes_of(value, sizeof value), NULL);
    if (r != 0)
        world->broken = true;
}

static int64_t now_ms(struct world *world)
{
    return os_wall_ns(sim_os_base(world->sim)) / 1000000;
}

static void write_something(struct world *world, struct object *object)
{
    struct err_text why;

    object->dirty = true;
    switch (rng_below(&world->rng, 15)) {
    case 0:
    case 1:
    case 2: write_row(world, object, "t"); break;
    case 3:
    case 4: write_row(world, object, "u"); break;
    case 5:
    case 6:
    case 7: write_key(world, object); break;
    case 8: exec(world, object->db, "DELETE FROM t WHERE k % 3 = 0", NULL, 0); break;
    case 9: exec(world, object->db, "DROP TABLE IF EXISTS u", NULL, 0); break;
    case 10:
        if (database_set_alarm(object->db, now_ms(world) + (int64_t)rng_below(&world->rng, 50000),
                               "name", NULL) != 0)
            world->broken = true;
        break;
    case 11:
        if (database_set_alarm(object->db, 0, NULL, NULL) != 0)
            world->broken = true;
        break;
    case 13: grow_and_free(world, object); break;
    case 12:
        if (database_savepoint(object->db, 1, &why) != 0) {
            world->broken = true;
            break;
        }
        write_row(world, object, "t");
        write_row(world, object, "u");
        if (rng_below(&world->rng, 2) == 0)
            database_savepoint_rollback(object->db, 1, &why);
        else
            database_savepoint_release(object->db, 1, &why);
        break;
    default:
        if (rng_below(&world->rng, 4) == 0 &&
            database_delete_all(object->db, rng_below(&world->rng, 2) == 0, &why) != 0)
            world->broken = true;
        break;
    }
}

static void end_turn(struct world *world, struct object *object)
{
    struct version version = {0};
    struct err_text why = {""};

    if (rng_below(&world->rng, 10) == 0) {
        database_rollback(object->db);
        object->dirty = false;
        return;
    }
    if (!describe(object->db, &version) || database_commit(object->db, &version.lsn, &why) != 0) {
        world->broken = true;
        return;
    }
    object->dirty = false;
    if (version.lsn == 0)
        return;
    if (object->count == VERSIONS_MAX)
        test_fail(__FILE__, __LINE__, "VERSIONS_MAX is too small");
    object->versions[object->count++] = version;
    world->wrote++;
}

static void open_object(struct world *world, struct object *object)
{
    if (object->db == NULL &&
        database_open(&object->db, world->shard, world->ns, object->id, NULL, NULL) != 0)
        world->broken = true;
}

static void one_step(struct world *world)
{
    struct object *object = &world->objects[rng_below(&world->rng, OBJECTS)];
    unsigned what = (unsigned)rng_below(&world->rng, 20);

    if (what < 4) {
        store_step(world->store);
    } else if (what < 6) {
        store_shard_poll(world->shard);
    } else if (what == 6 && object->db != NULL && !object->dirty) {
        database_close(object->db);
        object->db = NULL;
    } else if (what == 7) {
        sim_os_advance(world->sim, 200000000);
    } else {
        unsigned writes = 1 + (unsigned)rng_below(&world->rng, 4);

        open_object(world, object);
        while (object->db != NULL && writes-- > 0 && !world->broken)
            write_something(world, object);
        if (object->db != NULL && !world->broken)
            end_turn(world, object);
    }
}

/* ---- after the power is back ---- */

struct found_alarms {
    int64_t times[OBJECTS];
    struct world *world;
};

static void note_alarm(void *data, const struct alarm *alarm)
{
    struct found_alarms *found = data;

    for (unsigned i = 0; i < OBJECTS; i++) {
        if (memcmp(found->world->objects[i].id, alarm->id, STORE_ID_SIZE) == 0)
            found->times[i] = alarm->scheduled_ms;
    }
}

static bool healthy(struct database *db)
{
    struct sql_cursor *cursor = NULL;
    bool ok = false;

    if (sql_exec(db, BYTES("PRAGMA quick_check"), NULL, 0, &cursor, NULL) != 0)
        return false;
    if (sql_cursor_has_row(cursor))
        ok = bytes_equal(sql_cursor_value(cursor, 0).bytes, BYTES("ok"));
    sql_cursor_close(cursor);
    return ok;
}

static bool same(const struct version *a, const struct version *b)
{
    return a->digest == b->digest && a->alarm_ms == b->alarm_ms;
}

/* Which version an object is at; versions before `from` will not do. -1: before its first. */
static int find_version(struct object *object, const struct version *now, uint64_t durable_lsn)
{
    struct version none = {.digest = UINT64_C(0xcbf29ce484222325)};

    for (int i = (int)object->count - 1; i >= 0; i--) {
        if (same(&object->versions[i], now))
            return i;
        if (object->versions[i].lsn <= durable_lsn)
            return -2;
    }
    return same(&none, now) ? -1 : -2;
}

/* The LSN that must have arrived for the object to look like this: the oldest version that does. */
static uint64_t least_lsn(const struct object *object, const struct version *now,
                          uint64_t durable_lsn)
{
    struct version none = {.digest = UINT64_C(0xcbf29ce484222325)};
    uint64_t least = same(&none, now) ? 0 : UINT64_MAX;

    for (int i = (int)object->count - 1; i >= 0 && least != 0; i--) {
        if (same(&object->versions[i], now))
            least = object->versions[i].lsn;
        if (object->versions[i].lsn <= durable_lsn)
            break;
    }
    return least;
}

/* Compares everything with the model; `found` is the version of each object. */
static void verify(struct world *world, uint64_t durable_lsn, int found[OBJECTS])
{
    struct found_alarms alarms = {.world = world};
    struct version now[OBJECTS];
    uint64_t newest = 0;

    for (unsigned i = 0; i < OBJECTS; i++) {
        struct object *object = &world->objects[i];
        struct database *db = NULL;

        if (database_open(&db, world->shard, world->ns, object->id, NULL, NULL) != 0)
            fail("cannot be opened", i);
        if (!healthy(db))
            fail("quick_check", i);
        if (!describe(db, &now[i]))
            fail("cannot be read", i);
        database_close(db);
        found[i] = find_version(object, &now[i], durable_lsn);
        if (found[i] == -2)
            fail("is as no commit left it, or an acknowledged one is lost", i);
        if (least_lsn(object, &now[i], durable_lsn) > newest)
            newest = least_lsn(object, &now[i], durable_lsn);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct object *object = &world->objects[i];

        for (unsigned v = (unsigned)(found[i] + 1); v < object->count; v++) {
            if (object->versions[v].lsn <= newest && !same(&object->versions[v], &now[i]))
                fail("lacks a commit that is older than one that is there", i);
        }
    }
    store_step(world->store);
    store_shard_poll(world->shard);
    alarm_index_take(world->shard, now_ms(world) + 1000000, OBJECTS + 1, note_alarm, &alarms);
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (alarms.times[i] != now[i].alarm_ms)
            test_note("index %" PRId64 ", object %" PRId64, alarms.times[i], now[i].alarm_ms);
        if (alarms.times[i] != now[i].alarm_ms)
            fail("the alarm index says something else", i);
    }
}

/* Opens the store on a disk that has just lost power; recovery may lose it again. */
static void recover(struct world *world)
{
    struct err_text why = {""};
    unsigned rounds = (unsigned)rng_below(&world->rng, 3);

    while (rounds-- > 0) {
        sim_os_fail_at(world->sim, SIM_OS_ANY, 1 + rng_below(&world->rng, 120), -EIO, true);
        if (open_store(world, &why) == 0)
            close_store(world);
        sim_os_crash(world->sim, rng_next(&world->rng));
        sim_os_boot(world->sim);
    }
    if (open_store(world, &why) != 0)
        test_fail(__FILE__, __LINE__, "DORMOUSE_SIM_SEED=%" PRIu64 ": store_open: %s", seed,
                  why.text);
}

/* One disk of the moment of the failure, on a machine of its own. */
static void try_clone(struct world *world, uint64_t durable_lsn)
{
    struct world other = *world;
    int found[OBJECTS];

    other.sim = sim_os_clone(world->sim);
    rng_init(&other.rng, rng_next(&world->rng));
    for (unsigned i = 0; i < OBJECTS; i++)
        other.objects[i].db = NULL;
    sim_os_crash(other.sim, rng_next(&other.rng));
    sim_os_boot(other.sim);
    recover(&other);
    verify(&other, durable_lsn, found);
    close_store(&other);
    sim_os_destroy(other.sim);
}

/* The history goes on from what was found: commits that were lost never were. */
static void accept(struct world *world, const int found[OBJECTS])
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct object *object = &world->objects[i];

        object->count = 0;
        if (found[i] < 0)
            continue;
        object->versions[0] = object->versions[found[i]];
        object->versions[0].lsn = 0; /* whatever happens, it is there */
        object->count = 1;
    }
    world->durable_lsn = 0;
    world->broken = false;
}

static void crash(struct world *world)
{
    uint64_t durable_lsn = world->durable_lsn;
    int found[OBJECTS];

    for (unsigned i = 0; i < CLONES - 1; i++)
        try_clone(world, durable_lsn);
    sim_os_crash(world->sim, rng_next(&world->rng));
    close_store(world);
    sim_os_boot(world->sim);
    recover(world);
    verify(world, durable_lsn, found);
    accept(world, found);
}

static struct world *world_create(void)
{
    struct world *world = mem_new(struct world);
    struct err_text why = {""};

    rng_init(&world->rng, seed);
    world->heavy = seed % 4 == 2;
    world->sim = sim_os_create(seed);
    if (open_store(world, &why) != 0 ||
        store_namespace(world->store, "sim-Object", &world->ns) != 0)
        test_fail(__FILE__, __LINE__, "store_open: %s", why.text);
    for (unsigned i = 0; i < OBJECTS; i++)
        rng_fill(&world->rng, world->objects[i].id, STORE_ID_SIZE);
    return world;
}

static void world_destroy(struct world *world)
{
    close_store(world);
    sim_os_destroy(world->sim);
    mem_free(world);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

TEST(no_crash_at_any_call_loses_an_acknowledged_commit)
{
    uint64_t points = from_environment("DORMOUSE_SIM_POINTS", 1500);
    uint64_t only = from_environment("DORMOUSE_SIM_SEED", 0);
    uint64_t done = 0;
    uint64_t commits = 0;

    for (seed = only > 0 ? only : 1; done < points; seed++) {
        struct world *world = world_create();

        for (unsigned crashes = 0; crashes < 20; crashes++) {
            uint64_t calls = world->heavy ? 5000 : crashes % 4 == 0 ? 800 : 150;

            sim_os_fail_at(world->sim, SIM_OS_ANY, 1 + rng_below(&world->rng, calls), -EIO, true);
            for (unsigned steps = 0; steps < 2000 && !world->broken; steps++)
                one_step(world);
            crash(world);
            done += CLONES;
        }
        commits += world->wrote;
        world_destroy(world);
        if (only > 0)
            break;
    }
    test_note("%" PRIu64 " crashes, %" PRIu64 " commits, %" PRIu64 " histories", done, commits,
              seed - 1);
}
