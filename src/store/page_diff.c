#include "store/page_diff.h"

#include <string.h>

#if defined(__x86_64__)
#    include <immintrin.h>
#endif

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

/* A length and a gap take four bytes at most, and no more than the gap has: only those of the first
 * range and the end come on top. */
#define ENCODED_MAX (PAGE_BYTES + 5)

static const uint8_t zeros[PAGE_BYTES];

/* What one vector register holds, so that a block is compared in a dozen instructions. */
typedef uint64_t lanes __attribute__((vector_size(16)));

static inline lanes difference_of(const uint8_t *a, const uint8_t *b)
{
    lanes x;
    lanes y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

/* The start of the block, on or behind `at`, in which the two differ. */
static uint32_t skip_same(const uint8_t *a, const uint8_t *b, uint32_t at)
{
    for (; at + 64 <= PAGE_BYTES; at += 64) {
        lanes all = difference_of(a + at, b + at) | difference_of(a + at + 16, b + at + 16) |
                    difference_of(a + at + 32, b + at + 32) |
                    difference_of(a + at + 48, b + at + 48);

        if ((all[0] | all[1]) != 0)
            break;
    }
    return at;
}

#if defined(__x86_64__)
/* The same with registers of twice the size, where the processor has them. */
__attribute__((target("avx2"))) static uint32_t skip_same_wide(const uint8_t *a, const uint8_t *b,
                                                               uint32_t at)
{
    for (; at + 128 <= PAGE_BYTES; at += 128) {
        __m256i all = _mm256_setzero_si256();

        for (uint32_t i = at; i < at + 128; i += 32) {
            __m256i x = _mm256_loadu_si256((const __m256i_u *)(const void *)(a + i));
            __m256i y = _mm256_loadu_si256((const __m256i_u *)(const void *)(b + i));

            all = _mm256_or_si256(all, _mm256_xor_si256(x, y));
        }
        if (!_mm256_testz_si256(all, all))
            break;
    }
    return at;
}

static bool has_wide(void)
{
    return __builtin_cpu_supports("avx2") > 0;
}
#else
static uint32_t skip_same_wide(const uint8_t *a, const uint8_t *b, uint32_t at)
{
    return skip_same(a, b, at);
}

static bool has_wide(void)
{
    return false;
}
#endif

/* The first byte from `at` on in which the two differ, or PAGE_BYTES. */
static uint32_t find_difference(const uint8_t *a, const uint8_t *b, uint32_t at)
{
    while (at < PAGE_BYTES && at % 8 != 0) {
        if (a[at] != b[at])
            return at;
        at++;
    }
    at = has_wide() ? skip_same_wide(a, b, at) : skip_same(a, b, at);
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

/* The highest bit of each byte that is the same in both. */
static uint64_t same_bytes(const uint8_t *a, const uint8_t *b)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t x;
    uint64_t y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    x ^= y;
    return ~(((x & low) + low) | x | low);
}

/* The end of the range that begins with the difference at `at`: where JOIN_BYTES are the same. */
static uint32_t find_end(const uint8_t *a, const uint8_t *b, uint32_t at)
{
    uint32_t end = at + 1;

    for (; end + 8 <= PAGE_BYTES; end += 8 - JOIN_BYTES + 1) {
        uint64_t same = same_bytes(a + end, b + end);
        uint64_t row = same & same >> 8 & same >> 16 & same >> 24;

        if (row != 0)
            return end + (uint32_t)(__builtin_ctzll(row) / 8);
    }
    while (a[end - 1] == b[end - 1])
        end--;
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
    uint8_t *start = buf_reserve(out, ENCODED_MAX);
    uint8_t *to = start;
    uint32_t done = 0;
    uint32_t at;

    while ((at = find_difference(page, old, done)) < PAGE_BYTES) {
        uint32_t end = find_end(page, old, at);

        to = varint_put(to, end - at);
        to = varint_put(to, at - done);
        memcpy(to, page + at, end - at);
        to += end - at;
        done = end;
    }
    *to++ = 0;
    ASSERT(to - start <= ENCODED_MAX);
    buf_added(out, (size_t)(to - start));
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
        rest = bytes_of(rest.data + len, rest.len - len);
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
    ASSERT(len <= rest->len);
    *range = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
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
