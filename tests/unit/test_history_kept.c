#include <errno.h>

#include "base/hex.h"
#include "base/mem.h"
#include "history_image.h"
#include "store/bookmark.h"
#include "store/history.h"
#include "store/history_sweep.h"
#include "store/store_parts.h"
#include "store_world.h"

/*
 * What is kept of a history, and what is not. A state is a number in a row, and has a bookmark;
 * days pass between them.
 */

#define DAY_NS  (UINT64_C(86400) * 1000000000)
#define DAY_MS  (INT64_C(86400) * 1000)
#define KEPT_MS (30 * DAY_MS)

enum {
    STATES = 60,
};

static struct bookmark bookmarks[STATES + 2];

/* The state at that point, or -1 where it is refused. */
static int state_at(struct store_world *world, const struct bookmark *until)
{
    struct history_image image = {0};
    struct err_text why = {""};
    int number = -1;

    if (history_image(world->store->history, world->ns, store_world_id(1), until, &image, &why) ==
        0)
        number = history_image_ask(&image, "SELECT number FROM state");
    else if (why.text[0] == '\0')
        number = -2;
    history_image_fini(&image);
    return number;
}

static int64_t now_ms(struct store_world *world)
{
    return os_wall_ns(sim_os_base(world->sim)) / 1000000;
}

/* Everything goes from the journal into the history files. */
static void reopen(struct store_world *world)
{
    store_world_close(world);
    store_world_open(world);
}

static void check_goes_on(struct store_world *world, int number, const char *also)
{
    struct database *db = store_world_object(world, 1);
    char text[80];

    check_runs(db, "CREATE TABLE IF NOT EXISTS state (number)");
    check_runs(db, "DELETE FROM state");
    snprintf(text, sizeof text, "INSERT INTO state VALUES (%d)", number);
    check_runs(db, text);
    if (also != NULL)
        check_runs(db, also);
    check_commits(db);
    store_world_settle(world);
    sim_os_advance(world->sim, 1000000);
    bookmarks[number] = (struct bookmark){.time_ms = now_ms(world),
                                          .lsn = number % 2 == 0 ? world->durable_lsn : 0};
    sim_os_advance(world->sim, 1000000);
    database_close(db);
}

/* One state a day. `also`: what is written with each. */
static struct store_world *check_lives(const char *also)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    check_runs(db, "CREATE TABLE large (a INTEGER PRIMARY KEY, b)");
    check_commits(db);
    database_close(db);
    for (int i = 1; i <= STATES; i++) {
        check_goes_on(world, i, also);
        sim_os_advance(world->sim, DAY_NS);
    }
    reopen(world);
    return world;
}

static const char *path_of(struct store_world *world)
{
    static char path[256];
    char hex[2 * STORE_ID_SIZE + 1] = {0};

    (void)world;
    hex_encode(bytes_of(store_world_id(1), STORE_ID_SIZE), hex);
    snprintf(path, sizeof path, "/data/history/chat-ChatRoom/%s", hex);
    return path;
}

static size_t size_of(struct store_world *world, const char *path)
{
    struct buf content = {0};
    size_t len = sim_os_load(world->sim, path, &content) ? content.len : 0;

    buf_fini(&content);
    return len;
}

/* A day passes, so that every file has its turn. */
static void sweep(struct store_world *world)
{
    sim_os_advance(world->sim, DAY_NS);
    store_step(world->store);
}

/* Every state that can be wanted is there, and no other one in its place. */
static void check_states(struct store_world *world, int last)
{
    int64_t oldest_ms = now_ms(world) - KEPT_MS;

    for (int i = 1; i <= last; i++) {
        int state = state_at(world, &bookmarks[i]);

        CHECK(state == i || (state == -1 && bookmarks[i].time_ms < oldest_ms));
    }
}

/* Small commits come to an image, large ones are cut at one. */
static void check_bounds(const char *also)
{
    struct store_world *world = check_lives(also);
    size_t before = size_of(world, path_of(world));

    sweep(world);
    CHECK(size_of(world, path_of(world)) <= before);
    check_states(world, STATES);
    CHECK_EQ(state_at(world, &bookmarks[5]), -1);

    for (int i = 0; i < 45; i++) { /* it rests */
        sweep(world);
        check_states(world, STATES);
    }
    CHECK_EQ(state_at(world, &(struct bookmark){.time_ms = now_ms(world) - KEPT_MS}), STATES);
    CHECK(size_of(world, path_of(world)) < before / 4);
    reopen(world);
    check_states(world, STATES);
    store_world_end(world);
}

