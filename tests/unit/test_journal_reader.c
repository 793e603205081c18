#include "base/hex.h"
#include "base/mem.h"
#include "base/rng.h"
#include "store/journal_reader.h"
#include "store/log.h"
#include "store/object_image.h"
#include "store/recovery.h"
#include "store/store_parts.h"
#include "store_world.h"

/*
 * What opening does, the reader must see before it, without doing it: the same end of the journal,
 * the same damage, and of each object the file that recovery will make.
 */

#define OBJECTS 4

static void write_some(struct store_world *world, struct rng *rng)
{
    struct database *db = store_world_object(world, (unsigned)rng_below(rng, OBJECTS));
    char text[128];

    check_runs(db, "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b BLOB)");
    snprintf(text, sizeof text, "INSERT INTO t (b) VALUES (randomblob(%u))",
             (unsigned)rng_below(rng, 30000));
    check_runs(db, text);
    if (rng_below(rng, 3) == 0)
        check_runs(db, "DELETE FROM t WHERE a % 3 = 0");
    check_commits(db);
    if (rng_below(rng, 4) != 0)
        store_world_settle(world);
    database_close(db);
}

static char *object_path(unsigned number)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};

    hex_encode(bytes_of(store_world_id(number), STORE_ID_SIZE), hex);
    return mem_format("/data/do/chat-ChatRoom/%s.sqlite", hex);
}

static char *image_path(unsigned number)
{
    return mem_format("/image-%u", number);
}

/* Makes the images of all objects, as they are found. */
static void make_images(struct store_world *world, struct journal_reader *reader)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct err_text why = {""};
        char *path = object_path(i);
        char *to = image_path(i);
        struct object_image image;
        struct object_image_source source = {
            .os = sim_os_base(world->sim),
            .journal = reader,
            .path = path,
            .namespace_number = 1,
            .id = store_world_id(i),
        };

        CHECK_EQ(object_image_make(&image, &source, to, &why), 0);
        CHECK_STR_EQ(why.text, "");
        object_image_fini(&image);
        mem_free(to);
        mem_free(path);
    }
}

static bool check_image(struct store_world *world, unsigned number)
{
    struct buf made = {0};
    struct buf recovered = {0};
    char *path = object_path(number);
    char *to = image_path(number);
    bool there;

    /* The recovery writes an object's file when it comes to it. */
    CHECK_EQ(recovery_bring(world->store->recovery, 1, store_world_id(number)), 0);
    there = sim_os_load(world->sim, path, &recovered) && recovered.len > 0;

    CHECK(sim_os_load(world->sim, to, &made));
    if (there)
        CHECK(bytes_equal(buf_bytes(&made), buf_bytes(&recovered)));
    buf_fini(&made);
    buf_fini(&recovered);
    mem_free(path);
    mem_free(to);
    return there;
}

/* Between the end of one process and the start of the next. Returns how many objects there are. */
static unsigned check_between(struct store_world *world)
{
    struct journal_reader *reader = NULL;
    struct err_text why = {""};
    uint64_t before = 0;
    uint64_t after = 0;
    uint64_t next_lsn;
    uint64_t needed_lsn;
    unsigned there = 0;

    sim_os_digest(world->sim, "/data/journal/segment-0000", &before);
    CHECK_EQ(journal_reader_open(&reader, sim_os_base(world->sim), "/data/journal", &why), 0);
    CHECK(!reader->damaged);
    make_images(world, reader);
    next_lsn = reader->next_lsn;
    needed_lsn = reader->needed_lsn;
    journal_reader_close(reader);
    sim_os_digest(world->sim, "/data/journal/segment-0000", &after);
    CHECK(before == after);

    store_world_open(world);
    CHECK_EQ(world->store->log->next_lsn, next_lsn);
    CHECK_EQ(world->store->log->needed_lsn, needed_lsn);
    for (unsigned i = 0; i < OBJECTS; i++)
        there += check_image(world, i);
    return there;
}

TEST(after_any_power_failure_it_sees_what_opening_sees)
{
    unsigned there = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct store_world *world = store_world_create();
        struct rng rng;

        rng_init(&rng, seed);
        for (unsigned life = 0; life < 3; life++) {
            for (uint64_t i = rng_below(&rng, 40); i > 0; i--)
                write_some(world, &rng);
            sim_os_crash(world->sim, seed * 10 + life);
            store_world_close(world);
            sim_os_boot(world->sim);
            there += check_between(world);
        }
        store_world_end(world);
    }
    CHECK(there > 300);
}

TEST(after_a_clean_stop_no_record_is_needed)
{
    struct store_world *world = store_world_create();
    struct journal_reader *reader = NULL;
    struct err_text why = {""};
    struct rng rng;

    rng_init(&rng, 5);
    for (unsigned i = 0; i < 30; i++)
        write_some(world, &rng);
    store_world_settle(world);
    store_world_close(world);
    CHECK_EQ(journal_reader_open(&reader, sim_os_base(world->sim), "/data/journal", &why), 0);
    CHECK(reader->stopped);
    CHECK_EQ(reader->needed_lsn, reader->next_lsn);
    journal_reader_close(reader);
    check_between(world);
    store_world_end(world);
}

TEST(a_journal_that_was_never_written_is_empty)
{
    struct sim_os *sim = sim_os_create(1);
    struct journal_reader *reader = NULL;
    struct err_text why = {""};

    CHECK_EQ(journal_reader_open(&reader, sim_os_base(sim), "/nowhere", &why), 0);
    CHECK_EQ(reader->count, 0);
    CHECK(!reader->damaged && !reader->stopped);
    journal_reader_close(reader);
    sim_os_destroy(sim);
}

/* One byte somewhere in the journal: it is called damaged if and only if opening refuses it, at the
 * same place. */
TEST(damage_is_what_opening_calls_damage)
{
    unsigned damaged = 0;

    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct store_world *world = store_world_create();
        struct journal_reader *reader = NULL;
        struct err_text why = {""};
        struct buf segment = {0};
        struct rng rng;
        char path[64];
        int r;

        rng_init(&rng, seed);
        for (uint64_t i = rng_below(&rng, 50); i > 0; i--)
            write_some(world, &rng);
        sim_os_kill(world->sim);
        store_world_close(world);
        sim_os_boot(world->sim);
        snprintf(path, sizeof path, "/data/journal/segment-%04u", (unsigned)rng_below(&rng, 3));
        if (sim_os_load(world->sim, path, &segment)) {
            segment.data[rng_below(&rng, segment.len)] ^= 0x40;
            sim_os_store(world->sim, path, buf_bytes(&segment));
        }
        CHECK_EQ(journal_reader_open(&reader, sim_os_base(world->sim), "/data/journal", &why), 0);
        r = store_world_try_open(world, &why);
        CHECK(r == 0 || r == STORE_OPEN_DAMAGED);
        CHECK_EQ(reader->damaged, r == STORE_OPEN_DAMAGED);
        damaged += reader->damaged;
        if (reader->damaged && strstr(why.text, " is missing") == NULL)
            CHECK(strncmp(reader->damage.text, why.text, strcspn(why.text, ":")) == 0);
        journal_reader_close(reader);
        buf_fini(&segment);
        if (r == 0)
            store_world_end(world);
        else
            sim_os_destroy(world->sim);
    }
    CHECK(damaged > 10);
    CHECK(damaged < 110);
}
