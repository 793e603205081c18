#include <errno.h>

#include "store/journal_format.h"
#include "store/store.h"
#include "store_world.h"

static const char make[] = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)";

TEST(a_commit_is_reported_durable_after_the_next_flush)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    uint64_t lsn;

    check_runs(db, make);
    check_runs(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
    lsn = check_commits(db);
    CHECK(lsn > 0);
    store_shard_poll(world->shard);
    CHECK(world->durable_lsn < lsn);
    store_world_settle(world);
    CHECK(world->durable_lsn >= lsn);
    CHECK_EQ(store_shard_durable_lsn(world->shard), world->durable_lsn);
    database_close(db);
    store_world_end(world);
}

TEST(a_turn_without_writes_has_no_lsn)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    CHECK_EQ(number_of(db, "SELECT 41 + 1"), 42);
    CHECK_EQ(check_commits(db), 0);
    database_close(db);
    store_world_end(world);
}

TEST(what_was_committed_is_there_after_a_clean_stop)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    check_runs(db, make);
    check_runs(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
    check_commits(db);
    database_close(db);
    store_world_close(world);
    store_world_open(world);
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 2);
    database_close(db);
    store_world_end(world);
}

TEST(what_is_durable_is_there_after_a_power_failure_and_the_rest_is_there_or_not)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct store_world *world = store_world_create();
        struct database *db = store_world_object(world, 1);

        check_runs(db, make);
        check_runs(db, "INSERT INTO t (b) VALUES ('one'), ('two')");
        check_commits(db);
        store_world_settle(world);
        check_runs(db, "INSERT INTO t (b) VALUES ('three')");
        check_commits(db);
        sim_os_crash(world->sim, seed);
        database_close(db);
        store_world_crash(world, seed);
        db = store_world_object(world, 1);
        CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 2);
        database_close(db);
        store_world_end(world);
    }
}

TEST(after_a_clean_stop_a_file_is_an_ordinary_database)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct buf content = {0};

    check_runs(db, make);
    check_commits(db);
    database_close(db);
    store_world_close(world);
    CHECK(sim_os_load(world->sim,
                      "/data/do/chat-ChatRoom/"
                      "2500000000000000010000000000000000000000000000000000000000000000.sqlite",
                      &content));
    CHECK_EQ(content.len, 2 * 4096);
    CHECK(memcmp(content.data, "SQLite format 3", 16) == 0);
    buf_fini(&content);
    sim_os_destroy(world->sim);
}

TEST(an_object_that_never_writes_has_no_file)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct buf content = {0};

    CHECK_EQ(number_of(db, "SELECT count(*) FROM sqlite_schema"), 0);
    check_commits(db);
    database_close(db);
    store_world_close(world);
    CHECK(!sim_os_load(world->sim,
                       "/data/do/chat-ChatRoom/"
                       "2500000000000000010000000000000000000000000000000000000000000000.sqlite",
                       &content));
    buf_fini(&content);
    sim_os_destroy(world->sim);
}

TEST(a_second_store_on_the_same_folder_is_refused_in_a_sentence)
{
    struct store_world *world = store_world_create();
    struct store_world other = {.sim = world->sim, .shard_count = 1};
    struct err_text why = {""};

    CHECK_EQ(store_world_try_open(&other, &why), STORE_OPEN_LOCKED);
    CHECK(strstr(why.text, "/data is in use by another process (pid ") != NULL);
    store_world_end(world);
}

TEST(a_folder_of_a_newer_version_is_refused)
{
    struct store_world *world = store_world_create();
    struct err_text why = {""};

    store_world_close(world);
    sim_os_store(world->sim, "/data/version", BYTES("dormouse data 2\n"));
    CHECK_EQ(store_world_try_open(world, &why), STORE_OPEN_NEWER);
    CHECK(strstr(why.text, "newer version") != NULL);
    sim_os_destroy(world->sim);
}

TEST(a_namespace_keeps_its_number)
{
    struct store_world *world = store_world_create();
    uint32_t other;
    uint32_t again;

    CHECK_EQ(store_namespace(world->store, "w/../x-Kläss", &other), 0);
    CHECK(other != world->ns);
    store_world_close(world);
    store_world_open(world);
    CHECK_EQ(store_namespace(world->store, "w/../x-Kläss", &again), 0);
    CHECK_EQ(again, other);
    CHECK_STR_EQ(store_namespace_key(world->store, other), "w/../x-Kläss");
    CHECK(store_namespace_key(world->store, 99) == NULL);
    store_world_end(world);
}

