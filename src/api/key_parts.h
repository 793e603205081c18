#pragma once

/*
 * Between the files that make up key.h.
 */

#include <openssl/evp.h>

#include "api/key.h"

struct key {
    EVP_PKEY *pkey; /* owned; of a private key it has the public half too */
    enum key_type type;
    enum key_curve curve; /* KEY_EC only, and there perhaps KEY_NO_CURVE */
    bool private;
};

/* Takes over `pkey`. Never NULL. */
struct key *key_make(EVP_PKEY *pkey, enum key_type type, enum key_curve curve, bool private);

/* What OpenSSL calls the type. */
const char *key_type_openssl(enum key_type type);

/* Length of the raw keys of Ed25519 and its like; 0 for other types. */
size_t key_raw_len(enum key_type type);

/* The curve of an EC key, KEY_NO_CURVE if it is another one. */
enum key_curve key_curve_of(const EVP_PKEY *pkey);

enum {
    KEY_RESULT_MAX = 2048, /* a signature, or something encrypted: RSA with 16384 bits */
};

/* A DER signature of EC or DSA as r and s, each `len` bytes; KEY_FAILED if it is none. */
int key_append_rs(struct bytes der, size_t len, struct buf *out);

/* The way back. Returns the length, 0 if the signature cannot be one. */
size_t key_der_of_rs(struct bytes rs, size_t len, uint8_t der[KEY_RESULT_MAX]);

/* EVP_PKEY_generate() or _paramgen() with an end; NULL if it found none. */
EVP_PKEY *key_search(EVP_PKEY_CTX *context, bool params);

/* A key of whatever type it is; takes over `pkey`. NULL if it is of none that we have. */
struct key *key_take(EVP_PKEY *pkey, bool private);

/* Two keys that share what OpenSSL made, and take it over; KEY_FAILED if it made nothing. */
int key_split(EVP_PKEY *pkey, enum key_type type, struct key **public, struct key **private);

/* What OpenSSL calls the curve, and how long its numbers are. */
const char *key_curve_group(enum key_curve curve);
size_t key_curve_len(enum key_curve curve);
