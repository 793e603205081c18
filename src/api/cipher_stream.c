#include "api/cipher_stream.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

enum {
    TAG_MAX = 16,
};

struct cipher_stream {
    EVP_CIPHER_CTX *context; /* owned; NULL once it is finished */
    bool encrypt;
    bool authenticated;
    size_t tag_len;
    bool has_tag;
    uint8_t tag[TAG_MAX];
};

static bool is_authenticated(const EVP_CIPHER *cipher)
{
    return EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE ||
           EVP_CIPHER_get_nid(cipher) == NID_chacha20_poly1305;
}

/* NULL for those that we do not run piece by piece. */
static const char *mode_of(const EVP_CIPHER *cipher)
{
    bool aead = (EVP_CIPHER_get_flags(cipher) & EVP_CIPH_FLAG_AEAD_CIPHER) != 0;

    if (aead != is_authenticated(cipher))
        return NULL;
    switch (EVP_CIPHER_get_mode(cipher)) {
    case EVP_CIPH_ECB_MODE: return "ecb";
    case EVP_CIPH_CBC_MODE: return "cbc";
    case EVP_CIPH_CFB_MODE: return "cfb";
    case EVP_CIPH_OFB_MODE: return "ofb";
    case EVP_CIPH_CTR_MODE: return "ctr";
    case EVP_CIPH_GCM_MODE: return "gcm";
    case EVP_CIPH_XTS_MODE: return "xts";
    case EVP_CIPH_WRAP_MODE: return "wrap";
    case EVP_CIPH_STREAM_CIPHER: return "stream";
    default: return NULL;
    }
}

/* The cipher, to be freed; NULL if there is none, or only in a provider that is not loaded. */
static EVP_CIPHER *find(const char *name, int *nid)
{
    const EVP_CIPHER *known = EVP_get_cipherbyname(name);
    EVP_CIPHER *cipher = NULL;

    if (known != NULL && mode_of(known) != NULL)
        cipher = EVP_CIPHER_fetch(NULL, EVP_CIPHER_get0_name(known), NULL);
    if (cipher != NULL)
        *nid = EVP_CIPHER_get_nid(known);
    ERR_clear_error();
    return cipher;
}

int cipher_describe(const char *name, struct cipher_facts *facts)
{
    int nid = 0;
    EVP_CIPHER *cipher = find(name, &nid);

    if (cipher == NULL)
        return CIPHER_STREAM_FAILED;
    snprintf(facts->name, sizeof facts->name, "%s", OBJ_nid2sn(nid));
    facts->nid = nid;
    facts->mode = mode_of(cipher);
    facts->key_len = (size_t)EVP_CIPHER_get_key_length(cipher);
    facts->iv_len = (size_t)EVP_CIPHER_get_iv_length(cipher);
    facts->block_len = (size_t)EVP_CIPHER_get_block_size(cipher);
    facts->authenticated = is_authenticated(cipher);
    EVP_CIPHER_free(cipher);
    return facts->mode != NULL ? 0 : CIPHER_STREAM_FAILED;
}

struct listing {
    void (*found)(const char *name, void *data);
    void *data;
};

static void list_one(const EVP_CIPHER *cipher, const char *from, const char *to, void *data)
{
    struct listing *listing = data;
    struct cipher_facts facts;

    (void)cipher, (void)to;
    if (from != NULL && cipher_describe(from, &facts) == 0)
        listing->found(from, listing->data);
}

void cipher_list(void (*found)(const char *name, void *data), void *data)
{
    struct listing listing = {found, data};

    EVP_CIPHER_do_all_sorted(list_one, &listing);
}

/* Make the context ready for lengths other than the usual ones. */
static bool set_lengths(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, size_t key_len,
                        size_t iv_len)
{
    if (key_len > INT_MAX || iv_len > INT_MAX)
        return false;
    if (key_len != (size_t)EVP_CIPHER_get_key_length(cipher) &&
        EVP_CIPHER_CTX_set_key_length(context, (int)key_len) != 1)
        return false;
    if (iv_len == (size_t)EVP_CIPHER_get_iv_length(cipher))
        return true;
    return is_authenticated(cipher) && iv_len > 0 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)iv_len, NULL) == 1;
}

static EVP_CIPHER_CTX *open_context(const EVP_CIPHER *cipher, bool encrypt)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    ASSERT(context != NULL);
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, encrypt) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

bool cipher_takes(const char *name, int64_t key_len, int64_t iv_len)
{
    int nid;
    EVP_CIPHER *cipher = find(name, &nid);
    EVP_CIPHER_CTX *context = cipher != NULL ? open_context(cipher, true) : NULL;
    bool good = context != NULL;

    if (good)
        good =
            set_lengths(context, cipher,
                        key_len >= 0 ? (size_t)key_len : (size_t)EVP_CIPHER_get_key_length(cipher),
                        iv_len >= 0 ? (size_t)iv_len : (size_t)EVP_CIPHER_get_iv_length(cipher));
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    return good;
}

