/*
 * Chunked coding: the body and where it ends do not depend on how the bytes arrive, and what was
 * decoded comes back when it is encoded and decoded again.
 */

#include "base/assert.h"
#include "base/buf.h"
#include "http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns the last result; `used` is where the decoder stopped. */
static int decode(struct bytes text, size_t step, struct buf *out, size_t *used)
{
    struct chunked_decoder decoder = {0};
    struct bytes piece;
    int r = CHUNKED_MORE;
    size_t at = 0;

    while (r == CHUNKED_MORE && at < text.len) {
        struct bytes input = bytes_slice(text, at, at + step);
        size_t had = input.len;

        while ((r = chunked_decode(&decoder, &input, &piece)) == CHUNKED_DATA)
            buf_append_bytes(out, piece);
        at += had - input.len;
    }
    *used = at;
    return r;
}

static void check_encoded(struct bytes body)
{
    struct buf text = {0};
    struct buf back = {0};
    char line[CHUNKED_HEAD_MAX];
    size_t used;

    if (body.len > 0) {
        buf_append(&text, line, chunked_head(line, body.len));
        buf_append_bytes(&text, body);
        buf_append_string(&text, "\r\n");
    }
    buf_append_string(&text, CHUNKED_LAST);
    ASSERT(decode(buf_bytes(&text), 7, &back, &used) == CHUNKED_END);
    ASSERT(used == text.len && bytes_equal(buf_bytes(&back), body));
    buf_fini(&text);
    buf_fini(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct buf whole = {0};
    struct buf pieces = {0};
    size_t used_whole;
    size_t used_pieces;
    int r = decode(text, size + 1, &whole, &used_whole);

    for (size_t step = 1; step <= 5; step += 2) {
        buf_clear(&pieces);
        ASSERT(decode(text, step, &pieces, &used_pieces) == r);
        ASSERT(used_whole == used_pieces);
        ASSERT(bytes_equal(buf_bytes(&whole), buf_bytes(&pieces)));
    }
    check_encoded(buf_bytes(&whole));
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