TEST(a_namespace_is_found_by_its_class_and_by_its_whole_key)
{
    struct store_world *world = store_world_create();
    struct err_text why = {""};
    uint32_t first, second, exact;

    CHECK_EQ(store_namespace(world->store, "one-Room", &first), 0);
    CHECK_EQ(store_namespace_find(world->store, "Room", &why), first);
    CHECK_EQ(store_namespace_find(world->store, "one-Room", &why), first);
    CHECK_EQ(store_namespace_find(world->store, "oom", &why), 0);
    CHECK(strstr(why.text, "has no class oom; its classes are: ") != NULL);
    CHECK_EQ(store_namespace(world->store, "two-one-Room", &second), 0);
    CHECK_EQ(store_namespace_find(world->store, "one-Room", &why), first);
    CHECK_EQ(store_namespace_find(world->store, "Room", &why), 0);
    CHECK(strstr(why.text, "Room can be more than one; give the whole key, one of: ") != NULL);
    CHECK_EQ(store_namespace(world->store, "Room", &exact), 0);
    CHECK_EQ(store_namespace_find(world->store, "Room", &why), exact);
    store_world_end(world);
}

TEST(a_hole_before_acknowledged_commits_is_damage_with_file_and_offset)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct err_text why = {""};
    struct buf segment = {0};

    check_runs(db, make);
    for (int i = 0; i < 5; i++) {
        check_runs(db, "INSERT INTO t (b) VALUES ('x')");
        check_commits(db);
        store_world_settle(world);
    }
    sim_os_kill(world->sim);
    database_close(db);
    store_world_close(world);
    sim_os_boot(world->sim);
    CHECK(sim_os_load(world->sim, "/data/journal/segment-0000", &segment));
    segment.data[2 * 512 + 90] ^= 1;
    sim_os_store(world->sim, "/data/journal/segment-0000", buf_bytes(&segment));
    CHECK_EQ(store_world_try_open(world, &why), STORE_OPEN_DAMAGED);
    CHECK(strstr(why.text, "/data/journal/segment-0000 is damaged at offset ") != NULL);
    buf_fini(&segment);
    sim_os_destroy(world->sim);
}

TEST(a_transaction_larger_than_a_batch_is_there_as_a_whole_or_not_at_all)
{
    for (uint64_t seed = 1; seed < 10; seed++) {
        struct store_world *world = store_world_create();
        struct database *db = store_world_object(world, 1);
        int64_t count;

        check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
        check_commits(db);
        store_world_settle(world);
        check_runs(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) "
                       "INSERT INTO t SELECT i, randomblob(2000) FROM n");
        check_commits(db); /* 200 KB; a batch of this journal takes 64 */
        if (seed % 2 == 0)
            store_world_settle(world);
        sim_os_crash(world->sim, seed);
        database_close(db);
        store_world_crash(world, seed);
        db = store_world_object(world, 1);
        count = number_of(db, "SELECT count(*) FROM t");
        CHECK(count == 100 || (count == 0 && seed % 2 == 1));
        database_close(db);
        store_world_end(world);
    }
}

TEST(segments_are_used_again_while_the_journal_goes_on)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct buf segment = {0};

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
    for (int i = 0; i < 400; i++) {
        check_runs(db, "INSERT OR REPLACE INTO t SELECT abs(random() % 50), randomblob(8000)");
        check_commits(db);
        store_world_settle(world);
    }
    CHECK(!sim_os_load(world->sim, "/data/journal/segment-0008", &segment));
    database_close(db);
    store_world_end(world);
    buf_fini(&segment);
}

TEST(an_object_may_be_opened_again_before_its_close_is_durable)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    check_runs(db, make);
    check_runs(db, "INSERT INTO t (b) VALUES ('one')");
    check_commits(db);
    database_close(db);
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 1);
    database_close(db);
    store_world_settle(world);
    store_world_settle(world);
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 1);
    database_close(db);
    store_world_end(world);
}

TEST(a_failed_flush_is_final_and_everybody_is_told)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct err_text why = {""};
    uint64_t lsn;

    check_runs(db, make);
    check_commits(db);
    sim_os_fail_at(world->sim, SIM_OS_SYNC, 1, -EIO, false);
    store_world_settle(world);
    CHECK_EQ(world->fault, -EIO);
    check_runs(db, "INSERT INTO t (b) VALUES ('one')");
    CHECK_EQ(database_commit(db, &lsn, &why), DATABASE_CRITICAL);
    database_close(db);
    store_world_end(world);
}

