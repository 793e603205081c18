#include "base/mem.h"
#include "store/bookmark.h"
#include "store/history.h"
#include "store/object_file.h"
#include "store/restore.h"
#include "store/store_parts.h"
#include "store_world.h"

static const char make[] = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)";
static const char count[] = "SELECT count(*) FROM t";
static const char fill[] = "INSERT INTO t (b) VALUES (hex(randomblob(20000)))";

TEST(a_bookmark_is_text_and_back_and_in_the_order_of_time)
{
    struct bookmark bookmark = {.time_ms = INT64_C(1763712000123), .lsn = 0x123456789ab};
    struct bookmark later = {.time_ms = INT64_C(1763712000124), .lsn = 1};
    struct bookmark back;
    char text[BOOKMARK_TEXT_SIZE];
    char later_text[BOOKMARK_TEXT_SIZE];

    bookmark_format(&bookmark, text);
    bookmark_format(&later, later_text);
    CHECK(strcmp(text, later_text) < 0);
    CHECK(strlen(text) == BOOKMARK_TEXT_SIZE - 1);
    CHECK(bookmark_parse(bytes_of_string(text), &back));
    CHECK(back.time_ms == bookmark.time_ms && back.lsn == bookmark.lsn && back.undo_of == 0);
    text[8] = '0';
    CHECK(!bookmark_parse(bytes_of_string(text), &back));
    CHECK(!bookmark_parse(bytes_of_string("abc"), &back));
    CHECK(!bookmark_parse(bytes_of_string(""), &back));
}

static void check_bookmark(struct store_world *world, struct database *db,
                           char text[BOOKMARK_TEXT_SIZE])
{
    struct err_text why = {""};

    store_world_settle(world);
    CHECK_EQ(restore_bookmark_now(db, text, &why), 0);
}

static void check_orders(struct database *db, const char *bookmark, char undo[BOOKMARK_TEXT_SIZE])
{
    struct err_text why = {""};
    int r = restore_later(db, bytes_of_string(bookmark), undo, &why);

    if (r != 0)
        test_note("%s", why.text);
    CHECK_EQ(r, 0);
}

/* A session of the object begins. */
static struct database *begin(struct store_world *world, unsigned number)
{
    struct database *db = store_world_object(world, number);
    struct err_text why = {""};

    CHECK_EQ(restore_if_ordered(db, &why), 0);
    return db;
}

static struct database *again(struct store_world *world, struct database *db, unsigned number)
{
    database_close(db);
    return begin(world, number);
}

TEST(an_object_goes_back_to_a_bookmark_and_forth_again)
{
    struct store_world *world = store_world_create();
    struct database *db = begin(world, 1);
    char one[BOOKMARK_TEXT_SIZE];
    char undo[BOOKMARK_TEXT_SIZE];
    char redo[BOOKMARK_TEXT_SIZE];
    struct err_text why = {""};

    check_runs(db, make);
    check_runs(db, "INSERT INTO t (b) VALUES ('one')");
    check_commits(db);
    check_bookmark(world, db, one);
    check_runs(db, "INSERT INTO t (b) VALUES ('two'), ('three')");
    check_runs(db, "CREATE TABLE u (c)");
    check_commits(db);
    check_orders(db, one, undo);
    CHECK(strcmp(one, undo) <= 0);
    CHECK_EQ(number_of(db, count), 3); /* not before the next session */
    CHECK_EQ(restore_later(db, bytes_of_string(undo), redo, &why), RESTORE_REFUSED);

    db = again(world, db, 1);
    CHECK_EQ(number_of(db, count), 1);
    CHECK(strstr(error_of(db, "SELECT * FROM u"), "no such table: u") != NULL);
    check_runs(db, "INSERT INTO t (b) VALUES ('other')");
    check_commits(db);
    CHECK_EQ(number_of(db, count), 2);

    db = again(world, db, 1); /* once */
    CHECK_EQ(number_of(db, count), 2);
    check_orders(db, undo, redo);
    db = again(world, db, 1);
    CHECK_EQ(number_of(db, count), 3);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM u"), 0);
    check_orders(db, redo, undo);
    db = again(world, db, 1);
    CHECK_EQ(number_of(db, count), 2);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t WHERE b = 'other'"), 1);
    database_close(db);
    store_world_end(world);
}

