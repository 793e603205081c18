#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/file.h"
#include "server/memo.h"
#include "test.h"

static void keep(const char *path)
{
    struct buf fields = {0};

    memo_add_text(&fields, "a key");
    memo_add_number(&fields, -7);
    memo_add(&fields, bytes_of(NULL, 0));
    memo_save(path, buf_bytes(&fields));
    buf_fini(&fields);
}

TEST(what_is_saved_is_loaded)
{
    char folder[] = "/tmp/memo-XXXXXX";
    struct buf content = {0};
    struct memo memo;
    struct stat info;
    char *path, *text;

    CHECK(mkdtemp(folder) != NULL);
    path = mem_format("%s/x.memo", folder);
    CHECK(!memo_load(path, &content).good);
    keep(path);
    CHECK_EQ(stat(path, &info), 0);
    CHECK_EQ(info.st_mode & 0777, 0600);
    memo = memo_load(path, &content);
    CHECK(memo.good);
    text = memo_take_text(&memo);
    CHECK_STR_EQ(text, "a key");
    mem_free(text);
    CHECK_EQ(memo_take_number(&memo), -7);
    CHECK_EQ(memo_take(&memo).len, 0);
    CHECK(memo.good);
    CHECK_EQ(memo_take_number(&memo), 0);
    CHECK(!memo.good); /* there is no more */
    buf_fini(&content);
    unlink(path);
    rmdir(folder);
    mem_free(path);
}

TEST(a_memo_with_a_wrong_bit_or_end_is_none)
{
    char folder[] = "/tmp/memo-XXXXXX";
    struct buf whole = {0}, content = {0};
    char *path;

    CHECK(mkdtemp(folder) != NULL);
    path = mem_format("%s/x.memo", folder);
    keep(path);
    CHECK_EQ(file_read(path, &whole), 0);
    for (size_t at = 0; at < whole.len; at++) {
        whole.data[at] ^= 0x10;
        CHECK_EQ(file_write(path, buf_bytes(&whole)), 0);
        CHECK(!memo_load(path, &content).good);
        whole.data[at] ^= 0x10;
        CHECK_EQ(file_write(path, bytes_of(whole.data, at)), 0);
        CHECK(!memo_load(path, &content).good);
    }
    buf_fini(&whole);
    buf_fini(&content);
    unlink(path);
    rmdir(folder);
    mem_free(path);
}

TEST(a_memo_that_cannot_be_written_is_not)
{
    keep("/nowhere/at/all/x.memo");
    CHECK(!file_exists("/nowhere/at/all/x.memo"));
}
