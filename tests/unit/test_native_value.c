#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "native/value.h"
#include "test.h"

struct trip {
    struct buf bytes;
    struct arena arena;
    const struct dm_value *value;
    struct err_text why;
    int result;
};

static void there_and_back(struct trip *trip, const struct dm_value *value)
{
    *trip = (struct trip){0};
    trip->result = value_write(&trip->bytes, value, 1 << 20, &trip->why);
    if (trip->result == 0)
        trip->result = value_read(buf_bytes(&trip->bytes), &trip->arena, &trip->value, &trip->why);
}

static void trip_end(struct trip *trip)
{
    buf_fini(&trip->bytes);
    arena_fini(&trip->arena);
}

static int reads(struct bytes bytes, struct trip *trip)
{
    *trip = (struct trip){0};
    trip->result = value_read(bytes, &trip->arena, &trip->value, &trip->why);
    return trip->result;
}

TEST(numbers_come_back_as_they_went)
{
    static const double numbers[] = {
        0,   -0.0,  1,       -1,      63, 64, -65, 2147483647, -2147483648.0, 2147483648.0,
        0.5, 1e300, -1e-300, INFINITY};
    struct trip trip;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct dm_value value = dm_number(numbers[i]);

        there_and_back(&trip, &value);
        CHECK(trip.result == 0 && trip.value->type == DM_NUMBER);
        CHECK(trip.value->number == numbers[i]);
        CHECK_EQ(signbit(trip.value->number) != 0, signbit(numbers[i]) != 0);
        trip_end(&trip);
    }
}

TEST(strings_are_latin1_or_utf16_on_the_wire_and_utf8_here)
{
    static const char *const texts[] = {"",
                                        "plain",
                                        "sch\xc3\xb6n",
                                        "\xe6\x97\xa5\xe6\x9c\xac",
                                        "\xf0\x9f\x90\xad mouse",
                                        "a\xe6\x97\xa5"};
    static const char tags[] = {'"', '"', '"', 'c', 'c', 'c'};
    struct trip trip;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct dm_value value = dm_string(texts[i]);
        size_t at = 2;

        there_and_back(&trip, &value);
        CHECK(trip.result == 0 && trip.value->type == DM_STRING);
        CHECK_STR_EQ(trip.value->bytes.data, texts[i]);
        while (trip.bytes.data[at] == 0)
            at++;
        CHECK_EQ(trip.bytes.data[at], tags[i]);
        trip_end(&trip);
    }
}

TEST(trees_keep_their_shape)
{
    struct dm_value items[] = {dm_null(), dm_boolean(true), dm_undefined(), dm_date(1234.5),
                               dm_blob("\0\1\2", 3)};
    struct dm_member members[] = {{dm_str("list"), dm_array(items, 5)},
                                  {dm_str("name"), dm_string("x")}};
    struct dm_value value = dm_record(members, 2);
    const struct dm_value *list;
    struct trip trip;

    there_and_back(&trip, &value);
    CHECK_EQ(trip.result, 0);
    list = dm_get(trip.value, "list");
    CHECK(list != NULL && list->type == DM_ARRAY && list->array.count == 5);
    CHECK(list->array.items[0].type == DM_NULL && list->array.items[1].boolean);
    CHECK(list->array.items[2].type == DM_UNDEFINED);
    CHECK(list->array.items[3].type == DM_DATE && list->array.items[3].number == 1234.5);
    CHECK(list->array.items[4].bytes.len == 3);
    CHECK(memcmp(list->array.items[4].bytes.data, "\0\1\2", 3) == 0);
    CHECK(dm_get(trip.value, "name") != NULL && dm_get(trip.value, "other") == NULL);
    trip_end(&trip);
}

TEST(one_value_in_two_places_is_read_twice_and_a_cycle_is_refused)
{
    struct trip trip;

    /* [[], ^1] and [^0] */
    CHECK_EQ(reads(BYTES("\xff\x0f"
                         "A\2A\0$\0\0^\1$\0\2"),
                   &trip),
             0);
    CHECK(trip.value->array.items[1].type == DM_ARRAY);
    trip_end(&trip);
    CHECK_EQ(reads(BYTES("\xff\x0f"
                         "A\1^\0$\0\1"),
                   &trip),
             VALUE_REFUSED);
    CHECK_STR_EQ(trip.why.text, "A value that contains itself cannot be read by a class in C.");
    trip_end(&trip);
}

TEST(what_c_has_no_type_for_is_named)
{
    struct trip trip;

    CHECK_EQ(reads(BYTES("\xff\x0f;:\0"), &trip), VALUE_REFUSED);
    CHECK_STR_EQ(trip.why.text, "A Map cannot be read by a class in C.");
    trip_end(&trip);
}

TEST(depth_and_size_are_bounded)
{
    struct dm_value values[80];
    struct trip trip;
    char large[200] = {0};
    struct buf out = {0};

    values[0] = dm_number(1);
    for (size_t i = 1; i < 80; i++)
        values[i] = dm_array(&values[i - 1], 1);
    there_and_back(&trip, &values[79]);
    CHECK_EQ(trip.result, VALUE_REFUSED);
    trip_end(&trip);
    values[0] = dm_blob(large, sizeof large);
    CHECK_EQ(value_write(&out, &values[0], 100, &trip.why), VALUE_REFUSED);
    buf_fini(&out);
}

TEST(damaged_bytes_are_refused_wherever_the_damage_is)
{
    struct dm_value items[] = {dm_string("sch\xc3\xb6n"), dm_blob("abc", 3), dm_number(0.5),
                               dm_date(1)};
    struct dm_member members[] = {{dm_str("a"), dm_array(items, 4)}, {dm_str("b"), dm_null()}};
    struct dm_value value = dm_record(members, 2);
    struct rng rng;
    struct trip trip;
    uint8_t copy[256];
    struct buf out = {0};

    CHECK_EQ(value_write(&out, &value, 1 << 20, NULL), 0);
    CHECK(out.len <= sizeof copy);
    for (size_t len = 0; len < out.len; len++) {
        CHECK_EQ(reads(bytes_of(out.data, len), &trip), VALUE_REFUSED);
        trip_end(&trip);
    }
    rng_init(&rng, 1);
    for (unsigned i = 0; i < 20000; i++) {
        memcpy(copy, out.data, out.len);
        for (unsigned j = 0; j <= i % 3; j++)
            copy[rng_next(&rng) % out.len] = (uint8_t)rng_next(&rng);
        reads(bytes_of(copy, out.len), &trip); /* anything but a crash */
        trip_end(&trip);
    }
    buf_fini(&out);
}
