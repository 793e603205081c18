#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

enum {
    ARENA_BLOCK = 4096 - 64,            /* bytes in a usual block: a page with malloc's head */
    ARENA_ALIGN = alignof(max_align_t), /* what malloc() promises */
};

struct arena_block {
    struct arena_block *older; /* owned */
    size_t cap;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *older = block->older;

        mem_free(block);
        block = older;
    }
}

void arena_fini(struct arena *arena)
{
    free_blocks(arena->blocks);
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    if (block == NULL)
        return;
    free_blocks(block->older);
    block->older = NULL;
    if (block->cap > ARENA_BLOCK) { /* a giant is not worth keeping */
        mem_free(block);
        arena->blocks = NULL;
    }
    arena->used = 0;
    arena->total = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    void *out;

    ASSERT(size <= SIZE_MAX / 2);
    size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (block == NULL || size > block->cap - arena->used) {
        size_t cap = size > ARENA_BLOCK ? size : ARENA_BLOCK;

        block = mem_alloc(sizeof *block + cap);
        block->older = arena->blocks;
        block->cap = cap;
        arena->blocks = block;
        arena->used = 0;
    }
    out = block->data + arena->used;
    arena->used += size;
    arena->total += size;
    return out;
}

void *arena_alloc_zero(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

struct bytes arena_dup(struct arena *arena, struct bytes bytes)
{
    return bytes_of(arena_string(arena, bytes), bytes.len);
}

char *arena_string(struct arena *arena, struct bytes bytes)
{
    char *out = arena_alloc(arena, bytes.len + 1);

    if (bytes.len > 0)
        memcpy(out, bytes.data, bytes.len);
    out[bytes.len] = '\0';
    return out;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    char *out;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(len >= 0);
    out = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return out;
}
