#include "api/compress.h"

#include <limits.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

enum {
    PIECE_MIN = 1024,
    PIECE_MAX = 256 * 1024, /* output asked for at a time */
    INPUT_MAX = 1 << 30,    /* input given at a time: zlib counts with 32 bits */
    MEMORY_LEVEL = 8,       /* zlib's usual */
    DEFLATE_BYTES = 268 * 1024,
    INFLATE_BYTES = 48 * 1024,
};

struct compress {
    z_stream zlib;
    bool compressing;
    bool over;   /* the end of the stream has come out, or gone in */
    int failure; /* what ended it; 0 while it goes on */
};

static int window_bits(enum compress_format format)
{
    switch (format) {
    case COMPRESS_GZIP: return MAX_WBITS + 16;
    case COMPRESS_DEFLATE: return MAX_WBITS;
    case COMPRESS_DEFLATE_RAW: return -MAX_WBITS;
    default: UNREACHABLE();
    }
}

struct compress *compress_create(enum compress_format format, bool compressing, int level)
{
    struct compress *stream = mem_new(struct compress);
    int r;

    stream->compressing = compressing;
    if (compressing)
        r = deflateInit2(&stream->zlib, level, Z_DEFLATED, window_bits(format), MEMORY_LEVEL,
                         Z_DEFAULT_STRATEGY);
    else
        r = inflateInit2(&stream->zlib, window_bits(format));
    ASSERT(r == Z_OK);
    return stream;
}

void compress_destroy(struct compress *stream)
{
    if (stream == NULL)
        return;
    if (stream->compressing)
        deflateEnd(&stream->zlib);
    else
        inflateEnd(&stream->zlib);
    mem_free(stream);
}

size_t compress_size(const struct compress *stream)
{
    return stream->compressing ? DEFLATE_BYTES : INFLATE_BYTES;
}

/* One call of zlib, with room for its output. */
static int step(struct compress *stream, bool last, struct buf *out)
{
    z_stream *zlib = &stream->zlib;
    size_t room = out->len < PIECE_MIN ? PIECE_MIN : out->len < PIECE_MAX ? out->len : PIECE_MAX;
    int r;

    zlib->next_out = buf_reserve(out, room);
    zlib->avail_out = (uInt)room;
    r = stream->compressing ? deflate(zlib, last ? Z_FINISH : Z_NO_FLUSH)
                            : inflate(zlib, Z_NO_FLUSH);
    buf_added(out, room - zlib->avail_out);
    return r;
}

/* As much of the input as zlib takes at a time. */
static int write_piece(struct compress *stream, struct bytes data, bool last, struct buf *out)
{
    z_stream *zlib = &stream->zlib;
    int r;

    zlib->next_in = data.data;
    zlib->avail_in = (uInt)data.len;
    do {
        r = step(stream, last, out);
        if (r == Z_STREAM_END) {
            stream->over = true;
            return zlib->avail_in > 0 ? COMPRESS_TRAILING : 0;
        }
        if (r != Z_OK && r != Z_BUF_ERROR)
            return COMPRESS_CORRUPT;
        if (!stream->compressing && out->len > LIMIT_INFLATE_BYTES)
            return COMPRESS_BOMB;
    } while (zlib->avail_in > 0 || zlib->avail_out == 0);
    return 0;
}

static int write_all(struct compress *stream, struct bytes data, bool finish, struct buf *out)
{
    int r = 0;

    if (stream->over)
        return data.len > 0 ? COMPRESS_TRAILING : 0;
    do {
        struct bytes piece = bytes_slice(data, 0, INPUT_MAX);
        bool last = finish && piece.len == data.len;

        data = bytes_slice(data, piece.len, data.len);
        if (piece.len > 0 || (last && stream->compressing))
            r = write_piece(stream, piece, last, out);
    } while (r == 0 && !stream->over && data.len > 0);
    if (r == 0 && stream->over && data.len > 0)
        return COMPRESS_TRAILING;
    if (r == 0 && finish && !stream->over)
        return COMPRESS_TRUNCATED;
    return r;
}

int compress_write(struct compress *stream, struct bytes data, bool finish, struct buf *out)
{
    if (stream->failure == 0)
        stream->failure = write_all(stream, data, finish, out);
    return stream->failure;
}
