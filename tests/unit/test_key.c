#include <openssl/err.h>
#include <openssl/rsa.h>

#include "api/key_node.h"
#include "base/buf.h"
#include "base/rng.h"
#include "test.h"

enum {
    MUTATIONS = 150,
};

static const uint8_t exponent[] = {1, 0, 1};

/* A pair of the n-th kind; false behind the last. */
static bool make_pair(int n, struct key **public, struct key **private)
{
    switch (n) {
    case 0:
        return key_generate_rsa(1024, bytes_of(exponent, sizeof exponent), public, private) == 0;
    case 1: return key_generate(KEY_EC, KEY_P256, public, private) == 0;
    case 2: return key_generate(KEY_ED25519, KEY_NO_CURVE, public, private) == 0;
    case 3: return key_generate(KEY_X448, KEY_NO_CURVE, public, private) == 0;
    case 4: return key_generate_curve("secp256k1", false, public, private) == 0;
    case 5: return key_generate_curve("brainpoolP320r1", true, public, private) == 0;
    default: return false;
    }
}

static void write_key(const struct key *key, bool pem, const char *cipher, struct buf *out)
{
    struct key_target target = {.pem = pem, .structure = KEY_AS_PKCS8, .cipher = cipher};

    if (!key_is_private(key))
        target.structure = KEY_AS_SPKI;
    if (cipher != NULL)
        target.passphrase = bytes_of_string("open");
    CHECK_EQ(key_write(key, &target, out), 0);
}

static int read_key(struct bytes data, bool pem, bool private, const char *passphrase,
                    struct key **out)
{
    struct key_source source = {.data = data, .pem = pem, .private = private};

    source.structure = private ? KEY_AS_PKCS8 : KEY_AS_SPKI;
    source.has_passphrase = passphrase != NULL;
    if (passphrase != NULL)
        source.passphrase = bytes_of_string(passphrase);
    return key_read(&source, out);
}

TEST(what_is_written_is_read_as_the_same_key)
{
    struct key *public;
    struct key *private;

    for (int kind = 0; make_pair(kind, &public, &private); kind++) {
        for (int pem = 0; pem < 2; pem++) {
            struct buf out = {0};
            struct key *again = NULL;

            write_key(private, pem, NULL, &out);
            CHECK_EQ(read_key(buf_bytes(&out), pem, true, NULL, &again), 0);
            CHECK(key_equals(private, again) && key_type(private) == key_type(again));
            CHECK(!key_equals(public, again));
            key_destroy(again);
            buf_clear(&out);
            write_key(public, pem, NULL, &out);
            CHECK_EQ(read_key(buf_bytes(&out), pem, false, NULL, &again), 0);
            CHECK(key_equals(public, again));
            key_destroy(again);
            buf_fini(&out);
        }
        key_destroy(public);
        key_destroy(private);
    }
}

TEST(an_encrypted_key_asks_for_its_passphrase)
{
    struct key *public;
    struct key *private;
    struct key *again = NULL;

    CHECK(make_pair(1, &public, &private));
    for (int pem = 0; pem < 2; pem++) {
        struct buf out = {0};

        write_key(private, pem, "aes-256-cbc", &out);
        CHECK_EQ(read_key(buf_bytes(&out), pem, true, NULL, &again), KEY_LOCKED);
        CHECK_EQ(read_key(buf_bytes(&out), pem, true, "shut", &again), KEY_FAILED);
        CHECK(ERR_peek_error() != 0);
        CHECK_EQ(read_key(buf_bytes(&out), pem, true, "open", &again), 0);
        CHECK(key_equals(private, again));
        key_destroy(again);
        buf_fini(&out);
    }
    ERR_clear_error();
    key_destroy(public);
    key_destroy(private);
}

/* Whatever it is then, it is a key or none. (Of an encrypted one chance could make one that takes
 * hours to open.) */
static void read_mutated(struct rng *rng, struct buf *data, bool pem, bool private)
{
    struct buf copy = {0};
    struct key *key = NULL;

    buf_append_bytes(&copy, buf_bytes(data));
    for (uint64_t n = rng_below(rng, 4); n < 4; n++)
        copy.data[rng_below(rng, copy.len)] = (uint8_t)rng_next(rng);
    if (rng_below(rng, 4) == 0)
        buf_truncate(&copy, rng_below(rng, copy.len));
    if (read_key(buf_bytes(&copy), pem, private, NULL, &key) == 0) {
        struct key_details details;
        struct buf out = {0};

        key_describe(key, &details);
        key_export_spki(key, &out);
        buf_fini(&out);
        key_destroy(key);
    }
    ERR_clear_error();
    buf_fini(&copy);
}

