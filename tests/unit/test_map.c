#include <stdio.h>

#include "base/map.h"
#include "base/rng.h"
#include "test.h"

enum {
    KEYS = 500,
};

TEST(an_empty_map_knows_nothing)
{
    struct map map = {0};
    size_t at = 0;

    CHECK(map_get(&map, BYTES("a")) == NULL);
    CHECK(map_remove(&map, BYTES("a")) == NULL);
    CHECK(map_next(&map, &at, NULL) == NULL);
    map_fini(&map);
}

TEST(a_key_is_found_replaced_and_removed)
{
    struct map map;
    int one = 1;
    int two = 2;

    map_init(&map);
    CHECK(map_put(&map, BYTES("room"), &one) == NULL);
    CHECK(map_get(&map, BYTES("room")) == &one);
    CHECK(map_get(&map, BYTES("roo")) == NULL);
    CHECK(map_put(&map, BYTES("room"), &two) == &one);
    CHECK_EQ(map.count, 1);
    CHECK(map_remove(&map, BYTES("room")) == &two);
    CHECK(map_get(&map, BYTES("room")) == NULL);
    CHECK_EQ(map.count, 0);
    CHECK(map_put(&map, BYTES(""), &one) == NULL);
    CHECK(map_get(&map, bytes_of(NULL, 0)) == &one);
    map_fini(&map);
}

/* A plain array is the model; keys[i] is in the map if and only if present[i]. */
struct model {
    char keys[KEYS][8];
    bool present[KEYS];
    size_t count;
};

static void step(struct map *map, struct model *model, struct rng *rng)
{
    size_t i = rng_below(rng, KEYS);
    struct bytes key = bytes_of_string(model->keys[i]);
    void *expected = model->present[i] ? model->keys[i] : NULL;

    switch (rng_below(rng, 3)) {
    case 0: CHECK(map_get(map, key) == expected); break;
    case 1:
        CHECK(map_put(map, key, model->keys[i]) == expected);
        model->count += !model->present[i];
        model->present[i] = true;
        break;
    default:
        CHECK(map_remove(map, key) == expected);
        model->count -= model->present[i];
        model->present[i] = false;
        break;
    }
    CHECK_EQ(map->count, model->count);
}

TEST(any_history_agrees_with_a_plain_array)
{
    static struct model model;
    struct map map = {0};
    struct rng rng;
    size_t seen = 0;
    struct bytes key;
    size_t at = 0;

    for (int i = 0; i < KEYS; i++)
        snprintf(model.keys[i], sizeof model.keys[i], "k%d", i);
    rng_init(&rng, 77);
    for (int i = 0; i < 60000; i++)
        step(&map, &model, &rng);
    for (const char *value; (value = map_next(&map, &at, &key)) != NULL; seen++)
        CHECK(bytes_equal_string(key, value));
    CHECK_EQ(seen, model.count);
    CHECK(map.cap <= 1024); /* no tombstones: as large as its content needs */
    map_fini(&map);
}

TEST(numbers_are_keys_of_their_own)
{
    static int values[KEYS];
    struct map_u64 map;
    uint64_t key;
    uint64_t sum = 0;
    size_t at = 0;

    map_u64_init(&map);
    for (uint64_t i = 0; i < KEYS; i++)
        CHECK(map_u64_put(&map, i << 32, &values[i]) == NULL);
    for (uint64_t i = 0; i < KEYS; i += 2)
        CHECK(map_u64_remove(&map, i << 32) == &values[i]);
    CHECK_EQ(map_u64_count(&map), KEYS / 2);
    for (uint64_t i = 0; i < KEYS; i++)
        CHECK(map_u64_get(&map, i << 32) == (i % 2 == 0 ? NULL : &values[i]));
    while (map_u64_next(&map, &at, &key) != NULL)
        sum += key >> 32;
    CHECK_EQ(sum, KEYS / 2 * KEYS / 2);
    map_u64_fini(&map);
}
