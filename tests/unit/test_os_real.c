#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/os.h"
#include "test.h"

static const char *path_of(const char *name)
{
    static char paths[4][4200];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", test_folder(), name);
    return path;
}

static struct os_file *create(const char *name)
{
    struct os_file *file = NULL;

    CHECK_EQ(os_open(os_real(), path_of(name), OS_READ | OS_WRITE | OS_CREATE, &file), 0);
    return file;
}

static struct bytes content(struct os_file *file)
{
    static uint8_t out[4096];
    size_t got;

    CHECK_EQ(os_pread(file, out, sizeof out, 0, &got), 0);
    return bytes_of(out, got);
}

TEST(the_clock_goes_forward_and_the_date_is_after_2020)
{
    uint64_t before = os_monotonic_ns(os_real());

    usleep(2000);
    CHECK(os_monotonic_ns(os_real()) >= before + 2000000);
    CHECK(os_wall_ns(os_real()) > INT64_C(1577836800) * 1000000000);
}

TEST(randomness_fills_every_byte)
{
    uint8_t any[1000] = {0};
    uint8_t data[1000];

    for (int round = 0; round < 8; round++) {
        os_random(os_real(), data, sizeof data);
        for (size_t i = 0; i < sizeof data; i++)
            any[i] |= data[i];
    }
    for (size_t i = 0; i < sizeof any; i++)
        CHECK(any[i] != 0);
}

TEST(what_is_written_is_read)
{
    struct os_file *file = create("a");
    uint64_t size;
    size_t got;
    char out[8];

    CHECK_EQ(os_pwrite(file, "hello", 5, 0), 0);
    CHECK_EQ(os_pwrite(file, "J", 1, 0), 0);
    CHECK_BYTES_EQ(content(file), BYTES("Jello"));
    CHECK_EQ(os_pread(file, out, sizeof out, 3, &got), 0);
    CHECK_BYTES_EQ(bytes_of(out, got), BYTES("lo"));
    CHECK_EQ(os_pread(file, out, sizeof out, 100, &got), 0);
    CHECK_EQ(got, 0);
    CHECK_EQ(os_file_size(file, &size), 0);
    CHECK_EQ(size, 5);
    CHECK_EQ(os_fdatasync(file), 0);
    CHECK_EQ(os_fsync(file), 0);
    CHECK_EQ(os_ftruncate(file, 2), 0);
    CHECK_BYTES_EQ(content(file), BYTES("Je"));
    os_close(file);
    os_close(NULL);
}

TEST(parts_are_written_one_behind_the_other)
{
    struct os_file *file = create("parts");
    struct bytes parts[200];
    uint8_t out[400];
    uint8_t data[200];
    size_t got;

    for (size_t i = 0; i < 200; i++) {
        data[i] = (uint8_t)i;
        parts[i] = bytes_of(&data[i], i % 3 == 0 ? 0 : 1); /* some are empty */
    }
    CHECK_EQ(os_pwritev(file, parts, 200, 10), 0);
    CHECK_EQ(os_pwritev(file, parts, 1, 10), 0);
    CHECK_EQ(os_pwritev(file, NULL, 0, 10), 0);
    CHECK_EQ(os_pread(file, out, sizeof out, 10, &got), 0);
    CHECK_EQ(got, 133);
    for (size_t i = 0, k = 0; i < 200; i++) {
        if (i % 3 != 0)
            CHECK_EQ(out[k++], i);
    }
    os_close(file);
}

TEST(opening_says_what_is_missing_and_what_is_there)
{
    struct os_file *file = NULL;

    CHECK_EQ(os_open(os_real(), path_of("x"), OS_READ, &file), OS_OPEN_MISSING);
    CHECK_EQ(os_open(os_real(), path_of("no/x"), OS_WRITE | OS_CREATE, &file), OS_OPEN_MISSING);
    os_close(create("x"));
    CHECK_EQ(os_open(os_real(), path_of("x"), OS_WRITE | OS_CREATE | OS_EXCLUSIVE, &file),
             OS_OPEN_EXISTS);
    CHECK_EQ(os_open(os_real(), test_folder(), OS_WRITE, &file), -EISDIR);
    CHECK(file == NULL);
}

