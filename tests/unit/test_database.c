#include "store/database.h"
#include "store_world.h"

static struct store_world *world;

static struct database *fresh(void)
{
    world = store_world_create();
    return store_world_object(world, 1);
}

static void end(struct database *db)
{
    database_close(db);
    store_world_end(world);
}

static unsigned writings;

static void writing(void *data)
{
    (void)data;
    writings++;
}

TEST(the_listener_hears_of_the_first_write_of_a_turn_only)
{
    struct database_listener listener = {.writing = writing};
    struct database *db;

    writings = 0;
    world = store_world_create();
    CHECK_EQ(database_open(&db, world->shard, world->ns, store_world_id(1), &listener, NULL), 0);
    number_of(db, "SELECT 1");
    CHECK_EQ(writings, 0);
    check_runs(db, "CREATE TABLE t (a)");
    check_runs(db, "INSERT INTO t VALUES (1)");
    CHECK_EQ(writings, 1);
    CHECK(database_dirty(db));
    check_commits(db);
    CHECK(!database_dirty(db));
    CHECK_EQ(kv_put(db, BYTES("a"), BYTES("1"), NULL), 0);
    CHECK_EQ(writings, 2);
    end(db);
}

TEST(a_rollback_undoes_what_was_written_since_the_last_commit)
{
    struct database *db = fresh();

    check_runs(db, "CREATE TABLE t (a)");
    check_commits(db);
    check_runs(db, "INSERT INTO t VALUES (1)");
    database_rollback(db);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 0);
    CHECK_EQ(check_commits(db), 0);
    end(db);
}

TEST(savepoints_nest)
{
    struct database *db = fresh();

    check_runs(db, "CREATE TABLE t (a)");
    CHECK_EQ(database_savepoint(db, 1, NULL), 0);
    check_runs(db, "INSERT INTO t VALUES (1)");
    CHECK_EQ(database_savepoint(db, 2, NULL), 0);
    check_runs(db, "INSERT INTO t VALUES (2)");
    CHECK_EQ(database_savepoint_rollback(db, 2, NULL), 0);
    CHECK_EQ(database_savepoint(db, 2, NULL), 0);
    check_runs(db, "INSERT INTO t VALUES (3)");
    CHECK_EQ(database_savepoint_release(db, 2, NULL), 0);
    CHECK_EQ(database_savepoint_release(db, 1, NULL), 0);
    check_commits(db);
    CHECK_EQ(number_of(db, "SELECT sum(a) FROM t"), 4);
    end(db);
}

TEST(foreign_keys_are_enforced_and_a_deferred_one_resets_the_object_at_commit)
{
    struct database *db = fresh();
    struct err_text why = {""};
    uint64_t lsn;

    check_runs(db, "CREATE TABLE p (id INTEGER PRIMARY KEY); "
                   "CREATE TABLE c (p REFERENCES p (id)); "
                   "CREATE TABLE d (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)");
    check_commits(db);
    CHECK(strstr(error_of(db, "INSERT INTO c VALUES (7)"), "FOREIGN KEY constraint failed") !=
          NULL);
    check_runs(db, "INSERT INTO d VALUES (7)");
    CHECK_EQ(database_commit(db, &lsn, &why), DATABASE_CRITICAL);
    CHECK_STR_EQ(why.text, "Durable Object was reset and rolled back to its last known good state "
                           "because the application left the database in a state where constraints "
                           "were violated: FOREIGN KEY constraint failed: "
                           "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)");
    CHECK_EQ(number_of(db, "SELECT count(*) FROM d"), 0);
    check_runs(db, "PRAGMA defer_foreign_keys = on");
    check_runs(db, "INSERT INTO c VALUES (8); INSERT INTO p VALUES (8)");
    check_commits(db);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM c"), 1);
    end(db);
}

TEST(a_statement_that_rolls_back_by_itself_is_critical)
{
    struct database *db = fresh();
    struct sql_cursor *cursor;
    struct err_text why = {""};

    check_runs(db, "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)");
    CHECK_EQ(sql_exec(db, BYTES("INSERT OR ROLLBACK INTO t VALUES (1)"), NULL, 0, &cursor, &why),
             DATABASE_CRITICAL);
    database_rollback(db);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM sqlite_schema"), 0);
    end(db);
}

