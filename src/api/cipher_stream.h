#pragma once

/*
 * Cipher stream
 *
 * A cipher of node:crypto that works piece by piece: any that OpenSSL has in the modes ECB, CBC,
 * CFB, OFB, CTR, XTS, GCM and key wrapping, and the stream ciphers. After a failure OpenSSL's error
 * queue says why, and the caller empties it (openssl_throw()).
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;
struct cipher_stream;

struct cipher_facts {
    char name[64]; /* OpenSSL's short one */
    const char *mode;
    int nid;
    size_t key_len;
    size_t iv_len; /* 0: it takes none */
    size_t block_len;
    bool authenticated; /* it makes a tag */
};

/* What the functions below can find out. */
enum cipher_stream_result {
    CIPHER_STREAM_FAILED = 1,
};

/* By any name that OpenSSL knows; CIPHER_STREAM_FAILED if there is no such cipher here. */
int cipher_describe(const char *name, struct cipher_facts *facts);

/* Calls back with each name. */
void cipher_list(void (*found)(const char *name, void *data), void *data);

/* Do these lengths fit? Each may be left out: negative. */
bool cipher_takes(const char *name, int64_t key_len, int64_t iv_len);

/* `tag_len` is for those that are authenticated, up to 16. */
int cipher_stream_create(const char *name, bool encrypt, struct bytes key, struct bytes iv,
                         size_t tag_len, struct cipher_stream **out);

/* NULL-safe. */
void cipher_stream_destroy(struct cipher_stream *stream);

/* PKCS #7 at the end, which is on at first. */
void cipher_stream_pad(struct cipher_stream *stream, bool pad);

/* More to authenticate, before the data. */
int cipher_stream_add_aad(struct cipher_stream *stream, struct bytes aad);

/* The tag to check at the end. */
int cipher_stream_set_tag(struct cipher_stream *stream, struct bytes tag);

int cipher_stream_update(struct cipher_stream *stream, struct bytes data, struct buf *out);

/* The rest; nothing can be done with it afterwards but ask for the tag. */
int cipher_stream_finish(struct cipher_stream *stream, struct buf *out);
bool cipher_stream_is_finished(const struct cipher_stream *stream);

/* Empty if there is none (yet). */
struct bytes cipher_stream_tag(const struct cipher_stream *stream);
