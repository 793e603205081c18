#include "store/memory_wal.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define FRAME_BYTES   (WAL_FRAME_HEADER_BYTES + PAGE_BYTES)
#define POOL_FREE_MAX 1024 /* 4 MB: a shard that was busy keeps as much */

void wal_pool_init(struct wal_pool *pool)
{
    *pool = (struct wal_pool){0};
}

void wal_pool_fini(struct wal_pool *pool)
{
    ASSERT(pool->used_count == 0);
    while (pool->free != NULL) {
        struct wal_frame *frame = pool->free;

        pool->free = frame->next;
        mem_free(frame);
    }
}

static struct wal_frame *pool_take(struct wal_pool *pool)
{
    struct wal_frame *frame = pool->free;

    pool->used_count++;
    if (frame == NULL)
        return mem_alloc_zero(sizeof *frame);
    pool->free = frame->next;
    pool->free_count--;
    return frame;
}

static void pool_give(struct wal_pool *pool, struct wal_frame *frame)
{
    pool->used_count--;
    if (pool->free_count >= POOL_FREE_MAX) {
        mem_free(frame);
        return;
    }
    frame->next = pool->free;
    pool->free = frame;
    pool->free_count++;
}

void memory_wal_init(struct memory_wal *wal, struct wal_pool *pool)
{
    *wal = (struct memory_wal){.pool = pool};
}

void memory_wal_fini(struct memory_wal *wal)
{
    memory_wal_clear(wal);
    mem_free(wal->frames);
    wal->frames = NULL;
}

void memory_wal_clear(struct memory_wal *wal)
{
    for (uint32_t i = 0; i < wal->frame_count; i++) {
        if (wal->frames[i] != NULL)
            pool_give(wal->pool, wal->frames[i]);
    }
    wal->frame_count = 0;
    wal->commit_end = 0;
    wal->committed = 0;
    wal->header_written = false;
    map_u64_fini(&wal->pages);
    map_u64_init(&wal->pages);
}

uint64_t memory_wal_size(const struct memory_wal *wal)
{
    return wal->header_written ? WAL_HEADER_BYTES + (uint64_t)wal->frame_count * FRAME_BYTES : 0;
}

/* Where the byte at `offset` is kept, and how many are kept in one piece from there on. */
static const uint8_t *place(const struct memory_wal *wal, uint64_t offset, size_t *len)
{
    const struct wal_frame *frame;
    uint64_t index;
    size_t within;

    if (offset < WAL_HEADER_BYTES) {
        *len = WAL_HEADER_BYTES - (size_t)offset;
        return wal->header + offset;
    }
    index = (offset - WAL_HEADER_BYTES) / FRAME_BYTES;
    within = (size_t)((offset - WAL_HEADER_BYTES) % FRAME_BYTES);
    ASSERT(index < wal->frame_count);
    frame = wal->frames[index];
    ASSERT(frame != NULL);
    if (within < WAL_FRAME_HEADER_BYTES) {
        *len = WAL_FRAME_HEADER_BYTES - within;
        return frame->header + within;
    }
    within -= WAL_FRAME_HEADER_BYTES;
    *len = PAGE_BYTES - within;
    return frame->page + within;
}

void memory_wal_read(const struct memory_wal *wal, void *out, size_t len, uint64_t offset,
                     size_t *got)
{
    uint64_t size = memory_wal_size(wal);
    uint8_t *to = out;
    size_t piece;

    *got = 0;
    while (*got < len && offset < size) {
        const uint8_t *from = place(wal, offset, &piece);

        if (piece > len - *got)
            piece = len - *got;
        memcpy(to + *got, from, piece);
        *got += piece;
        offset += piece;
    }
}

static void add_frame(struct memory_wal *wal)
{
    if (wal->frame_count == wal->frame_cap) {
        wal->frame_cap = wal->frame_cap == 0 ? 4 : 2 * wal->frame_cap;
        wal->frames = mem_realloc_array(wal->frames, wal->frame_cap, sizeof(struct wal_frame *));
    }
    wal->frames[wal->frame_count] = pool_take(wal->pool);
    wal->frames[wal->frame_count]->index = wal->frame_count;
    wal->frame_count++;
}

bool memory_wal_write(struct memory_wal *wal, const void *data, size_t len, uint64_t offset)
{
    const uint8_t *from = data;
    uint64_t end = offset + len;

    if (offset > memory_wal_size(wal) || (offset == 0 && len < WAL_HEADER_BYTES))
        return false;
    if (offset == 0) {
        if (wal->frame_count > 0)
            memory_wal_clear(wal); /* SQLite starts over: all of it was checkpointed */
        wal->header_written = true;
    }
    while (memory_wal_size(wal) < end)
        add_frame(wal);
    while (len > 0) {
        size_t piece;
        /* place() is const for its readers; what it points into is ours */
        uint8_t *to = (uint8_t *)(uintptr_t)place(wal, offset, &piece);

        if (piece > len)
            piece = len;
        memcpy(to, from, piece);
        if (offset > 0 && (offset - WAL_HEADER_BYTES) % FRAME_BYTES == 0) {
            uint32_t index = (uint32_t)((offset - WAL_HEADER_BYTES) / FRAME_BYTES);

            if (wal_frame_commit_size(wal->frames[index]) > 0)
                wal->commit_end = index + 1;
        }
        from += piece;
        offset += piece;
        len -= piece;
    }
    return true;
}

static uint32_t get_u32be(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

uint32_t wal_frame_page_number(const struct wal_frame *frame)
{
    return get_u32be(frame->header);
}

uint32_t wal_frame_commit_size(const struct wal_frame *frame)
{
    return get_u32be(frame->header + 4);
}

const uint8_t *memory_wal_page(const struct memory_wal *wal, uint32_t number)
{
    const struct wal_frame *frame = map_u64_get(&wal->pages, number);

    return frame != NULL ? frame->page : NULL;
}

void memory_wal_committed(struct memory_wal *wal)
{
    ASSERT(wal->commit_end <= wal->frame_count);
    for (; wal->committed < wal->commit_end; wal->committed++) {
        struct wal_frame *frame = wal->frames[wal->committed];
        struct wal_frame *old = map_u64_put(&wal->pages, wal_frame_page_number(frame), frame);

        if (old != NULL) {
            wal->frames[old->index] = NULL;
            pool_give(wal->pool, old);
        }
    }
}
