#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "native/json.h"
#include "test.h"

static struct arena arena;
static struct err_text why;

static const struct dm_value *reads(const char *text)
{
    const struct dm_value *value;

    return json_read(bytes_of_string(text), &arena, &value, &why) == 0 ? value : NULL;
}

static bool writes(const struct dm_value *value, const char *text)
{
    struct buf out = {0};
    bool same = json_write(&out, value, &why) == 0 && strcmp(buf_string(&out), text) == 0;

    buf_fini(&out);
    return same;
}

TEST(json_comes_back_as_it_went)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "0.5",
        "0.1",
        "9007199254740991",
        "1e+300",
        "\"\"",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\"",
        "\"gr\xc3\xbc\xc3\x9f\"",
        "[]",
        "{}",
        "[1,[2,[]],{\"a\":{\"b\":null}}]",
        "{\"\":\"\",\"a b\":[true]}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct dm_value *value = reads(texts[i]);

        CHECK(value != NULL);
        CHECK(value != NULL && writes(value, texts[i]));
    }
    arena_fini(&arena);
}

TEST(text_that_is_no_json_is_refused)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulll",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\n\"",
        "[1,]",
        "[1 2]",
        "[",
        "{",
        "{a:1}",
        "{\"a\"1}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "[1]]",
        "{\"a\":1,}",
        "NaN",
        "\"\\u12\"",
        "\"\xff\"",
        "\\",
        "\"\\",
        "\xef\xbb\xbf"
        "1",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(reads(texts[i]) == NULL);
    arena_fini(&arena);
}

TEST(escapes_are_characters)
{
    const struct dm_value *value = reads("\" \\u0041\\u00e9\\u20ac\\ud83d\\ude00\\ud83d\\/ \"");

    CHECK(value != NULL);
    CHECK(dm_is(value->bytes, " A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd/ "));
    value = reads("\"\\ud83d\\u0041\"");
    CHECK(dm_is(value->bytes, "\xef\xbf\xbd"
                              "A"));
    arena_fini(&arena);
}

TEST(the_last_of_equal_members_counts)
{
    const struct dm_value *value = reads("{\"a\":1,\"b\":2,\"a\":3}");

    CHECK(writes(value, "{\"a\":3,\"b\":2}"));
    arena_fini(&arena);
}

TEST(numbers_look_as_javascript_writes_them)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {1e-7, "1e-7"},
        {1e-6, "0.000001"},
        {1.5e-7, "1.5e-7"},
        {-1.25e-9, "-1.25e-9"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {99.95, "99.95"},
        {0.5, "0.5"},
        {123456.789, "123456.789"},
        {1e15, "1000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e21, "1e+21"},
        {-1.5e300, "-1.5e+300"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {-0.0, "0"},
        {9007199254740993.0, "9007199254740992"},
        {5e-310, "5e-310"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dm_value value = dm_number(cases[i].number);

        CHECK(writes(&value, cases[i].text));
    }
}

TEST(depth_is_bounded_both_ways)
{
    char text[300];
    struct dm_value nest[80];
    struct buf out = {0};

    memset(text, '[', 66);
    memset(text + 66, ']', 66);
    text[132] = '\0';
    CHECK(reads(text) == NULL);
    text[131] = '\0';
    CHECK(reads(text + 1) != NULL);
    nest[0] = dm_null();
    for (size_t i = 1; i < 80; i++)
        nest[i] = dm_array(&nest[i - 1], 1);
    CHECK(json_write(&out, &nest[79], &why) == JSON_REFUSED);
    buf_fini(&out);
    arena_fini(&arena);
}

TEST(what_json_has_not_is_left_out_changed_or_refused)
{
    struct dm_value items[] = {dm_undefined(),         dm_number(NAN), dm_number(-0.0),
                               dm_date(1767225600123), dm_date(-1),    dm_date(NAN)};
    struct dm_member members[] = {{dm_str("gone"), dm_undefined()}, {dm_str("b"), dm_null()}};
    struct dm_value value = dm_array(items, 6);
    struct buf out = {0};

    CHECK(writes(&value, "[null,null,0,\"2026-01-01T00:00:00.123Z\","
                         "\"1969-12-31T23:59:59.999Z\",null]"));
    value = dm_record(members, 2);
    CHECK(writes(&value, "{\"b\":null}"));
    value = dm_string("\xff");
    CHECK(writes(&value, "\"\xef\xbf\xbd\""));
    value = dm_blob("x", 1);
    CHECK(json_write(&out, &value, &why) == JSON_REFUSED);
    value = dm_undefined();
    CHECK(json_write(&out, &value, &why) == JSON_REFUSED);
    buf_fini(&out);
}
