#include "store/page_diff.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "store/varint.h"

/*
 * A difference is a sequence of ranges, each
 *
 *     varint length (> 0), varint gap since the end of the range before, `length` bytes
 *
 * and ends with a length of 0. Two ranges less than JOIN_BYTES apart become one: what a second
 * range costs in lengths and gaps is more than the bytes in between.
 */

#define JOIN_BYTES 4

static const uint8_t zeros[PAGE_BYTES];

/* What one vector register holds, so that 64 bytes are compared in a dozen instructions. */
typedef uint64_t lanes __attribute__((vector_size(16)));

static lanes difference_of(const uint8_t *a, const uint8_t *b)
{
    lanes x;
    lanes y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

/* Whether 64 bytes are the same. */
static bool same_block(const uint8_t *a, const uint8_t *b)
{
    lanes all = difference_of(a, b) | difference_of(a + 16, b + 16) |
                difference_of(a + 32, b + 32) | difference_of(a + 48, b + 48);

    return (all[0] | all[1]) == 0;
}

/* The first byte from `at` on in which the two differ, or PAGE_BYTES. */
static uint32_t find_difference(const uint8_t *a, const uint8_t *b, uint32_t at)
{
    while (at < PAGE_BYTES && at % 8 != 0) {
        if (a[at] != b[at])
            return at;
        at++;
    }
    while (at + 64 <= PAGE_BYTES && same_block(a + at, b + at))
        at += 64;
    while (at < PAGE_BYTES) {
        uint64_t x;
        uint64_t y;

        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        if (x != y)
            return at + (uint32_t)(__builtin_ctzll(x ^ y) / 8);
        at += 8;
    }
    return PAGE_BYTES;
}

/* The end of the range that begins with the difference at `at`. */
static uint32_t find_end(const uint8_t *a, const uint8_t *b, uint32_t at)
{
    uint32_t end = at + 1;

    for (uint32_t i = end; i < PAGE_BYTES && i < end + JOIN_BYTES; i++) {
        if (a[i] != b[i])
            end = i + 1;
    }
    return end;
}

void page_diff_encode(struct buf *out, const uint8_t page[PAGE_BYTES],
                      const uint8_t previous[PAGE_BYTES])
{
    const uint8_t *old = previous != NULL ? previous : zeros;
    uint32_t done = 0;
    uint32_t at;

    while ((at = find_difference(page, old, done)) < PAGE_BYTES) {
        uint32_t end = find_end(page, old, at);

        buf_append_varint(out, end - at);
        buf_append_varint(out, at - done);
        buf_append(out, page + at, end - at);
        done = end;
    }
    buf_append_byte(out, 0);
}

bool page_diff_parse(struct bytes *in, struct bytes *diff)
{
    struct bytes rest = *in;
    uint64_t place = 0;

    for (;;) {
        uint64_t len;
        uint64_t gap;

        if (!varint_parse(&rest, &len))
            return false;
        if (len == 0)
            break;
        if (!varint_parse(&rest, &gap))
            return false;
        if (gap > PAGE_BYTES || len > PAGE_BYTES || place + gap + len > PAGE_BYTES)
            return false;
        if (len > rest.len)
            return false;
        place += gap + len;
        rest = bytes_slice(rest, len, rest.len);
    }
    *diff = bytes_slice(*in, 0, in->len - rest.len);
    *in = rest;
    return true;
}

/* The next range of a good difference; false at its end. */
static bool next_range(struct bytes *rest, uint64_t *place, struct bytes *range)
{
    uint64_t len = 0;
    uint64_t gap = 0;

    if (!varint_parse(rest, &len) || len == 0 || !varint_parse(rest, &gap))
        return false;
    *range = bytes_slice(*rest, 0, len);
    *rest = bytes_slice(*rest, len, rest->len);
    *place += gap;
    ASSERT(*place + range->len <= PAGE_BYTES);
    return true;
}

void page_diff_apply(struct bytes diff, uint8_t page[PAGE_BYTES])
{
    struct bytes range;
    uint64_t place = 0;

    while (next_range(&diff, &place, &range)) {
        memcpy(page + place, range.data, range.len);
        place += range.len;
    }
}

uint32_t page_diff_changed(struct bytes diff)
{
    struct bytes range;
    uint64_t place = 0;
    size_t changed = 0;

    while (next_range(&diff, &place, &range)) {
        place += range.len;
        changed += range.len;
    }
    return (uint32_t)changed;
}
