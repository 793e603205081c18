/*
 * Natives of SubtleCrypto, DigestStream and node:crypto for digests, HMAC, and keys derived with
 * them.
 */

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "api/hash.h"
#include "api/pure.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/thread_end.h"
#include "js/bind.h"
#include "js/box.h"
#include "js/view.h"

enum {
    HMAC_BLOCK_MAX = 256, /* SHA3-224 has the longest block, of 144 bytes */
};

/* A digest that goes on. OpenSSL would let it go on after its end, too. */
struct digest {
    EVP_MD_CTX *context; /* owned; NULL once it is finished */
    EVP_MD_CTX *outer;   /* owned; of an HMAC (RFC 2104) the digest around the first; else NULL */
};

static void bury_digest(void *self)
{
    struct digest *digest = self;

    EVP_MD_CTX_free(digest->context);
    EVP_MD_CTX_free(digest->outer);
    mem_free(digest);
}

static const struct js_box_type digest_type = {"Digest", bury_digest};

static JSValueRef box_digest(struct js_call *call, EVP_MD_CTX *context, EVP_MD_CTX *outer)
{
    struct digest *digest = mem_new(struct digest);

    digest->context = context;
    digest->outer = outer;
    return js_box_make(call->realm, &digest_type, digest, NULL);
}

static struct digest *arg_digest(struct js_call *call, size_t i)
{
    struct digest *digest = js_arg_box(call, i, &digest_type);

    if (digest == NULL || digest->context != NULL)
        return digest;
    js_throw_error(call, "The digest is finished already.");
    return NULL;
}

/* A hash by name. False if the argument has no text; `*hash` is NULL if there is no such hash. */
static bool arg_hash(struct js_call *call, size_t i, const EVP_MD **hash)
{
    struct js_text name;

    if (!js_arg_text(call, i, &name))
        return false;
    *hash = hash_find(js_text_bytes(&name));
    js_text_fini(&name);
    return true;
}

/* Making one takes longer than hashing a short text. */
static _Thread_local struct {
    struct thread_end end;
    EVP_MD_CTX *context;
} kept;

static void release_kept(void)
{
    EVP_MD_CTX_free(kept.context);
    kept.context = NULL;
}

/* digest(name, bytes) -> ArrayBuffer | null */
static JSValueRef digest_whole(struct js_call *call)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    struct bytes data;
    const EVP_MD *hash;
    unsigned len = 0;

    if (!arg_hash(call, 0, &hash))
        return NULL;
    if (hash == NULL)
        return call->realm->null;
    if (!js_arg_bytes(call, 1, &data))
        return NULL;
    thread_end_call(&kept.end, release_kept);
    if (kept.context == NULL)
        kept.context = EVP_MD_CTX_new();
    ASSERT(kept.context != NULL);
    if (EVP_DigestInit_ex(kept.context, hash, NULL) != 1 ||
        EVP_DigestUpdate(kept.context, data.data, data.len) != 1 ||
        EVP_DigestFinal_ex(kept.context, out, &len) != 1)
        return js_throw_error(call, "The digest failed.");
    return js_buffer_copy(call->realm, bytes_of(out, len));
}

