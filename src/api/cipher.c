#include "api/cipher.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"

enum {
    BLOCK = 16,
};

static const EVP_CIPHER *cipher_of(enum cipher_mode mode, size_t key_len)
{
    size_t size = key_len / 8 - 2; /* 0, 1, 2 */

    if (key_len != 16 && key_len != 24 && key_len != 32)
        return NULL;
    switch (mode) {
    case CIPHER_CBC:
        return size == 0 ? EVP_aes_128_cbc() : size == 1 ? EVP_aes_192_cbc() : EVP_aes_256_cbc();
    case CIPHER_CTR:
        return size == 0 ? EVP_aes_128_ctr() : size == 1 ? EVP_aes_192_ctr() : EVP_aes_256_ctr();
    case CIPHER_GCM:
        return size == 0 ? EVP_aes_128_gcm() : size == 1 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
    case CIPHER_KW:
        return size == 0 ? EVP_aes_128_wrap() : size == 1 ? EVP_aes_192_wrap() : EVP_aes_256_wrap();
    default: UNREACHABLE();
    }
}

/* Feed data in; what comes out goes to the end of `out`. */
static bool feed(EVP_CIPHER_CTX *context, struct bytes data, struct buf *out)
{
    int len = 0;

    if (data.len == 0)
        return true;
    if (EVP_CipherUpdate(context, buf_reserve(out, data.len + 2 * BLOCK), &len, data.data,
                         (int)data.len) != 1)
        return false;
    buf_added(out, (size_t)len);
    return true;
}

static bool finish(EVP_CIPHER_CTX *context, struct buf *out)
{
    int len = 0;

    if (EVP_CipherFinal_ex(context, buf_reserve(out, 2 * BLOCK), &len) != 1)
        return false;
    buf_added(out, (size_t)len);
    return true;
}

static bool run_cbc(EVP_CIPHER_CTX *context, const struct cipher_job *job, struct buf *out)
{
    return job->iv.len == BLOCK && (job->encrypt || job->data.len % BLOCK == 0) &&
           EVP_CipherInit_ex(context, cipher_of(CIPHER_CBC, job->key.len), NULL, job->key.data,
                             job->iv.data, job->encrypt) == 1 &&
           feed(context, job->data, out) && finish(context, out);
}

/* Blocks until the counter, the low `bits` of `block`, is back at zero; UINT64_MAX if that is too
 * far to matter. */
static uint64_t blocks_to_wrap(const uint8_t block[BLOCK], unsigned bits)
{
    uint64_t low = 0;
    unsigned i;

    for (i = 8; i < BLOCK; i++)
        low = low << 8 | block[i];
    if (bits < 64)
        return (UINT64_C(1) << bits) - (low & ((UINT64_C(1) << bits) - 1));
    for (i = 0; i < 8; i++) {
        unsigned shift = 8 * (7 - i);
        unsigned counted = bits - 64 > shift ? bits - 64 - shift : 0;
        unsigned mask = counted >= 8 ? 0xff : (1u << counted) - 1;

        if ((block[i] & mask) != mask)
            return UINT64_MAX;
    }
    return low == 0 ? UINT64_MAX : UINT64_MAX - low + 1;
}

static void clear_counter(uint8_t block[BLOCK], unsigned bits)
{
    unsigned i;

    for (i = BLOCK; i-- > 0 && bits > 0;) {
        unsigned here = bits < 8 ? bits : 8;

        block[i] &= (uint8_t)(0xff << here);
        bits -= here;
    }
}

/* OpenSSL counts with all 128 bits; where ours wrap around, it is started again behind the wrap. */
static bool run_ctr(EVP_CIPHER_CTX *context, const struct cipher_job *job, struct buf *out)
{
    uint64_t blocks = (job->data.len + BLOCK - 1) / BLOCK;
    uint8_t block[BLOCK];
    struct bytes first = job->data;
    uint64_t room;

    if (job->iv.len != BLOCK || job->bits == 0 || job->bits > 128)
        return false;
    if (job->bits < 64 && blocks > UINT64_C(1) << job->bits)
        return false; /* the key stream would repeat */
    memcpy(block, job->iv.data, BLOCK);
    room = blocks_to_wrap(block, job->bits);
    if (room < blocks)
        first = bytes_slice(job->data, 0, (size_t)room * BLOCK);
    if (EVP_CipherInit_ex(context, cipher_of(CIPHER_CTR, job->key.len), NULL, job->key.data, block,
                          1) != 1 ||
        !feed(context, first, out))
        return false;
    if (first.len == job->data.len)
        return true;
    clear_counter(block, job->bits);
    return EVP_CipherInit_ex(context, NULL, NULL, NULL, block, 1) == 1 &&
           feed(context, bytes_slice(job->data, first.len, job->data.len), out);
}

static bool run_gcm(EVP_CIPHER_CTX *context, const struct cipher_job *job, struct buf *out)
{
    size_t tag_len = job->bits / 8;
    struct bytes data = job->data;
    uint8_t tag[BLOCK];
    int len = 0;

    if (job->iv.len == 0 || job->iv.len > INT_MAX || job->aad.len > INT_MAX || tag_len > BLOCK ||
        tag_len < 4 || job->bits % 8 != 0)
        return false;
    if (!job->encrypt) {
        if (data.len < tag_len)
            return false;
        data.len -= tag_len;
        memcpy(tag, data.data + data.len, tag_len);
    }
    if (EVP_CipherInit_ex(context, cipher_of(CIPHER_GCM, job->key.len), NULL, NULL, NULL,
                          job->encrypt) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_IVLEN, (int)job->iv.len, NULL) != 1 ||
        EVP_CipherInit_ex(context, NULL, NULL, job->key.data, job->iv.data, job->encrypt) != 1)
        return false;
    if (!job->encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, (int)tag_len, tag) != 1)
        return false;
    if (job->aad.len > 0 &&
        EVP_CipherUpdate(context, NULL, &len, job->aad.data, (int)job->aad.len) != 1)
        return false;
    if (!feed(context, data, out) || !finish(context, out))
        return false;
    if (!job->encrypt)
        return true;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, (int)tag_len, tag) != 1)
        return false;
    buf_append(out, tag, tag_len);
    return true;
}

static bool run_kw(EVP_CIPHER_CTX *context, const struct cipher_job *job, struct buf *out)
{
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    return job->data.len % 8 == 0 && job->data.len >= (job->encrypt ? 16 : 24) &&
           EVP_CipherInit_ex(context, cipher_of(CIPHER_KW, job->key.len), NULL, job->key.data, NULL,
                             job->encrypt) == 1 &&
           feed(context, job->data, out) && finish(context, out);
}

int cipher_run(const struct cipher_job *job, struct buf *out)
{
    EVP_CIPHER_CTX *context;
    bool done = false;

    if (cipher_of(job->mode, job->key.len) == NULL || job->data.len > INT_MAX - 2 * BLOCK)
        return CIPHER_FAILED;
    context = EVP_CIPHER_CTX_new();
    ASSERT(context != NULL);
    switch (job->mode) {
    case CIPHER_CBC: done = run_cbc(context, job, out); break;
    case CIPHER_CTR: done = run_ctr(context, job, out); break;
    case CIPHER_GCM: done = run_gcm(context, job, out); break;
    case CIPHER_KW: done = run_kw(context, job, out); break;
    default: UNREACHABLE();
    }
    EVP_CIPHER_CTX_free(context);
    ERR_clear_error();
    return done ? 0 : CIPHER_FAILED;
}
