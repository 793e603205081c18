#pragma once

/*
 * Arena
 *
 * Memory that lives as long as one request: taken in small pieces, given back all at once. An
 * all-zero struct is an empty arena. One thread.
 */

#include <stddef.h>

#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned, newest first */
    size_t used;                /* bytes given out of the newest */
    size_t total;               /* bytes given out of all since the last reset */
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* Give everything back; one block is kept for the next request. */
void arena_reset(struct arena *arena);

/* Never NULL, aligned for anything, not zeroed. Valid until the reset. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_alloc_zero(struct arena *arena, size_t size) __attribute__((returns_nonnull));

struct bytes arena_dup(struct arena *arena, struct bytes bytes);

/* A copy with a NUL behind it. */
char *arena_string(struct arena *arena, struct bytes bytes) __attribute__((returns_nonnull));

char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((returns_nonnull, format(printf, 2, 3)));
