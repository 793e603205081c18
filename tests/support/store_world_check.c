#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/os.h"
#include "sim_os.h"
#include "store/database.h"
#include "store/kv.h"
#include "store/recovery.h"
#include "store/sql.h"
#include "store/store_parts.h"
#include "store_world_state.h"
#include "test.h"

#define DIGEST_OF_NOTHING UINT64_C(0xcbf29ce484222325)

/* ---- what is in a database ---- */

static uint64_t mix(uint64_t sum, struct bytes bytes)
{
    size_t i = 0;

    for (; i + sizeof(uint64_t) <= bytes.len; i += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes.data + i, sizeof word);
        sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
        sum ^= sum >> 32;
    }
    for (; i < bytes.len; i++)
        sum = (sum ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return (sum ^ bytes.len) * UINT64_C(0x100000001b3);
}

static uint64_t mix_value(uint64_t sum, const struct sql_value *value)
{
    if (value->type == SQL_TEXT || value->type == SQL_BLOB)
        return mix(sum, value->bytes);
    if (value->type == SQL_INTEGER)
        return mix(sum, bytes_of(&value->integer, sizeof value->integer));
    return sum;
}

/* True if the statement ran, or its table is not there. */
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

            *digest = mix_value(*digest, &value);
        }
        r = sql_cursor_next(cursor, &why);
    }
    sql_cursor_close(cursor);
    return r == 0;
}

bool world_describe(struct database *db, struct world_version *version)
{
    struct kv_range all = {0};
    struct kv_list *list;
    struct bytes key;
    struct bytes value;
    int r;

    version->digest = DIGEST_OF_NOTHING;
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

/* ---- the model ---- */

bool world_same(const struct world_version *a, const struct world_version *b)
{
    return a->digest == b->digest && a->alarm_ms == b->alarm_ms;
}

static bool is_nothing(const struct world_version *now)
{
    return now->digest == DIGEST_OF_NOTHING && now->alarm_ms == 0;
}

struct world_version world_newest(const struct world_object *object)
{
    return object->count > 0 ? object->versions[object->count - 1]
                             : (struct world_version){.digest = DIGEST_OF_NOTHING};
}

bool world_is_newest(const struct world_object *object, const struct world_version *now)
{
    struct world_version newest = world_newest(object);

    return world_same(&newest, now);
}

unsigned world_find(const struct world *world, const struct alarm *alarm)
{
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        const struct world_object *object = &world->objects[i];

        if (memcmp(object->id, alarm->id, STORE_ID_SIZE) == 0 &&
            world->namespaces[object->name] == alarm->namespace_number)
            return i;
    }
    world_fail(world, "an alarm of an object that is not there", 0);
}

/* Which version an object is at, the newest that looks so. -1: before its first; -2: none. */
static int find_version(const struct world *world, const struct world_object *object,
                        const struct world_version *now)
{
    for (int i = (int)object->count - 1; i >= 0; i--) {
        if (world_same(&object->versions[i], now))
            return i;
        if (object->versions[i].lsn <= world->acknowledged_lsn)
            return -2;
    }
    return is_nothing(now) ? -1 : -2;
}

/* The LSN that must have arrived for the object to look like this: the oldest version that does. */
static uint64_t least_lsn(const struct world *world, const struct world_object *object,
                          const struct world_version *now)
{
    uint64_t least = UINT64_MAX;

    for (int i = (int)object->count - 1; i >= 0; i--) {
        if (world_same(&object->versions[i], now))
            least = object->versions[i].lsn;
        if (object->versions[i].lsn <= world->acknowledged_lsn)
            return least == UINT64_MAX ? world->last_lsn : least;
    }
    if (is_nothing(now))
        return 0;
    return least == UINT64_MAX ? world->last_lsn : least; /* MAX: the commit that is under way */
}

/* ---- reading what was recovered ---- */

/* What a file of this content says, known since such a file was read and found healthy. */
static struct map_u64 read_before;

static struct world_version *recall(struct world *world, const struct world_object *object,
                                    uint64_t *digest)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};
    char *path;

    *digest = 0;
    if (recovery_bring(world->store->recovery, world->namespaces[object->name], object->id) < 0)
        return NULL; /* said when it is opened */
    hex_encode(bytes_of(object->id, STORE_ID_SIZE), hex);
    path = mem_format("/data/do/%s/%s.sqlite",
                      store_namespace_key(world->store, world->namespaces[object->name]), hex);
    if (!sim_os_digest(world->sim, path, digest))
        *digest = 0;
    mem_free(path);
    return *digest != 0 && !world->twice ? map_u64_get(&read_before, *digest) : NULL;
}

/* What was recovered of it is in its file: equal files hold equal objects. */
static struct world_version read_object(struct world *world, unsigned i)
{
    struct world_object *object = &world->objects[i];
    struct world_version now = {.digest = DIGEST_OF_NOTHING};
    uint64_t digest;
    struct world_version *known;

    if (store_namespace_key(world->store, world->namespaces[object->name]) == NULL)
        return now; /* the directory was just being made */
    known = recall(world, object, &digest);
    if (known != NULL)
        return *known;
    if (!world_open_object(world, object))
        world_fail(world, "cannot be opened", i);
    if (!healthy(object->db))
        world_fail(world, "quick_check", i);
    if (!world_describe(object->db, &now))
        world_fail(world, "cannot be read", i);
    database_close(object->db);
    object->db = NULL;
    if (digest != 0 && map_u64_get(&read_before, digest) == NULL)
        map_u64_put(&read_before, digest, mem_dup(&now, sizeof now));
    return now;
}

