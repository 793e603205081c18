#include <openssl/err.h>
#include <string.h>

#include "api/cipher_stream.h"
#include "base/buf.h"
#include "base/rng.h"
#include "test.h"

static uint8_t key[64];
static uint8_t iv[16];

/* The whole of it, in pieces of chance. */
static int run(const char *name, bool encrypt, struct bytes data, struct rng *rng,
               struct bytes *tag, struct buf *out)
{
    static uint8_t made[16];
    struct cipher_stream *stream = NULL;
    struct cipher_facts facts;
    size_t at = 0;
    int r;

    CHECK_EQ(cipher_describe(name, &facts), 0);
    CHECK_EQ(cipher_stream_create(name, encrypt, bytes_of(key, facts.key_len),
                                  bytes_of(iv, facts.iv_len), facts.authenticated ? 16 : 0,
                                  &stream),
             0);
    if (facts.authenticated) {
        CHECK_EQ(cipher_stream_add_aad(stream, bytes_of_string("about")), 0);
        if (!encrypt)
            CHECK_EQ(cipher_stream_set_tag(stream, *tag), 0);
    }
    while (at < data.len) {
        size_t len = 1 + rng_below(rng, data.len - at);

        CHECK_EQ(cipher_stream_update(stream, bytes_slice(data, at, at + len), out), 0);
        at += len;
    }
    r = cipher_stream_finish(stream, out);
    CHECK(cipher_stream_is_finished(stream));
    if (encrypt) {
        *tag = cipher_stream_tag(stream);
        memcpy(made, tag->data, tag->len);
        *tag = bytes_of(made, tag->len);
    }
    cipher_stream_destroy(stream);
    ERR_clear_error();
    return r;
}

TEST(what_is_encrypted_in_pieces_is_decrypted_in_pieces)
{
    static const char *const names[] = {"aes-128-cbc", "aes-192-ctr", "aes-256-gcm",
                                        "aes-256-ecb", "aes-128-cfb", "chacha20-poly1305",
                                        "aes-256-ofb", "des-ede3-cbc"};
    uint8_t text[300];
    struct rng rng;

    rng_init(&rng, 3);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    memset(text, 'x', sizeof text);
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        for (size_t len = 0; len <= sizeof text; len += 37) {
            struct bytes data = bytes_of(text, len);
            struct buf sealed = {0};
            struct buf out = {0};
            struct bytes tag;

            CHECK_EQ(run(names[n], true, data, &rng, &tag, &sealed), 0);
            CHECK_EQ(run(names[n], false, buf_bytes(&sealed), &rng, &tag, &out), 0);
            CHECK_BYTES_EQ(buf_bytes(&out), data);
            if (tag.len > 0) {
                uint8_t other[16];

                memcpy(other, tag.data, tag.len);
                other[0] ^= 1;
                tag = bytes_of(other, sizeof other);
                buf_clear(&out);
                CHECK_EQ(run(names[n], false, buf_bytes(&sealed), &rng, &tag, &out),
                         CIPHER_STREAM_FAILED);
            }
            buf_fini(&sealed);
            buf_fini(&out);
        }
    }
}

TEST(lengths_that_do_not_fit_are_refused)
{
    struct cipher_stream *stream = NULL;
    struct bytes short_key = bytes_of(key, 15);
    struct bytes right_key = bytes_of(key, 16);

    CHECK_EQ(cipher_stream_create("nosuch", true, right_key, bytes_of(iv, 16), 0, &stream),
             CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_create("aes-128-cbc", true, short_key, bytes_of(iv, 16), 0, &stream),
             CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_create("aes-128-cbc", true, right_key, bytes_of(iv, 15), 0, &stream),
             CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_create("aes-128-gcm", true, right_key, bytes_of(iv, 0), 16, &stream),
             CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_create("aes-128-ccm", true, right_key, bytes_of(iv, 12), 16, &stream),
             CIPHER_STREAM_FAILED);
    CHECK(cipher_takes("aes-128-gcm", 16, 1) && !cipher_takes("aes-128-gcm", 17, -1));
    CHECK(!cipher_takes("aes-128-cbc", -1, 12) && cipher_takes("aes-128-cbc", -1, -1));
    ERR_clear_error();
}

TEST(a_tag_is_set_once_and_only_to_decrypt)
{
    struct cipher_stream *stream = NULL;
    struct bytes tag = bytes_of(iv, 16);
    struct buf out = {0};

    CHECK_EQ(cipher_stream_create("aes-128-gcm", false, bytes_of(key, 16), bytes_of(iv, 12), 16,
                                  &stream),
             0);
    CHECK_EQ(cipher_stream_set_tag(stream, tag), 0);
    CHECK_EQ(cipher_stream_set_tag(stream, tag), CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_finish(stream, &out), CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_tag(stream).len, 0);
    cipher_stream_destroy(stream);
    CHECK_EQ(
        cipher_stream_create("aes-128-gcm", true, bytes_of(key, 16), bytes_of(iv, 12), 12, &stream),
        0);
    CHECK_EQ(cipher_stream_set_tag(stream, tag), CIPHER_STREAM_FAILED);
    CHECK_EQ(cipher_stream_finish(stream, &out), 0);
    CHECK_EQ(cipher_stream_tag(stream).len, 12);
    cipher_stream_destroy(stream);
    cipher_stream_destroy(NULL);
    buf_fini(&out);
    ERR_clear_error();
}