/* digest_create(name) -> box | null */
static JSValueRef digest_create(struct js_call *call)
{
    const EVP_MD *hash;
    EVP_MD_CTX *context;

    if (!arg_hash(call, 0, &hash))
        return NULL;
    if (hash == NULL)
        return call->realm->null;
    context = EVP_MD_CTX_new();
    ASSERT(context != NULL);
    if (EVP_DigestInit_ex(context, hash, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return js_throw_error(call, "The digest failed.");
    }
    return box_digest(call, context, NULL);
}

/* A digest that begins with the block. */
static EVP_MD_CTX *begin_with(const EVP_MD *hash, const uint8_t block[], size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    ASSERT(context != NULL);
    if (EVP_DigestInit_ex(context, hash, NULL) == 1 && EVP_DigestUpdate(context, block, len) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

/* hmac_create(name, key) -> box | null */
static JSValueRef hmac_create(struct js_call *call)
{
    uint8_t block[HMAC_BLOCK_MAX] = {0};
    const EVP_MD *hash;
    EVP_MD_CTX *inner;
    EVP_MD_CTX *outer;
    struct bytes key;
    size_t block_len;
    size_t i;

    if (!arg_hash(call, 0, &hash) || !js_arg_bytes(call, 1, &key))
        return NULL;
    if (hash == NULL || (EVP_MD_get_flags(hash) & EVP_MD_FLAG_XOF) != 0)
        return call->realm->null;
    block_len = (size_t)EVP_MD_get_block_size(hash);
    ASSERT(block_len <= sizeof block);
    if (key.len <= block_len && key.len > 0)
        memcpy(block, key.data, key.len);
    else if (key.len > 0 && EVP_Digest(key.data, key.len, block, NULL, hash, NULL) != 1)
        return js_throw_error(call, "The digest failed.");
    for (i = 0; i < block_len; i++)
        block[i] ^= 0x36;
    inner = begin_with(hash, block, block_len);
    for (i = 0; i < block_len; i++)
        block[i] ^= 0x36 ^ 0x5c;
    outer = begin_with(hash, block, block_len);
    OPENSSL_cleanse(block, sizeof block);
    if (inner != NULL && outer != NULL)
        return box_digest(call, inner, outer);
    EVP_MD_CTX_free(inner);
    EVP_MD_CTX_free(outer);
    return js_throw_error(call, "The digest failed.");
}

/* digest_update(box, bytes) */
static JSValueRef digest_update(struct js_call *call)
{
    struct digest *digest = arg_digest(call, 0);
    struct bytes data;

    if (digest == NULL || !js_arg_bytes(call, 1, &data))
        return NULL;
    if (EVP_DigestUpdate(digest->context, data.data, data.len) != 1)
        return js_throw_error(call, "The digest failed.");
    return call->realm->undefined;
}

/* A digest that is as long as one wants; null if this one is not. */
static JSValueRef finish_long(struct js_call *call, struct digest *digest)
{
    int64_t len;
    uint8_t *out;
    bool done;

    if (!js_arg_integer(call, 1, 0, INT_MAX, &len))
        return NULL;
    out = mem_alloc((size_t)len);
    /* Nothing at all is what OpenSSL does not make. */
    done = (EVP_MD_get_flags(EVP_MD_CTX_get0_md(digest->context)) & EVP_MD_FLAG_XOF) != 0 &&
           (len == 0 || EVP_DigestFinalXOF(digest->context, out, (size_t)len) == 1);
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
    ERR_clear_error();
    if (done)
        return js_buffer_take(call->realm, out, (size_t)len);
    mem_free(out);
    return call->realm->null;
}

/* digest_finish(box, byteLength) -> ArrayBuffer | null; the length is for those that have any */
static JSValueRef digest_finish(struct js_call *call)
{
    struct digest *digest = arg_digest(call, 0);
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int done;

    if (digest == NULL)
        return NULL;
    if (js_arg_given(call, 1))
        return finish_long(call, digest);
    done = EVP_DigestFinal_ex(digest->context, out, &len);
    if (done == 1 && digest->outer != NULL)
        done = EVP_DigestUpdate(digest->outer, out, len) == 1 &&
               EVP_DigestFinal_ex(digest->outer, out, &len) == 1;
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
    if (done != 1)
        return js_throw_error(call, "The digest failed.");
    return js_buffer_copy(call->realm, bytes_of(out, len));
}

/* digest_clone(box) -> box */
static JSValueRef digest_clone(struct js_call *call)
{
    struct digest *digest = arg_digest(call, 0);
    EVP_MD_CTX *copy;

    if (digest == NULL)
        return NULL;
    ASSERT(digest->outer == NULL); /* HMACs have no copy() */
    copy = EVP_MD_CTX_new();
    ASSERT(copy != NULL);
    if (EVP_MD_CTX_copy_ex(copy, digest->context) != 1) {
        EVP_MD_CTX_free(copy);
        return js_throw_error(call, "The digest cannot be copied.");
    }
    return box_digest(call, copy, NULL);
}

/* digest_info(name) -> [length, block length, has any length] | null */
static JSValueRef digest_info(struct js_call *call)
{
    const EVP_MD *hash;
    JSValueRef values[3];

    if (!arg_hash(call, 0, &hash))
        return NULL;
    if (hash == NULL)
        return call->realm->null;
    values[0] = js_number(call->realm, EVP_MD_get_size(hash));
    values[1] = js_number(call->realm, EVP_MD_get_block_size(hash));
    values[2] = js_boolean(call->realm, (EVP_MD_get_flags(hash) & EVP_MD_FLAG_XOF) != 0);
    return js_array_make(call->realm, JS_COUNT(values), values);
}

/* hmac(hash, key, data) -> ArrayBuffer | null */
static JSValueRef hmac(struct js_call *call)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    struct bytes key;
    struct bytes data;
    const EVP_MD *hash;
    unsigned len = 0;

    if (!arg_hash(call, 0, &hash) || !js_arg_bytes(call, 1, &key) || !js_arg_bytes(call, 2, &data))
        return NULL;
    if (hash == NULL || key.len > INT_MAX)
        return call->realm->null;
    /* OpenSSL takes no key at all for "the one from before". */
    if (HMAC(hash, key.len > 0 ? (const void *)key.data : "", (int)key.len, data.data, data.len,
             out, &len) == NULL)
        return js_throw_error(call, "The HMAC failed.");
    return js_buffer_copy(call->realm, bytes_of(out, len));
}

/* Run a key derivation function. NULL: the parameters do not fit. */
static JSValueRef derive(struct js_call *call, const char *name, const OSSL_PARAM *params,
                         size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    uint8_t *out = mem_alloc(len);
    bool done;

    done = len == 0 || (context != NULL && EVP_KDF_derive(context, out, len, params) == 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    if (done)
        return js_buffer_take(call->realm, out, len);
    mem_free(out);
    return call->realm->null;
}

/* OpenSSL writes nothing into these, but does not say so in its types. */
static OSSL_PARAM octets(const char *name, struct bytes bytes)
{
    const void *data = bytes.len > 0 ? (const void *)bytes.data : "";

    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, bytes.len);
}

static OSSL_PARAM hash_name(const EVP_MD *hash)
{
    return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                            (char *)(uintptr_t)EVP_MD_get0_name(hash), 0);
}

/* hkdf(hash, ikm, salt, info, byteLength) -> ArrayBuffer | null */
static JSValueRef hkdf(struct js_call *call)
{
    const EVP_MD *hash;
    struct bytes ikm;
    struct bytes salt;
    struct bytes info;
    int64_t len;
    OSSL_PARAM params[5];

    if (!arg_hash(call, 0, &hash) || !js_arg_bytes(call, 1, &ikm) ||
        !js_arg_bytes(call, 2, &salt) || !js_arg_bytes(call, 3, &info) ||
        !js_arg_integer(call, 4, 0, INT_MAX, &len))
        return NULL;
    if (hash == NULL || (size_t)len > 255 * hash_len(hash))
        return call->realm->null;
    params[0] = hash_name(hash);
    params[1] = octets(OSSL_KDF_PARAM_KEY, ikm);
    params[2] = octets(OSSL_KDF_PARAM_SALT, salt);
    params[3] = octets(OSSL_KDF_PARAM_INFO, info);
    params[4] = OSSL_PARAM_construct_end();
    return derive(call, "HKDF", params, (size_t)len);
}

/* pbkdf2(hash, password, salt, iterations, byteLength) -> ArrayBuffer | null */
static JSValueRef pbkdf2(struct js_call *call)
{
    const EVP_MD *hash;
    struct bytes password;
    struct bytes salt;
    int64_t iterations;
    int64_t len;
    int64_t count;
    uint8_t *out;

    if (!arg_hash(call, 0, &hash) || !js_arg_bytes(call, 1, &password) ||
        !js_arg_bytes(call, 2, &salt) || !js_arg_integer(call, 3, 0, INT_MAX, &iterations) ||
        !js_arg_integer(call, 4, 0, INT_MAX, &len))
        return NULL;
    count = iterations;
    if (hash == NULL || count == 0 || password.len > INT_MAX || salt.len > INT_MAX)
        return call->realm->null;
    out = mem_alloc((size_t)len);
    if (len > 0 &&
        PKCS5_PBKDF2_HMAC(password.len > 0 ? (const char *)password.data : "", (int)password.len,
                          salt.len > 0 ? salt.data : (const uint8_t *)"", (int)salt.len, (int)count,
                          hash, (int)len, out) != 1) {
        ERR_clear_error();
        mem_free(out);
        return call->realm->null;
    }
    return js_buffer_take(call->realm, out, (size_t)len);
}

/* scrypt(password, salt, N, r, p, byteLength, maxmem) -> ArrayBuffer | null */
static JSValueRef scrypt(struct js_call *call)
{
    struct bytes password;
    struct bytes salt;
    int64_t number[5]; /* N, r, p, length, memory */
    OSSL_PARAM params[7];
    uint64_t cost;
    uint64_t memory;
    uint32_t block;
    uint32_t lanes;
    size_t i;

    if (!js_arg_bytes(call, 0, &password) || !js_arg_bytes(call, 1, &salt))
        return NULL;
    for (i = 0; i < JS_COUNT(number); i++) {
        if (!js_arg_integer(call, i + 2, 0, INT_MAX, &number[i]))
            return NULL;
    }
    cost = (uint64_t)number[0];
    block = (uint32_t)number[1];
    lanes = (uint32_t)number[2];
    memory = (uint64_t)number[4];
    params[0] = octets(OSSL_KDF_PARAM_PASSWORD, password);
    params[1] = octets(OSSL_KDF_PARAM_SALT, salt);
    params[2] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost);
    params[3] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &block);
    params[4] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &lanes);
    params[5] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory);
    params[6] = OSSL_PARAM_construct_end();
    return derive(call, "SCRYPT", params, (size_t)number[3]);
}

/* timing_safe_equal(bytes, bytes) -> boolean */
static JSValueRef timing_safe_equal(struct js_call *call)
{
    struct bytes a;
    struct bytes b;

    if (!js_arg_bytes(call, 0, &a) || !js_arg_bytes(call, 1, &b))
        return NULL;
    return js_boolean(call->realm, a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

/* clang-format off */
#define DIGEST_NATIVES(X)                           \
    X("digest", digest_whole, 2)                          \
    X("digest_create", digest_create, 1)            \
    X("hmac_create", hmac_create, 2)                \
    X("digest_update", digest_update, 2)            \
    X("digest_finish", digest_finish, 1)            \
    X("digest_clone", digest_clone, 1)              \
    X("digest_info", digest_info, 1)                \
    X("hmac", hmac, 3)                              \
    X("hkdf", hkdf, 5)                              \
    X("pbkdf2", pbkdf2, 5)                          \
    X("scrypt", scrypt, 7)                          \
    X("timing_safe_equal", timing_safe_equal, 2)
/* clang-format on */

JS_NATIVES(digest_natives, DIGEST_NATIVES)

void api_digest_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, digest_natives, JS_COUNT(digest_natives));
}