static void check_alarms(struct world *world, const struct world_version now[WORLD_OBJECTS])
{
    if (world->child) /* where a call failed, the index may follow a second later */
        sim_os_advance(world->sim, 2000000000);
    store_step(world->store);
    for (unsigned i = 0; i < WORLD_SHARDS; i++)
        store_shard_poll(world->shards[i]);
    world_take_alarms(world, world_now_ms(world) + 1000000);
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        const struct world_object *object = &world->objects[i];
        int64_t index_ms = object->running ? object->alarm.scheduled_ms : 0;

        if (index_ms != now[i].alarm_ms) {
            test_note("index %" PRId64 ", object %" PRId64, index_ms, now[i].alarm_ms);
            world_fail(world, "the alarm index says something else", i);
        }
        if (object->running && object->alarm.retry_count > object->retries)
            world_fail(world, "its alarm has more retries than there were", i);
    }
}

/* Compares everything with the model; `found` is the version of each object. */
static void verify(struct world *world, int found[WORLD_OBJECTS])
{
    struct world_version now[WORLD_OBJECTS];
    uint64_t newest = 0;

    if (!world->child && rng_below(&world->rng, 4) == 0)
        store_step(world->store); /* the keeper brings what was recovered, not who opens it */
    world->reading = true;
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];
        uint64_t least;

        now[i] = read_object(world, i);
        found[i] = find_version(world, object, &now[i]);
        if (found[i] == -2)
            world_fail(world, "is as no commit left it, or an acknowledged one is lost", i);
        least = least_lsn(world, object, &now[i]);
        if (least > newest)
            newest = least;
    }
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];

        for (unsigned v = (unsigned)(found[i] + 1); v < object->count; v++) {
            if (object->versions[v].lsn <= newest && !world_same(&object->versions[v], &now[i]))
                world_fail(world, "lacks a commit that is older than one that is there", i);
        }
    }
    check_alarms(world, now);
    world->reading = false;
}

/* ---- crashes ---- */

/* Opens the store on a disk that has just lost power; recovery may lose it again. */
static void recover(struct world *world)
{
    struct err_text why;
    unsigned rounds = (unsigned)rng_below(&world->rng, 12);

    for (rounds = rounds > 9 ? rounds - 9 : 0; rounds > 0; rounds--) {
        sim_os_fail_at(world->sim, SIM_OS_ANY, 1 + rng_below(&world->rng, 120), -EIO, true);
        if (world_open(world, &why) == 0) {
            sim_os_kill(world->sim);
            world_close(world);
        }
        sim_os_crash(world->sim, rng_next(&world->rng));
        sim_os_boot(world->sim);
    }
    sim_os_set_space(world->sim, UINT64_MAX);
    world_open_surely(world);
}

/* The history goes on from what was found: commits that were lost never were. */
static void accept(struct world *world, const int found[WORLD_OBJECTS])
{
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];

        object->count = 0;
        if (found[i] < 0)
            continue;
        object->versions[0] = object->versions[found[i]];
        object->versions[0].lsn = 0; /* whatever happens, it is there */
        object->count = 1;
    }
    world->acknowledged_lsn = 0;
    world->last_lsn = 0;
    world->broken = false;
}

void world_try_crash(struct world *world, void (*inner)(void *data, unsigned kind))
{
    struct world *other = mem_dup(world, sizeof *world);
    int found[WORLD_OBJECTS];

    world_note_durable(world);
    other->acknowledged_lsn = world->acknowledged_lsn;
    other->sim = sim_os_clone(world->sim);
    other->is_open = false;
    other->judging = true;
    other->verified = 0;
    rng_init(&other->rng, rng_next(&world->rng));
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        other->objects[i].db = NULL;
        other->objects[i].cursor = NULL;
        other->objects[i].running = false;
    }
    sim_os_crash(other->sim, rng_next(&other->rng));
    sim_os_boot(other->sim);
    sim_os_watch(other->sim, inner, other);
    recover(other);
    sim_os_watch(other->sim, NULL, NULL);
    other->twice = rng_below(&other->rng, 32) == 0;
    verify(other, found);
    if (other->twice) {
        world_close(other);
        world_open_surely(other);
        verify(other, found);
    }
    accept(other, found);
    world_check_sessions(other);
    if (!other->twice)
        sim_os_kill(other->sim);
    world_close(other);
    sim_os_destroy(other->sim);
    world->verified += other->verified + 1;
    mem_free(other);
}

/* The alarms that were looked at go back to the index. */
static void give_back(struct world *world)
{
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];

        if (!object->running)
            continue;
        object->running = false;
        alarm_index_retry(world->shards[object->shard], &object->alarm, world_now_ms(world),
                          object->alarm.retry_count);
    }
}

/* The store is closed and the machine is up. */
static void come_up(struct world *world, int found[WORLD_OBJECTS])
{
    world->judging = true;
    recover(world);
    verify(world, found);
    world->judging = false;
    world->verified++;
}

void world_crash(struct world *world)
{
    int found[WORLD_OBJECTS];

    world_note_durable(world);
    sim_os_crash(world->sim, rng_next(&world->rng));
    if (world->is_open)
        world_close(world);
    sim_os_boot(world->sim);
    world->scarce = false;
    come_up(world, found);
    accept(world, found);
    give_back(world);
}

void world_restart(struct world *world)
{
    int found[WORLD_OBJECTS];

    world_close(world);
    world->judging = true;
    world->scarce = false;
    sim_os_set_space(world->sim, UINT64_MAX); /* what is in the journal only wants it now */
    world_open_surely(world);
    verify(world, found);
    world->judging = false;
    for (unsigned i = 0; i < WORLD_OBJECTS && !world->child; i++) {
        if (found[i] != (int)world->objects[i].count - 1)
            world_fail(world, "lost its last commit in a clean stop", i);
    }
    accept(world, found);
    give_back(world);
}