TEST(what_is_too_old_of_small_commits_comes_to_one_state)
{
    check_bounds("INSERT OR REPLACE INTO large VALUES (1, randomblob(1500))");
}

TEST(what_is_too_old_of_large_commits_is_cut_off)
{
    check_bounds("INSERT OR REPLACE INTO large VALUES (1, randomblob(120000))");
}

TEST(an_object_that_rests_keeps_one_state_and_can_be_written_again)
{
    struct store_world *world =
        check_lives("INSERT OR REPLACE INTO large VALUES (abs(random()) % 4, randomblob(1000))");
    struct bookmark rest;
    size_t len;

    sim_os_advance(world->sim, 40 * DAY_NS);
    sweep(world);
    len = size_of(world, path_of(world));
    CHECK(len > 0);
    CHECK(len < 30000);
    sweep(world);
    CHECK_EQ(size_of(world, path_of(world)), len);
    rest = (struct bookmark){.time_ms = now_ms(world)};
    sim_os_advance(world->sim, 1000000);
    check_goes_on(world, STATES + 1, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(state_at(world, &rest), STATES);
        CHECK_EQ(state_at(world, &bookmarks[STATES + 1]), STATES + 1);
        reopen(world);
        sweep(world);
    }
    CHECK_EQ(state_at(world, &bookmarks[STATES - 2]), -1);
    store_world_end(world);
}

TEST(files_that_count_no_more_go)
{
    struct store_world *world = check_lives(NULL);
    char draft[300];
    char other[300];
    struct buf content = {0};

    snprintf(draft, sizeof draft, "%s.new", path_of(world));
    snprintf(other, sizeof other, "%s", path_of(world));
    memset(strrchr(other, '/') + 1, 'c', 2 * STORE_ID_SIZE);
    sim_os_store(world->sim, draft, BYTES("half a file"));
    sim_os_store(world->sim, other, BYTES("no history"));
    sweep(world);
    CHECK_EQ(size_of(world, draft), 0);
    CHECK(size_of(world, other) > 0); /* damaged, or not ours */
    CHECK(sim_os_load(world->sim, path_of(world), &content));
    sim_os_store(world->sim, other, buf_bytes(&content));
    store_world_close(world);
    CHECK_EQ(os_unlink(sim_os_base(world->sim), "/data/history/epoch"), 0);
    store_world_open(world);
    sweep(world);
    CHECK_EQ(size_of(world, path_of(world)), 0);
    CHECK_EQ(size_of(world, other), 0);
    CHECK_EQ(state_at(world, &(struct bookmark){.time_ms = now_ms(world)}), STATES);
    buf_fini(&content);
    store_world_end(world);
}

TEST(no_call_that_fails_while_history_is_shortened_takes_a_state_or_a_commit)
{
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        struct store_world *world =
            check_lives("INSERT OR REPLACE INTO large VALUES (1, randomblob(1500))");

        CHECK(n < 400);
        sim_os_advance(world->sim, DAY_NS);
        sim_os_fail_at(world->sim, SIM_OS_ANY, n, n % 2 == 0 ? -ENOSPC : -EIO, false);
        store_step(world->store);
        failed = sim_os_has_failed(world->sim);
        if (n % 3 == 0)
            store_world_crash(world, n);
        check_goes_on(world, STATES + 1, NULL);
        for (int i = STATES - 20; i < STATES; i++) {
            int state = state_at(world, &bookmarks[i]);

            CHECK(state == i || state == -1);
        }
        CHECK_EQ(state_at(world, &bookmarks[STATES + 1]), STATES + 1);
        store_world_end(world);
    }
}

static int count_due(struct history_sweep *sweep)
{
    int count = 0;
    char *path;

    for (; (path = history_sweep_next(sweep)) != NULL; count++)
        mem_free(path);
    return count;
}

