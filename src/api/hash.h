#pragma once

/*
 * Hash
 *
 * Digests by the names that Web Crypto gives them. OpenSSL looks an algorithm up by name and locks
 * for it; here that happens once per process.
 */

#include <openssl/evp.h>
#include <stddef.h>

#include "base/bytes.h"

/* NULL if it is not known, or switched off in this OpenSSL. Any thread. */
const EVP_MD *hash_find(struct bytes name);

/* Length of its result. */
size_t hash_len(const EVP_MD *hash);
