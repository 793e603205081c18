#include <errno.h>

#include "store/backup.h"
#include "store/log.h"
#include "store/restore.h"
#include "store/segment_log.h"
#include "store/store_parts.h"
#include "store_world.h"

static const char make[] = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)";
static const char count[] = "SELECT count(*) FROM t";

/* The world's store is closed, and the one in `dir` opened in its place. */
static void open_instead(struct store_world *world, const char *dir)
{
    struct store_options options = world->store->options;
    struct store_shard_listener listener = {
        .wake = store_world_wake, .durable = store_world_durable, .data = world};
    struct err_text why = {""};

    store_world_close(world);
    options.dir = dir;
    if (store_open(&world->store, &options, &why) != 0)
        test_note("%s", why.text);
    CHECK(why.text[0] == '\0');
    world->shard = store_shard_create(world->store, 0, &listener);
    CHECK_EQ(store_namespace(world->store, "chat-ChatRoom", &world->ns), 0);
}

static void check_backs_up(struct store_world *world, const char *to)
{
    struct err_text why = {""};
    int r = store_backup(world->store, to, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
}

TEST(a_backup_has_what_was_durable_and_the_original_goes_on)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    check_runs(db, make);
    check_runs(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
    check_commits(db);
    store_world_settle(world);
    check_backs_up(world, "/copy");
    check_runs(db, "INSERT INTO t (b) VALUES ('three')");
    check_commits(db);
    CHECK_EQ(number_of(db, count), 3);
    database_close(db);

    open_instead(world, "/copy");
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, count), 2);
    check_runs(db, "INSERT INTO t (b) VALUES ('four')");
    check_commits(db);
    database_close(db);
    open_instead(world, "/data");
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t WHERE b = 'three'"), 1);
    database_close(db);
    store_world_end(world);
}

TEST(a_backup_of_a_store_that_never_had_a_commit_opens)
{
    struct store_world *world = store_world_create();
    struct database *db;

    check_backs_up(world, "/copy");
    open_instead(world, "/copy");
    db = store_world_object(world, 1);
    check_runs(db, make);
    check_commits(db);
    database_close(db);
    store_world_end(world);
}

/* Many times the journal: segments are released and used again, and no batch on the disk says yet
 * what was released last. The copy is used as long as the original was. */
TEST(a_backup_opens_at_whatever_place_of_a_long_history_it_is_made)
{
    for (int stop = 1; stop < 60; stop += 7) {
        struct store_world *world = store_world_create();

        for (int i = 0; i < stop; i++) {
            struct database *db = store_world_object(world, (unsigned)i % 3);

            check_runs(db, "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT)");
            check_runs(db, "INSERT INTO t (b) VALUES (hex(randomblob(20000)))");
            check_commits(db);
            store_world_settle(world);
            database_close(db);
            store_world_settle(world);
        }
        check_backs_up(world, "/copy");
        open_instead(world, "/copy");
        for (int i = 0; i < stop; i++) {
            struct database *db = store_world_object(world, (unsigned)i % 3);

            CHECK_EQ(number_of(db, count), (stop - i % 3 + 2) / 3 + i / 3);
            check_runs(db, "INSERT INTO t (b) VALUES (hex(randomblob(20000)))");
            check_commits(db);
            store_world_settle(world);
            database_close(db);
        }
        store_world_end(world);
    }
}

