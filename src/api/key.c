#include "api/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "api/key_parts.h"
#include "api/search.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

enum {
    RSA_BITS_MIN = 256,
    RSA_BITS_MAX = 16384,
};

static const struct {
    const char *name;
    const char *group;
    size_t len;
} curves[] = {
    [KEY_NO_CURVE] = {"", "", 0},
    [KEY_P256] = {"P-256", "prime256v1", 32},
    [KEY_P384] = {"P-384", "secp384r1", 48},
    [KEY_P521] = {"P-521", "secp521r1", 66},
    [KEY_SECP256K1] = {"secp256k1", "secp256k1", 32},
};

static const struct {
    const char *name;
    const char *openssl;
    size_t raw_len;
} types[KEY_TYPES] = {
    [KEY_RSA] = {"rsa", "RSA", 0},
    [KEY_EC] = {"ec", "EC", 0},
    [KEY_ED25519] = {"ed25519", "ED25519", 32},
    [KEY_X25519] = {"x25519", "X25519", 32},
    [KEY_ED448] = {"ed448", "ED448", 57},
    [KEY_X448] = {"x448", "X448", 56},
    [KEY_RSA_PSS] = {"rsa-pss", "RSA-PSS", 0},
    [KEY_DSA] = {"dsa", "DSA", 0},
    [KEY_DH] = {"dh", "DH", 0},
};

const char *key_type_name(enum key_type type)
{
    return types[type].name;
}

const char *key_type_openssl(enum key_type type)
{
    return types[type].openssl;
}

size_t key_raw_len(enum key_type type)
{
    return types[type].raw_len;
}

const char *key_curve_name(enum key_curve curve)
{
    return curves[curve].name;
}

const char *key_curve_group(enum key_curve curve)
{
    return curves[curve].group;
}

size_t key_curve_len(enum key_curve curve)
{
    return curves[curve].len;
}

enum key_curve key_curve_of(const EVP_PKEY *pkey)
{
    char group[32] = "";
    enum key_curve curve;

    if (EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
        return KEY_NO_CURVE;
    for (curve = KEY_P256; curve <= KEY_SECP256K1; curve++) {
        if (strcmp(group, key_curve_group(curve)) == 0)
            return curve;
    }
    return KEY_NO_CURVE;
}

struct key *key_make(EVP_PKEY *pkey, enum key_type type, enum key_curve curve, bool private)
{
    struct key *key = mem_new(struct key);

    ASSERT(pkey != NULL);
    ASSERT(type == KEY_EC || curve == KEY_NO_CURVE);
    key->pkey = pkey;
    key->type = type;
    key->curve = curve;
    key->private = private;
    return key;
}

struct key *key_take(EVP_PKEY *pkey, bool private)
{
    enum key_type type = KEY_RSA;

    while (type < KEY_TYPES && EVP_PKEY_is_a(pkey, key_type_openssl(type)) != 1)
        type++;
    if (type < KEY_TYPES)
        return key_make(pkey, type, type == KEY_EC ? key_curve_of(pkey) : KEY_NO_CURVE, private);
    EVP_PKEY_free(pkey);
    return NULL;
}

void key_destroy(struct key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    mem_free(key);
}

enum key_type key_type(const struct key *key)
{
    return key->type;
}

enum key_curve key_curve(const struct key *key)
{
    return key->curve;
}

bool key_is_private(const struct key *key)
{
    return key->private;
}

int key_rsa_info(const struct key *key, struct buf *exponent)
{
    BIGNUM *e = NULL;

    ASSERT(key->type == KEY_RSA || key->type == KEY_RSA_PSS);
    if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1) {
        int len = BN_num_bytes(e);

        buf_added(exponent, (size_t)BN_bn2bin(e, buf_reserve(exponent, (size_t)len)));
    }
    BN_free(e);
    return EVP_PKEY_get_bits(key->pkey);
}

int key_split(EVP_PKEY *pkey, enum key_type type, struct key **public, struct key **private)
{
    enum key_curve curve;

    if (pkey == NULL)
        return KEY_FAILED;
    curve = type == KEY_EC ? key_curve_of(pkey) : KEY_NO_CURVE;
    EVP_PKEY_up_ref(pkey);
    *public = key_make(pkey, type, curve, false);
    *private = key_make(pkey, type, curve, true);
    return 0;
}

static int go_on(EVP_PKEY_CTX *context)
{
    return search_goes_on(EVP_PKEY_CTX_get_app_data(context));
}

EVP_PKEY *key_search(EVP_PKEY_CTX *context, bool params)
{
    struct search limit;
    EVP_PKEY *pkey = NULL;
    int r;

    search_begin(&limit);
    EVP_PKEY_CTX_set_app_data(context, &limit);
    EVP_PKEY_CTX_set_cb(context, go_on);
    r = params ? EVP_PKEY_paramgen(context, &pkey) : EVP_PKEY_generate(context, &pkey);
    return r == 1 ? pkey : NULL;
}

int key_generate_rsa(int bits, struct bytes exponent, struct key **public, struct key **private)
{
    EVP_PKEY_CTX *context;
    EVP_PKEY *pkey = NULL;
    BIGNUM *e;

    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || exponent.len == 0 || exponent.len > 8)
        return KEY_FAILED;
    e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (e != NULL && context != NULL && BN_cmp(e, BN_value_one()) > 0 && BN_is_odd(e) &&
        EVP_PKEY_keygen_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1 &&
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) == 1)
        pkey = key_search(context, false);
    EVP_PKEY_CTX_free(context);
    BN_free(e);
    ERR_clear_error();
    return key_split(pkey, KEY_RSA, public, private);
}

int key_generate(enum key_type type, enum key_curve curve, struct key **public,
                 struct key **private)
{
    EVP_PKEY *pkey = NULL;

    switch (type) {
    case KEY_EC: pkey = EVP_EC_gen(key_curve_group(curve)); break;
    case KEY_ED25519:
    case KEY_X25519:
    case KEY_ED448:
    case KEY_X448: pkey = EVP_PKEY_Q_keygen(NULL, NULL, key_type_openssl(type)); break;
    default: UNREACHABLE();
    }
    ERR_clear_error();
    return key_split(pkey, type, public, private);
}