TEST(delete_all_removes_everything_and_gives_the_pages_back)
{
    struct database *db = fresh();
    struct sql_cursor *cursor;
    struct err_text why = {""};
    struct bytes value;
    uint64_t size;
    int64_t alarm;

    check_runs(db, "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b BLOB); "
                   "CREATE INDEX i ON a (b); CREATE VIEW v AS SELECT * FROM a; "
                   "CREATE TABLE c (a REFERENCES a (id)); "
                   "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('words'); "
                   "INSERT INTO a (b) VALUES (randomblob(100000)); INSERT INTO c VALUES (1)");
    CHECK_EQ(kv_put(db, BYTES("k"), BYTES("v"), NULL), 0);
    CHECK_EQ(database_set_alarm(db, 1800000000000, NULL, NULL), 0);
    check_runs(db, "ANALYZE a");
    check_commits(db);
    CHECK_EQ(sql_exec(db, BYTES("SELECT id FROM a UNION ALL SELECT 2"), NULL, 0, &cursor, NULL), 0);
    CHECK_EQ(database_delete_all(db, true, &why), 0);
    CHECK_EQ(sql_cursor_next(cursor, &why), DATABASE_ERROR);
    CHECK_STR_EQ(why.text, "SQLite query was canceled because the database was deleted.");
    sql_cursor_close(cursor);
    CHECK_EQ(kv_put(db, BYTES("n"), BYTES("v"), NULL), 0);
    check_commits(db);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'"), 1);
    CHECK_EQ(kv_get(db, BYTES("k"), &value, NULL), KV_GET_MISSING);
    CHECK_EQ(kv_get(db, BYTES("n"), &value, NULL), 0);
    CHECK_EQ(database_alarm(db, &alarm, NULL), 0);
    CHECK_EQ(alarm, 0);
    CHECK_EQ(database_size(db, &size, NULL), 0);
    CHECK(size <= 4 * 4096);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'"), 0);
    database_close(db);
    store_world_settle(world);
    store_world_settle(world);
    db = store_world_object(world, 1);
    CHECK_EQ(kv_get(db, BYTES("n"), &value, NULL), 0);
    end(db);
}

TEST(delete_all_can_leave_the_alarm)
{
    struct database *db = fresh();
    int64_t alarm;

    CHECK_EQ(kv_put(db, BYTES("k"), BYTES("v"), NULL), 0);
    CHECK_EQ(database_set_alarm(db, 1800000000000, "name", NULL), 0);
    check_commits(db);
    CHECK_EQ(database_delete_all(db, false, NULL), 0);
    check_commits(db);
    CHECK_EQ(database_alarm(db, &alarm, NULL), 0);
    CHECK_EQ(alarm, 1800000000000);
    end(db);
}

TEST(delete_all_is_refused_in_a_transaction)
{
    struct database *db = fresh();
    struct err_text why = {""};

    CHECK_EQ(database_savepoint(db, 1, NULL), 0);
    CHECK_EQ(database_delete_all(db, true, &why), DATABASE_ERROR);
    CHECK_STR_EQ(why.text, "Cannot call deleteAll() within a transaction");
    CHECK_EQ(database_savepoint_rollback(db, 1, NULL), 0);
    end(db);
}

TEST(the_alarm_stands_in_the_platforms_table_in_nanoseconds)
{
    struct database *db = fresh();
    int64_t alarm;

    CHECK_EQ(database_alarm(db, &alarm, NULL), 0);
    CHECK_EQ(alarm, 0);
    CHECK_EQ(database_set_alarm(db, 1767225600123, NULL, NULL), 0);
    CHECK_EQ(database_alarm(db, &alarm, NULL), 0);
    CHECK_EQ(alarm, 1767225600123);
    database_rollback(db);
    CHECK_EQ(database_alarm(db, &alarm, NULL), 0);
    CHECK_EQ(alarm, 0);
    end(db);
}

TEST(the_size_counts_used_pages)
{
    struct database *db = fresh();
    uint64_t size;

    CHECK_EQ(database_size(db, &size, NULL), 0);
    CHECK_EQ(size, 4096);
    check_runs(db, "CREATE TABLE t (a)");
    CHECK_EQ(database_size(db, &size, NULL), 0);
    CHECK_EQ(size, 8192);
    check_runs(db, "DROP TABLE t");
    CHECK_EQ(database_size(db, &size, NULL), 0);
    CHECK_EQ(size, 4096);
    end(db);
}
