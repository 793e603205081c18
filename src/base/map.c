#include "base/map.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

/*
 * Linear probing in a table that is at most three quarters full. Rule: between an entry's own
 * place (hash & mask) and where it stands there is no free slot. Removing an entry therefore
 * walks the run behind it and moves back every entry that may stand in the hole.
 */

enum {
    MAP_CAP_MIN = 8,
};

struct map_slot {
    void *value; /* NULL: free */
    uint64_t hash;

    union {
        struct bytes bytes; /* borrowed from the value */
        uint64_t number;
    } key;
};

/* A key looked for, of either kind. */
struct wanted {
    uint64_t hash;
    bool is_number;
    struct bytes bytes;
    uint64_t number;
};

static struct wanted want_bytes(struct bytes key)
{
    return (struct wanted){.hash = hash_bytes(key), .bytes = key};
}

static struct wanted want_number(uint64_t key)
{
    return (struct wanted){.hash = hash_u64(key), .is_number = true, .number = key};
}

static bool matches(const struct map_slot *slot, const struct wanted *wanted)
{
    if (slot->hash != wanted->hash)
        return false;
    return wanted->is_number ? slot->key.number == wanted->number
                             : bytes_equal(slot->key.bytes, wanted->bytes);
}

/* The slot with this key, or the free one where it would go. The table is not empty. */
static size_t probe(const struct map *map, const struct wanted *wanted)
{
    size_t mask = map->cap - 1;
    size_t at = wanted->hash & mask;

    while (map->slots[at].value != NULL && !matches(&map->slots[at], wanted))
        at = (at + 1) & mask;
    return at;
}

static void grow(struct map *map)
{
    struct map_slot *old = map->slots;
    size_t old_cap = map->cap;
    size_t mask;

    map->cap = old_cap > 0 ? old_cap * 2 : MAP_CAP_MIN;
    map->slots = mem_new_array(struct map_slot, map->cap);
    mask = map->cap - 1;
    for (size_t i = 0; i < old_cap; i++) {
        size_t at = old[i].hash & mask;

        if (old[i].value == NULL)
            continue;
        while (map->slots[at].value != NULL)
            at = (at + 1) & mask;
        map->slots[at] = old[i];
    }
    mem_free(old);
}

static void *get(const struct map *map, const struct wanted *wanted)
{
    return map->count > 0 ? map->slots[probe(map, wanted)].value : NULL;
}

static void *put(struct map *map, const struct wanted *wanted, void *value)
{
    struct map_slot *slot;
    void *before;

    ASSERT(value != NULL);
    if (map->count >= map->cap / 4 * 3)
        grow(map);
    slot = &map->slots[probe(map, wanted)];
    before = slot->value;
    map->count += before == NULL;
    slot->value = value;
    slot->hash = wanted->hash;
    if (wanted->is_number)
        slot->key.number = wanted->number;
    else
        slot->key.bytes = wanted->bytes;
    return before;
}

static void *take(struct map *map, const struct wanted *wanted)
{
    size_t mask = map->cap - 1;
    size_t hole;
    void *value;

    if (map->count == 0)
        return NULL;
    hole = probe(map, wanted);
    value = map->slots[hole].value;
    if (value == NULL)
        return NULL;
    for (size_t at = (hole + 1) & mask; map->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t home = map->slots[at].hash & mask;

        /* It may move back unless its own place lies behind the hole. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].value = NULL;
    map->count--;
    return value;
}

static const struct map_slot *next(const struct map *map, size_t *at)
{
    while (*at < map->cap) {
        const struct map_slot *slot = &map->slots[(*at)++];

        if (slot->value != NULL)
            return slot;
    }
    return NULL;
}

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_fini(struct map *map)
{
    mem_free(map->slots);
    map_init(map);
}

void *map_get(const struct map *map, struct bytes key)
{
    struct wanted wanted = want_bytes(key);

    return get(map, &wanted);
}

void *map_put(struct map *map, struct bytes key, void *value)
{
    struct wanted wanted = want_bytes(key);

    return put(map, &wanted, value);
}

void *map_remove(struct map *map, struct bytes key)
{
    struct wanted wanted = want_bytes(key);

    return take(map, &wanted);
}

void *map_next(const struct map *map, size_t *at, struct bytes *key)
{
    const struct map_slot *slot = next(map, at);

    if (slot == NULL)
        return NULL;
    if (key != NULL)
        *key = slot->key.bytes;
    return slot->value;
}

void map_u64_init(struct map_u64 *map)
{
    map_init(&map->map);
}

void map_u64_fini(struct map_u64 *map)
{
    map_fini(&map->map);
}

void *map_u64_get(const struct map_u64 *map, uint64_t key)
{
    struct wanted wanted = want_number(key);

    return get(&map->map, &wanted);
}

void *map_u64_put(struct map_u64 *map, uint64_t key, void *value)
{
    struct wanted wanted = want_number(key);

    return put(&map->map, &wanted, value);
}

void *map_u64_remove(struct map_u64 *map, uint64_t key)
{
    struct wanted wanted = want_number(key);

    return take(&map->map, &wanted);
}

void *map_u64_next(const struct map_u64 *map, size_t *at, uint64_t *key)
{
    const struct map_slot *slot = next(&map->map, at);

    if (slot == NULL)
        return NULL;
    if (key != NULL)
        *key = slot->key.number;
    return slot->value;
}