TEST(a_backup_is_whole_after_the_power_fails_right_behind_it)
{
    for (uint64_t seed = 1; seed < 10; seed++) {
        struct store_world *world = store_world_create();
        struct database *db = store_world_object(world, 1);

        check_runs(db, make);
        check_runs(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
        check_commits(db);
        store_world_settle(world);
        check_backs_up(world, "/copy");
        sim_os_crash(world->sim, seed);
        database_close(db);
        store_world_crash(world, seed);
        open_instead(world, "/copy");
        db = store_world_object(world, 1);
        CHECK_EQ(number_of(db, count), 2);
        database_close(db);
        store_world_end(world);
    }
}

TEST(a_name_that_is_taken_is_refused_and_nothing_is_held_back)
{
    struct store_world *world = store_world_create();
    struct err_text why = {""};

    CHECK_EQ(store_backup(world->store, "/data", &why), -EEXIST);
    CHECK(strstr(why.text, "/data is there already") != NULL);
    check_backs_up(world, "/copy");
    CHECK_EQ(store_backup(world->store, "/copy", &why), -EEXIST);
    CHECK(!segment_log_let_go(world->store->log));
    store_world_end(world);
}

TEST(commits_go_before_a_copy_when_the_journal_is_full)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    CHECK_EQ(segment_log_hold(world->store->log), 0);
    CHECK_EQ(segment_log_hold(world->store->log), -EBUSY);
    check_runs(db, make);
    for (int i = 0; i < 400; i++) { /* 40 segments; there may be 32 */
        check_runs(db, "INSERT INTO t (b) VALUES (hex(randomblob(20000)))");
        check_commits(db);
        store_world_settle(world);
    }
    CHECK_EQ(number_of(db, count), 400);
    CHECK(!segment_log_let_go(world->store->log));
    database_close(db);
    store_world_end(world);
}

TEST(every_fault_while_copying_leaves_the_name_free_and_the_store_at_work)
{
    int r = -EIO;

    for (uint64_t n = 1; r != 0; n++) {
        struct store_world *world = store_world_create();
        struct database *db = store_world_object(world, 1);
        struct err_text why = {""};

        CHECK(n < 200);
        check_runs(db, make);
        check_commits(db);
        store_world_settle(world);
        sim_os_fail_at(world->sim, SIM_OS_ANY, n, -EIO, false);
        r = store_backup(world->store, "/copy", &why);
        sim_os_fail_at(world->sim, SIM_OS_ANY, 0, 0, false);
        CHECK(r == 0 || why.text[0] != '\0');
        CHECK(!segment_log_let_go(world->store->log));
        check_runs(db, "INSERT INTO t (b) VALUES ('one')");
        CHECK(check_commits(db) > 0);
        store_world_settle(world);
        CHECK_EQ(world->fault, 0);
        check_backs_up(world, "/other");
        database_close(db);
        open_instead(world, "/other");
        db = store_world_object(world, 1);
        CHECK_EQ(number_of(db, count), 1);
        database_close(db);
        store_world_end(world);
    }
}

/* A state in a history file, one in the journal and one that is ordered already. */
TEST(a_copy_goes_back_to_before_it_was_made)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    char bookmarks[40][BOOKMARK_TEXT_SIZE];
    char undo[BOOKMARK_TEXT_SIZE];
    struct err_text why = {""};

    check_runs(db, make);
    check_commits(db);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(restore_bookmark_now(db, bookmarks[i], &why), 0);
        check_runs(db, "INSERT INTO t (b) VALUES (hex(randomblob(20000)))");
        check_commits(db);
        store_world_settle(world);
        database_close(db);
        db = store_world_object(world, 1);
    }
    CHECK_EQ(restore_later(db, bytes_of_string(bookmarks[3]), undo, &why), 0);
    check_backs_up(world, "/copy");
    database_close(db);
    open_instead(world, "/copy");
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, count), 40);
    CHECK_EQ(restore_if_ordered(db, &why), 0);
    CHECK_EQ(number_of(db, count), 3);
    for (int i = 38; i > 0; i -= 7) {
        CHECK_EQ(restore_later(db, bytes_of_string(bookmarks[i]), undo, &why), 0);
        database_close(db);
        db = store_world_object(world, 1);
        CHECK_EQ(restore_if_ordered(db, &why), 0);
        CHECK_EQ(number_of(db, count), i);
    }
    database_close(db);
    store_world_end(world);
}
