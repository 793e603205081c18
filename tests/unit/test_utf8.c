#include "base/rng.h"
#include "base/utf8.h"
#include "test.h"

static const char *const good[] = {
    "",
    "plain",
    "0123456789abcdef0123456789abcdef",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "12345678\xe2\x82\xac 12345678\xf0\x9f\x90\xad",
};

static const char *const bad[] = {
    "\x80",             /* nothing to continue */
    "\xc0\x80",         /* overlong */
    "\xc1\xbf",         /* overlong */
    "\xe0\x9f\xbf",     /* overlong */
    "\xf0\x8f\xbf\xbf", /* overlong */
    "\xed\xa0\x80",     /* surrogate */
    "\xf4\x90\x80\x80", /* above U+10FFFF */
    "\xf5\x80\x80\x80", /* above U+10FFFF */
    "\xff",
    "\xe2\x82",  /* cut off */
    "\xe2\x82 ", /* broken off */
    "12345678\xe2\x28\xa1",
};

TEST(well_formed_text_is_told_from_ill_formed)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(utf8_valid(bytes_of_string(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!utf8_valid(bytes_of_string(bad[i])));
    CHECK(utf8_valid(bytes_of(NULL, 0)));
}

static bool valid_in_pieces(struct bytes text, size_t cut)
{
    struct utf8_check check = {0};

    return utf8_check_feed(&check, bytes_slice(text, 0, cut)) &&
           utf8_check_feed(&check, bytes_slice(text, cut, text.len)) && utf8_check_end(&check);
}

TEST(fragments_may_be_cut_anywhere)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t cut = 0; cut <= strlen(good[i]); cut++)
            CHECK(valid_in_pieces(bytes_of_string(good[i]), cut));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t cut = 0; cut <= strlen(bad[i]); cut++)
            CHECK(!valid_in_pieces(bytes_of_string(bad[i]), cut));
    }
}

TEST(a_bad_byte_is_found_at_once_and_not_at_the_end)
{
    struct utf8_check check = {0};

    CHECK(utf8_check_feed(&check, BYTES("\xf4")));
    CHECK(!utf8_check_end(&check));
    CHECK(!utf8_check_feed(&check, BYTES("\x90")));
}

static void check_utf16(struct bytes text, const uint16_t *units, size_t count)
{
    uint16_t out[64];

    CHECK_EQ(utf8_utf16_len(text), count);
    CHECK_EQ(utf8_to_utf16(text, out), count);
    CHECK_BYTES_EQ(bytes_of(out, 2 * count), bytes_of(units, 2 * count));
}

#define CHECK_UTF16(literal, ...)                                                                  \
    check_utf16(BYTES(literal), (const uint16_t[]){__VA_ARGS__},                                   \
                sizeof((const uint16_t[]){__VA_ARGS__}) / 2)

TEST(decoding_replaces_each_maximal_ill_formed_part)
{
    CHECK_UTF16("a\xe2\x82\xac", 'a', 0x20ac);
    CHECK_UTF16("\xf0\x9f\x90\xad", 0xd83d, 0xdc2d);
    CHECK_UTF16("\xe2\x82z", 0xfffd, 'z');
    CHECK_UTF16("\xe2\x82", 0xfffd);
    CHECK_UTF16("\xf0\x80\x80\x41", 0xfffd, 0xfffd, 0xfffd, 'A');
    CHECK_UTF16("\xed\xa0\x80", 0xfffd, 0xfffd, 0xfffd);
    CHECK_UTF16("\xf0\x9f\x90\xf0\x9f", 0xfffd, 0xfffd);
    CHECK_UTF16("\xc0\xaf\xff", 0xfffd, 0xfffd, 0xfffd);
}

static void check_encoded(const uint16_t *units, size_t count, struct bytes expected)
{
    uint8_t out[64];

    CHECK_EQ(utf8_len_of_utf16(units, count), expected.len);
    CHECK_BYTES_EQ(bytes_of(out, utf8_from_utf16(units, count, out)), expected);
}

TEST(encoding_replaces_lonely_surrogates)
{
    check_encoded((const uint16_t[]){'a', 0xe9, 0x20ac}, 3, BYTES("a\xc3\xa9\xe2\x82\xac"));
    check_encoded((const uint16_t[]){0xd83d, 0xdc2d}, 2, BYTES("\xf0\x9f\x90\xad"));
    check_encoded((const uint16_t[]){0xdbff, 0xdfff}, 2, BYTES("\xf4\x8f\xbf\xbf"));
    check_encoded((const uint16_t[]){0xd83d}, 1, BYTES("\xef\xbf\xbd"));
    check_encoded((const uint16_t[]){0xdc2d, 0xd83d, 'x'}, 3, BYTES("\xef\xbf\xbd\xef\xbf\xbdx"));
    check_encoded((const uint16_t[]){0xffff}, 1, BYTES("\xef\xbf\xbf"));
}

