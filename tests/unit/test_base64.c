#include "base/base64.h"
#include "base/rng.h"
#include "test.h"

static const char *encoded(const char *text, unsigned flags)
{
    static char out[128];
    struct bytes data = bytes_of_string(text);
    size_t len = base64_encode(data, flags, out);

    CHECK_EQ(len, base64_encoded_len(data.len, flags));
    out[len] = '\0';
    return out;
}

/* NULL: malformed. */
static const char *decoded(const char *text, unsigned flags)
{
    static char out[128];
    size_t len;

    if (base64_decode(bytes_of_string(text), flags, (uint8_t *)out, &len) != 0)
        return NULL;
    CHECK(len <= base64_decoded_len_max(strlen(text)));
    out[len] = '\0';
    return out;
}

TEST(the_examples_of_rfc_4648_go_both_ways)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        CHECK_STR_EQ(encoded(pairs[i][0], BASE64_STANDARD), pairs[i][1]);
        CHECK_STR_EQ(decoded(pairs[i][1], BASE64_STANDARD), pairs[i][0]);
    }
}

TEST(the_url_alphabet_differs_in_two_characters)
{
    CHECK_STR_EQ(encoded("\xfb\xff", BASE64_STANDARD), "+/8=");
    CHECK_STR_EQ(encoded("\xfb\xff", BASE64_URL | BASE64_NO_PAD), "-_8");
    CHECK_STR_EQ(decoded("-_8", BASE64_URL | BASE64_NO_PAD), "\xfb\xff");
    CHECK_STR_EQ(decoded("-_8=", BASE64_URL), "\xfb\xff");
    CHECK(decoded("+/8=", BASE64_URL) == NULL);
    CHECK(decoded("-_8=", BASE64_STANDARD) == NULL);
}

TEST(strict_decoding_takes_only_what_an_encoder_writes)
{
    CHECK(decoded("Zg", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zg=", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zg===", BASE64_STANDARD) == NULL);
    CHECK(decoded("Z", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zh==", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zm9=", BASE64_STANDARD) == NULL);
    CHECK(decoded("Z g==", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zg==Zg==", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zg==", BASE64_NO_PAD) == NULL);
    CHECK(decoded("=", BASE64_STANDARD) == NULL);
    CHECK(decoded("Zm9v=", BASE64_STANDARD) == NULL);
}

TEST(forgiving_decoding_is_that_of_atob)
{
    CHECK_STR_EQ(decoded(" Z g\n=\t= ", BASE64_FORGIVING), "f");
    CHECK_STR_EQ(decoded("Zg", BASE64_FORGIVING), "f");
    CHECK_STR_EQ(decoded("Zh", BASE64_FORGIVING), "f");
    CHECK_STR_EQ(decoded("", BASE64_FORGIVING), "");
    CHECK(decoded("Zg=", BASE64_FORGIVING) == NULL);
    CHECK(decoded("Z", BASE64_FORGIVING) == NULL);
    CHECK(decoded("Zm9v=", BASE64_FORGIVING) == NULL);
    CHECK(decoded("Zm9vYg===", BASE64_FORGIVING) == NULL);
    CHECK(decoded("Z\vg", BASE64_FORGIVING) == NULL);
    CHECK(decoded("\xc3\xa9==", BASE64_FORGIVING) == NULL);
}

TEST(random_bytes_survive_every_alphabet)
{
    uint8_t data[100];
    uint8_t back[110];
    char text[140];
    struct rng rng;

    rng_init(&rng, 9);
    for (unsigned round = 0; round < 2000; round++) {
        struct bytes in = bytes_of(data, rng_below(&rng, sizeof data));
        unsigned flags = round % 4; /* URL and NO_PAD in every combination */
        size_t len;

        rng_fill(&rng, data, in.len);
        len = base64_encode(in, flags, text);
        CHECK_EQ(base64_decode(bytes_of(text, len), flags, back, &len), 0);
        CHECK_BYTES_EQ(bytes_of(back, len), in);
    }
}