TEST(a_damaged_key_is_refused_or_another_one)
{
    struct rng rng;
    struct key *public;
    struct key *private;

    rng_init(&rng, 7);
    for (int kind = 0; make_pair(kind, &public, &private); kind++) {
        for (int form = 0; form < 4; form++) {
            bool pem = (form & 1) != 0;
            bool is_private = (form & 2) != 0;
            struct buf out = {0};

            write_key(is_private ? private : public, pem, NULL, &out);
            for (int i = 0; i < MUTATIONS; i++)
                read_mutated(&rng, &out, pem, is_private);
            buf_fini(&out);
        }
        key_destroy(public);
        key_destroy(private);
    }
}

TEST(a_signature_is_good_for_its_digest_and_key_only)
{
    uint8_t digest[32] = {1, 2, 3};
    struct key_signing how = {.hash = bytes_of_string("SHA-256"), .salt_len = KEY_DEFAULT_SALT};
    struct bytes data = bytes_of(digest, sizeof digest);
    struct key *public;
    struct key *private;
    struct key *other[2];

    CHECK(make_pair(1, &other[0], &other[1]));
    for (int kind = 0; make_pair(kind, &public, &private); kind++) {
        bool signs = key_type(private) != KEY_X448;

        for (int fixed = 0; fixed < 2; fixed++) {
            struct buf out = {0};

            how.fixed = fixed;
            CHECK_EQ(key_sign_digest(private, &how, data, &out), signs ? 0 : KEY_FAILED);
            CHECK_EQ(key_verify_digest(public, &how, buf_bytes(&out), data), signs);
            CHECK(!key_verify_digest(other[0], &how, buf_bytes(&out), data));
            CHECK(!key_verify_digest(public, &how, bytes_of(NULL, 0), data));
            CHECK_EQ(key_sign_digest(public, &how, data, &out), KEY_FAILED);
            digest[0]++;
            CHECK(!key_verify_digest(public, &how, buf_bytes(&out), data));
            buf_fini(&out);
        }
        key_destroy(public);
        key_destroy(private);
    }
    ERR_clear_error();
    key_destroy(other[0]);
    key_destroy(other[1]);
}

TEST(what_is_encrypted_with_rsa_is_decrypted_with_the_other_half)
{
    static const enum key_rsa_operation pairs[][2] = {
        {KEY_ENCRYPT, KEY_DECRYPT},
        {KEY_SEAL, KEY_UNSEAL},
    };
    struct bytes text = bytes_of_string("text");
    struct key *public;
    struct key *private;

    CHECK(make_pair(0, &public, &private));
    for (int i = 0; i < 3; i++) {
        bool seals = i == 1;
        struct key_rsa_job job = {.padding = i == 2 ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING};
        struct buf sealed = {0};
        struct buf out = {0};

        job.hash = bytes_of_string("SHA-256");
        job.label = bytes_of_string("label");
        job.data = text;
        job.operation = pairs[seals][0];
        CHECK_EQ(key_rsa_run(seals ? private : public, &job, &sealed), 0);
        job.data = buf_bytes(&sealed);
        job.operation = pairs[seals][1];
        CHECK_EQ(key_rsa_run(seals ? public : private, &job, &out), 0);
        CHECK_BYTES_EQ(buf_bytes(&out), text);
        job.data.len--;
        buf_clear(&out);
        CHECK_EQ(key_rsa_run(seals ? public : private, &job, &out), KEY_FAILED);
        buf_fini(&sealed);
        buf_fini(&out);
    }
    ERR_clear_error();
    key_destroy(public);
    key_destroy(private);
}

TEST(pairs_of_other_kinds_are_made_and_described)
{
    struct key_pss pss = {.bits = 1024, .salt_len = 20};
    struct key_details details;
    struct key *public;
    struct key *private;

    pss.exponent = bytes_of(exponent, sizeof exponent);
    pss.hash = pss.mgf1_hash = bytes_of_string("SHA-256");
    CHECK_EQ(key_generate_pss(&pss, &public, &private), 0);
    key_describe(public, &details);
    CHECK_EQ(details.bits, 1024);
    CHECK_EQ(details.salt_len, 20);
    key_destroy(public);
    key_destroy(private);
    pss.bits = 100;
    CHECK_EQ(key_generate_pss(&pss, &public, &private), KEY_FAILED);
    CHECK_EQ(key_generate_curve("nosuch", false, &public, &private), KEY_FAILED);
    CHECK_EQ(key_generate_dsa(100, 0, &public, &private), KEY_FAILED);
    CHECK_EQ(key_generate_dh(bytes_of(NULL, 0), bytes_of(NULL, 0), &public, &private), KEY_FAILED);
    ERR_clear_error();
}
