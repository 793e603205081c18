#include <string.h>

#include "base/hex.h"
#include "test.h"

TEST(bytes_become_lower_case_and_come_back)
{
    const uint8_t data[4] = {0x00, 0x9f, 0xab, 0xff};
    char text[8];
    uint8_t back[4];

    hex_encode(bytes_of(data, 4), text);
    CHECK_BYTES_EQ(bytes_of(text, 8), BYTES("009fabff"));
    CHECK_EQ(hex_decode(bytes_of(text, 8), back), 0);
    CHECK_BYTES_EQ(bytes_of(back, 4), bytes_of(data, 4));
    CHECK_EQ(hex_decode(BYTES("009FABFF"), back), 0);
    CHECK_BYTES_EQ(bytes_of(back, 4), bytes_of(data, 4));
}

TEST(odd_lengths_and_other_characters_are_malformed)
{
    uint8_t out[4];

    CHECK_EQ(hex_decode(BYTES("abc"), out), HEX_MALFORMED);
    CHECK_EQ(hex_decode(BYTES("0g"), out), HEX_MALFORMED);
    CHECK_EQ(hex_decode(BYTES("g0"), out), HEX_MALFORMED);
    CHECK_EQ(hex_decode(BYTES("\xb0\xb1"), out), HEX_MALFORMED);
    CHECK_EQ(hex_decode(BYTES(""), out), 0);
}

TEST(random_bytes_make_a_uuid_of_version_4)
{
    uint8_t random[16];
    char text[HEX_UUID_TEXT];

    memset(random, 0xff, sizeof random);
    hex_encode_uuid(random, text);
    CHECK_STR_EQ(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(random, 0, sizeof random);
    hex_encode_uuid(random, text);
    CHECK_STR_EQ(text, "00000000-0000-4000-8000-000000000000");
}

TEST(a_digit_has_a_value)
{
    CHECK_EQ(hex_digit('0'), 0);
    CHECK_EQ(hex_digit('a'), 10);
    CHECK_EQ(hex_digit('F'), 15);
    CHECK_EQ(hex_digit('/'), -1);
    CHECK_EQ(hex_digit(':'), -1);
    CHECK_EQ(hex_digit('@'), -1);
    CHECK_EQ(hex_digit('`'), -1);
}
