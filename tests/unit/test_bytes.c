#include "base/bytes.h"
#include "test.h"

TEST(equality_is_of_length_and_content)
{
    CHECK(bytes_equal(BYTES("abc"), bytes_of_string("abc")));
    CHECK(!bytes_equal(BYTES("abc"), BYTES("abd")));
    CHECK(!bytes_equal(BYTES("abc"), BYTES("ab")));
    CHECK(bytes_equal(BYTES(""), bytes_of(NULL, 0)));
    CHECK(bytes_equal_string(BYTES("x"), "x"));
    CHECK(bytes_equal_secret(BYTES("abc"), BYTES("abc")));
    CHECK(!bytes_equal_secret(BYTES("abc"), BYTES("abx")));
    CHECK(!bytes_equal_secret(BYTES("abc"), BYTES("abcd")));
}

TEST(case_is_ignored_for_ascii_letters_only)
{
    CHECK(bytes_equal_nocase(BYTES("Content-TYPE"), BYTES("content-type")));
    CHECK(!bytes_equal_nocase(BYTES("@"), BYTES("`")));
    CHECK(!bytes_equal_nocase(BYTES("["), BYTES("{")));
    CHECK(!bytes_equal_nocase(BYTES("\xc4"), BYTES("\xe4")));
}

TEST(order_is_by_byte_and_a_prefix_comes_first)
{
    CHECK(bytes_compare(BYTES("a"), BYTES("b")) < 0);
    CHECK(bytes_compare(BYTES("\xff"), BYTES("a")) > 0);
    CHECK(bytes_compare(BYTES("a"), BYTES("ab")) < 0);
    CHECK(bytes_compare(BYTES(""), bytes_of(NULL, 0)) == 0);
    CHECK(bytes_starts_with(BYTES("abc"), BYTES("ab")));
    CHECK(bytes_starts_with(BYTES("abc"), BYTES("")));
    CHECK(!bytes_starts_with(BYTES("a"), BYTES("ab")));
}

TEST(slices_are_cut_to_the_length)
{
    CHECK_BYTES_EQ(bytes_slice(BYTES("abcdef"), 2, 4), BYTES("cd"));
    CHECK_BYTES_EQ(bytes_slice(BYTES("abcdef"), 4, 100), BYTES("ef"));
    CHECK_BYTES_EQ(bytes_slice(BYTES("abcdef"), 7, 100), BYTES(""));
    CHECK_BYTES_EQ(bytes_slice(BYTES("abcdef"), 4, 2), BYTES(""));
    CHECK_BYTES_EQ(bytes_trim(BYTES(" \t a b \t")), BYTES("a b"));
    CHECK_BYTES_EQ(bytes_trim(BYTES(" \t ")), BYTES(""));
}

TEST(finding_gives_the_length_when_there_is_nothing)
{
    CHECK_EQ(bytes_find_byte(BYTES("a,b,c"), ',', 0), 1);
    CHECK_EQ(bytes_find_byte(BYTES("a,b,c"), ',', 2), 3);
    CHECK_EQ(bytes_find_byte(BYTES("a,b,c"), ';', 0), 5);
    CHECK_EQ(bytes_find_byte(BYTES("a"), 'a', 9), 1);
    CHECK_EQ(bytes_find(BYTES("abcabc"), BYTES("bc"), 2), 4);
    CHECK_EQ(bytes_find(BYTES("abcabc"), BYTES("cb"), 0), 6);
    CHECK_EQ(bytes_find(BYTES("abc"), BYTES(""), 1), 1);
    CHECK_EQ(bytes_find(BYTES("abc"), BYTES("c"), 3), 3);
}

TEST(numbers_are_digits_that_fit)
{
    uint64_t value = 7;

    CHECK(bytes_parse_u64(BYTES("18446744073709551615"), &value));
    CHECK(value == UINT64_MAX);
    CHECK(bytes_parse_u64(BYTES("007"), &value));
    CHECK_EQ(value, 7);
    CHECK(!bytes_parse_u64(BYTES("18446744073709551616"), &value));
    CHECK(!bytes_parse_u64(BYTES("99999999999999999999"), &value));
    CHECK(!bytes_parse_u64(BYTES(""), &value));
    CHECK(!bytes_parse_u64(BYTES("+1"), &value));
    CHECK(!bytes_parse_u64(BYTES("1 "), &value));
    CHECK_EQ(value, 7);
}
