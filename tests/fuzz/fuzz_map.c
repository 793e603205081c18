/*
 * Map: the input is a history of puts and removals over 256 keys of which many share a place in
 * the table; an array says what must be found.
 */

#include "base/assert.h"
#include "base/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_all(const struct map_u64 *map, uint8_t *const *values)
{
    size_t count = 0;

    for (uint64_t key = 0; key < 256; key++) {
        ASSERT(map_u64_get(map, key) == values[key]);
        count += values[key] != NULL;
    }
    ASSERT(map_u64_count(map) == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t value;
    uint8_t *values[256] = {0};
    struct map_u64 map = {0};
    uint64_t key;
    size_t at = 0;

    for (size_t i = 0; i + 1 < size; i += 2) {
        uint8_t k = data[i + 1];

        if (data[i] % 2 == 0) {
            ASSERT(map_u64_put(&map, k, &value) == values[k]);
            values[k] = &value;
        } else {
            ASSERT(map_u64_remove(&map, k) == values[k]);
            values[k] = NULL;
        }
        if (i % 1024 == 0)
            check_all(&map, values);
    }
    check_all(&map, values);
    while (map_u64_next(&map, &at, &key) != NULL)
        ASSERT(key < 256 && values[key] != NULL);
    map_u64_fini(&map);
    return 0;
}
