#include "store/sql.h"
#include "store/sql_error.h"
#include "store/sql_policy.h"
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

TEST(the_last_statement_of_several_yields_rows)
{
    struct database *db = fresh();
    struct sql_cursor *cursor;

    CHECK_EQ(sql_exec(db,
                      BYTES("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, 'y'); "
                            "SELECT a AS n, b AS n FROM t ORDER BY a -- and a comment"),
                      NULL, 0, &cursor, NULL),
             0);
    CHECK_EQ(sql_cursor_column_count(cursor), 2);
    CHECK_STR_EQ(sql_cursor_column_name(cursor, 1), "n");
    CHECK(sql_cursor_has_row(cursor));
    CHECK_EQ(sql_cursor_value(cursor, 0).integer, 1);
    CHECK_EQ(sql_cursor_next(cursor, NULL), 0);
    CHECK_BYTES_EQ(sql_cursor_value(cursor, 1).bytes, BYTES("y"));
    CHECK_EQ(sql_cursor_next(cursor, NULL), 0);
    CHECK(!sql_cursor_has_row(cursor));
    CHECK_STR_EQ(sql_cursor_column_name(cursor, 0), "n");
    sql_cursor_close(cursor);
    end(db);
}

TEST(errors_read_as_the_platform_words_them)
{
    struct database *db = fresh();

    check_runs(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)");
    check_runs(db, "INSERT INTO t VALUES (1, 'x')");
    CHECK_STR_EQ(error_of(db, ""), "SQL code did not contain a statement.");
    CHECK_STR_EQ(error_of(db, " -- nothing\n"), "SQL code did not contain a statement.");
    CHECK_STR_EQ(error_of(db, "SELECT ?"), "Wrong number of parameter bindings for SQL query.");
    CHECK_STR_EQ(error_of(db, "SELECT ?; SELECT 1"),
                 "When executing multiple SQL statements in a single call, only the last statement "
                 "can have parameters.");
    CHECK_STR_EQ(error_of(db, "SELECT * FROM missing"), "no such table: missing: SQLITE_ERROR");
    CHECK_STR_EQ(error_of(db, "SELEKT 1"),
                 "near \"SELEKT\": syntax error at offset 0: SQLITE_ERROR");
    CHECK_STR_EQ(error_of(db, "INSERT INTO t VALUES (2, 'x')"),
                 "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: "
                 "SQLITE_CONSTRAINT_UNIQUE)");
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 1);
    check_commits(db);
    end(db);
}

TEST(what_the_platform_forbids_is_not_authorized)
{
    static const char *const texts[] = {
        "ATTACH 'x' AS y",
        "CREATE TEMP TABLE x (a)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE f USING fts4(a)",
        "CREATE TABLE _cf_x (a)",
        "CREATE TABLE _CF_x (a)",
        "PRAGMA user_version",
        "PRAGMA journal_mode = delete",
        "PRAGMA page_size = 512",
        "PRAGMA foreign_keys = 27",
        "PRAGMA table_info(_cf_KV)",
        "DETACH main",
    };
    struct database *db = fresh();

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        test_note("%s: %s", texts[i], error_of(db, texts[i]));
        CHECK(strstr(error_of(db, texts[i]), "not authorized") != NULL);
        CHECK(strstr(error_of(db, texts[i]), ": SQLITE_AUTH") != NULL);
    }
    CHECK_EQ(kv_put(db, BYTES("a"), BYTES("b"), NULL), 0);
    CHECK_STR_EQ(error_of(db, "SELECT key FROM _cf_KV"),
                 "access to _cf_KV.key is prohibited: SQLITE_AUTH");
    CHECK(strstr(error_of(db, "ALTER TABLE _cf_KV RENAME TO x"), "SQLITE_AUTH") != NULL);
    CHECK_STR_EQ(error_of(db, "SELECT sqlite_version()"),
                 "not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR");
    end(db);
}

TEST(transactions_by_statement_point_to_the_api)
{
    static const char *const texts[] = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "RELEASE x"};
    struct database *db = fresh();

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(strncmp(error_of(db, texts[i]), "To execute a transaction, please use the ", 41) ==
              0);
    end(db);
}