TEST(a_full_disk_refuses_commits_and_goes_on_when_there_is_room)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct err_text why = {""};
    uint64_t lsn;
    int r = 0;
    int64_t count = 0;

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
    check_commits(db);
    store_world_settle(world);
    sim_os_set_space(world->sim, 4 * 256 * 1024 + 64 * 1024);
    for (int i = 0; i < 400 && r == 0; i++) {
        check_runs(db, "INSERT INTO t (b) VALUES (randomblob(8000))");
        r = database_commit(db, &lsn, &why);
        count += r == 0;
        store_world_settle(world);
    }
    CHECK_EQ(r, DATABASE_CRITICAL);
    CHECK(strstr(why.text, "SQLITE_FULL") != NULL);
    CHECK_EQ(world->fault, 0);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), count);
    sim_os_set_space(world->sim, 64 * 1024 * 1024);
    for (int i = 0; i < 4; i++)
        store_world_settle(world);
    check_runs(db, "INSERT INTO t (b) VALUES (randomblob(8000))");
    check_commits(db);
    store_world_settle(world);
    sim_os_crash(world->sim, 3);
    database_close(db);
    store_world_crash(world, 3);
    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), count + 1);
    database_close(db);
    store_world_end(world);
}

/* Opens, writes, stops: every call of the kernel fails once, and what was durable is there. */
TEST(every_call_fails_once_and_nothing_acknowledged_is_lost)
{
    for (uint64_t n = 1; n < 2000; n++) {
        struct store_world *world = store_world_create();
        struct database *db;
        struct err_text why = {""};
        int64_t durable = 0;
        bool failed;

        store_world_close(world);
        sim_os_fail_at(world->sim, SIM_OS_ANY, n, -EIO, false);
        if (store_world_try_open(world, &why) == 0) {
            if (database_open(&db, world->shard, world->ns, store_world_id(1), NULL, &why) == 0) {
                struct sql_cursor *cursor;
                uint64_t lsn = 0;

                if (sql_exec(db,
                             BYTES("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t "
                                   "VALUES (1)"),
                             NULL, 0, &cursor, &why) == 0) {
                    sql_cursor_close(cursor);
                    if (database_commit(db, &lsn, &why) == 0) {
                        store_world_settle(world);
                        durable = world->durable_lsn >= lsn && lsn > 0;
                    }
                }
                database_close(db);
            }
            store_world_settle(world);
            store_world_close(world);
        }
        failed = sim_os_has_failed(world->sim);
        sim_os_crash(world->sim, n);
        sim_os_boot(world->sim);
        store_world_open(world);
        db = store_world_object(world, 1);
        if (durable != 0)
            CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 1);
        database_close(db);
        store_world_end(world);
        if (!failed)
            return;
    }
    CHECK(false);
}

TEST(a_small_insert_costs_less_than_300_bytes_of_journal)
{
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);
    struct buf segment = {0};
    struct batch batch;
    struct bytes rest;

    check_runs(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)");
    check_commits(db);
    store_world_settle(world);
    for (int i = 0; i < 150; i++) {
        check_runs(db,
                   "INSERT INTO t (at, text) VALUES (1767225600000, 'user-name what was said in "
                   "the room, about a hundred bytes of it, as such messages are')");
        check_commits(db);
    }
    store_world_settle(world);
    CHECK(sim_os_load(world->sim, "/data/journal/segment-0000", &segment));
    rest = buf_bytes(&segment);
    for (unsigned i = 0; batch_parse(rest, &batch) == 0 && batch.record_count < 100; i++)
        rest = bytes_slice(rest, (size_t)batch_bytes(batch.records.len), rest.len);
    CHECK_EQ(batch.record_count, 150);
    test_note("%zu bytes", batch.records.len / batch.record_count);
    CHECK(batch.records.len / batch.record_count < 300);
    buf_fini(&segment);
    database_close(db);
    store_world_end(world);
}

/* SQLite does not write pages that a transaction appends and frees. What the file happens to hold
 * there must not become what later records are differences from. */
TEST(pages_that_were_never_written_are_zeros_whatever_the_file_holds)
{
    static const char fill[] = "INSERT INTO t (b) VALUES (printf('%.*c', 60000, 'x'))";
    struct store_world *world = store_world_create();
    struct database *db = store_world_object(world, 1);

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b)");
    check_runs(db, fill);
    check_commits(db);
    database_close(db);
    for (int i = 0; i < 4; i++)
        store_world_settle(world); /* now the file is full of "x" */

    db = store_world_object(world, 1);
    CHECK_EQ(database_delete_all(db, true, NULL), 0);
    check_commits(db); /* small again, in memory and journal only */
    check_runs(db, "CREATE TABLE w (a INTEGER PRIMARY KEY, b)");
    check_runs(db, "INSERT INTO w (b) VALUES (zeroblob(60000)); DROP TABLE w");
    check_commits(db); /* large, and most of it never written */
    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b)");
    check_runs(db, fill);
    check_commits(db);
    store_world_settle(world);
    sim_os_crash(world->sim, 1);
    database_close(db);
    store_world_crash(world, 1);

    db = store_world_object(world, 1);
    CHECK_EQ(number_of(db, "SELECT b = printf('%.*c', 60000, 'x') FROM t"), 1);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'"), 0);
    database_close(db);
    store_world_end(world);
}
