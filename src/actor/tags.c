#include "actor/tags.h"

#include <stdint.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

/* `ends[i]` is where tag i ends in the text behind the array. */
struct tags {
    uint16_t count;
    uint16_t ends[];
};

static const uint8_t *text_of(const struct tags *tags)
{
    return (const uint8_t *)(tags->ends + tags->count);
}

struct tags *tags_create(const struct bytes *tags, size_t count)
{
    size_t size = sizeof(struct tags) + count * sizeof(uint16_t);
    struct tags *all;
    uint8_t *at;
    size_t end = 0;

    if (count == 0)
        return NULL;
    ASSERT(count <= LIMIT_WS_TAGS);
    for (size_t i = 0; i < count; i++) {
        ASSERT(tags[i].len <= LIMIT_WS_TAG_BYTES);
        size += tags[i].len;
    }
    all = mem_alloc(size);
    all->count = (uint16_t)count;
    at = (uint8_t *)(all->ends + count);
    for (size_t i = 0; i < count; i++) {
        if (tags[i].len > 0)
            memcpy(at + end, tags[i].data, tags[i].len);
        end += tags[i].len;
        all->ends[i] = (uint16_t)end;
    }
    return all;
}

size_t tags_count(const struct tags *tags)
{
    return tags != NULL ? tags->count : 0;
}

struct bytes tags_get(const struct tags *tags, size_t index)
{
    size_t start = index > 0 ? tags->ends[index - 1] : 0;

    ASSERT(index < tags->count);
    return bytes_of(text_of(tags) + start, tags->ends[index] - start);
}

bool tags_contain(const struct tags *tags, struct bytes tag)
{
    for (size_t i = 0; i < tags_count(tags); i++) {
        if (bytes_equal(tags_get(tags, i), tag))
            return true;
    }
    return false;
}
