/*
 * Keys from DER, raw bytes and the numbers of a JSON Web Key.
 */

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

#include "api/key_parts.h"
#include "base/assert.h"

enum {
    DER_BYTES_MAX = 1 << 20, /* more than the largest RSA key */
    RSA_PART_BYTES_MAX = 2048,
    RAW_BYTES_MAX = 57, /* Ed448 */
    POINT_BYTES_MAX = 1 + 2 * 66,
};

/* Do the numbers of the key belong together? */
static bool is_sound(EVP_PKEY *pkey, enum key_type type, bool private)
{
    EVP_PKEY_CTX *context;
    bool sound;

    if (key_raw_len(type) > 0)
        return true;
    context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    ASSERT(context != NULL);
    if (type == KEY_EC)
        sound = EVP_PKEY_public_check(context) == 1 &&
                (!private || EVP_PKEY_pairwise_check(context) == 1);
    else
        sound = EVP_PKEY_get_bits(pkey) >= 256;
    EVP_PKEY_CTX_free(context);
    return sound;
}

/* Takes over `pkey`, which may be NULL. */
static int accept(EVP_PKEY *pkey, enum key_type type, enum key_curve curve, bool private,
                  struct key **out)
{
    bool good = pkey != NULL && EVP_PKEY_is_a(pkey, key_type_openssl(type)) == 1 &&
                is_sound(pkey, type, private);

    if (good && type == KEY_EC) {
        enum key_curve found = key_curve_of(pkey);

        good = found != KEY_NO_CURVE && (curve == KEY_NO_CURVE || curve == found);
        curve = found;
    }
    ERR_clear_error();
    if (!good) {
        EVP_PKEY_free(pkey);
        return KEY_FAILED;
    }
    *out = key_make(pkey, type, type == KEY_EC ? curve : KEY_NO_CURVE, private);
    return 0;
}

int key_import_spki(enum key_type type, enum key_curve curve, struct bytes der, struct key **out)
{
    const uint8_t *at = der.data;
    EVP_PKEY *pkey;

    if (der.len == 0 || der.len > DER_BYTES_MAX)
        return KEY_FAILED;
    pkey = d2i_PUBKEY(NULL, &at, (long)der.len);
    if (pkey != NULL && at != der.data + der.len) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return accept(pkey, type, curve, false, out);
}

int key_import_pkcs8(enum key_type type, enum key_curve curve, struct bytes der, struct key **out)
{
    const uint8_t *at = der.data;
    PKCS8_PRIV_KEY_INFO *info;
    EVP_PKEY *pkey = NULL;

    if (der.len == 0 || der.len > DER_BYTES_MAX)
        return KEY_FAILED;
    info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    if (info != NULL && at == der.data + der.len)
        pkey = EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    return accept(pkey, type, curve, true, out);
}

/* A key out of parameters, which are freed. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *builder, bool private)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

/* `d` is empty for a public key. The builder keeps pointers, so the number lives until its end. */
static EVP_PKEY *from_point(enum key_curve curve, struct bytes point, struct bytes d)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *number = d.len > 0 ? BN_bin2bn(d.data, (int)d.len, NULL) : NULL;
    EVP_PKEY *pkey;

    ASSERT(builder != NULL);
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, key_curve_group(curve), 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len);
    if (number != NULL)
        OSSL_PARAM_BLD_push_BN_pad(builder, OSSL_PKEY_PARAM_PRIV_KEY, number, key_curve_len(curve));
    pkey = from_params("EC", builder, number != NULL);
    BN_clear_free(number);
    return pkey;
}

static int import_okp(enum key_type type, bool private, struct bytes raw, struct key **out)
{
    const char *name = key_type_openssl(type);

    if (raw.len != key_raw_len(type))
        return KEY_FAILED;
    return accept(private ? EVP_PKEY_new_raw_private_key_ex(NULL, name, NULL, raw.data, raw.len)
                          : EVP_PKEY_new_raw_public_key_ex(NULL, name, NULL, raw.data, raw.len),
                  type, KEY_NO_CURVE, private, out);
}

int key_import_raw(enum key_type type, enum key_curve curve, bool private, struct bytes raw,
                   struct key **out)
{
    if (key_raw_len(type) > 0)
        return import_okp(type, private, raw, out);
    if (type != KEY_EC || private || curve == KEY_NO_CURVE || raw.len == 0 ||
        raw.len > POINT_BYTES_MAX)
        return KEY_FAILED;
    return accept(from_point(curve, raw, bytes_of(NULL, 0)), type, curve, false, out);
}

static int import_ec_parts(enum key_curve curve, bool private, const struct bytes part[],
                           struct key **out)
{
    size_t len = key_curve_len(curve);
    uint8_t point[POINT_BYTES_MAX];

    if (curve == KEY_NO_CURVE || part[0].len != len || part[1].len != len ||
        (private && part[2].len != len))
        return KEY_FAILED;
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, part[0].data, len);
    memcpy(point + 1 + len, part[1].data, len);
    return accept(
        from_point(curve, bytes_of(point, 1 + 2 * len), private ? part[2] : bytes_of(NULL, 0)),
        KEY_EC, curve, private, out);
}

static int import_rsa_parts(bool private, const struct bytes part[], struct key **out)
{
    static const char *const names[KEY_PARTS_MAX] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    size_t count = private ? KEY_PARTS_MAX : 2;
    BIGNUM *numbers[KEY_PARTS_MAX] = {0};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey;
    size_t i;

    ASSERT(builder != NULL);
    for (i = 0; i < count; i++) {
        if (part[i].len == 0 || part[i].len > RSA_PART_BYTES_MAX)
            break;
        numbers[i] = BN_bin2bn(part[i].data, (int)part[i].len, NULL);
        OSSL_PARAM_BLD_push_BN(builder, names[i], numbers[i]);
    }
    /* A private key without its primes is complete with three numbers. */
    if (i == count || (private && i == 3)) {
        pkey = from_params("RSA", builder, private);
    } else {
        OSSL_PARAM_BLD_free(builder);
        pkey = NULL;
    }
    for (i = 0; i < count; i++)
        BN_clear_free(numbers[i]);
    return accept(pkey, KEY_RSA, KEY_NO_CURVE, private, out);
}

/* The public part of a private key must be the one that belongs to it. */
static int import_okp_parts(enum key_type type, bool private, const struct bytes part[],
                            struct key **out)
{
    uint8_t public[RAW_BYTES_MAX];
    size_t len = sizeof public;
    int r;

    if (!private)
        return import_okp(type, false, part[0], out);
    r = import_okp(type, true, part[1], out);
    if (r != 0)
        return r;
    if (EVP_PKEY_get_raw_public_key((*out)->pkey, public, &len) == 1 &&
        bytes_equal(bytes_of(public, len), part[0]))
        return 0;
    key_destroy(*out);
    *out = NULL;
    return KEY_FAILED;
}

int key_import_parts(enum key_type type, enum key_curve curve, bool private,
                     const struct key_parts *parts, struct key **out)
{
    switch (type) {
    case KEY_RSA: return import_rsa_parts(private, parts->part, out);
    case KEY_EC: return import_ec_parts(curve, private, parts->part, out);
    case KEY_ED25519:
    case KEY_X25519:
    case KEY_ED448:
    case KEY_X448: return import_okp_parts(type, private, parts->part, out);
    default: return KEY_FAILED;
    }
}
