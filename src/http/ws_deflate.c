#include "http/ws_deflate.h"

#define ZLIB_CONST
#include <zlib.h>

#include "base/assert.h"
#include "base/mem.h"

/*
 * On the wire a message is raw deflate data ending in an empty stored block whose last four
 * bytes, 00 00 FF FF, are left out. zlib counts in 32 bits, so long messages go in pieces.
 */
static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

enum {
    PIECE_BYTES = 64 * 1024,
    FIRST_BYTES = 4 * 1024,
};

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return mem_alloc((size_t)count * size);
}

static void zlib_free(void *opaque, void *ptr)
{
    (void)opaque;
    mem_free(ptr);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void ws_deflate_compress(struct bytes message, struct buf *out)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    int window = message.len <= 512 ? 9 : message.len <= 4096 ? 12 : 15;
    int r = deflateInit2(&z, 6, Z_DEFLATED, -window, window == 15 ? 8 : 5, Z_DEFAULT_STRATEGY);

    ASSERT(r == Z_OK);
    do {
        size_t in = smaller(message.len, PIECE_BYTES);

        z.next_in = message.data;
        z.avail_in = (unsigned)in;
        message = bytes_slice(message, in, message.len);
        do {
            z.next_out = buf_reserve(out, in / 2 + 64);
            z.avail_out = (unsigned)(in / 2 + 64);
            r = deflate(&z, message.len > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH);
            ASSERT(r == Z_OK || r == Z_BUF_ERROR);
            buf_added(out, in / 2 + 64 - z.avail_out);
        } while (z.avail_out == 0);
    } while (message.len > 0);
    deflateEnd(&z);

    ASSERT(out->len >= 4 && memcmp(out->data + out->len - 4, tail, 4) == 0);
    buf_truncate(out, out->len - 4);
}

/* Feed one piece of input; everything it gives goes to `out`. */
static int inflate_piece(z_stream *z, struct bytes piece, size_t bytes_max, struct buf *out)
{
    z->next_in = piece.data;
    z->avail_in = (unsigned)piece.len;
    for (;;) {
        size_t room = smaller(out->len < FIRST_BYTES ? FIRST_BYTES : out->len, PIECE_BYTES);
        size_t got;
        int r;

        z->next_out = buf_reserve(out, room);
        z->avail_out = (unsigned)room;
        r = inflate(z, Z_SYNC_FLUSH);
        got = room - z->avail_out;
        buf_added(out, got);
        if (out->len > bytes_max)
            return WS_DEFLATE_TOO_LONG;
        if (r == Z_STREAM_END) { /* a final block inside a message: the next one starts afresh */
            if (inflateReset(z) != Z_OK)
                return WS_DEFLATE_BROKEN;
        } else if (r == Z_BUF_ERROR) {
            return 0;
        } else if (r != Z_OK) {
            return WS_DEFLATE_BROKEN;
        }
        if (z->avail_in == 0 && z->avail_out > 0)
            return 0;
    }
}

int ws_deflate_inflate(struct bytes payload, size_t bytes_max, struct buf *out)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    size_t start = out->len;
    int r = inflateInit2(&z, -15);

    ASSERT(r == Z_OK && start == 0);
    do {
        struct bytes piece = bytes_slice(payload, 0, PIECE_BYTES);

        payload = bytes_slice(payload, piece.len, payload.len);
        r = inflate_piece(&z, piece, bytes_max, out);
    } while (r == 0 && payload.len > 0);
    if (r == 0)
        r = inflate_piece(&z, bytes_of(tail, sizeof tail), bytes_max, out);
    inflateEnd(&z);
    return r;
}
