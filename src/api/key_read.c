/*
 * Keys as PEM and DER, for node:crypto.
 */

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "api/key_node.h"
#include "api/key_parts.h"
#include "base/assert.h"
#include "base/buf.h"

enum {
    SOURCE_BYTES_MAX = 1 << 20, /* more than the largest key, with certificates before it */
};

/* What the library may ask for while it reads. */
struct asking {
    const struct key_source *source;
    bool asked; /* in vain */
};

static int give_passphrase(char *to, int size, int writing, void *data)
{
    struct asking *asking = data;
    struct bytes passphrase = asking->source->passphrase;

    (void)writing;
    if (!asking->source->has_passphrase) {
        asking->asked = true;
        return -1;
    }
    if (size < 0 || passphrase.len > (size_t)size)
        return -1;
    if (passphrase.len > 0)
        memcpy(to, passphrase.data, passphrase.len);
    return (int)passphrase.len;
}

static BIO *open_bytes(struct bytes data)
{
    BIO *bio = BIO_new_mem_buf(data.data, (int)data.len);

    ASSERT(bio != NULL);
    return bio;
}

/* The first PEM block of that name as DER; OPENSSL_free() it. NULL if there is none. */
static uint8_t *find_block(struct bytes pem, const char *name, long *len)
{
    BIO *bio = open_bytes(pem);
    uint8_t *der = NULL;

    if (PEM_bytes_read_bio(&der, len, NULL, name, bio, NULL, NULL) != 1)
        der = NULL;
    BIO_free(bio);
    return der;
}

static EVP_PKEY *public_of_certificate(const uint8_t **at, long len)
{
    X509 *certificate = d2i_X509(NULL, at, len);
    EVP_PKEY *pkey = certificate != NULL ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return pkey;
}

static EVP_PKEY *read_public_pem(struct bytes pem)
{
    static const char *const names[] = {"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"};
    EVP_PKEY *pkey = NULL;
    size_t i;

    for (i = 0; pkey == NULL && i < sizeof names / sizeof names[0]; i++) {
        long len = 0;
        uint8_t *der = find_block(pem, names[i], &len);
        const uint8_t *at = der;

        if (der == NULL)
            continue;
        ERR_clear_error();
        switch (i) {
        case 0: pkey = d2i_PUBKEY(NULL, &at, len); break;
        case 1: pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len); break;
        default: pkey = public_of_certificate(&at, len); break;
        }
        OPENSSL_free(der);
        if (pkey == NULL)
            return NULL; /* it was meant, and is wrong */
    }
    return pkey;
}

/* An encrypted PKCS #8 begins with the description of its encryption, any other key with a
 * version number. */
static bool is_encrypted(struct bytes der)
{
    size_t head = 2;

    if (der.len < 2 || der.data[0] != 0x30)
        return false;
    if ((der.data[1] & 0x80) != 0)
        head += der.data[1] & 0x7f;
    return head < der.len && der.data[head] == 0x30;
}

static EVP_PKEY *read_pkcs8(struct asking *asking)
{
    struct bytes der = asking->source->data;
    BIO *bio = open_bytes(der);
    PKCS8_PRIV_KEY_INFO *info;
    EVP_PKEY *pkey = NULL;

    if (is_encrypted(der)) {
        pkey = d2i_PKCS8PrivateKey_bio(bio, NULL, give_passphrase, asking);
    } else {
        info = d2i_PKCS8_PRIV_KEY_INFO_bio(bio, NULL);
        if (info != NULL)
            pkey = EVP_PKCS82PKEY(info);
        PKCS8_PRIV_KEY_INFO_free(info);
    }
    BIO_free(bio);
    return pkey;
}

static EVP_PKEY *read_private(struct asking *asking)
{
    struct bytes data = asking->source->data;
    const uint8_t *at = data.data;
    EVP_PKEY *pkey;
    BIO *bio;

    if (!asking->source->pem) {
        switch (asking->source->structure) {
        case KEY_AS_PKCS1: return d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)data.len);
        case KEY_AS_SEC1: return d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, (long)data.len);
        case KEY_AS_PKCS8: return read_pkcs8(asking);
        default: return NULL;
        }
    }
    bio = open_bytes(data);
    pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, asking);
    BIO_free(bio);
    return pkey;
}

