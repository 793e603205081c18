#include "base/mem.h"
#include "base/rng.h"
#include "history_image.h"
#include "store/history.h"
#include "store/history_file.h"
#include "store/restore.h"
#include "store/store_parts.h"
#include "store_world.h"

enum {
    STATES = 24,
    TRIES = 60,
};

static char bookmarks[STATES][BOOKMARK_TEXT_SIZE];

/* Rows 1, 2, 3, …; bookmark n is the state with n rows. Most of it is in the history file. */
static void check_makes_history(struct store_world *world)
{
    struct database *db = store_world_object(world, 1);
    struct err_text why = {""};

    check_runs(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    check_commits(db); /* in one record: the beginning is known */
    for (int i = 1; i < STATES; i++) {
        check_runs(db, "INSERT INTO t (b) VALUES (hex(randomblob(50000)))");
        check_runs(db, "UPDATE t SET b = '' WHERE a % 2 = 0");
        check_commits(db);
        store_world_settle(world);
        CHECK_EQ(restore_bookmark_now(db, bookmarks[i], &why), 0);
    }
    database_close(db);
    store_world_settle(world);
}

/* The number of rows at a bookmark, or -1 where it is refused. */
static int rows_at(struct store_world *world, int state)
{
    struct history_image image = {0};
    struct bookmark until;
    struct err_text why = {""};
    int rows = -1;

    if (!bookmark_parse(bytes_of_string(bookmarks[state]), &until))
        return -2;
    if (history_image(world->store->history, world->ns, store_world_id(1), &until, &image, &why) ==
        0)
        rows = history_image_ask(&image, "SELECT max(a) FROM t");
    else if (why.text[0] == '\0')
        rows = -2;
    history_image_fini(&image);
    return rows;
}

static char *path_of(struct store_world *world)
{
    char *dir = NULL;
    char *database = NULL;
    char *path = NULL;

    if (store_object_path(world->store, world->ns, store_world_id(1), &dir, &database)) {
        char *name = mem_strdup(strrchr(database, '/') + 1);

        *strrchr(name, '.') = '\0';
        path = mem_format("/data/history/%s/%s", strrchr(dir, '/') + 1, name);
        mem_free(name);
    }
    mem_free(database);
    mem_free(dir);
    return path;
}

TEST(every_state_can_be_had_again)
{
    struct store_world *world = store_world_create();

    check_makes_history(world);
    for (int i = 1; i < STATES; i++)
        CHECK_EQ(rows_at(world, i), i);
    store_world_end(world);
}

TEST(a_damaged_history_file_gives_the_right_state_or_none)
{
    struct store_world *world = store_world_create();
    struct rng rng;
    struct buf whole = {0};
    char *path;
    int refused = 0;

    check_makes_history(world);
    path = path_of(world);
    CHECK(sim_os_load(world->sim, path, &whole));
    CHECK(whole.len > 500000);
    rng_init(&rng, 7);
    for (int i = 0; i < TRIES; i++) {
        size_t at = (size_t)(rng_next(&rng) % whole.len);
        int state = 1 + i % (STATES - 1);
        int rows;

        whole.data[at] ^= 0x20;
        sim_os_store(world->sim, path, buf_bytes(&whole));
        whole.data[at] ^= 0x20;
        rows = rows_at(world, state);
        CHECK(rows == -1 || rows == state);
        refused += rows == -1;
    }
    CHECK(refused > TRIES / 4 && refused < TRIES);
    sim_os_store(world->sim, path, buf_bytes(&whole));
    CHECK_EQ(rows_at(world, 5), 5);
    mem_free(path);
    buf_fini(&whole);
    store_world_end(world);
}
