#include "api/curve_point.h"
#include "api/prime.h"
#include "base/buf.h"
#include "test.h"

TEST(both_sides_of_an_exchange_find_the_same_number)
{
    static const uint8_t two = 2;
    struct bytes generator = bytes_of(&two, 1);
    struct buf prime = {0};
    struct buf private[2] = {{0}, {0}};
    struct buf public[2] = {{0}, {0}};
    struct buf secret[2] = {{0}, {0}};

    CHECK_EQ(prime_group("modp5", &prime), 0);
    CHECK_EQ(prime_group("modp6", &secret[0]), PRIME_FAILED);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(prime_private(buf_bytes(&prime), &private[i]), 0);
        CHECK_EQ(prime_power(generator, buf_bytes(&private[i]), buf_bytes(&prime), &public[i]), 0);
        CHECK(prime_is_public(buf_bytes(&public[i]), buf_bytes(&prime)));
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(prime_power(buf_bytes(&public[i]), buf_bytes(&private[1 - i]), buf_bytes(&prime),
                             &secret[i]),
                 0);
    CHECK_BYTES_EQ(buf_bytes(&secret[0]), buf_bytes(&secret[1]));
    CHECK_EQ(secret[0].len, prime.len);
    CHECK_EQ(prime_verify(buf_bytes(&prime), generator), 0);
    CHECK(!prime_is_public(buf_bytes(&prime), buf_bytes(&prime)));
    CHECK(!prime_is_public(bytes_of(NULL, 0), buf_bytes(&prime)));
    for (int i = 0; i < 2; i++) {
        buf_fini(&private[i]);
        buf_fini(&public[i]);
        buf_fini(&secret[i]);
    }
    buf_fini(&prime);
}

TEST(numbers_that_are_none_are_refused)
{
    static const uint8_t even[] = {1, 0};
    static const uint8_t huge[5000] = {1};
    struct buf out = {0};
    struct bytes none = bytes_of(NULL, 0);

    CHECK_EQ(prime_power(none, none, none, &out), PRIME_FAILED);
    CHECK_EQ(prime_power(none, none, bytes_of(even, 2), &out), PRIME_FAILED);
    CHECK_EQ(prime_power(none, none, bytes_of(huge, sizeof huge), &out), PRIME_FAILED);
    CHECK_EQ(prime_private(none, &out), PRIME_FAILED);
    CHECK_EQ(prime_generate(0, false, none, none, &out), PRIME_FAILED);
    CHECK_EQ(prime_generate(8, false, bytes_of(even, 2), none, &out), PRIME_FAILED);
    CHECK(!prime_check(none) && !prime_check(bytes_of(huge, sizeof huge)));
    CHECK(prime_verify(none, none) != 0);
    CHECK_EQ(prime_generate(61, true, none, none, &out), 0);
    CHECK(prime_check(buf_bytes(&out)));
    buf_fini(&out);
}

TEST(both_sides_find_the_same_point)
{
    static const char *const curves[] = {"prime256v1", "secp521r1", "secp256k1", "sect571r1"};

    for (size_t n = 0; n < sizeof curves / sizeof curves[0]; n++) {
        struct buf private[2] = {{0}, {0}};
        struct buf public[2] = {{0}, {0}};
        struct buf secret[2] = {{0}, {0}};
        struct buf form = {0};

        for (int i = 0; i < 2; i++) {
            CHECK_EQ(curve_point_generate(curves[n], &private[i]), 0);
            CHECK_EQ(curve_point_public(curves[n], buf_bytes(&private[i]), &public[i]), 0);
        }
        CHECK_EQ(
            curve_point_convert(curves[n], buf_bytes(&public[1]), CURVE_POINT_COMPRESSED, &form),
            0);
        CHECK(form.len < public[1].len);
        CHECK_EQ(curve_point_agree(curves[n], buf_bytes(&private[0]), buf_bytes(&form), &secret[0]),
                 0);
        CHECK_EQ(
            curve_point_agree(curves[n], buf_bytes(&private[1]), buf_bytes(&public[0]), &secret[1]),
            0);
        CHECK_BYTES_EQ(buf_bytes(&secret[0]), buf_bytes(&secret[1]));
        public[0].data[public[0].len - 1] ^= 1;
        CHECK_EQ(
            curve_point_agree(curves[n], buf_bytes(&private[1]), buf_bytes(&public[0]), &secret[1]),
            CURVE_POINT_BAD);
        for (int i = 0; i < 2; i++) {
            buf_fini(&private[i]);
            buf_fini(&public[i]);
            buf_fini(&secret[i]);
        }
        buf_fini(&form);
    }
}

TEST(points_and_numbers_of_no_curve_are_refused)
{
    static const uint8_t zeros[200];
    struct buf out = {0};
    struct bytes one_byte = bytes_of(zeros, 1);
    struct bytes none = bytes_of(NULL, 0);

    CHECK_EQ(curve_point_generate("nosuch", &out), CURVE_POINT_NO_CURVE);
    CHECK_EQ(curve_point_public("nosuch", one_byte, &out), CURVE_POINT_NO_CURVE);
    CHECK_EQ(curve_point_public("prime256v1", one_byte, &out), CURVE_POINT_BAD);
    CHECK_EQ(curve_point_public("prime256v1", none, &out), CURVE_POINT_BAD);
    CHECK_EQ(curve_point_public("prime256v1", bytes_of(zeros, 200), &out), CURVE_POINT_BAD);
    CHECK_EQ(curve_point_convert("prime256v1", one_byte, CURVE_POINT_HYBRID, &out),
             CURVE_POINT_BAD);
    CHECK_EQ(curve_point_convert("prime256v1", none, CURVE_POINT_HYBRID, &out), CURVE_POINT_BAD);
    CHECK_EQ(curve_point_convert("prime256v1", bytes_of(zeros, 65), CURVE_POINT_HYBRID, &out),
             CURVE_POINT_BAD);
    CHECK_EQ(out.len, 0);
    buf_fini(&out);
}
