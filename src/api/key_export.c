/*
 * Keys to DER, raw bytes and the numbers of a JSON Web Key.
 */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "api/key_parts.h"
#include "base/assert.h"
#include "base/buf.h"

/* What OpenSSL allocated goes to the end of `out`. */
static int take_der(uint8_t *der, int len, struct buf *out)
{
    ERR_clear_error();
    if (len <= 0)
        return KEY_FAILED;
    buf_append(out, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return 0;
}

int key_export_spki(const struct key *key, struct buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);

    return take_der(der, len, out);
}

int key_export_pkcs8(const struct key *key, struct buf *out)
{
    PKCS8_PRIV_KEY_INFO *info;
    uint8_t *der = NULL;
    int len = -1;

    if (!key->private)
        return KEY_FAILED;
    info = EVP_PKEY2PKCS8(key->pkey);
    if (info != NULL)
        len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    return take_der(der, len, out);
}

/* A number, padded to `len` bytes on the left; as short as it goes if `len` is 0. */
static bool append_number(const EVP_PKEY *pkey, const char *name, size_t len, struct buf *out)
{
    BIGNUM *number = NULL;
    bool done = false;

    if (EVP_PKEY_get_bn_param(pkey, name, &number) == 1) {
        if (len == 0)
            len = (size_t)BN_num_bytes(number);
        done = BN_bn2binpad(number, buf_reserve(out, len), (int)len) == (int)len;
        if (done)
            buf_added(out, len);
    }
    BN_clear_free(number);
    return done;
}

int key_export_raw(const struct key *key, struct buf *out)
{
    size_t coordinate = key_curve_len(key->curve);
    size_t len = key_raw_len(key->type);

    if (len == 0 && coordinate == 0)
        return KEY_FAILED;
    if (len > 0) {
        if (EVP_PKEY_get_raw_public_key(key->pkey, buf_reserve(out, len), &len) != 1)
            return KEY_FAILED;
        buf_added(out, len);
        return 0;
    }
    buf_append_byte(out, POINT_CONVERSION_UNCOMPRESSED);
    return append_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, coordinate, out) &&
                   append_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate, out)
               ? 0
               : KEY_FAILED;
}

/* Which numbers, in the order of struct key_parts. */
static size_t names_of(const struct key *key, const char *const **names)
{
    static const char *const rsa[] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    static const char *const ec[] = {
        OSSL_PKEY_PARAM_EC_PUB_X,
        OSSL_PKEY_PARAM_EC_PUB_Y,
        OSSL_PKEY_PARAM_PRIV_KEY,
    };

    *names = key->type == KEY_RSA ? rsa : ec;
    if (key->type == KEY_RSA)
        return key->private ? KEY_PARTS_MAX : 2;
    return key->private ? 3 : 2;
}

static int export_okp_parts(const struct key *key, struct buf *out, size_t ends[])
{
    size_t len = key_raw_len(key->type);

    if (EVP_PKEY_get_raw_public_key(key->pkey, buf_reserve(out, len), &len) != 1)
        return KEY_FAILED;
    buf_added(out, len);
    ends[0] = out->len;
    if (!key->private)
        return 0;
    len = key_raw_len(key->type);
    if (EVP_PKEY_get_raw_private_key(key->pkey, buf_reserve(out, len), &len) != 1)
        return KEY_FAILED;
    buf_added(out, len);
    ends[1] = out->len;
    return 0;
}

int key_export_parts(const struct key *key, struct buf *out, struct key_parts *parts)
{
    const char *const *names;
    size_t ends[KEY_PARTS_MAX] = {0};
    size_t start = out->len;
    size_t count;
    size_t i;

    *parts = (struct key_parts){0};
    if (key->type != KEY_RSA && key->curve == KEY_NO_CURVE && key_raw_len(key->type) == 0)
        return KEY_FAILED;
    if (key_raw_len(key->type) > 0) {
        if (export_okp_parts(key, out, ends) != 0)
            return KEY_FAILED;
        count = key->private ? 2 : 1;
    } else {
        count = names_of(key, &names);
        for (i = 0; i < count; i++) {
            /* An RSA key made of n, e and d alone has no more than these. */
            if (!append_number(key->pkey, names[i], key_curve_len(key->curve), out)) {
                if (key->type != KEY_RSA || i < 3)
                    return KEY_FAILED;
                break;
            }
            ends[i] = out->len;
        }
        count = i;
    }
    ERR_clear_error();
    for (i = 0; i < count; i++) {
        parts->part[i] = bytes_of(out->data + start, ends[i] - start);
        start = ends[i];
    }
    return 0;
}
