/*
 * What keys are for: signatures, encryption, agreement.
 */

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "api/hash.h"
#include "api/key_parts.h"
#include "base/assert.h"
#include "base/buf.h"

static bool fits(const struct key *key, enum key_scheme scheme)
{
    switch (scheme) {
    case KEY_PKCS1:
    case KEY_PSS: return key->type == KEY_RSA;
    case KEY_ECDSA: return key->type == KEY_EC;
    case KEY_EDDSA: return key->type == KEY_ED25519;
    default: UNREACHABLE();
    }
}

static bool pad(EVP_PKEY_CTX *context, enum key_scheme scheme, int salt_len)
{
    if (scheme != KEY_PSS)
        return true; /* PKCS #1 is what RSA does unless told otherwise */
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_len) == 1;
}

int key_append_rs(struct bytes der, size_t len, struct buf *out)
{
    const uint8_t *at = der.data;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    uint8_t *to = buf_reserve(out, 2 * len);
    bool done;

    done = signature != NULL &&
           BN_bn2binpad(ECDSA_SIG_get0_r(signature), to, (int)len) == (int)len &&
           BN_bn2binpad(ECDSA_SIG_get0_s(signature), to + len, (int)len) == (int)len;
    ECDSA_SIG_free(signature);
    if (!done)
        return KEY_FAILED;
    buf_added(out, 2 * len);
    return 0;
}

size_t key_der_of_rs(struct bytes rs, size_t len, uint8_t der[KEY_RESULT_MAX])
{
    ECDSA_SIG *signature;
    BIGNUM *r;
    BIGNUM *s;
    int der_len;

    if (rs.len != 2 * len)
        return 0;
    signature = ECDSA_SIG_new();
    r = BN_bin2bn(rs.data, (int)len, NULL);
    s = BN_bin2bn(rs.data + len, (int)len, NULL);
    if (signature == NULL || ECDSA_SIG_set0(signature, r, s) != 1)
        UNREACHABLE(); /* only for want of memory */
    der_len = i2d_ECDSA_SIG(signature, &der);
    ECDSA_SIG_free(signature);
    return der_len > 0 ? (size_t)der_len : 0;
}

int key_sign(const struct key *key, enum key_scheme scheme, struct bytes hash, int salt_len,
             struct bytes data, struct buf *out)
{
    const EVP_MD *md = scheme == KEY_EDDSA ? NULL : hash_find(hash);
    EVP_PKEY_CTX *context; /* the digest's */
    EVP_MD_CTX *digest;
    uint8_t signature[KEY_RESULT_MAX];
    size_t len = sizeof signature;
    int r = KEY_FAILED;

    if (!key->private || !fits(key, scheme) || (md == NULL && scheme != KEY_EDDSA))
        return KEY_FAILED;
    digest = EVP_MD_CTX_new();
    ASSERT(digest != NULL);
    if (EVP_DigestSignInit(digest, &context, md, NULL, key->pkey) == 1 &&
        pad(context, scheme, salt_len) &&
        EVP_DigestSign(digest, signature, &len, data.data, data.len) == 1) {
        r = 0;
        if (scheme == KEY_ECDSA)
            r = key_append_rs(bytes_of(signature, len), key_curve_len(key->curve), out);
        else
            buf_append(out, signature, len);
    }
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    return r;
}

bool key_verify(const struct key *key, enum key_scheme scheme, struct bytes hash, int salt_len,
                struct bytes signature, struct bytes data)
{
    const EVP_MD *md = scheme == KEY_EDDSA ? NULL : hash_find(hash);
    EVP_PKEY_CTX *context;
    EVP_MD_CTX *digest;
    uint8_t der[KEY_RESULT_MAX];
    bool good;

    if (!fits(key, scheme) || (md == NULL && scheme != KEY_EDDSA))
        return false;
    if (scheme == KEY_ECDSA) {
        signature = bytes_of(der, key_der_of_rs(signature, key_curve_len(key->curve), der));
        if (signature.len == 0)
            return false;
    }
    digest = EVP_MD_CTX_new();
    ASSERT(digest != NULL);
    good = EVP_DigestVerifyInit(digest, &context, md, NULL, key->pkey) == 1 &&
           pad(context, scheme, salt_len) &&
           EVP_DigestVerify(digest, signature.data, signature.len, data.data, data.len) == 1;
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    return good;
}

static bool pad_oaep(EVP_PKEY_CTX *context, const EVP_MD *md, struct bytes label)
{
    uint8_t *copy;

    if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, md) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) != 1)
        return false;
    if (label.len == 0)
        return true;
    if (label.len > INT_MAX)
        return false;
    copy = OPENSSL_memdup(label.data, label.len); /* OpenSSL frees it, if it takes it */
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)label.len) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

int key_oaep(const struct key *key, bool encrypt, struct bytes hash, struct bytes label,
             struct bytes data, struct buf *out)
{
    const EVP_MD *md = hash_find(hash);
    EVP_PKEY_CTX *context;
    uint8_t result[KEY_RESULT_MAX];
    size_t len = sizeof result;
    bool done;

    if (key->type != KEY_RSA || md == NULL || (!encrypt && !key->private))
        return KEY_FAILED;
    context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    ASSERT(context != NULL);
    if (encrypt)
        done = EVP_PKEY_encrypt_init(context) == 1 && pad_oaep(context, md, label) &&
               EVP_PKEY_encrypt(context, result, &len, data.data, data.len) == 1;
    else
        done = EVP_PKEY_decrypt_init(context) == 1 && pad_oaep(context, md, label) &&
               EVP_PKEY_decrypt(context, result, &len, data.data, data.len) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (!done)
        return KEY_FAILED;
    buf_append(out, result, len);
    OPENSSL_cleanse(result, sizeof result);
    return 0;
}

int key_agree(const struct key *private, const struct key *public, struct buf *out)
{
    EVP_PKEY_CTX *context;
    uint8_t secret[KEY_RESULT_MAX];
    size_t len = sizeof secret;
    uint8_t any = 0;
    size_t i;
    bool done;

    if (!private->private || private->type != public->type || private->curve != public->curve ||
        private->type == KEY_ED25519 || private->type == KEY_ED448)
        return KEY_FAILED;
    context = EVP_PKEY_CTX_new_from_pkey(NULL, private->pkey, NULL);
    ASSERT(context != NULL);
    done = EVP_PKEY_derive_init(context) == 1 &&
           (private->type != KEY_DH || EVP_PKEY_CTX_set_dh_pad(context, 1) == 1) &&
           EVP_PKEY_derive_set_peer(context, public->pkey) == 1 &&
           EVP_PKEY_derive(context, secret, &len) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    for (i = 0; done && i < len; i++)
        any |= secret[i];
    if (any == 0)
        return KEY_FAILED;
    buf_append(out, secret, len);
    OPENSSL_cleanse(secret, sizeof secret);
    return 0;
}
