#pragma once

/*
 * Blob
 *
 * Bytes that no longer change, counted: one frame queued on a thousand sockets, one body that
 * crosses from shard to shard. Whoever keeps a pointer holds a reference; the last to let go
 * frees it. Any thread; a TSan test passes one around.
 */

#include "base/buf.h"
#include "base/bytes.h"

struct blob;

/* A copy of the bytes, with one reference for the caller. Never NULL. */
struct blob *blob_create(const void *data, size_t len);

/* As blob_create(), but takes over memory from mem_alloc() instead of copying it. */
struct blob *blob_take(void *data, size_t len);

/* Takes over what the buffer holds and leaves it empty. */
struct blob *blob_take_buf(struct buf *buf);

/* `len` bytes that the caller fills, once each, at *data: whoever is to read is told how far it has
 * come. */
struct blob *blob_create_room(size_t len, uint8_t **data);

/* One more reference; returns `blob`. */
struct blob *blob_ref(struct blob *blob);

/* One less; the last one frees it. NULL is allowed. */
void blob_unref(struct blob *blob);

/* Valid as long as the caller's reference. Of NULL it is empty. */
struct bytes blob_bytes(const struct blob *blob);