TEST(truncating_open_empties_the_file)
{
    struct os_file *file = create("t");

    CHECK_EQ(os_pwrite(file, "abc", 3, 0), 0);
    os_close(file);
    CHECK_EQ(os_open(os_real(), path_of("t"), OS_READ | OS_WRITE | OS_TRUNCATE, &file), 0);
    CHECK_EQ(content(file).len, 0);
    os_close(file);
}

TEST(allocated_blocks_read_as_zero_and_change_nothing_else)
{
    struct os_file *file = create("f");
    uint64_t size;

    CHECK_EQ(os_pwrite(file, "abc", 3, 0), 0);
    CHECK_EQ(os_fallocate(file, 0, 1000), 0);
    CHECK_EQ(os_file_size(file, &size), 0);
    CHECK_EQ(size, 1000);
    CHECK_BYTES_EQ(bytes_slice(content(file), 0, 5), BYTES("abc\0\0"));
    os_close(file);
}

TEST(what_holds_data_is_not_passed_over_as_zeros)
{
    struct os_file *file = create("f");
    uint64_t from;
    uint64_t end;

    CHECK_EQ(os_fallocate(file, 0, 1 << 20), 0);
    CHECK_EQ(os_pwrite(file, "abc", 3, 600000), 0);
    for (unsigned synced = 0; synced < 2; synced++) {
        for (uint64_t offset = 0; offset < 600003; offset += 512) {
            CHECK_EQ(os_next_data(file, offset, &from, &end), 0);
            CHECK(from >= offset && end > from);
            CHECK(offset >= 600000 ? from == offset : from <= 600000);
            CHECK(from + 4096 < 600000 || end > 600002);
        }
        CHECK_EQ(os_next_data(file, 700000, &from, &end), 0);
        CHECK(from >= 700000 && end >= from);
        CHECK_EQ(os_fdatasync(file), 0);
    }
    os_close(file);
}

TEST(a_lock_is_held_until_the_file_is_closed)
{
    struct os_file *first = create("lock");
    struct os_file *second = create("lock");

    CHECK_EQ(os_lock(first), 0);
    CHECK_EQ(os_lock(second), OS_LOCK_TAKEN);
    os_close(first);
    CHECK_EQ(os_lock(second), 0);
    os_close(second);
}

static int count_names(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return 0;
}

static int stop_at_once(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return 7;
}

TEST(folders_are_made_listed_and_removed)
{
    int count = 0;

    CHECK_EQ(os_mkdir(os_real(), path_of("dir")), 0);
    CHECK_EQ(os_mkdir(os_real(), path_of("dir")), 0);
    os_close(create("dir/a"));
    os_close(create("dir/b"));
    CHECK_EQ(os_sync_dir(os_real(), path_of("dir")), 0);
    CHECK_EQ(os_list_dir(os_real(), path_of("dir"), count_names, &count), 0);
    CHECK_EQ(count, 2);
    CHECK_EQ(os_list_dir(os_real(), path_of("dir"), stop_at_once, &count), 7);
    CHECK_EQ(count, 3);
    CHECK_EQ(os_rename(os_real(), path_of("dir/a"), path_of("dir/b")), 0);
    CHECK_EQ(os_rmdir(os_real(), path_of("dir")), -ENOTEMPTY);
    CHECK_EQ(os_unlink(os_real(), path_of("dir/b")), 0);
    CHECK_EQ(os_unlink(os_real(), path_of("dir/b")), OS_UNLINK_MISSING);
    CHECK_EQ(os_rmdir(os_real(), path_of("dir")), 0);
    CHECK_EQ(os_rmdir(os_real(), path_of("dir")), OS_UNLINK_MISSING);
    CHECK_EQ(os_list_dir(os_real(), path_of("dir"), count_names, &count), -ENOENT);
    CHECK_EQ(os_sync_dir(os_real(), path_of("dir")), -ENOENT);
}

TEST(a_file_in_the_way_of_a_folder_is_a_fault)
{
    os_close(create("file"));
    CHECK_EQ(os_mkdir(os_real(), path_of("file")), -EEXIST);
}
