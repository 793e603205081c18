#pragma once

/*
 * Compress
 *
 * zlib streams as CompressionStream and DecompressionStream need them. Unlike zlib itself, a stream
 * that is over takes no more input, and one that is cut off is an error. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;
struct compress;

enum compress_format {
    COMPRESS_GZIP,
    COMPRESS_DEFLATE, /* with zlib's header and checksum */
    COMPRESS_DEFLATE_RAW,
};

/* `level` 0 to 9, or -1 for the usual; unused when decompressing. Never NULL. Free with
 * compress_destroy(). */
struct compress *compress_create(enum compress_format format, bool compressing, int level);
void compress_destroy(struct compress *stream);

/* Rough size of its memory. */
size_t compress_size(const struct compress *stream);

/* What compress_write() can find out; all of it ends the stream. */
enum compress_result {
    COMPRESS_CORRUPT = 1,
    COMPRESS_TRAILING,  /* there is something behind the end */
    COMPRESS_TRUNCATED, /* `finish`, but the end has not come */
    COMPRESS_BOMB,      /* one write would give more than LIMIT_INFLATE_BYTES */
};

/* Append to `out` what comes out. `finish` ends the input. */
int compress_write(struct compress *stream, struct bytes data, bool finish, struct buf *out);
