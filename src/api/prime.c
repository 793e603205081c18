#include "api/prime.h"

#include <openssl/bn.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <string.h>

#include "api/search.h"
#include "base/assert.h"
#include "base/buf.h"

enum {
    NUMBER_BYTES_MAX = 4096,
};

static BIGNUM *number_of(struct bytes bytes)
{
    BIGNUM *number;

    if (bytes.len > NUMBER_BYTES_MAX)
        return NULL;
    number = BN_bin2bn(bytes.data, (int)bytes.len, NULL);
    ASSERT(number != NULL);
    return number;
}

/* Padded on the left to `len` bytes; false if it is longer. */
static bool append_number(const BIGNUM *number, size_t len, struct buf *out)
{
    if (BN_bn2binpad(number, buf_reserve(out, len + 1), (int)len) != (int)len)
        return false;
    buf_added(out, len);
    return true;
}

static int go_on(int what, int count, BN_GENCB *progress)
{
    (void)what, (void)count;
    return search_goes_on(BN_GENCB_get_arg(progress));
}

static bool search(BIGNUM *prime, int bits, bool safe, const BIGNUM *add, const BIGNUM *rem)
{
    BN_GENCB *progress = BN_GENCB_new();
    struct search limit;
    bool found;

    ASSERT(progress != NULL);
    search_begin(&limit);
    BN_GENCB_set(progress, go_on, &limit);
    found = BN_generate_prime_ex(prime, bits, safe, add, rem, progress) == 1;
    BN_GENCB_free(progress);
    return found;
}

int prime_generate(int bits, bool safe, struct bytes add, struct bytes rem, struct buf *out)
{
    BIGNUM *add_number = add.len > 0 ? number_of(add) : NULL;
    BIGNUM *rem_number = rem.len > 0 ? number_of(rem) : NULL;
    BIGNUM *prime = BN_secure_new();
    bool done;

    ASSERT(prime != NULL);
    done = bits >= 1 && bits <= PRIME_BITS_MAX && (add.len == 0 || add_number != NULL) &&
           (rem.len == 0 || rem_number != NULL) &&
           (add_number == NULL || BN_num_bits(add_number) <= bits) &&
           (rem_number == NULL || add_number == NULL || BN_cmp(add_number, rem_number) > 0) &&
           search(prime, bits, safe, add_number, rem_number) &&
           append_number(prime, ((size_t)bits + 7) / 8, out);
    BN_free(add_number);
    BN_free(rem_number);
    BN_clear_free(prime);
    ERR_clear_error();
    return done ? 0 : PRIME_FAILED;
}

bool prime_check(struct bytes bytes)
{
    BIGNUM *number = number_of(bytes);
    BN_CTX *context;
    bool prime;

    if (number == NULL)
        return false;
    context = BN_CTX_new();
    ASSERT(context != NULL);
    prime = BN_check_prime(number, context, NULL) == 1;
    BN_CTX_free(context);
    BN_clear_free(number);
    ERR_clear_error();
    return prime;
}

int prime_group(const char *name, struct buf *out)
{
    static const struct {
        const char *name;
        BIGNUM *(*prime)(BIGNUM *);
    } groups[] = {
        {"modp1", BN_get_rfc2409_prime_768},   {"modp2", BN_get_rfc2409_prime_1024},
        {"modp5", BN_get_rfc3526_prime_1536},  {"modp14", BN_get_rfc3526_prime_2048},
        {"modp15", BN_get_rfc3526_prime_3072}, {"modp16", BN_get_rfc3526_prime_4096},
        {"modp17", BN_get_rfc3526_prime_6144}, {"modp18", BN_get_rfc3526_prime_8192},
    };

    size_t i;

    for (i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (strcmp(groups[i].name, name) == 0) {
            BIGNUM *prime = groups[i].prime(NULL);

            ASSERT(prime != NULL);
            append_number(prime, (size_t)BN_num_bytes(prime), out);
            BN_free(prime);
            return 0;
        }
    }
    return PRIME_FAILED;
}

int prime_private(struct bytes bytes, struct buf *out)
{
    BIGNUM *prime = number_of(bytes);
    BIGNUM *private = BN_secure_new();
    bool done;

    ASSERT(private != NULL);
    /* From 2 to prime - 2. */
    done = prime != NULL && BN_num_bits(prime) > 2 && BN_sub_word(prime, 3) == 1 &&
           BN_priv_rand_range(private, prime) == 1 && BN_add_word(private, 2) == 1 &&
           append_number(private, bytes.len, out);
    BN_free(prime);
    BN_clear_free(private);
    ERR_clear_error();
    return done ? 0 : PRIME_FAILED;
}

int prime_power(struct bytes base, struct bytes exponent, struct bytes prime, struct buf *out)
{
    BIGNUM *b = number_of(base);
    BIGNUM *e = number_of(exponent);
    BIGNUM *p = number_of(prime);
    BIGNUM *power = BN_secure_new();
    BN_CTX *context = BN_CTX_secure_new();
    bool done;

    ASSERT(power != NULL && context != NULL);
    if (e != NULL)
        BN_set_flags(e, BN_FLG_CONSTTIME);
    done = b != NULL && e != NULL && p != NULL && BN_is_odd(p) && !BN_is_one(p) &&
           BN_num_bits(p) <= OPENSSL_DH_MAX_MODULUS_BITS &&
           BN_mod_exp_mont_consttime(power, b, e, p, context, NULL) == 1 &&
           append_number(power, (size_t)BN_num_bytes(p), out);
    BN_free(b);
    BN_clear_free(e);
    BN_free(p);
    BN_clear_free(power);
    BN_CTX_free(context);
    ERR_clear_error();
    return done ? 0 : PRIME_FAILED;
}

bool prime_is_public(struct bytes bytes, struct bytes prime_bytes)
{
    BIGNUM *number = number_of(bytes);
    BIGNUM *prime = number_of(prime_bytes);
    bool good;

    good = number != NULL && prime != NULL && BN_sub_word(prime, 1) == 1 &&
           BN_cmp(number, BN_value_one()) > 0 && BN_cmp(number, prime) < 0;
    BN_free(number);
    BN_free(prime);
    return good;
}

/* What the deprecated DH_check() finds: is the prime a safe one, and does the generator do? */
int prime_verify(struct bytes prime_bytes, struct bytes generator_bytes)
{
    BIGNUM *prime = number_of(prime_bytes);
    BIGNUM *generator = number_of(generator_bytes);
    BN_CTX *context = BN_CTX_new();
    int found = 0;

    ASSERT(context != NULL);
    if (prime == NULL || generator == NULL) {
        found = DH_CHECK_P_NOT_PRIME;
    } else {
        if (BN_check_prime(prime, context, NULL) != 1)
            found |= DH_CHECK_P_NOT_PRIME;
        if (BN_is_one(generator) || BN_is_zero(generator) || BN_cmp(generator, prime) >= 0)
            found |= DH_NOT_SUITABLE_GENERATOR;
        BN_rshift1(prime, prime);
        if ((found & DH_CHECK_P_NOT_PRIME) == 0 && BN_check_prime(prime, context, NULL) != 1)
            found |= DH_CHECK_P_NOT_SAFE_PRIME;
    }
    BN_free(prime);
    BN_free(generator);
    BN_CTX_free(context);
    ERR_clear_error();
    return found;
}
