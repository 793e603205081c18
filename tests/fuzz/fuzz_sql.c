/*
 * SQL of a script: any text, run as storage.sql.exec() runs it, with cursors that stay open, keys,
 * savepoints, commits and closed databases in between, on a simulated disk.
 *
 * An input is a row of steps with an empty line between them. A step's first character says what it
 * is, see run_step(); the rest is its text.
 *
 * Whatever the script says, each step works or fails with words, a critical failure leaves the
 * object as it was when it was last committed, nothing of our own tables is ever told or changed,
 * and what is committed is there when the object is opened again.
 */

#include <sqlite3.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sim_os.h"
#include "store/database.h"
#include "store/database_state.h"
#include "store/kv.h"
#include "store/sql.h"
#include "store/store.h"

enum {
    CURSORS = 4,
    STEPS_MAX = 64,
    ROWS_MAX = 256,
    BINDINGS_MAX = 9,
    SAVEPOINTS_MAX = 8,
    /* What a step may do and a value may have: enough to find everything, and never slow. */
    STEP_MS_MAX = 40,
    VALUE_BYTES_MAX = 20000,
};

/* The value of a key that no step writes; no text of a script has it. */
static const uint8_t secret[] = {0xf5, 0xfe, 0xc0, 0x01, 0xff, 0xf8, 0x9d, 0xc1,
                                 0xfa, 0xf7, 0xfd, 0xc0, 0x80, 0xfb, 0xff, 0xf6};

