/*
 * Signatures and RSA with the options of node:crypto.
 */

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "api/hash.h"
#include "api/key_node.h"
#include "api/key_parts.h"
#include "base/assert.h"
#include "base/buf.h"

static bool signs_data(const struct key *key)
{
    return key->type == KEY_ED25519 || key->type == KEY_ED448;
}

/* The length of r, and of s; 0 if the key's signatures are none of this kind. */
static size_t number_len(const struct key *key)
{
    struct key_details details;

    if (key->type == KEY_EC)
        return ((size_t)EVP_PKEY_get_bits(key->pkey) + 7) / 8;
    if (key->type != KEY_DSA)
        return 0;
    key_describe(key, &details);
    return ((size_t)details.divisor_bits + 7) / 8;
}

/* How a signature is made and checked, besides EdDSA. */
static bool prepare(EVP_PKEY_CTX *context, const struct key *key, const struct key_signing *how)
{
    const EVP_MD *hash = hash_find(how->hash);

    if (hash == NULL)
        return false;
    if (key->type == KEY_RSA || key->type == KEY_RSA_PSS) {
        bool pss = how->padding == RSA_PKCS1_PSS_PADDING || key->type == KEY_RSA_PSS;

        if (how->padding != KEY_DEFAULT_PADDING &&
            EVP_PKEY_CTX_set_rsa_padding(context, how->padding) != 1)
            return false;
        if (pss && how->salt_len != KEY_DEFAULT_SALT &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, how->salt_len) != 1)
            return false;
    }
    return EVP_PKEY_CTX_set_signature_md(context, hash) == 1;
}

static bool sign_data(const struct key *key, struct bytes data, uint8_t *to, size_t *len)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done;

    ASSERT(digest != NULL);
    done = EVP_DigestSignInit(digest, NULL, NULL, NULL, key->pkey) == 1 &&
           EVP_DigestSign(digest, to, len, data.data, data.len) == 1;
    EVP_MD_CTX_free(digest);
    return done;
}

static bool sign_digest(const struct key *key, const struct key_signing *how, struct bytes data,
                        uint8_t *to, size_t *len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    bool done;

    ASSERT(context != NULL);
    done = EVP_PKEY_sign_init(context) == 1 && prepare(context, key, how) &&
           EVP_PKEY_sign(context, to, len, data.data, data.len) == 1;
    EVP_PKEY_CTX_free(context);
    return done;
}

int key_sign_digest(const struct key *key, const struct key_signing *how, struct bytes data,
                    struct buf *out)
{
    size_t fixed_len = how->fixed ? number_len(key) : 0;
    uint8_t signature[KEY_RESULT_MAX];
    size_t len = sizeof signature;

    ERR_clear_error();
    if (!key->private || !(signs_data(key) ? sign_data(key, data, signature, &len)
                                           : sign_digest(key, how, data, signature, &len)))
        return KEY_FAILED;
    if (fixed_len > 0)
        return key_append_rs(bytes_of(signature, len), fixed_len, out);
    buf_append(out, signature, len);
    return 0;
}

static bool verify_data(const struct key *key, struct bytes signature, struct bytes data)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool good;

    ASSERT(digest != NULL);
    good = EVP_DigestVerifyInit(digest, NULL, NULL, NULL, key->pkey) == 1 &&
           EVP_DigestVerify(digest, signature.data, signature.len, data.data, data.len) == 1;
    EVP_MD_CTX_free(digest);
    return good;
}

static bool verify_digest(const struct key *key, const struct key_signing *how,
                          struct bytes signature, struct bytes data)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    bool good;

    ASSERT(context != NULL);
    good = EVP_PKEY_verify_init(context) == 1 && prepare(context, key, how) &&
           EVP_PKEY_verify(context, signature.data, signature.len, data.data, data.len) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

bool key_verify_digest(const struct key *key, const struct key_signing *how, struct bytes signature,
                       struct bytes data)
{
    size_t fixed_len = how->fixed ? number_len(key) : 0;
    uint8_t der[KEY_RESULT_MAX];
    bool good;

    if (fixed_len > 0) {
        signature = bytes_of(der, key_der_of_rs(signature, fixed_len, der));
        if (signature.len == 0)
            return false;
    }
    good = signs_data(key) ? verify_data(key, signature, data)
                           : verify_digest(key, how, signature, data);
    ERR_clear_error();
    return good;
}

/* -- RSA ------------------------------------------------------------------------------------- */

static bool pad(EVP_PKEY_CTX *context, const struct key_rsa_job *job)
{
    const EVP_MD *hash;
    uint8_t *label;

    if (EVP_PKEY_CTX_set_rsa_padding(context, job->padding) != 1)
        return false;
    if (job->padding != RSA_PKCS1_OAEP_PADDING)
        return true;
    hash = hash_find(job->hash);
    if (hash == NULL || EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) != 1)
        return false;
    if (job->label.len == 0)
        return true;
    if (job->label.len > INT_MAX)
        return false;
    label = OPENSSL_memdup(job->label.data, job->label.len); /* OpenSSL frees it, if it takes it */
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, (int)job->label.len) == 1)
        return true;
    OPENSSL_free(label);
    return false;
}

static bool rsa_run(EVP_PKEY_CTX *context, const struct key_rsa_job *job, uint8_t *to, size_t *len)
{
    struct bytes data = job->data;

    switch (job->operation) {
    case KEY_ENCRYPT:
        return EVP_PKEY_encrypt_init(context) == 1 && pad(context, job) &&
               EVP_PKEY_encrypt(context, to, len, data.data, data.len) == 1;
    case KEY_DECRYPT:
        return EVP_PKEY_decrypt_init(context) == 1 && pad(context, job) &&
               EVP_PKEY_decrypt(context, to, len, data.data, data.len) == 1;
    case KEY_SEAL:
        return EVP_PKEY_sign_init(context) == 1 && pad(context, job) &&
               EVP_PKEY_sign(context, to, len, data.data, data.len) == 1;
    case KEY_UNSEAL:
        return EVP_PKEY_verify_recover_init(context) == 1 && pad(context, job) &&
               EVP_PKEY_verify_recover(context, to, len, data.data, data.len) == 1;
    default: UNREACHABLE();
    }
}

int key_rsa_run(const struct key *key, const struct key_rsa_job *job, struct buf *out)
{
    bool private = job->operation == KEY_DECRYPT || job->operation == KEY_SEAL;
    EVP_PKEY_CTX *context;
    uint8_t result[KEY_RESULT_MAX];
    size_t len = sizeof result;
    bool done;

    ERR_clear_error();
    if (private && !key->private)
        return KEY_FAILED;
    context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    ASSERT(context != NULL);
    done = rsa_run(context, job, result, &len);
    EVP_PKEY_CTX_free(context);
    if (done)
        buf_append(out, result, len);
    OPENSSL_cleanse(result, sizeof result);
    return done ? 0 : KEY_FAILED;
}