TEST(each_file_has_its_turn_once_a_day)
{
    struct sim_os *sim = sim_os_create(3);
    struct history_sweep sweep;
    char path[128];
    int total = 0;

    CHECK_EQ(os_mkdir(sim_os_base(sim), "/h"), 0);
    CHECK_EQ(os_mkdir(sim_os_base(sim), "/h/orders"), 0);
    CHECK_EQ(os_mkdir(sim_os_base(sim), "/h/w-C"), 0);
    sim_os_store(sim, "/h/epoch", BYTES("x"));
    for (int i = 0; i < 512; i++) {
        snprintf(path, sizeof path, "/h/w-C/%02x%062x", i % 256, i);
        sim_os_store(sim, path, BYTES("x"));
    }
    history_sweep_init(&sweep, sim_os_base(sim), "/h");
    CHECK_EQ(count_due(&sweep), 0);
    for (int hours = 0; hours < 48; hours++) {
        int due;

        sim_os_advance(sim, DAY_NS / 24);
        due = count_due(&sweep);
        CHECK(due >= 20 && due <= 22);
        total += due;
    }
    CHECK_EQ(total, 1024);
    sim_os_advance(sim, 40 * DAY_NS);
    CHECK_EQ(count_due(&sweep), 512);
    CHECK_EQ(count_due(&sweep), 0);
    history_sweep_fini(&sweep);
    sim_os_destroy(sim);
}

/* Another object writes until the journal has forgotten what was before. */
static void rotate_journal(struct store_world *world)
{
    struct database *db = store_world_object(world, 2);

    check_runs(db, "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b)");
    for (int i = 0; i < 60; i++) {
        check_runs(db, "INSERT OR REPLACE INTO t VALUES (1, randomblob(100000))");
        check_commits(db);
        store_world_settle(world);
    }
    database_close(db);
}

/* Two states, a day apart. */
static struct store_world *check_lives_twice(void)
{
    struct store_world *world = store_world_create();

    check_goes_on(world, 1, NULL);
    reopen(world);
    sim_os_advance(world->sim, DAY_NS);
    check_goes_on(world, 2, NULL);
    return world;
}

TEST(what_was_before_a_history_that_was_given_up_is_refused)
{
    struct store_world *world = check_lives_twice();

    sim_os_set_space(world->sim, 0);
    store_world_close(world);
    CHECK_EQ(size_of(world, path_of(world)), 0);
    sim_os_set_space(world->sim, UINT64_MAX);
    store_world_open(world);
    sim_os_advance(world->sim, DAY_NS);
    rotate_journal(world);
    reopen(world);
    CHECK_EQ(state_at(world, &bookmarks[1]), -1);
    CHECK_EQ(state_at(world, &(struct bookmark){.time_ms = now_ms(world)}), 2);
    store_world_end(world);
}

TEST(what_was_while_no_history_was_kept_is_refused)
{
    struct store_world *world = check_lives_twice();

    rotate_journal(world);
    store_world_close(world);
    CHECK_EQ(os_unlink(sim_os_base(world->sim), "/data/history/epoch"), 0);
    store_world_open(world);
    sim_os_advance(world->sim, DAY_NS);
    CHECK_EQ(state_at(world, &bookmarks[1]), -1);
    CHECK_EQ(state_at(world, &bookmarks[2]), -1);
    CHECK_EQ(state_at(world, &(struct bookmark){.time_ms = now_ms(world)}), 2);
    store_world_end(world);
}

/* Whatever byte of the last addition is another one. */
TEST(a_state_whose_last_part_is_damaged_is_refused)
{
    struct store_world *world = check_lives_twice();
    struct buf whole = {0};
    int refused = 0;

    rotate_journal(world);
    reopen(world);
    CHECK(sim_os_load(world->sim, path_of(world), &whole));
    for (size_t at = 0; at < whole.len; at += 5) {
        int state;

        whole.data[at] ^= 0x10;
        sim_os_store(world->sim, path_of(world), buf_bytes(&whole));
        whole.data[at] ^= 0x10;
        state = state_at(world, &bookmarks[1]);
        CHECK(state == -1 || state == 1);
        state = state_at(world, &bookmarks[2]);
        CHECK(state == -1 || state == 2);
        refused += state == -1;
    }
    CHECK(refused > (int)(whole.len / 5) * 9 / 10);

    whole.data[whole.len - 100] ^= 0x10; /* it begins anew */
    sim_os_store(world->sim, path_of(world), buf_bytes(&whole));
    check_goes_on(world, 3, NULL);
    reopen(world);
    CHECK_EQ(state_at(world, &bookmarks[1]), -1);
    CHECK_EQ(state_at(world, &bookmarks[2]), -1);
    sim_os_advance(world->sim, DAY_NS);
    CHECK_EQ(state_at(world, &(struct bookmark){.time_ms = now_ms(world)}), 3);
    buf_fini(&whole);
    store_world_end(world);
}
