#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "sim_os.h"
#include "test.h"

enum {
    SEEDS = 300,
};

static struct os_file *open_in(struct sim_os *sim, const char *path)
{
    struct os_file *file = NULL;

    CHECK_EQ(os_open(sim_os_base(sim), path, OS_READ | OS_WRITE | OS_CREATE, &file), 0);
    return file;
}

/* A file of `len` times the byte, synced with its name. */
static struct os_file *synced_file(struct sim_os *sim, const char *path, uint8_t byte, size_t len)
{
    uint8_t data[8192];
    struct os_file *file = open_in(sim, path);

    CHECK(len <= sizeof data);
    memset(data, byte, len);
    CHECK_EQ(os_pwrite(file, data, len, 0), 0);
    CHECK_EQ(os_fdatasync(file), 0);
    CHECK_EQ(os_sync_dir(sim_os_base(sim), "/"), 0);
    return file;
}

static void write_byte(struct os_file *file, uint8_t byte, size_t len, uint64_t offset)
{
    uint8_t data[8192];

    memset(data, byte, len);
    CHECK_EQ(os_pwrite(file, data, len, offset), 0);
}

/* What a crash with this seed leaves of the file; false: not even its name. */
static bool after_crash(struct sim_os *sim, uint64_t seed, const char *path, struct buf *content)
{
    struct sim_os *twin = sim_os_clone(sim);
    bool found;

    sim_os_crash(twin, seed);
    sim_os_boot(twin);
    found = sim_os_load(twin, path, content);
    sim_os_destroy(twin);
    return found;
}

TEST(a_running_system_sees_what_it_wrote)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = open_in(sim, "a");
    uint8_t out[16];
    uint64_t size;
    size_t got;

    CHECK_EQ(os_pwrite(file, "hello", 5, 2), 0);
    CHECK_EQ(os_pread(file, out, sizeof out, 0, &got), 0);
    CHECK_BYTES_EQ(bytes_of(out, got), BYTES("\0\0hello"));
    CHECK_EQ(os_pread(file, out, 3, 3, &got), 0);
    CHECK_BYTES_EQ(bytes_of(out, got), BYTES("ell"));
    CHECK_EQ(os_ftruncate(file, 4), 0);
    CHECK_EQ(os_fallocate(file, 0, 6), 0);
    CHECK_EQ(os_file_size(file, &size), 0);
    CHECK_EQ(size, 6);
    CHECK_EQ(os_pread(file, out, sizeof out, 0, &got), 0);
    CHECK_BYTES_EQ(bytes_of(out, got), BYTES("\0\0he\0\0"));
    os_close(file);
    sim_os_destroy(sim);
}

TEST(what_was_synced_survives_every_crash)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'x', 3000);
    struct buf content = {0};

    os_close(file);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        CHECK(after_crash(sim, seed, "a", &content));
        CHECK_EQ(content.len, 3000);
        for (size_t i = 0; i < content.len; i++)
            CHECK_EQ(content.data[i], 'x');
    }
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(unsynced_sectors_are_old_or_new_each_for_itself)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'o', 4 * 512);
    struct buf content = {0};
    unsigned seen = 0; /* one bit per mixture of the four sectors */

    write_byte(file, 'n', 4 * 512, 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        unsigned mixture = 0;

        CHECK(after_crash(sim, seed, "a", &content));
        for (size_t i = 0; i < content.len; i++)
            CHECK_EQ(content.data[i], content.data[i / 512 * 512]);
        for (unsigned s = 0; s < 4; s++)
            mixture |= (unsigned)(content.data[s * 512] == 'n') << s;
        seen |= 1U << mixture;
    }
    CHECK_EQ(seen, 0xffff);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_write_across_sectors_is_torn_where_they_meet)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'o', 1024);
    struct buf content = {0};
    bool torn = false;

    write_byte(file, 'n', 20, 502);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        CHECK(after_crash(sim, seed, "a", &content));
        CHECK_EQ(content.data[501], 'o');
        CHECK_EQ(content.data[522], 'o');
        torn |= content.data[502] != content.data[521];
    }
    CHECK(torn);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_version_in_between_may_be_what_is_left)
{
    struct buf content = {0};
    bool between = false;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sim_os *sim = sim_os_create(seed);
        struct os_file *file = synced_file(sim, "a", '1', 512);

        write_byte(file, '2', 512, 0);
        write_byte(file, '3', 512, 0);
        CHECK(after_crash(sim, seed, "a", &content));
        between |= content.data[0] == '2';
        os_close(file);
        sim_os_destroy(sim);
    }
    CHECK(between);
    buf_fini(&content);
}

