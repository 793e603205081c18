#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

TEST(zero_bytes_are_a_pointer_too)
{
    void *a = mem_alloc(0);
    void *b = mem_alloc(0);

    CHECK(a != b);
    mem_free(a);
    mem_free(b);
    mem_free(NULL);
}

TEST(new_objects_and_arrays_are_zero)
{
    uint64_t *array = mem_new_array(uint64_t, 100);
    uint64_t *one = mem_new(uint64_t);

    for (int i = 0; i < 100; i++)
        CHECK_EQ(array[i], 0);
    CHECK_EQ(*one, 0);
    mem_free(one);
    mem_free(array);
}

static void overflow(void *arg)
{
    mem_free(mem_alloc_array(*(volatile size_t *)arg, 16));
}

static void overflow_realloc(void *arg)
{
    mem_free(mem_realloc_array(NULL, *(volatile size_t *)arg, 16));
}

TEST(a_product_that_overflows_aborts)
{
    size_t count = SIZE_MAX / 8;

    CHECK(test_aborts(overflow, &count));
    CHECK(test_aborts(overflow_realloc, &count));
}

TEST(copies_are_copies)
{
    char *text = mem_strndup("dormouse", 4);
    char *all = mem_strdup(text);
    char *raw = mem_dup("abc", 3);

    CHECK_STR_EQ(text, "dorm");
    CHECK_STR_EQ(all, "dorm");
    CHECK(memcmp(raw, "abc", 3) == 0);
    CHECK(mem_strdup(NULL) == NULL);
    mem_free(raw);
    mem_free(all);
    mem_free(text);
}

TEST(text_can_be_formatted_at_any_length)
{
    char *text = mem_format("%0500d|%s", 7, "end");

    CHECK_EQ(strlen(text), 504);
    CHECK_STR_EQ(text + 499, "7|end");
    mem_free(text);
}

TEST(growing_keeps_what_is_there)
{
    char *p = mem_realloc(NULL, 4);

    memcpy(p, "abcd", 4);
    p = mem_realloc(p, 100000);
    CHECK(memcmp(p, "abcd", 4) == 0);
    mem_free(p);
}