TEST(what_the_platform_allows_works)
{
    static const char *const texts[] = {
        "CREATE VIRTUAL TABLE f USING FTS5(a); INSERT INTO f VALUES ('some words'); "
        "SELECT highlight(f, 0, '<', '>') FROM f WHERE f MATCH 'words'",
        "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); INSERT INTO r VALUES (1, 2, 3); "
        "SELECT * FROM r WHERE x0 > 1",
        "PRAGMA table_list",
        "PRAGMA foreign_keys",
        "PRAGMA quick_check",
        "PRAGMA optimize",
        "PRAGMA defer_foreign_keys = on",
        "CREATE TABLE t (a, b); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a < 0; END",
        "ALTER TABLE t RENAME TO t2; ALTER TABLE t2 ADD COLUMN c; ALTER TABLE t2 DROP COLUMN b",
        "SELECT json_extract('{\"a\":1}', '$.a'), '{\"a\":2}' ->> 'a' FROM json_each('[1]')",
        "SELECT row_number() OVER (ORDER BY a), lag(a) OVER (ORDER BY a) FROM t2",
        "SELECT strftime('%Y', 'now'), unixepoch(), sqrt(2), pow(2, 3)",
        "DROP TABLE f; DROP TABLE r; DROP VIEW v",
        "SELECT * FROM pragma_table_info('t2')",
        "EXPLAIN QUERY PLAN SELECT 1",
        "ANALYZE; REINDEX",
    };
    struct database *db = fresh();

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_STR_EQ(error_of(db, texts[i]), "");
    check_commits(db);
    end(db);
}

static const char *text_of(struct database *db, const char *text)
{
    static char out[256];
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    struct sql_value value;

    if (sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, &why) != 0) {
        snprintf(out, sizeof out, "%s", why.text);
        return out;
    }
    value = sql_cursor_value(cursor, 0);
    out[0] = '\0';
    if (value.type == SQL_TEXT || value.type == SQL_BLOB) {
        memcpy(out, value.bytes.data, value.bytes.len);
        out[value.bytes.len] = '\0';
    } else if (value.type == SQL_NULL) {
        snprintf(out, sizeof out, "NULL");
    } else if (value.type == SQL_INTEGER) {
        snprintf(out, sizeof out, "%lld", (long long)value.integer);
    }
    sql_cursor_close(cursor);
    return out;
}

TEST(newer_functions_are_there)
{
    struct database *db = fresh();

    CHECK_STR_EQ(text_of(db, "SELECT octet_length('Kläss')"), "6");
    CHECK_STR_EQ(text_of(db, "SELECT octet_length(12.5)"), "4");
    CHECK_STR_EQ(text_of(db, "SELECT octet_length(NULL)"), "NULL");
    CHECK_STR_EQ(text_of(db, "SELECT concat('a', NULL, 1, 'b')"), "a1b");
    CHECK_STR_EQ(text_of(db, "SELECT concat_ws('-', 'a', NULL, 'b')"), "a-b");
    CHECK_STR_EQ(text_of(db, "SELECT concat_ws(NULL, 'a', 'b')"), "NULL");
    CHECK_STR_EQ(text_of(db, "SELECT string_agg(column1, ', ') FROM (VALUES ('x'), ('y'))"),
                 "x, y");
    CHECK_STR_EQ(text_of(db, "SELECT unhex('68 69', ' ')"), "hi");
    CHECK_STR_EQ(text_of(db, "SELECT unhex('686')"), "NULL");
    CHECK_STR_EQ(text_of(db, "SELECT timediff('2023-02-15', '2023-03-15')"),
                 "-0000-01-00 00:00:00.000");
    CHECK_STR_EQ(text_of(db, "SELECT timediff('2023-03-15', '2023-02-15')"),
                 "+0000-01-00 00:00:00.000");
    CHECK_STR_EQ(text_of(db, "SELECT timediff('2024-01-01 12:00', '2023-12-31 11:30:15.250')"),
                 "+0000-00-01 00:29:44.750");
    CHECK_STR_EQ(text_of(db, "SELECT timediff('x', '2023-02-15')"), "NULL");
    CHECK_STR_EQ(text_of(db, "SELECT json(jsonb_set(jsonb('{\"a\":[1]}'), '$.a[1]', 2))"),
                 "{\"a\":[1,2]}");
    CHECK_STR_EQ(text_of(db, "SELECT (1/3.0) || ''"), "0.33333333333333332");
    CHECK_STR_EQ(text_of(db, "SELECT group_concat(column1, ',' ORDER BY column1 DESC) "
                             "FROM (VALUES ('x'), ('y'))"),
                 "y,x");
    end(db);
}