TEST(a_new_size_may_be_lost_and_lost_content_reads_as_zero)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'o', 512);
    struct buf content = {0};
    bool short_seen = false;
    bool zero_seen = false;

    write_byte(file, 'n', 1024, 512);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        CHECK(after_crash(sim, seed, "a", &content));
        CHECK(content.len == 512 || content.len == 1536);
        short_seen |= content.len == 512;
        for (size_t i = 512; i < content.len; i++) {
            CHECK(content.data[i] == 'n' || content.data[i] == 0);
            zero_seen |= content.data[i] == 0;
        }
    }
    CHECK(short_seen && zero_seen);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(an_unsynced_cut_is_made_or_not_made)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'o', 2048);
    struct buf content = {0};
    bool cut = false;
    bool uncut = false;

    CHECK_EQ(os_ftruncate(file, 1024), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        CHECK(after_crash(sim, seed, "a", &content));
        CHECK(content.len == 1024 || content.len == 2048);
        cut |= content.len == 1024;
        uncut |= content.len == 2048;
        for (size_t i = 0; i < content.len; i++)
            CHECK_EQ(content.data[i], 'o');
    }
    CHECK(cut && uncut);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_name_is_certain_only_when_its_folder_was_synced)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = open_in(sim, "a");
    struct buf content = {0};
    int found = 0;

    CHECK_EQ(os_pwrite(file, "x", 1, 0), 0);
    CHECK_EQ(os_fsync(file), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool is_there = after_crash(sim, seed, "a", &content);

        CHECK(!is_there || content.len == 1);
        found += is_there;
    }
    CHECK(found > 0 && found < SEEDS);
    CHECK_EQ(os_sync_dir(sim_os_base(sim), "/"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        CHECK(after_crash(sim, seed, "a", &content));

    CHECK_EQ(os_unlink(sim_os_base(sim), "a"), 0);
    found = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        found += after_crash(sim, seed, "a", &content);
    CHECK(found > 0 && found < SEEDS);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_rename_replaces_in_one_step)
{
    struct sim_os *sim = sim_os_create(1);
    struct buf content = {0};
    int replaced = 0;

    os_close(synced_file(sim, "new", 'n', 1));
    os_close(synced_file(sim, "a", 'o', 1));
    CHECK_EQ(os_rename(sim_os_base(sim), "new", "a"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool is_new;

        CHECK(after_crash(sim, seed, "a", &content));
        is_new = content.data[0] == 'n';
        CHECK(after_crash(sim, seed, "new", &content) == !is_new);
        replaced += is_new;
    }
    CHECK(replaced > 0 && replaced < SEEDS);
    CHECK_EQ(os_sync_dir(sim_os_base(sim), "/"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        CHECK(after_crash(sim, seed, "a", &content));
        CHECK_EQ(content.data[0], 'n');
        CHECK(!after_crash(sim, seed, "new", &content));
    }
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_folder_that_was_not_synced_may_take_its_files_with_it)
{
    struct sim_os *sim = sim_os_create(1);
    struct os *os = sim_os_base(sim);
    struct buf content = {0};
    struct os_file *file = NULL;
    int found = 0;

    CHECK_EQ(os_open(os, "d/a", OS_WRITE | OS_CREATE, &file), OS_OPEN_MISSING);
    CHECK_EQ(os_mkdir(os, "/d/"), 0);
    CHECK_EQ(os_mkdir(os, "d"), 0);
    file = open_in(sim, "d//a");
    CHECK_EQ(os_fsync(file), 0);
    CHECK_EQ(os_sync_dir(os, "d"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        found += after_crash(sim, seed, "d/a", &content);
    CHECK(found > 0 && found < SEEDS);
    CHECK_EQ(os_sync_dir(os, "/"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        CHECK(after_crash(sim, seed, "d/a", &content));
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(moving_between_folders_needs_both_synced)
{
    struct sim_os *sim = sim_os_create(1);
    struct os *os = sim_os_base(sim);
    struct buf content = {0};
    int moved = 0;

    CHECK_EQ(os_mkdir(os, "d"), 0);
    os_close(synced_file(sim, "a", 'x', 1));
    CHECK_EQ(os_rename(os, "a", "d/a"), 0);
    CHECK_EQ(os_sync_dir(os, "d"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool in_new = after_crash(sim, seed, "d/a", &content);

        CHECK(in_new != after_crash(sim, seed, "a", &content));
        moved += in_new;
    }
    CHECK(moved > 0 && moved < SEEDS);
    CHECK_EQ(os_sync_dir(os, "/"), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        CHECK(after_crash(sim, seed, "d/a", &content));
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(without_power_every_call_fails_and_old_files_stay_dead)
{
    struct sim_os *sim = sim_os_create(1);
    struct os *os = sim_os_base(sim);
    struct os_file *file = synced_file(sim, "a", 'x', 10);
    struct os_file *other = NULL;
    struct buf content = {0};
    uint64_t size;

    CHECK_EQ(os_lock(file), 0);
    sim_os_crash(sim, 1);
    CHECK_EQ(os_pwrite(file, "y", 1, 0), -EIO);
    CHECK_EQ(os_unlink(os, "a"), -EIO);
    CHECK_EQ(os_open(os, "a", OS_READ, &other), -EIO);
    sim_os_boot(sim);
    CHECK_EQ(os_file_size(file, &size), -EIO);
    other = open_in(sim, "a");
    CHECK_EQ(os_lock(other), 0);
    os_close(file);
    file = open_in(sim, "a");
    CHECK_EQ(os_lock(file), OS_LOCK_TAKEN);
    os_close(other);
    os_close(file);
    CHECK(sim_os_load(sim, "a", &content));
    CHECK_EQ(content.data[0], 'x');
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_killed_process_loses_nothing_it_wrote)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = open_in(sim, "a");
    struct buf content = {0};

    write_byte(file, 'n', 2000, 0);
    sim_os_kill(sim);
    CHECK_EQ(os_pwrite(file, "y", 1, 0), -EIO);
    sim_os_boot(sim);
    CHECK(sim_os_load(sim, "a", &content));
    CHECK_EQ(content.len, 2000);
    CHECK_EQ(content.data[0], 'n');
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

/* A little story of seven calls; says how the first fault in it looked. */
static int story(struct os *os)
{
    struct os_file *file = NULL;
    int r = os_mkdir(os, "d");

    if (r == 0)
        r = os_open(os, "d/a", OS_READ | OS_WRITE | OS_CREATE, &file);
    if (r == 0)
        r = os_pwrite(file, "hello", 5, 0);
    if (r == 0)
        r = os_fdatasync(file);
    if (r == 0)
        r = os_sync_dir(os, "d");
    if (r == 0)
        r = os_sync_dir(os, "/");
    if (r == 0)
        r = os_rename(os, "d/a", "d/b");
    os_close(file);
    return r;
}

TEST(each_call_can_be_made_to_fail)
{
    uint64_t n = 1;

    for (;; n++) {
        struct sim_os *sim = sim_os_create(n);
        int r;

        sim_os_fail_at(sim, SIM_OS_ANY, n, -ENOSPC, false);
        r = story(sim_os_base(sim));
        CHECK_EQ(r, sim_os_has_failed(sim) ? -ENOSPC : 0);
        CHECK_EQ(sim_os_calls(sim, SIM_OS_ANY), r < 0 ? n : 7);
        sim_os_destroy(sim);
        if (r == 0)
            break;
    }
    CHECK_EQ(n, 8);
}

TEST(a_failure_can_be_of_one_kind_and_can_last)
{
    struct sim_os *sim = sim_os_create(1);
    struct os *os = sim_os_base(sim);

    sim_os_fail_at(sim, SIM_OS_SYNC, 2, -EIO, true);
    CHECK_EQ(story(os), -EIO);
    CHECK_EQ(sim_os_calls(sim, SIM_OS_SYNC), 2);
    CHECK_EQ(sim_os_calls(sim, SIM_OS_WRITE), 1);
    CHECK_EQ(os_mkdir(os, "e"), -EIO);
    sim_os_fail_at(sim, 0, 0, 0, false);
    CHECK_EQ(os_mkdir(os, "e"), 0);
    sim_os_destroy(sim);
}

TEST(after_a_failed_sync_a_later_one_saves_nothing)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'o', 512);
    struct buf content = {0};
    bool lost = false;

    write_byte(file, 'n', 512, 0);
    sim_os_fail_at(sim, SIM_OS_SYNC, 1, -EIO, false);
    CHECK_EQ(os_fdatasync(file), -EIO);
    CHECK_EQ(os_fdatasync(file), 0);
    CHECK(sim_os_load(sim, "a", &content));
    CHECK_EQ(content.data[0], 'n');
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        CHECK(after_crash(sim, seed, "a", &content));
        lost |= content.data[0] == 'o';
    }
    CHECK(lost);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}

TEST(a_full_disk_says_so)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *a = synced_file(sim, "a", 'x', 1000);
    struct os_file *b = open_in(sim, "b");
    uint64_t size;

    sim_os_set_space(sim, 1500);
    write_byte(b, 'y', 500, 0);
    CHECK_EQ(os_pwrite(b, "z", 1, 500), -ENOSPC);
    CHECK_EQ(os_fallocate(b, 0, 600), -ENOSPC);
    CHECK_EQ(os_pwrite(b, "z", 1, 499), 0);
    CHECK_EQ(os_ftruncate(a, 900), 0);
    write_byte(b, 'y', 100, 500);
    os_close(a);
    CHECK_EQ(os_unlink(sim_os_base(sim), "a"), 0);
    CHECK_EQ(os_fallocate(b, 0, 1500), 0);
    CHECK_EQ(os_file_size(b, &size), 0);
    CHECK_EQ(size, 1500);
    os_close(b);
    sim_os_destroy(sim);
}

TEST(an_unlinked_file_lives_on_while_it_is_open)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = synced_file(sim, "a", 'x', 10);
    struct os_file *other;
    uint64_t size;

    CHECK_EQ(os_unlink(sim_os_base(sim), "a"), 0);
    CHECK_EQ(os_unlink(sim_os_base(sim), "a"), OS_UNLINK_MISSING);
    other = open_in(sim, "a");
    CHECK_EQ(os_file_size(other, &size), 0);
    CHECK_EQ(size, 0);
    CHECK_EQ(os_file_size(file, &size), 0);
    CHECK_EQ(size, 10);
    os_close(other);
    os_close(file);
    sim_os_destroy(sim);
}

static int concatenate(void *arg, const char *name)
{
    struct buf *names = arg;

    buf_append_string(names, name);
    return 0;
}

TEST(folders_can_be_listed_moved_and_removed)
{
    struct sim_os *sim = sim_os_create(1);
    struct os *os = sim_os_base(sim);
    struct buf names = {0};

    CHECK_EQ(os_mkdir(os, "d"), 0);
    CHECK_EQ(os_mkdir(os, "d/e"), 0);
    os_close(open_in(sim, "d/e/file"));
    os_close(open_in(sim, "x"));
    CHECK_EQ(os_list_dir(os, "d/e", concatenate, &names), 0);
    CHECK_STR_EQ(buf_string(&names), "file");
    CHECK_EQ(os_list_dir(os, "nothing", concatenate, &names), -ENOENT);
    CHECK_EQ(os_list_dir(os, "x", concatenate, &names), -ENOTDIR);
    CHECK_EQ(os_rmdir(os, "d/e"), -ENOTEMPTY);
    CHECK_EQ(os_rename(os, "d/e", "f"), 0);
    CHECK_EQ(os_rename(os, "x", "f"), -EISDIR);
    CHECK_EQ(os_rename(os, "f", "x"), -ENOTDIR);
    CHECK_EQ(os_unlink(os, "f"), -EISDIR);
    CHECK_EQ(os_unlink(os, "f/file"), 0);
    CHECK_EQ(os_rmdir(os, "f"), 0);
    CHECK_EQ(os_rmdir(os, "x"), -ENOTDIR);
    CHECK_EQ(os_mkdir(os, "x"), -EEXIST);
    CHECK_EQ(os_mkdir(os, "x/y"), -ENOENT);
    buf_fini(&names);
    sim_os_destroy(sim);
}

TEST(opening_says_what_is_missing_and_what_is_there)
{
    struct sim_os *sim = sim_os_create(1);
    struct os *os = sim_os_base(sim);
    struct os_file *file = NULL;
    uint64_t size;

    CHECK_EQ(os_open(os, "a", OS_READ, &file), OS_OPEN_MISSING);
    os_close(synced_file(sim, "a", 'x', 10));
    CHECK_EQ(os_open(os, "a", OS_WRITE | OS_CREATE | OS_EXCLUSIVE, &file), OS_OPEN_EXISTS);
    CHECK_EQ(os_open(os, "/", OS_WRITE, &file), -EISDIR);
    CHECK_EQ(os_open(os, "a", OS_READ, &file), 0);
    CHECK_EQ(os_pwrite(file, "y", 1, 0), -EBADF);
    os_close(file);
    CHECK_EQ(os_open(os, "a", OS_WRITE | OS_TRUNCATE, &file), 0);
    CHECK_EQ(os_file_size(file, &size), 0);
    CHECK_EQ(size, 0);
    os_close(file);
    sim_os_destroy(sim);
}

TEST(time_and_chance_belong_to_the_test)
{
    struct sim_os *a = sim_os_create(5);
    struct sim_os *b = sim_os_create(5);
    uint8_t one[32];
    uint8_t two[32];

    CHECK_EQ(os_monotonic_ns(sim_os_base(a)), 0);
    sim_os_advance(a, 1500);
    CHECK_EQ(os_monotonic_ns(sim_os_base(a)), 1500);
    CHECK_EQ(os_wall_ns(sim_os_base(a)), os_wall_ns(sim_os_base(b)) + 1500);
    sim_os_set_wall(a, 7);
    CHECK_EQ(os_wall_ns(sim_os_base(a)), 7);
    os_random(sim_os_base(a), one, sizeof one);
    os_random(sim_os_base(b), two, sizeof two);
    CHECK_BYTES_EQ(bytes_of(one, sizeof one), bytes_of(two, sizeof two));
    sim_os_destroy(b);
    sim_os_destroy(a);
}

struct writer {
    struct os_file *file;
    uint64_t offset;
    int fault; /* the first */
};

static void *write_own_part(void *arg)
{
    struct writer *writer = arg;

    for (uint64_t i = 0; i < 300 && writer->fault == 0; i++) {
        writer->fault = os_pwrite(writer->file, "x", 1, writer->offset + i);
        if (writer->fault == 0 && i % 50 == 0)
            writer->fault = os_fdatasync(writer->file);
    }
    return NULL;
}

TEST(threads_may_write_different_parts_of_one_file)
{
    struct sim_os *sim = sim_os_create(1);
    struct os_file *file = open_in(sim, "a");
    struct buf content = {0};
    struct writer writers[4];
    pthread_t threads[4];

    for (uint64_t i = 0; i < 4; i++) {
        writers[i] = (struct writer){.file = file, .offset = i * 300};
        CHECK_EQ(pthread_create(&threads[i], NULL, write_own_part, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(sim_os_load(sim, "a", &content));
    CHECK_EQ(content.len, 1200);
    for (size_t i = 0; i < content.len; i++)
        CHECK_EQ(content.data[i], 'x');
    for (int i = 0; i < 4; i++)
        CHECK_EQ(writers[i].fault, 0);
    os_close(file);
    buf_fini(&content);
    sim_os_destroy(sim);
}
