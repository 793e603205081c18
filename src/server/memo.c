#include "server/memo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/file.h"

/* magic, checksum of what follows, fields: each its length as u32le and its bytes */
#define MAGIC "dormouse-start-1\n"

enum {
    MAGIC_BYTES = sizeof MAGIC - 1,
    HEAD_BYTES = MAGIC_BYTES + 4,
    NUMBER_BYTES = 8,
};

static uint64_t read_le(const uint8_t *data, size_t len)
{
    uint64_t value = 0;

    while (len-- > 0)
        value = value << 8 | data[len];
    return value;
}

void memo_add(struct buf *memo, struct bytes field)
{
    buf_append_u32le(memo, (uint32_t)field.len);
    buf_append_bytes(memo, field);
}

void memo_add_text(struct buf *memo, const char *field)
{
    memo_add(memo, bytes_of_string(field));
}

void memo_add_number(struct buf *memo, int64_t field)
{
    buf_append_u32le(memo, NUMBER_BYTES);
    buf_append_u64le(memo, (uint64_t)field);
}

struct bytes memo_take(struct memo *memo)
{
    struct bytes rest = memo->rest;
    uint64_t len;

    if (memo->good && rest.len >= 4) {
        len = read_le(rest.data, 4);
        if (len <= rest.len - 4) {
            memo->rest = bytes_slice(rest, 4 + (size_t)len, rest.len);
            return bytes_slice(rest, 4, 4 + (size_t)len);
        }
    }
    memo->good = false;
    return bytes_of(NULL, 0);
}

char *memo_take_text(struct memo *memo)
{
    struct bytes field = memo_take(memo);

    return mem_strndup(field.len > 0 ? (const char *)field.data : "", field.len);
}

int64_t memo_take_number(struct memo *memo)
{
    struct bytes field = memo_take(memo);

    if (field.len != NUMBER_BYTES)
        memo->good = false;
    return field.len == NUMBER_BYTES ? (int64_t)read_le(field.data, NUMBER_BYTES) : 0;
}

struct memo memo_load(const char *path, struct buf *content)
{
    struct memo memo = {0};
    struct bytes all;

    buf_clear(content);
    if (file_read(path, content) < 0)
        return memo;
    all = buf_bytes(content);
    if (all.len < HEAD_BYTES || memcmp(all.data, MAGIC, MAGIC_BYTES) != 0)
        return memo;
    memo.rest = bytes_slice(all, HEAD_BYTES, all.len);
    memo.good = crc32c(0, memo.rest.data, memo.rest.len) ==
                (uint32_t)read_le(all.data + MAGIC_BYTES, HEAD_BYTES - MAGIC_BYTES);
    return memo;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);

        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            content = bytes_slice(content, (size_t)put, content.len);
    }
    return true;
}

void memo_save(const char *path, struct bytes fields)
{
    char *fresh = mem_format("%s.%ld", path, (long)getpid());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct buf head = {0};
    bool good = fd >= 0;

    buf_append_string(&head, MAGIC);
    buf_append_u32le(&head, crc32c(0, fields.data, fields.len));
    good = good && write_all(fd, buf_bytes(&head)) && write_all(fd, fields);
    if (fd >= 0)
        close(fd);
    if (!good || rename(fresh, path) < 0) {
        log_debug("%s is not kept: %s", path, strerror(errno));
        unlink(fresh);
    }
    buf_fini(&head);
    mem_free(fresh);
}
