#include <stdint.h>

#include "base/arena.h"
#include "test.h"

TEST(pieces_are_aligned_and_apart)
{
    struct arena arena = {0};
    unsigned char *before = arena_alloc(&arena, 1);

    for (size_t i = 1; i < 2000; i++) {
        unsigned char *p = arena_alloc_zero(&arena, i);

        CHECK_EQ((uintptr_t)p % 16, 0);
        CHECK(p != before && p[0] == 0 && p[i - 1] == 0);
        memset(p, 0xaa, i);
        before = p;
    }
    arena_fini(&arena);
}

TEST(a_reset_gives_the_same_memory_out_again)
{
    struct arena arena = {0};
    void *first = arena_alloc(&arena, 10);

    arena_reset(&arena);
    CHECK(arena_alloc(&arena, 10) == first);
    CHECK_EQ(arena.total, 16);
    arena_alloc(&arena, 1000000);
    arena_reset(&arena);
    CHECK(arena.blocks == NULL);
    arena_reset(&arena);
    arena_fini(&arena);
}

TEST(text_is_copied_and_formatted)
{
    struct arena arena;
    struct bytes copy;

    arena_init(&arena);
    copy = arena_dup(&arena, BYTES("abc"));
    CHECK_BYTES_EQ(copy, BYTES("abc"));
    CHECK_STR_EQ(arena_string(&arena, bytes_slice(copy, 0, 2)), "ab");
    CHECK_STR_EQ(arena_string(&arena, bytes_of(NULL, 0)), "");
    CHECK_STR_EQ(arena_format(&arena, "%s-%d", "x", 5), "x-5");
    CHECK_EQ(strlen(arena_format(&arena, "%09000d", 1)), 9000);
    arena_fini(&arena);
}
