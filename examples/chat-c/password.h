#pragma once

/*
 * Hashes of passwords: PBKDF2 with SHA-256, as crypto.subtle makes them
 *
 * They are slow on purpose: dm->work() has them made on another thread, and other objects and other
 * events of this one run meanwhile.
 */

#include "web.h"

#define PASSWORD_SALT 16
#define PASSWORD_HASH 32

/* A callback, as those of the API. */
typedef void password_fn(struct dm_object *object, void *data, const uint8_t hash[PASSWORD_HASH]);

/* Negative: too many are being made. */
int password_hash(struct dm_object *object, struct dm_bytes password,
                  const uint8_t salt[PASSWORD_SALT], password_fn *done, void *data);
