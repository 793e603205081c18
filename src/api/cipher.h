#pragma once

/*
 * Cipher
 *
 * AES in the modes of Web Crypto. Pure: bytes in, bytes out.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;

enum cipher_mode {
    CIPHER_CBC, /* padded as PKCS #7 says */
    CIPHER_CTR,
    CIPHER_GCM, /* the tag stands behind the ciphertext */
    CIPHER_KW,  /* RFC 3394 */
};

struct cipher_job {
    enum cipher_mode mode;
    bool encrypt;
    struct bytes key; /* 16, 24 or 32 bytes */
    struct bytes iv;  /* CBC, CTR: 16 bytes; GCM: at least one; KW: none */
    struct bytes data;
    struct bytes aad; /* GCM only */
    unsigned bits;    /* CTR: how many bits of the block count; GCM: of the tag */
};

/* What cipher_run() can find out. */
enum cipher_result {
    CIPHER_FAILED = 1, /* a length does not fit, or what is decrypted was not encrypted so */
};

/* Append the result to `out`. After CIPHER_FAILED what was appended is of no use. */
int cipher_run(const struct cipher_job *job, struct buf *out);
