#include "server/record.h"

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

void record_add(struct buf *record, struct bytes field)
{
    buf_append_u32le(record, (uint32_t)field.len);
    buf_append_bytes(record, field);
}

void record_add_text(struct buf *record, const char *field)
{
    record_add(record, bytes_of_string(field));
}

void record_add_number(struct buf *record, int64_t field)
{
    buf_append_u32le(record, NUMBER_BYTES);
    buf_append_u64le(record, (uint64_t)field);
}

struct bytes record_take(struct record *record)
{
    struct bytes rest = record->rest;
    uint64_t len;

    if (record->good && rest.len >= 4) {
        len = read_le(rest.data, 4);
        if (len <= rest.len - 4) {
            record->rest = bytes_slice(rest, 4 + (size_t)len, rest.len);
            return bytes_slice(rest, 4, 4 + (size_t)len);
        }
    }
    record->good = false;
    return bytes_of(NULL, 0);
}

char *record_take_text(struct record *record)
{
    struct bytes field = record_take(record);

    return mem_strndup(field.len > 0 ? (const char *)field.data : "", field.len);
}

int64_t record_take_number(struct record *record)
{
    struct bytes field = record_take(record);

    if (field.len != NUMBER_BYTES)
        record->good = false;
    return field.len == NUMBER_BYTES ? (int64_t)read_le(field.data, NUMBER_BYTES) : 0;
}

struct record record_load(const char *path, struct buf *content)
{
    struct record record = {0};
    struct bytes all;

    buf_clear(content);
    if (file_read(path, content) < 0)
        return record;
    all = buf_bytes(content);
    if (all.len < HEAD_BYTES || memcmp(all.data, MAGIC, MAGIC_BYTES) != 0)
        return record;
    record.rest = bytes_slice(all, HEAD_BYTES, all.len);
    record.good = crc32c(0, record.rest.data, record.rest.len) ==
                  (uint32_t)read_le(all.data + MAGIC_BYTES, HEAD_BYTES - MAGIC_BYTES);
    return record;
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

void record_save(const char *path, struct bytes record)
{
    char *fresh = mem_format("%s.%ld", path, (long)getpid());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct buf head = {0};
    bool good = fd >= 0;

    buf_append_string(&head, MAGIC);
    buf_append_u32le(&head, crc32c(0, record.data, record.len));
    good = good && write_all(fd, buf_bytes(&head)) && write_all(fd, record);
    if (fd >= 0)
        close(fd);
    if (!good || rename(fresh, path) < 0) {
        log_debug("%s is not kept: %s", path, strerror(errno));
        unlink(fresh);
    }
    buf_fini(&head);
    mem_free(fresh);
}