static void check_name(struct database *db, const char *expected)
{
    char *name = database_alarm_name(db);
    bool right = name != NULL && strcmp(name, expected) == 0;

    mem_free(name);
    CHECK(right);
}

TEST(a_restore_comes_back_with_the_alarm_of_its_time)
{
    struct store_world *world = store_world_create();
    struct database *db = begin(world, 1);
    char first[BOOKMARK_TEXT_SIZE];
    char second[BOOKMARK_TEXT_SIZE];
    char undo[BOOKMARK_TEXT_SIZE];
    struct err_text why = {""};
    int64_t alarm_ms = 0;

    check_runs(db, make);
    CHECK_EQ(database_set_alarm(db, INT64_C(4000000000000), "lobby", &why), 0);
    check_commits(db);
    check_bookmark(world, db, first);
    CHECK_EQ(database_delete_all(db, false, &why), 0);
    check_commits(db);
    check_name(db, "lobby");
    CHECK_EQ(database_set_alarm(db, 0, NULL, &why), 0);
    check_commits(db);
    check_bookmark(world, db, second);
    check_orders(db, first, undo);
    db = again(world, db, 1);
    CHECK_EQ(database_alarm(db, &alarm_ms, &why), 0);
    CHECK_EQ(alarm_ms, INT64_C(4000000000000));
    check_name(db, "lobby");
    check_orders(db, second, undo);
    db = again(world, db, 1);
    CHECK_EQ(database_alarm(db, &alarm_ms, &why), 0);
    CHECK_EQ(alarm_ms, 0);
    database_close(db);
    store_world_end(world);
}

TEST(an_object_whose_first_commit_is_large_goes_back_to_it)
{
    struct store_world *world = store_world_create();
    struct database *db = begin(world, 1);
    char nothing[BOOKMARK_TEXT_SIZE];
    char first[BOOKMARK_TEXT_SIZE];
    char undo[BOOKMARK_TEXT_SIZE];

    check_bookmark(world, db, nothing);
    sim_os_advance(world->sim, 5000000);
    check_runs(db, make);
    for (int i = 0; i < 4; i++)
        check_runs(db, "INSERT INTO t (b) VALUES (hex(randomblob(60000)))");
    check_commits(db);
    check_bookmark(world, db, first);
    CHECK(world->durable_lsn > 2); /* in several records */
    check_runs(db, "DELETE FROM t");
    check_commits(db);
    check_orders(db, first, undo);
    db = again(world, db, 1);
    CHECK_EQ(number_of(db, count), 4);
    check_orders(db, nothing, undo);
    db = again(world, db, 1);
    CHECK(strstr(error_of(db, count), "no such table: t") != NULL);
    check_orders(db, undo, nothing);
    db = again(world, db, 1);
    CHECK_EQ(number_of(db, count), 4);
    database_close(db);
    store_world_end(world);
}

/* Several times the journal, so that most of it is in history files; every tenth state is looked
 * at. */
