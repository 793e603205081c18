/*
 * Pairs of node:crypto, and what their parameters are.
 */

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "api/hash.h"
#include "api/key_node.h"
#include "api/key_parts.h"
#include "base/assert.h"
#include "base/buf.h"

enum {
    RSA_BITS_MIN = 512,
    RSA_BITS_MAX = 16384,
    DSA_BITS_MIN = 512,
    DSA_BITS_MAX = 3072, /* parameters of more take minutes */
    DSA_DIVISOR_BITS_MAX = 256,
    EXPONENT_BYTES_MAX = 8,
};

void key_describe(const struct key *key, struct key_details *details)
{
    BIGNUM *divisor = NULL;

    *details = (struct key_details){.salt_len = -1};
    switch (key->type) {
    case KEY_RSA_PSS:
        if (EVP_PKEY_get_int_param(key->pkey, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN,
                                   &details->salt_len) != 1)
            details->salt_len = -1;
        EVP_PKEY_get_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_RSA_DIGEST, details->hash,
                                       sizeof details->hash, NULL);
        EVP_PKEY_get_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST,
                                       details->mgf1_hash, sizeof details->mgf1_hash, NULL);
        details->bits = EVP_PKEY_get_bits(key->pkey);
        break;
    case KEY_DSA:
        if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_FFC_Q, &divisor) == 1)
            details->divisor_bits = BN_num_bits(divisor);
        BN_free(divisor);
        details->bits = EVP_PKEY_get_bits(key->pkey);
        break;
    case KEY_RSA: details->bits = EVP_PKEY_get_bits(key->pkey); break;
    case KEY_EC:
        EVP_PKEY_get_group_name(key->pkey, details->curve, sizeof details->curve, NULL);
        break;
    default: break;
    }
    ERR_clear_error();
}

/* The last step. Takes over `context`, which was prepared if `ready`. */
static int generate(EVP_PKEY_CTX *context, bool ready, enum key_type type, struct key **public,
                    struct key **private)
{
    EVP_PKEY *pkey = ready ? key_search(context, false) : NULL;

    EVP_PKEY_CTX_free(context);
    return key_split(pkey, type, public, private);
}

static EVP_PKEY_CTX *context_for(enum key_type type)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, key_type_openssl(type), NULL);

    ASSERT(context != NULL);
    return context;
}

int key_generate_curve(const char *curve, bool explicit, struct key **public, struct key **private)
{
    EVP_PKEY_CTX *context = context_for(KEY_EC);
    bool ready;

    ERR_clear_error();
    ready = EVP_PKEY_keygen_init(context) == 1 &&
            EVP_PKEY_CTX_set_group_name(context, curve) == 1 &&
            EVP_PKEY_CTX_set_ec_param_enc(context, explicit ? OPENSSL_EC_EXPLICIT_CURVE
                                                            : OPENSSL_EC_NAMED_CURVE) == 1;
    return generate(context, ready, KEY_EC, public, private);
}

static bool prepare_pss(EVP_PKEY_CTX *context, const struct key_pss *pss, BIGNUM *exponent)
{
    const EVP_MD *hash = hash_find(pss->hash);
    const EVP_MD *mgf1_hash = hash_find(pss->mgf1_hash);

    return EVP_PKEY_keygen_init(context) == 1 &&
           EVP_PKEY_CTX_set_rsa_keygen_bits(context, pss->bits) == 1 &&
           EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent) == 1 &&
           (hash == NULL || EVP_PKEY_CTX_set_rsa_pss_keygen_md(context, hash) == 1) &&
           (mgf1_hash == NULL ||
            EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context, mgf1_hash) == 1) &&
           (pss->salt_len < 0 ||
            EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, pss->salt_len) == 1);
}

int key_generate_pss(const struct key_pss *pss, struct key **public, struct key **private)
{
    EVP_PKEY_CTX *context;
    BIGNUM *exponent;
    bool ready;
    int r;

    ERR_clear_error();
    if (pss->bits < RSA_BITS_MIN || pss->bits > RSA_BITS_MAX || pss->exponent.len == 0 ||
        pss->exponent.len > EXPONENT_BYTES_MAX)
        return KEY_FAILED;
    exponent = BN_bin2bn(pss->exponent.data, (int)pss->exponent.len, NULL);
    ASSERT(exponent != NULL);
    context = context_for(KEY_RSA_PSS);
    ready = BN_cmp(exponent, BN_value_one()) > 0 && BN_is_odd(exponent) &&
            prepare_pss(context, pss, exponent);
    r = generate(context, ready, KEY_RSA_PSS, public, private);
    BN_free(exponent);
    return r;
}

/* A pair with the parameters of `params`, which is taken over and may be NULL. */
static int generate_from(EVP_PKEY *params, enum key_type type, struct key **public,
                         struct key **private)
{
    EVP_PKEY_CTX *context;
    int r;

    if (params == NULL)
        return KEY_FAILED;
    context = EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);
    ASSERT(context != NULL);
    r = generate(context, EVP_PKEY_keygen_init(context) == 1, type, public, private);
    EVP_PKEY_free(params);
    return r;
}

int key_generate_dsa(int bits, int divisor_bits, struct key **public, struct key **private)
{
    EVP_PKEY_CTX *context;
    EVP_PKEY *params = NULL;

    ERR_clear_error();
    if (bits < DSA_BITS_MIN || bits > DSA_BITS_MAX || divisor_bits > DSA_DIVISOR_BITS_MAX)
        return KEY_FAILED;
    context = context_for(KEY_DSA);
    if (EVP_PKEY_paramgen_init(context) == 1 &&
        EVP_PKEY_CTX_set_dsa_paramgen_bits(context, bits) == 1 &&
        (divisor_bits <= 0 || EVP_PKEY_CTX_set_dsa_paramgen_q_bits(context, divisor_bits) == 1))
        params = key_search(context, true);
    EVP_PKEY_CTX_free(context);
    return generate_from(params, KEY_DSA, public, private);
}

static EVP_PKEY *dh_params(const BIGNUM *prime, const BIGNUM *generator)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = context_for(KEY_DH);
    OSSL_PARAM *params;
    EVP_PKEY *pkey = NULL;

    ASSERT(builder != NULL);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_P, prime);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_G, generator);
    params = OSSL_PARAM_BLD_to_param(builder);
    if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEY_PARAMETERS, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

int key_generate_dh(struct bytes prime, struct bytes generator, struct key **public,
                    struct key **private)
{
    BIGNUM *p;
    BIGNUM *g;
    int r;

    ERR_clear_error();
    if (prime.len > OPENSSL_DH_MAX_MODULUS_BITS / 8 || generator.len > prime.len)
        return KEY_FAILED;
    p = BN_bin2bn(prime.data, (int)prime.len, NULL);
    g = BN_bin2bn(generator.data, (int)generator.len, NULL);
    ASSERT(p != NULL && g != NULL);
    r = generate_from(dh_params(p, g), KEY_DH, public, private);
    BN_free(p);
    BN_free(g);
    return r;
}
