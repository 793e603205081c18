#pragma once

/*
 * Hashes of passwords: PBKDF2 with SHA-256, as crypto.subtle makes them
 *
 * They are slow on purpose. So that nothing else of the thread stands still meanwhile, a hash is
 * made in slices of a millisecond or less, each a turn of its own; other objects and other events
 * of this one run in between.
 */

#include "web.h"

#define PASSWORD_SALT 16
#define PASSWORD_HASH 32

/* A callback, as those of the API. */
typedef void password_fn(struct dm_object *object, void *data, const uint8_t hash[PASSWORD_HASH]);

/* For an event that is answered afterwards. */
void password_hash(struct dm_object *object, struct dm_event *event, struct dm_bytes password,
                   const uint8_t salt[PASSWORD_SALT], password_fn *done, void *data);
