#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

enum {
    BUF_CAP_MIN = 64, /* the first allocation; smaller ones are rounded up to it by malloc anyway */
};

void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

static uint8_t *start(const struct buf *buf)
{
    return buf->data != NULL ? buf->data - buf->gap : NULL;
}

void buf_fini(struct buf *buf)
{
    mem_free(start(buf));
    buf_init(buf);
}

/* Move the content to the start of the memory, so that the gap becomes room at the end. */
static void close_gap(struct buf *buf)
{
    if (buf->gap == 0)
        return;
    memmove(start(buf), buf->data, buf->len);
    buf->data -= buf->gap;
    buf->cap += buf->gap;
    buf->gap = 0;
}

static void grow(struct buf *buf, size_t need)
{
    size_t cap;

    /* Moving at most half of the memory pays for itself; otherwise it is time for more. */
    if (buf->gap > 0 && buf->gap >= buf->len && need <= buf->cap + buf->gap) {
        close_gap(buf);
        return;
    }
    close_gap(buf);
    cap = buf->cap > BUF_CAP_MIN / 2 ? buf->cap * 2 : BUF_CAP_MIN;
    if (cap < need)
        cap = need;
    buf->data = mem_realloc(buf->data, cap);
    buf->cap = cap;
}

uint8_t *buf_reserve(struct buf *buf, size_t extra)
{
    size_t need;

    if (__builtin_add_overflow(buf->len, extra, &need) || need > SIZE_MAX / 4)
        UNREACHABLE(); /* sizes from outside are refused before they get here */
    if (need > buf->cap || buf->data == NULL)
        grow(buf, need);
    return buf->data + buf->len;
}

void buf_added(struct buf *buf, size_t count)
{
    ASSERT(count <= buf->cap - buf->len);
    buf->len += count;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void buf_append_bytes(struct buf *buf, struct bytes bytes)
{
    buf_append(buf, bytes.data, bytes.len);
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    *buf_reserve(buf, 1) = byte;
    buf->len++;
}

void buf_append_string(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_format(struct buf *buf, const char *format, ...)
{
    va_list args;
    size_t room;
    int len;

    buf_reserve(buf, BUF_CAP_MIN);
    room = buf->cap - buf->len;
    va_start(args, format);
    len = vsnprintf((char *)buf->data + buf->len, room, format, args);
    va_end(args);
    ASSERT(len >= 0);
    if ((size_t)len >= room) {
        room = (size_t)len + 1;
        buf_reserve(buf, room);
        va_start(args, format);
        vsnprintf((char *)buf->data + buf->len, room, format, args);
        va_end(args);
    }
    buf->len += (size_t)len;
}

void buf_append_zeros(struct buf *buf, size_t count)
{
    memset(buf_reserve(buf, count), 0, count);
    buf->len += count;
}

void buf_append_u16be(struct buf *buf, uint16_t value)
{
    value = __builtin_bswap16(value);
    buf_append_u16le(buf, value);
}

void buf_append_u32be(struct buf *buf, uint32_t value)
{
    buf_append_u32le(buf, __builtin_bswap32(value));
}

void buf_append_u64be(struct buf *buf, uint64_t value)
{
    buf_append_u64le(buf, __builtin_bswap64(value));
}

static void append_le(struct buf *buf, uint64_t value, size_t size)
{
    uint8_t *out = buf_reserve(buf, size);

    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    buf->len += size;
}

void buf_append_u16le(struct buf *buf, uint16_t value)
{
    append_le(buf, value, sizeof value);
}

void buf_append_u32le(struct buf *buf, uint32_t value)
{
    append_le(buf, value, sizeof value);
}

void buf_append_u64le(struct buf *buf, uint64_t value)
{
    append_le(buf, value, sizeof value);
}

void buf_append_varint(struct buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        buf_append_byte(buf, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_append_byte(buf, (uint8_t)value);
}

void buf_consume(struct buf *buf, size_t count)
{
    ASSERT(count <= buf->len);
    if (count == buf->len) {
        buf_clear(buf);
        return;
    }
    buf->data += count;
    buf->len -= count;
    buf->cap -= count;
    buf->gap += count;
}

void buf_truncate(struct buf *buf, size_t len)
{
    ASSERT(len <= buf->len);
    buf->len = len;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    close_gap(buf);
}

const char *buf_string(struct buf *buf)
{
    *buf_reserve(buf, 1) = '\0';
    return (const char *)buf->data;
}

uint8_t *buf_steal(struct buf *buf, size_t *len)
{
    uint8_t *data;

    buf_reserve(buf, 0);
    close_gap(buf);
    data = buf->data;
    *len = buf->len;
    buf_init(buf);
    return data;
}
