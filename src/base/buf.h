#pragma once

/*
 * Buffer
 *
 * Bytes that grow at the end and are consumed at the front. `data` is always the first byte not
 * yet consumed; consuming moves it and copies nothing, growing takes the gap back. An all-zero
 * struct is an empty buffer that owns no memory. One owner, one thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct buf {
    uint8_t *data; /* owned, starting `gap` bytes earlier; NULL while nothing is allocated */
    size_t len;    /* bytes in use from data */
    size_t cap;    /* bytes available from data */
    size_t gap;    /* private: consumed bytes before data */
};

void buf_init(struct buf *buf);

/* Frees the memory; the buffer is empty again and may be used on. */
void buf_fini(struct buf *buf);

/* Room for `extra` more bytes behind the `len` in use. Returns where they go; write there, then
 * buf_added(). Growth doubles. */
uint8_t *buf_reserve(struct buf *buf, size_t extra);

/* `count` bytes have been written into reserved room. */
void buf_added(struct buf *buf, size_t count);

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_bytes(struct buf *buf, struct bytes bytes);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_append_string(struct buf *buf, const char *text);
void buf_append_format(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_append_zeros(struct buf *buf, size_t count);

/* Numbers in network order… */
void buf_append_u16be(struct buf *buf, uint16_t value);
void buf_append_u32be(struct buf *buf, uint32_t value);
void buf_append_u64be(struct buf *buf, uint64_t value);

/* …and in the order of our files. */
void buf_append_u16le(struct buf *buf, uint16_t value);
void buf_append_u32le(struct buf *buf, uint32_t value);
void buf_append_u64le(struct buf *buf, uint64_t value);

/* Seven bits a byte, low ones first, the high bit set on all but the last: 1 to 10 bytes. */
void buf_append_varint(struct buf *buf, uint64_t value);

/* Forget the first `count` bytes; at most `len`. */
void buf_consume(struct buf *buf, size_t count);

/* Cut off everything behind the first `len` bytes. */
void buf_truncate(struct buf *buf, size_t len);

/* Empty it and keep the memory. */
void buf_clear(struct buf *buf);

/* What is in it, valid until it is changed. */
static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->len);
}

/* A NUL is put behind the content without counting it; valid until it is changed. */
const char *buf_string(struct buf *buf);

/* Hands the memory to the caller, who frees it with mem_free(); the buffer is empty. Never NULL. */
uint8_t *buf_steal(struct buf *buf, size_t *len);
