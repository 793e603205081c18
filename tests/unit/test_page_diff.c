#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "store/page_diff.h"
#include "test.h"

static uint8_t old_page[PAGE_BYTES];
static uint8_t new_page[PAGE_BYTES];

/* Encodes, parses, applies: the old page must become the new one. Returns the bytes it took. */
static size_t round_trip(bool from_zeros)
{
    uint8_t page[PAGE_BYTES] = {0};
    struct buf out = {0};
    struct bytes in;
    struct bytes diff;
    size_t len;

    if (!from_zeros)
        memcpy(page, old_page, PAGE_BYTES);
    page_diff_encode(&out, new_page, from_zeros ? NULL : old_page);
    len = out.len;
    in = buf_bytes(&out);
    CHECK(page_diff_parse(&in, &diff));
    CHECK_EQ(in.len, 0);
    page_diff_apply(diff, page);
    CHECK(memcmp(page, new_page, PAGE_BYTES) == 0);
    buf_fini(&out);
    return len;
}

TEST(equal_pages_differ_in_one_byte_of_code)
{
    memset(old_page, 7, PAGE_BYTES);
    memset(new_page, 7, PAGE_BYTES);
    CHECK_EQ(round_trip(false), 1);
}

TEST(a_page_of_zeros_costs_nothing_against_zeros)
{
    memset(new_page, 0, PAGE_BYTES);
    CHECK_EQ(round_trip(true), 1);
}

TEST(a_changed_byte_costs_four)
{
    memset(old_page, 7, PAGE_BYTES);
    memcpy(new_page, old_page, PAGE_BYTES);
    new_page[100] = 8;
    CHECK_EQ(round_trip(false), 4);
    new_page[0] = 8;
    new_page[PAGE_BYTES - 1] = 8;
    round_trip(false);
}

TEST(a_page_that_differs_everywhere_costs_little_more_than_itself)
{
    struct rng rng;

    rng_init(&rng, 1);
    rng_fill(&rng, old_page, PAGE_BYTES);
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        new_page[i] = (uint8_t)~old_page[i];
    CHECK(round_trip(false) <= PAGE_BYTES + 8);
    memcpy(new_page, old_page, PAGE_BYTES);
    for (unsigned i = 0; i < PAGE_BYTES; i += 5)
        new_page[i] ^= 1;
    CHECK(round_trip(false) <= PAGE_BYTES);
}

TEST(any_change_comes_back_as_it_was)
{
    struct rng rng;

    rng_init(&rng, 2);
    rng_fill(&rng, old_page, PAGE_BYTES);
    for (int round = 0; round < 2000; round++) {
        memcpy(new_page, old_page, PAGE_BYTES);
        for (uint64_t i = rng_below(&rng, 20); i > 0; i--) {
            uint64_t at = rng_below(&rng, PAGE_BYTES);
            uint64_t len = rng_below(&rng, 40);

            rng_fill(&rng, new_page + at, len < PAGE_BYTES - at ? len : PAGE_BYTES - at);
        }
        round_trip(false);
        round_trip(true);
        memcpy(old_page, new_page, PAGE_BYTES);
    }
}

TEST(a_range_beyond_the_page_is_refused)
{
    struct bytes diff;
    struct bytes cut = BYTES("\x02\x01");
    struct bytes beyond = BYTES("\x02\xff\x1f\x01\x02\x00");
    struct bytes unended = BYTES("\x01\x00\x01");

    CHECK(!page_diff_parse(&cut, &diff));
    CHECK(!page_diff_parse(&beyond, &diff));
    CHECK(!page_diff_parse(&unended, &diff));
}