static EVP_PKEY *read_public(struct asking *asking)
{
    const struct key_source *source = asking->source;
    const uint8_t *at = source->data.data;
    EVP_PKEY *pkey = NULL;

    if (source->pem)
        pkey = read_public_pem(source->data);
    else if (source->structure == KEY_AS_SPKI)
        return d2i_PUBKEY(NULL, &at, (long)source->data.len);
    else if (source->structure == KEY_AS_PKCS1)
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)source->data.len);
    if (pkey != NULL)
        return pkey;
    ERR_clear_error();
    return read_private(asking);
}

int key_read(const struct key_source *source, struct key **out)
{
    struct asking asking = {.source = source};
    EVP_PKEY *pkey;

    ERR_clear_error();
    if (source->data.len == 0 || source->data.len > SOURCE_BYTES_MAX)
        return KEY_FAILED;
    pkey = source->private ? read_private(&asking) : read_public(&asking);
    if (pkey == NULL && asking.asked) {
        ERR_clear_error();
        return KEY_LOCKED;
    }
    if (pkey == NULL)
        return KEY_FAILED;
    *out = key_take(pkey, source->private);
    ERR_clear_error(); /* what was tried before */
    return *out != NULL ? 0 : KEY_FAILED;
}

/* What was written into memory goes to the end of `out`. */
static int take_written(BIO *bio, bool done, struct buf *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    if (done && len > 0)
        buf_append(out, data, (size_t)len);
    BIO_free(bio);
    return done && len > 0 ? 0 : KEY_FAILED;
}

/* DER as it is, or in PEM. Takes over `der`. */
static bool write_der(BIO *bio, bool pem, const char *name, uint8_t *der, int len)
{
    bool done = len > 0 && (pem ? PEM_write_bio(bio, name, "", der, len) > 0
                                : BIO_write(bio, der, len) == len);

    if (len > 0)
        OPENSSL_clear_free(der, (size_t)len);
    return done;
}

static bool write_public(BIO *bio, const struct key *key, const struct key_target *target)
{
    uint8_t *der = NULL;
    int len;

    if (target->structure == KEY_AS_PKCS1) {
        len = i2d_PublicKey(key->pkey, &der);
        return write_der(bio, target->pem, "RSA PUBLIC KEY", der, len);
    }
    len = i2d_PUBKEY(key->pkey, &der);
    return write_der(bio, target->pem, "PUBLIC KEY", der, len);
}

static bool write_private(BIO *bio, const struct key *key, const struct key_target *target)
{
    const EVP_CIPHER *cipher = target->cipher != NULL ? EVP_get_cipherbyname(target->cipher) : NULL;
    const uint8_t *data =
        target->passphrase.len > 0 ? target->passphrase.data : (const uint8_t *)"";
    const char *text = cipher != NULL ? (const char *)data : NULL;
    int text_len = cipher != NULL ? (int)target->passphrase.len : 0;
    uint8_t *der = NULL;
    int len;

    if (target->structure == KEY_AS_PKCS8)
        return (target->pem ? PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, cipher, text, text_len,
                                                            NULL, NULL)
                            : i2d_PKCS8PrivateKey_bio(bio, key->pkey, cipher, text, text_len, NULL,
                                                      NULL)) == 1;
    if (target->pem)
        return PEM_write_bio_PrivateKey_traditional(
                   bio, key->pkey, cipher, cipher != NULL ? data : NULL, text_len, NULL, NULL) == 1;
    len = i2d_PrivateKey(key->pkey, &der);
    return write_der(bio, false, NULL, der, len);
}

int key_write(const struct key *key, const struct key_target *target, struct buf *out)
{
    BIO *bio;

    ERR_clear_error();
    if (target->passphrase.len > INT_MAX)
        return KEY_FAILED;
    bio = BIO_new(target->structure == KEY_AS_SPKI || !key->private ? BIO_s_mem() : BIO_s_secmem());
    ASSERT(bio != NULL);
    return take_written(
        bio, key->private ? write_private(bio, key, target) : write_public(bio, key, target), out);
}

bool key_equals(const struct key *a, const struct key *b)
{
    bool same = a->private == b->private && EVP_PKEY_eq(a->pkey, b->pkey) == 1;

    ERR_clear_error();
    return same;
}

struct key *key_public_half(const struct key *key)
{
    EVP_PKEY_up_ref(key->pkey);
    return key_make(key->pkey, key->type, key->curve, false);
}
