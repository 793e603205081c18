#pragma once

/*
 * Between the files that make up key.h.
 */

#include <openssl/evp.h>

#include "api/key.h"

struct key {
    EVP_PKEY *pkey; /* owned; of a private key it has the public half too */
    enum key_type type;
    enum key_curve curve; /* KEY_EC only */
    bool private;
};

/* Takes over `pkey`. Never NULL. */
struct key *key_make(EVP_PKEY *pkey, enum key_type type, enum key_curve curve, bool private);

/* What OpenSSL calls the curve, and how long its numbers are. */
const char *key_curve_group(enum key_curve curve);
size_t key_curve_len(enum key_curve curve);