TEST(what_sqlite_was_not_built_with_is_missing)
{
    struct database *db = fresh();

    CHECK_STR_EQ(error_of(db, "SELECT soundex('a')"),
                 "no such function: soundex at offset 7: SQLITE_ERROR");
    CHECK_STR_EQ(error_of(db, "SELECT log10(1)"),
                 "not authorized to use function: log10 at offset 7: SQLITE_ERROR");
    CHECK_STR_EQ(error_of(db, "SELECT * FROM dbstat"), "no such table: dbstat: SQLITE_ERROR");
    end(db);
}

TEST(the_limits_of_the_platform_hold)
{
    struct database *db = fresh();
    char *text = malloc(200001);

    CHECK_STR_EQ(error_of(db, "SELECT randomblob(9000000)"),
                 "string or blob too big: SQLITE_TOOBIG");
    memset(text, ' ', 200000);
    text[200000] = '\0';
    CHECK(strstr(error_of(db, text), "SQLITE_TOOBIG") != NULL);
    free(text);
    CHECK_STR_EQ(error_of(db,
                          "SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 "
                          "UNION SELECT 6"),
                 "too many terms in compound SELECT: SQLITE_ERROR");
    CHECK(strstr(
              error_of(db, "SELECT 'a' LIKE '123456789012345678901234567890123456789012345678901'"),
              "LIKE or GLOB pattern too complex") != NULL);
    CHECK(strstr(error_of(db, "SELECT ?101"), "variable number must be between ?1 and ?100") !=
          NULL);
    end(db);
}

TEST(the_rows_of_a_writing_statement_outlive_it)
{
    struct database *db = fresh();
    struct sql_cursor *cursor;

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b)");
    CHECK_EQ(sql_exec(db,
                      BYTES("INSERT INTO t (b) VALUES ('x'), (x'00ff'), (NULL), (1.5) "
                            "RETURNING a, b"),
                      NULL, 0, &cursor, NULL),
             0);
    check_commits(db);
    CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 4);
    CHECK_BYTES_EQ(sql_cursor_value(cursor, 1).bytes, BYTES("x"));
    CHECK_EQ(sql_cursor_next(cursor, NULL), 0);
    CHECK_EQ(sql_cursor_value(cursor, 1).type, SQL_BLOB);
    CHECK_EQ(sql_cursor_value(cursor, 1).bytes.len, 2);
    CHECK_EQ(sql_cursor_next(cursor, NULL), 0);
    CHECK_EQ(sql_cursor_value(cursor, 1).type, SQL_NULL);
    CHECK_EQ(sql_cursor_next(cursor, NULL), 0);
    CHECK(sql_cursor_value(cursor, 1).real == 1.5);
    CHECK_EQ(sql_cursor_value(cursor, 0).integer, 4);
    CHECK_EQ(sql_cursor_next(cursor, NULL), 0);
    CHECK(!sql_cursor_has_row(cursor));
    CHECK_EQ(sql_cursor_rows_written(cursor), 4);
    sql_cursor_close(cursor);
    end(db);
}

TEST(the_same_text_runs_twice_at_once_and_a_cursor_sees_later_writes)
{
    struct database *db = fresh();
    struct sql_cursor *a;
    struct sql_cursor *b;
    int rows = 1;

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    CHECK_EQ(sql_exec(db, BYTES("SELECT a FROM t"), NULL, 0, &a, NULL), 0);
    CHECK_EQ(sql_exec(db, BYTES("SELECT a FROM t"), NULL, 0, &b, NULL), 0);
    check_runs(db, "INSERT INTO t VALUES (3)");
    check_commits(db);
    store_world_settle(world);
    while (sql_cursor_next(a, NULL) == 0 && sql_cursor_has_row(a))
        rows++;
    CHECK_EQ(rows, 3);
    CHECK_EQ(sql_cursor_rows_read(a), 3);
    CHECK_EQ(sql_cursor_value(b, 0).integer, 1);
    sql_cursor_close(a);
    sql_cursor_close(b);
    end(db);
}

/* Reads all rows, and says how many rows were read and written for them. */
static const char *counts_of(struct database *db, const char *text)
{
    static char out[64];
    struct sql_cursor *cursor;

    out[0] = '\0';
    if (sql_exec(db, bytes_of_string(text), NULL, 0, &cursor, NULL) != 0)
        return out;
    while (sql_cursor_has_row(cursor) && sql_cursor_next(cursor, NULL) == 0) {
    }
    snprintf(out, sizeof out, "%llu read, %llu written",
             (unsigned long long)sql_cursor_rows_read(cursor),
             (unsigned long long)sql_cursor_rows_written(cursor));
    sql_cursor_close(cursor);
    return out;
}

