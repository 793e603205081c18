#pragma once

/*
 * Hash
 *
 * SipHash-1-3 under a key that nobody outside knows, so that names chosen by a client cannot be
 * made to collide. The key is set once, before there are threads; until then it is a constant,
 * which keeps tests reproducible. Values are good for this process only: never store one.
 */

#include <stdint.h>

#include "base/bytes.h"

/* Called by main() with 16 random bytes, before any hash is taken. */
void hash_set_key(const uint8_t key[16]);

uint64_t hash_bytes(struct bytes bytes);
uint64_t hash_u64(uint64_t value);