int cipher_stream_create(const char *name, bool encrypt, struct bytes key, struct bytes iv,
                         size_t tag_len, struct cipher_stream **out)
{
    int nid;
    EVP_CIPHER *cipher = find(name, &nid);
    EVP_CIPHER_CTX *context = cipher != NULL ? open_context(cipher, encrypt) : NULL;
    struct cipher_stream *stream;
    bool authenticated = cipher != NULL && is_authenticated(cipher);
    bool ready =
        context != NULL && tag_len <= TAG_MAX && set_lengths(context, cipher, key.len, iv.len) &&
        EVP_CipherInit_ex(context, NULL, NULL, key.data, iv.len > 0 ? iv.data : NULL, encrypt) == 1;

    EVP_CIPHER_free(cipher);
    if (!ready) {
        EVP_CIPHER_CTX_free(context);
        return CIPHER_STREAM_FAILED;
    }
    stream = mem_new(struct cipher_stream);
    stream->context = context;
    stream->encrypt = encrypt;
    stream->authenticated = authenticated;
    stream->tag_len = tag_len;
    *out = stream;
    return 0;
}

void cipher_stream_destroy(struct cipher_stream *stream)
{
    if (stream == NULL)
        return;
    EVP_CIPHER_CTX_free(stream->context);
    mem_free(stream);
}

void cipher_stream_pad(struct cipher_stream *stream, bool pad)
{
    ASSERT(stream->context != NULL);
    EVP_CIPHER_CTX_set_padding(stream->context, pad);
}

int cipher_stream_add_aad(struct cipher_stream *stream, struct bytes aad)
{
    int len = 0;

    ASSERT(stream->context != NULL);
    if (!stream->authenticated || aad.len > INT_MAX)
        return CIPHER_STREAM_FAILED;
    if (aad.len == 0)
        return 0;
    return EVP_CipherUpdate(stream->context, NULL, &len, aad.data, (int)aad.len) == 1
               ? 0
               : CIPHER_STREAM_FAILED;
}

int cipher_stream_set_tag(struct cipher_stream *stream, struct bytes tag)
{
    ASSERT(stream->context != NULL);
    if (!stream->authenticated || stream->encrypt || stream->has_tag || tag.len == 0 ||
        tag.len > TAG_MAX)
        return CIPHER_STREAM_FAILED;
    memcpy(stream->tag, tag.data, tag.len);
    stream->tag_len = tag.len;
    stream->has_tag = true;
    return EVP_CIPHER_CTX_ctrl(stream->context, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, stream->tag) ==
                   1
               ? 0
               : CIPHER_STREAM_FAILED;
}

int cipher_stream_update(struct cipher_stream *stream, struct bytes data, struct buf *out)
{
    int len = 0;

    ASSERT(stream->context != NULL);
    ERR_clear_error();
    if (data.len > INT_MAX - 2 * EVP_MAX_BLOCK_LENGTH)
        return CIPHER_STREAM_FAILED;
    if (data.len == 0)
        return 0;
    if (EVP_CipherUpdate(stream->context, buf_reserve(out, data.len + 2 * EVP_MAX_BLOCK_LENGTH),
                         &len, data.data, (int)data.len) != 1)
        return CIPHER_STREAM_FAILED;
    buf_added(out, (size_t)len);
    return 0;
}

int cipher_stream_finish(struct cipher_stream *stream, struct buf *out)
{
    EVP_CIPHER_CTX *context = stream->context;
    int len = 0;
    bool done;

    ASSERT(context != NULL);
    ERR_clear_error(); /* a wrong tag leaves none of its own */
    done = (!stream->authenticated || stream->encrypt || stream->has_tag) &&
           EVP_CipherFinal_ex(context, buf_reserve(out, 2 * EVP_MAX_BLOCK_LENGTH), &len) == 1;
    if (done && stream->authenticated && stream->encrypt) {
        done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, (int)stream->tag_len,
                                   stream->tag) == 1;
        stream->has_tag = done;
    }
    if (done)
        buf_added(out, (size_t)len);
    EVP_CIPHER_CTX_free(context);
    stream->context = NULL;
    return done ? 0 : CIPHER_STREAM_FAILED;
}

bool cipher_stream_is_finished(const struct cipher_stream *stream)
{
    return stream->context == NULL;
}

struct bytes cipher_stream_tag(const struct cipher_stream *stream)
{
    bool there = stream->encrypt && stream->has_tag;

    return bytes_of(stream->tag, there ? stream->tag_len : 0);
}