static void check_long_history(struct store_world *world, uint64_t crash_seed)
{
    enum {
        STATES = 60
    };

    static char bookmarks[STATES][BOOKMARK_TEXT_SIZE];
    char undo[BOOKMARK_TEXT_SIZE];
    char note[80];
    struct database *db = begin(world, 1);

    check_runs(db, make);
    check_commits(db);
    for (int i = 0; i < STATES; i++) {
        check_bookmark(world, db, bookmarks[i]);
        check_runs(db, fill);
        if (i % 7 == 3)
            check_runs(db, "DELETE FROM t WHERE a % 3 = 1");
        check_runs(db, "CREATE TABLE IF NOT EXISTS state (n, turn)");
        check_runs(db, "DELETE FROM state");
        snprintf(note, sizeof note, "INSERT INTO state SELECT count(*), %d FROM t", i + 1);
        check_runs(db, note);
        check_commits(db);
        store_world_settle(world);
        if (crash_seed != 0 && i % 13 == 5) {
            database_close(db);
            store_world_crash(world, crash_seed + (uint64_t)i);
            db = begin(world, 1);
        } else if (i % 11 == 4) {
            db = again(world, db, 1);
            store_world_settle(world);
        }
    }
    for (int i = STATES - 3; i > 1; i -= 10) {
        check_orders(db, bookmarks[i], undo);
        db = again(world, db, 1);
        CHECK_EQ(number_of(db, "SELECT (SELECT n FROM state) - (SELECT count(*) FROM t)"), 0);
        CHECK_EQ(number_of(db, "SELECT turn FROM state"), i);
    }
    database_close(db);
}

TEST(any_state_of_a_long_history_comes_back)
{
    struct store_world *world = store_world_create();

    check_long_history(world, 0);
    store_world_end(world);
}

TEST(any_state_comes_back_though_the_power_failed_now_and_then)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct store_world *world = store_world_create();

        check_long_history(world, seed * 1000);
        store_world_end(world);
    }
}

TEST(a_restore_is_made_once_whatever_the_power_does)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct store_world *world = store_world_create();
        struct database *db = begin(world, 1);
        char one[BOOKMARK_TEXT_SIZE];
        char undo[BOOKMARK_TEXT_SIZE];

        check_runs(db, make);
        check_runs(db, "INSERT INTO t (b) VALUES ('one')");
        check_commits(db);
        check_bookmark(world, db, one);
        check_runs(db, "INSERT INTO t (b) VALUES ('two')");
        check_commits(db);
        store_world_settle(world);
        check_orders(db, one, undo);
        database_close(db);
        store_world_crash(world, seed);
        db = begin(world, 1);
        CHECK_EQ(number_of(db, count), 1);
        check_runs(db, "INSERT INTO t (b) VALUES ('after')");
        check_commits(db);
        store_world_settle(world);
        database_close(db);
        store_world_crash(world, seed + 1);
        db = begin(world, 1);
        CHECK_EQ(number_of(db, count), 2);
        database_close(db);
        store_world_end(world);
    }
}

TEST(another_object_can_be_made_of_what_one_was)
{
    struct store_world *world = store_world_create();
    struct database *db = begin(world, 1);
    struct restore_request request = {.source_namespace = world->ns, .target_namespace = world->ns};
    struct err_text why = {""};

    check_runs(db, make);
    check_runs(db, "INSERT INTO t (b) VALUES ('one')");
    CHECK_EQ(database_set_alarm(db, INT64_C(4000000000000), NULL, &why), 0);
    check_commits(db);
    store_world_settle(world);
    memcpy(request.source_id, store_world_id(1), STORE_ID_SIZE);
    memcpy(request.target_id, store_world_id(2), STORE_ID_SIZE);
    request.time_ms = os_wall_ns(sim_os_base(world->sim)) / 1000000;
    CHECK_EQ(restore_order(world->store, &request, &why), 0);
    database_close(db);
    db = begin(world, 2);
    CHECK_EQ(number_of(db, count), 1);
    CHECK_EQ(number_of(db, "SELECT 7"), 7);
    {
        int64_t alarm_ms = 1;

        CHECK_EQ(database_alarm(db, &alarm_ms, &why), 0);
        CHECK_EQ(alarm_ms, 0);
    }
    database_close(db);

    request.time_ms += 1000000;
    CHECK_EQ(restore_order(world->store, &request, &why), RESTORE_REFUSED);
    CHECK(strstr(why.text, "future") != NULL);
    request.time_ms = 1;
    CHECK_EQ(restore_order(world->store, &request, &why), RESTORE_REFUSED);
    CHECK(strstr(why.text, "30 days") != NULL);
    store_world_end(world);
}