struct game {
    struct sim_os *sim;
    struct store *store;
    struct store_shard *shard;
    struct database *db;
    uint32_t ns;
    struct sql_cursor *cursors[CURSORS];
    unsigned depth;
    bool kept; /* the secret has not been deleted with everything else */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_wake(void *data)
{
    (void)data;
}

static void on_durable(void *data, uint64_t lsn, int fault)
{
    (void)data;
    (void)lsn;
    ASSERT(fault == 0);
}

/* ---- an object and its life ---- */

static void open_object(struct game *game)
{
    static const uint8_t id[STORE_ID_SIZE] = {1};
    struct err_text why;

    ASSERT(database_open(&game->db, game->shard, game->ns, id, NULL, &why) == 0);
    sqlite3_limit(game->db->sql, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    game->depth = 0;
}

static void close_cursor(struct game *game, unsigned i)
{
    sql_cursor_close(game->cursors[i]);
    game->cursors[i] = NULL;
}

static void close_object(struct game *game)
{
    for (unsigned i = 0; i < CURSORS; i++)
        close_cursor(game, i);
    database_close(game->db);
    game->db = NULL;
}

/* What a reset does. */
static void reset_object(struct game *game)
{
    database_rollback(game->db);
    close_object(game);
    open_object(game);
}

/* Every outcome has words; a critical one resets the object. */
static bool worked(struct game *game, int r, const struct err_text *why)
{
    ASSERT(r == 0 || r == DATABASE_ERROR || r == DATABASE_CRITICAL);
    ASSERT(r == 0 || why->text[0] != '\0');
    if (r == DATABASE_CRITICAL)
        reset_object(game);
    return r == 0;
}

static void commit(struct game *game)
{
    struct err_text why = {""};
    uint64_t lsn;

    if (game->depth > 0) /* a turn ends outside of all transactions */
        return;
    worked(game, database_commit(game->db, &lsn, &why), &why);
    store_step(game->store);
    store_shard_poll(game->shard);
}

static struct game *game_create(void)
{
    struct game *game = mem_new(struct game);
    struct store_options options = {
        .dir = "/data",
        .shard_count = 1,
        .segment_size_bytes = 256 * 1024,
        .segment_count = 4,
        .statement_limit_ms = STEP_MS_MAX,
        .sync = true,
        .stepped = true,
    };
    struct store_shard_listener listener = {.wake = on_wake, .durable = on_durable, .data = game};
    struct err_text why = {""};

    game->sim = sim_os_create(1);
    game->kept = true;
    options.os = sim_os_base(game->sim);
    ASSERT(store_open(&game->store, &options, &why) == 0);
    game->shard = store_shard_create(game->store, 0, &listener);
    ASSERT(store_namespace(game->store, "worker-Class", &game->ns) == 0);
    open_object(game);
    ASSERT(kv_put(game->db, BYTES("secret"), bytes_of(secret, sizeof secret), &why) == 0);
    commit(game);
    return game;
}

static void game_destroy(struct game *game)
{
    close_object(game);
    store_shard_destroy(game->shard);
    store_close(game->store);
    sim_os_destroy(game->sim);
    mem_free(game);
}

/* ---- steps ---- */

/* What a script would see of the row: none of our own. */
static void look_at_row(const struct sql_cursor *cursor, struct buf *seen)
{
    for (size_t i = 0; i < sql_cursor_column_count(cursor); i++) {
        struct sql_value value = sql_cursor_value(cursor, i);

        ASSERT(sql_cursor_column_name(cursor, i) != NULL);
        if (value.type == SQL_TEXT || value.type == SQL_BLOB) {
            ASSERT(bytes_find(value.bytes, bytes_of(secret, sizeof secret), 0) == value.bytes.len);
            if (seen != NULL)
                buf_append_bytes(seen, value.bytes);
        } else if (seen != NULL) {
            buf_append(seen, &value.integer, sizeof value.integer);
        }
    }
}

static void bind_values(struct sql_value values[BINDINGS_MAX])
{
    const struct sql_value kinds[BINDINGS_MAX] = {
        {.type = SQL_REAL, .real = 1},
        {.type = SQL_TEXT, .bytes = BYTES("a text")},
        {.type = SQL_NULL},
        {.type = SQL_BLOB, .bytes = BYTES("\0\1\2")},
        {.type = SQL_REAL, .real = -1.5e9},
        {.type = SQL_TEXT, .bytes = BYTES("")},
        {.type = SQL_BLOB},
        {.type = SQL_INTEGER, .integer = INT64_MIN},
        {.type = SQL_REAL, .real = 0},
    };

    memcpy(values, kinds, sizeof kinds);
}

/* Executes it with so many bindings; the cursor stays open in a place of its own. */
static void exec(struct game *game, struct bytes text, size_t binding_count)
{
    unsigned place = (unsigned)(text.len % CURSORS);
    struct sql_value values[BINDINGS_MAX];
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};

    close_cursor(game, place);
    bind_values(values);
    if (!worked(game, sql_exec(game->db, text, values, binding_count, &cursor, &why), &why))
        return;
    game->cursors[place] = cursor;
    if (sql_cursor_has_row(cursor))
        look_at_row(cursor, NULL);
}

static void move_on(struct game *game, unsigned place, unsigned rows)
{
    while (rows-- > 0 && game->cursors[place] != NULL) {
        struct err_text why = {""};

        if (!worked(game, sql_cursor_next(game->cursors[place], &why), &why) ||
            !sql_cursor_has_row(game->cursors[place]))
            return;
        look_at_row(game->cursors[place], NULL);
        (void)sql_cursor_rows_read(game->cursors[place]);
    }
}

static void open_savepoint(struct game *game)
{
    struct err_text why = {""};

    if (game->depth < SAVEPOINTS_MAX &&
        worked(game, database_savepoint(game->db, game->depth + 1, &why), &why))
        game->depth++;
}

static void end_savepoint(struct game *game, bool keep)
{
    struct err_text why = {""};
    int r;

    if (game->depth == 0)
        return;
    r = keep ? database_savepoint_release(game->db, game->depth, &why)
             : database_savepoint_rollback(game->db, game->depth, &why);
    if (worked(game, r, &why))
        game->depth--;
}

static void use_keys(struct game *game, struct bytes text)
{
    struct err_text why = {""};
    struct bytes value;
    bool existed;
    int r;

    if (bytes_equal(text, BYTES("secret")))
        return;
    if (!worked(game, kv_put(game->db, text, text, &why), &why))
        return;
    r = kv_get(game->db, text, &value, &why);
    if (worked(game, r, &why) && text.len % 2 == 0)
        worked(game, kv_delete(game->db, text, &existed, &why), &why);
}

static void set_alarm(struct game *game, struct bytes text)
{
    struct err_text why = {""};

    worked(game, database_set_alarm(game->db, (int64_t)text.len, "name", &why), &why);
}

static void delete_all(struct game *game)
{
    struct err_text why = {""};

    if (game->depth > 0) /* refused before it comes here */
        return;
    if (worked(game, database_delete_all(game->db, true, &why), &why))
        game->kept = false;
}

/* All rows of a statement, or its error. */
static void look_at_rows(struct game *game, struct bytes text, struct buf *seen)
{
    struct sql_cursor *cursor = NULL;
    struct err_text why = {""};
    int r = sql_exec(game->db, text, NULL, 0, &cursor, &why);

    while (r == 0 && sql_cursor_has_row(cursor)) {
        look_at_row(cursor, seen);
        r = sql_cursor_next(cursor, &why);
    }
    if (r != 0 && seen != NULL)
        buf_append_string(seen, why.text);
    sql_cursor_close(cursor);
}

/* The database, as its script can see it: its schema, and how many rows each table has. The
 * settings that would change the answers are as they are in the beginning. */
static void look_at_all(struct game *game, struct buf *seen)
{
    struct buf texts = {0};
    struct bytes rest;

    look_at_rows(game,
                 BYTES("PRAGMA reverse_unordered_selects = 0; PRAGMA case_sensitive_like = 0; "
                       "PRAGMA foreign_keys = 1; PRAGMA ignore_check_constraints = 0; "
                       "PRAGMA legacy_alter_table = 0; PRAGMA recursive_triggers = 0"),
                 NULL);
    look_at_rows(game, BYTES("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 2"),
                 seen);
    look_at_rows(game, BYTES("PRAGMA quick_check"), NULL);
    look_at_rows(
        game,
        BYTES("SELECT 'SELECT count(*) FROM \"' || replace(name, '\"', '\"\"') || '\";\n\n'"
              " FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' "
              "ESCAPE '\\' AND sql NOT LIKE 'CREATE V%' ORDER BY name"),
        &texts);
    for (rest = buf_bytes(&texts); rest.len > 0;) {
        size_t end = bytes_find(rest, BYTES(";\n\n"), 0);

        look_at_rows(game, bytes_slice(rest, 0, end), seen);
        rest = bytes_slice(rest, end + 3 < rest.len ? end + 3 : rest.len, rest.len);
    }
    buf_fini(&texts);
}

/* Closed and opened again: what was committed is there. */
static void reopen(struct game *game)
{
    struct buf before = {0};
    struct buf after = {0};

    while (game->depth > 0)
        end_savepoint(game, true);
    commit(game);
    look_at_all(game, &before);
    close_object(game);
    open_object(game);
    look_at_all(game, &after);
    ASSERT(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
    buf_fini(&before);
    buf_fini(&after);
}

static void run_step(struct game *game, struct bytes step)
{
    uint8_t kind = step.len > 0 ? step.data[0] : 0;
    struct bytes text = step.len > 0 ? bytes_slice(step, 1, step.len) : step;
    unsigned place = text.len > 0 ? text.data[0] % CURSORS : 0;

    switch (kind) {
    case '+': move_on(game, place, 1); return;
    case '*': move_on(game, place, ROWS_MAX); return;
    case '-': close_cursor(game, place); return;
    case '(': open_savepoint(game); return;
    case ')': end_savepoint(game, true); return;
    case '<': end_savepoint(game, false); return;
    case '=': use_keys(game, text); return;
    case '@': set_alarm(game, text); return;
    case '!': commit(game); return;
    case '~': delete_all(game); return;
    case '^': reopen(game); return;
    case '?': reset_object(game); return;
    default:
        if (kind >= '1' && kind <= '9')
            exec(game, text, (size_t)(kind - '0'));
        else
            exec(game, step, 0);
    }
}

static void check_secret(struct game *game)
{
    struct err_text why = {""};
    struct bytes value;

    if (!game->kept)
        return;
    ASSERT(kv_get(game->db, BYTES("secret"), &value, &why) == 0);
    ASSERT(bytes_equal(value, bytes_of(secret, sizeof secret)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct game *game;

    if (bytes_find(rest, bytes_of(secret, sizeof secret), 0) < size)
        return 0;
    game = game_create();
    for (unsigned i = 0; i < STEPS_MAX && rest.len > 0; i++) {
        size_t end = bytes_find(rest, BYTES("\n\n"), 0);

        run_step(game, bytes_slice(rest, 0, end));
        rest = bytes_slice(rest, end + 2 < rest.len ? end + 2 : rest.len, rest.len);
    }
    reopen(game);
    check_secret(game);
    game_destroy(game);
    return 0;
}
