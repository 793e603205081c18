#pragma once

/*
 * Map
 *
 * From bytes, or from a 64-bit number, to a pointer. Open addressing with linear probing; what is
 * removed leaves no tombstone, the run behind it closes up, so a map that stays the same size
 * stays as fast as on its first day. Keys are borrowed: keep them inside the value. Values are
 * never NULL. An all-zero struct is an empty map. One thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct map_slot;

struct map {
    struct map_slot *slots; /* owned; NULL while nothing was put */
    size_t count;
    size_t cap; /* 0 or a power of two */
};

void map_init(struct map *map);

/* Frees the table; the values are the caller's. */
void map_fini(struct map *map);

/* NULL if there is none. */
void *map_get(const struct map *map, struct bytes key);

/* Returns what was there before, or NULL. From now on the entry borrows this `key`. */
void *map_put(struct map *map, struct bytes key, void *value);

/* Returns what was there, or NULL. */
void *map_remove(struct map *map, struct bytes key);

/* Walk in no order: `size_t at = 0; while ((value = map_next(&map, &at, &key)) != NULL)`. The map
 * must not change meanwhile. `key` may be NULL. */
void *map_next(const struct map *map, size_t *at, struct bytes *key);

/* The same with numbers as keys. */
struct map_u64 {
    struct map map;
};

void map_u64_init(struct map_u64 *map);
void map_u64_fini(struct map_u64 *map);
void *map_u64_get(const struct map_u64 *map, uint64_t key);
void *map_u64_put(struct map_u64 *map, uint64_t key, void *value);
void *map_u64_remove(struct map_u64 *map, uint64_t key);
void *map_u64_next(const struct map_u64 *map, size_t *at, uint64_t *key);

static inline size_t map_u64_count(const struct map_u64 *map)
{
    return map->map.count;
}