TEST(encoding_into_little_room_cuts_between_characters)
{
    const uint16_t units[] = {'a', 0x20ac, 0xd83d, 0xdc2d, 'b'};
    const size_t written[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9};
    const size_t read[] = {0, 1, 1, 1, 2, 2, 2, 2, 4, 5};
    uint8_t out[16];
    size_t used;

    for (size_t cap = 0; cap < 10; cap++) {
        CHECK_EQ(utf8_from_utf16_into(units, 5, out, cap, &used), written[cap]);
        CHECK_EQ(used, read[cap]);
    }
}

TEST(latin1_grows_where_it_is_not_ascii)
{
    uint8_t out[16];
    struct bytes text = BYTES("ab\xe9\xffz");

    CHECK_EQ(utf8_len_of_latin1(text), 7);
    CHECK_BYTES_EQ(bytes_of(out, utf8_from_latin1(text, out)), BYTES("ab\xc3\xa9\xc3\xbfz"));
}

TEST(what_a_stream_must_hold_back)
{
    CHECK_EQ(utf8_tail(BYTES("")), 0);
    CHECK_EQ(utf8_tail(BYTES("abc")), 0);
    CHECK_EQ(utf8_tail(BYTES("a\xc3")), 1);
    CHECK_EQ(utf8_tail(BYTES("a\xc3\xa9")), 0);
    CHECK_EQ(utf8_tail(BYTES("\xe2\x82")), 2);
    CHECK_EQ(utf8_tail(BYTES("\xf0\x9f\x90")), 3);
    CHECK_EQ(utf8_tail(BYTES("\xf0\x9f\x90\xad")), 0);
    CHECK_EQ(utf8_tail(BYTES("\xe0\x80")), 0);
    CHECK_EQ(utf8_tail(BYTES("\xff")), 0);
    CHECK_EQ(utf8_tail(BYTES("\x80\x80")), 0);
}

TEST(prefixes_and_counts)
{
    CHECK_EQ(utf8_valid_prefix(BYTES("ab\xe2\x82\xac\xff")), 5);
    CHECK_EQ(utf8_valid_prefix(BYTES("ab\xe2\x82")), 2);
    CHECK_EQ(utf8_valid_prefix(BYTES("ab")), 2);
    CHECK_EQ(utf8_count(BYTES("a\xe2\x82\xac\xf0\x9f\x90\xad")), 3);
    CHECK(utf8_is_ascii(BYTES("plain text of ascii")));
    CHECK(!utf8_is_ascii(BYTES("plain text of asci\xc3\xad")));
    CHECK(utf8_is_ascii(bytes_of(NULL, 0)));
}

TEST(every_code_point_survives_the_round_trip)
{
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint8_t text[4];
        uint8_t back[8];
        uint16_t units[4];
        size_t len;
        size_t count;

        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        len = utf8_put(c, text);
        CHECK(utf8_valid(bytes_of(text, len)));
        count = utf8_to_utf16(bytes_of(text, len), units);
        CHECK_BYTES_EQ(bytes_of(back, utf8_from_utf16(units, count, back)), bytes_of(text, len));
    }
}

TEST(random_bytes_are_valid_exactly_if_nothing_is_replaced)
{
    uint8_t data[24];
    uint16_t units[24];
    struct rng rng;

    rng_init(&rng, 21);
    for (int i = 0; i < 100000; i++) {
        struct bytes text = bytes_of(data, rng_below(&rng, sizeof data));
        bool replaced = false;
        size_t count;

        rng_fill(&rng, data, text.len);
        for (size_t k = 0; k < text.len; k++) {
            if (rng_below(&rng, 2) == 0)
                data[k] &= 0x7f;
        }
        count = utf8_to_utf16(text, units);
        CHECK_EQ(count, utf8_utf16_len(text));
        for (size_t k = 0; k < count; k++)
            replaced |= units[k] == 0xfffd;
        CHECK(utf8_valid(text) == !replaced);
        CHECK((utf8_valid_prefix(text) == text.len) == !replaced);
    }
}