/* All of these were seen on workerd. */
TEST(rows_are_counted_as_cloudflare_counts_them)
{
    struct database *db = fresh();

    CHECK_STR_EQ(counts_of(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b, c)"),
                 "1 read, 2 written");
    CHECK_STR_EQ(counts_of(db, "CREATE INDEX i ON t (b)"), "2 read, 1 written");
    CHECK_STR_EQ(counts_of(db, "INSERT INTO t VALUES (1, 1, 1), (2, 3, 2)"), "2 read, 4 written");
    CHECK_STR_EQ(counts_of(db, "INSERT INTO t VALUES (3, 5, 3)"), "1 read, 2 written");
    CHECK_STR_EQ(counts_of(db, "SELECT * FROM t"), "3 read, 0 written");
    CHECK_STR_EQ(counts_of(db, "SELECT count(*) FROM t"), "3 read, 0 written");
    CHECK_STR_EQ(counts_of(db, "SELECT * FROM t WHERE b = 3"), "2 read, 0 written");
    CHECK_STR_EQ(counts_of(db, "SELECT * FROM t WHERE a = 2"), "1 read, 0 written");
    CHECK_STR_EQ(counts_of(db, "SELECT 1; SELECT * FROM t; SELECT 2"), "0 read, 0 written");
    end(db);
}

TEST(an_inserted_row_counts_once_more_for_each_index)
{
    struct database *db = fresh();
    struct sql_cursor *cursor;

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b, c); CREATE INDEX i ON t (b); "
                   "CREATE INDEX j ON t (c)");
    CHECK_EQ(sql_exec(db, BYTES("INSERT INTO t (b) VALUES (1), (2)"), NULL, 0, &cursor, NULL), 0);
    CHECK_EQ(sql_cursor_rows_written(cursor), 6);
    sql_cursor_close(cursor);
    end(db);
}

TEST(a_number_bound_as_real_becomes_an_integer_in_an_integer_column)
{
    struct database *db = fresh();
    struct sql_value value = {.type = SQL_REAL, .real = 7};
    struct sql_cursor *cursor;

    check_runs(db, "CREATE TABLE t (a INTEGER, b)");
    CHECK_EQ(sql_exec(db, BYTES("INSERT INTO t VALUES (?1, ?1)"), &value, 1, &cursor, NULL), 0);
    sql_cursor_close(cursor);
    CHECK_STR_EQ(text_of(db, "SELECT typeof(a) || ' ' || typeof(b) FROM t"), "integer real");
    end(db);
}

TEST(extended_codes_have_their_names)
{
    CHECK_STR_EQ(sql_error_name(1), "SQLITE_ERROR");
    CHECK_STR_EQ(sql_error_name(19 | (8 << 8)), "SQLITE_CONSTRAINT_UNIQUE");
    CHECK_STR_EQ(sql_error_name(10 | (2 << 8)), "SQLITE_IOERR_SHORT_READ");
}

TEST(every_listed_function_is_found)
{
    CHECK(sql_policy_function_is_allowed("->"));
    CHECK(sql_policy_function_is_allowed("abs"));
    CHECK(sql_policy_function_is_allowed("ZEROBLOB"));
    CHECK(sql_policy_function_is_allowed("json_group_object"));
    CHECK(sql_policy_function_is_allowed("sqlite_rename_quotefix"));
    CHECK(sql_policy_function_is_allowed("string_agg"));
    CHECK(!sql_policy_function_is_allowed("log10"));
    CHECK(!sql_policy_function_is_allowed("if"));
    CHECK(!sql_policy_function_is_allowed("readfile"));
}

TEST(a_statement_that_never_ends_is_ended)
{
#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    static const char *const texts[] = {
        NUMBERS "SELECT count(*) FROM n",
        "INSERT INTO t " NUMBERS "SELECT i FROM n",
        NUMBERS "SELECT i FROM n; SELECT 1",
    };
    struct database *db = fresh();
    struct sql_cursor *cursor = NULL;
    struct err_text why;

    database_close(db);
    store_world_close(world);
    world->statement_limit_ms = 20;
    store_world_open(world);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        db = store_world_object(world, 1);
        check_runs(db, "CREATE TABLE IF NOT EXISTS t (a)");
        check_commits(db);
        CHECK_EQ(sql_exec(db, bytes_of_string(texts[i]), NULL, 0, &cursor, &why),
                 DATABASE_CRITICAL);
        CHECK_STR_EQ(why.text, "Durable Object exceeded its CPU time limit and was reset.");
        database_rollback(db);
        CHECK_EQ(number_of(db, "SELECT count(*) FROM t"), 0);
        database_close(db);
    }
    store_world_end(world);
}
