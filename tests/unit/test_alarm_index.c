#include "store/alarm_index.h"
#include "store_world.h"

static struct store_world *world;
static struct alarm due[64];
static char names[64][32];
static unsigned due_count;

static void note(void *data, const struct alarm *alarm)
{
    (void)data;
    due[due_count] = *alarm;
    names[due_count][0] = '\0';
    if (alarm->name != NULL)
        snprintf(names[due_count], sizeof names[0], "%s", alarm->name);
    due_count++;
}

static int64_t now_ms(void)
{
    return os_wall_ns(sim_os_base(world->sim)) / 1000000;
}

static unsigned take(int64_t at_ms)
{
    due_count = 0;
    return alarm_index_take(world->shard, at_ms, 64, note, NULL);
}

static void set(unsigned object, int64_t time_ms, const char *name)
{
    struct database *db = store_world_object(world, object);

    CHECK_EQ(database_set_alarm(db, time_ms, name, NULL), 0);
    check_commits(db);
    database_close(db);
}

static void settle(void)
{
    store_world_settle(world);
    store_world_settle(world);
}

/* Long enough for the table to follow. */
static void age(void)
{
    sim_os_advance(world->sim, UINT64_C(2000000000));
    settle();
}

TEST(an_alarm_is_due_at_its_time_and_only_once)
{
    int64_t at;

    world = store_world_create();
    at = now_ms() + 1000;
    set(1, at, "lobby");
    CHECK_EQ(alarm_index_next_ms(world->shard), INT64_MAX);
    settle();
    CHECK_EQ(alarm_index_next_ms(world->shard), at);
    CHECK_EQ(take(at - 1), 0);
    CHECK_EQ(take(at), 1);
    CHECK_EQ(due[0].scheduled_ms, at);
    CHECK_EQ(due[0].retry_count, 0);
    CHECK_STR_EQ(names[0], "lobby");
    CHECK(memcmp(due[0].id, store_world_id(1), STORE_ID_SIZE) == 0);
    CHECK_EQ(take(at + 1000), 0);
    set(1, 0, NULL);
    settle();
    alarm_index_finish(world->shard, &due[0]);
    CHECK_EQ(alarm_index_next_ms(world->shard), INT64_MAX);
    store_world_end(world);
}

TEST(a_time_set_while_it_runs_is_queued_behind)
{
    struct alarm first;
    int64_t at;

    world = store_world_create();
    at = now_ms();
    set(1, at, NULL);
    settle();
    CHECK_EQ(take(at), 1);
    first = due[0];
    set(1, at, NULL); /* the same time: a new alarm nevertheless */
    settle();
    CHECK_EQ(take(at), 0);
    alarm_index_finish(world->shard, &first);
    CHECK_EQ(take(at), 1);
    store_world_end(world);
}

TEST(a_retry_comes_later_with_its_count_and_survives_a_restart)
{
    struct alarm first;
    int64_t at;

    world = store_world_create();
    at = now_ms();
    set(1, at, "lobby");
    settle();
    CHECK_EQ(take(at), 1);
    first = due[0];
    alarm_index_retry(world->shard, &first, at + 2000, 3);
    CHECK_EQ(take(at + 1999), 0);
    settle();
    store_world_crash(world, 5);
    settle();
    CHECK_EQ(take(at + 1999), 0);
    CHECK_EQ(take(at + 2000), 1);
    CHECK_EQ(due[0].retry_count, 3);
    CHECK_EQ(due[0].scheduled_ms, at);
    CHECK_STR_EQ(names[0], "lobby");
    store_world_end(world);
}

TEST(what_the_run_has_set_takes_precedence_over_its_retry)
{
    struct alarm first;
    int64_t at;

    world = store_world_create();
    at = now_ms();
    set(1, at, NULL);
    settle();
    CHECK_EQ(take(at), 1);
    first = due[0];
    set(1, at + 50, NULL);
    alarm_index_retry(world->shard, &first, at + 2000, 1);
    settle();
    CHECK_EQ(take(at + 50), 1);
    CHECK_EQ(due[0].retry_count, 0);
    store_world_end(world);
}

TEST(overdue_alarms_are_there_after_a_start)
{
    int64_t at;

    world = store_world_create();
    at = now_ms();
    for (unsigned i = 0; i < 40; i++)
        set(i, at + 100 - i, NULL);
    age();
    store_world_close(world);
    store_world_open(world);
    settle();
    CHECK_EQ(take(at + 100), 40);
    for (unsigned i = 1; i < 40; i++)
        CHECK(due[i - 1].run_ms <= due[i].run_ms);
    store_world_end(world);
}

TEST(an_alarm_far_ahead_leaves_memory_and_comes_back_in_time)
{
    int64_t at;

    world = store_world_create();
    at = now_ms() + 600000;
    set(1, at, NULL);
    settle();
    CHECK_EQ(alarm_index_next_ms(world->shard), at);
    age();
    CHECK_EQ(alarm_index_next_ms(world->shard), INT64_MAX);
    sim_os_advance(world->sim, UINT64_C(580000000000));
    settle();
    CHECK_EQ(alarm_index_next_ms(world->shard), at);
    CHECK_EQ(take(at), 1);
    store_world_end(world);
}

TEST(a_removed_alarm_does_not_come_back_from_the_table)
{
    int64_t at;

    world = store_world_create();
    at = now_ms() + 40000;
    set(1, at, NULL);
    age();
    set(1, 0, NULL);
    settle();
    CHECK_EQ(take(at), 0);
    store_world_close(world);
    store_world_open(world);
    settle();
    CHECK_EQ(take(at + 1), 0);
    store_world_end(world);
}

TEST(a_rolled_back_alarm_is_never_due)
{
    struct database *db;
    int64_t at;

    world = store_world_create();
    at = now_ms();
    db = store_world_object(world, 1);
    CHECK_EQ(database_savepoint(db, 1, NULL), 0);
    CHECK_EQ(database_set_alarm(db, at, NULL, NULL), 0);
    CHECK_EQ(database_savepoint_rollback(db, 1, NULL), 0);
    CHECK_EQ(kv_put(db, BYTES("a"), BYTES("b"), NULL), 0);
    check_commits(db);
    database_close(db);
    settle();
    CHECK_EQ(take(at), 0);
    store_world_end(world);
}

TEST(an_id_has_one_shard_whatever_the_run)
{
    world = store_world_create();
    for (unsigned i = 0; i < 100; i++) {
        CHECK(store_partition(store_world_id(i)) < STORE_PARTITION_COUNT);
        CHECK_EQ(store_shard_of(world->store, store_world_id(i)), 0);
    }
    store_world_end(world);
}
