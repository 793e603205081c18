#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

_Noreturn static void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes wanted\n", size);
    abort();
}

static size_t product(size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory(SIZE_MAX);
    return total;
}

void *mem_alloc(size_t size)
{
    void *ptr = malloc(size > 0 ? size : 1);

    if (ptr == NULL)
        out_of_memory(size);
    return ptr;
}

void *mem_alloc_zero(size_t size)
{
    void *ptr = calloc(1, size > 0 ? size : 1);

    if (ptr == NULL)
        out_of_memory(size);
    return ptr;
}

void *mem_alloc_array(size_t count, size_t size)
{
    return mem_alloc_zero(product(count, size));
}

void *mem_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size > 0 ? size : 1);

    if (moved == NULL)
        out_of_memory(size);
    return moved;
}

void *mem_realloc_array(void *ptr, size_t count, size_t size)
{
    return mem_realloc(ptr, product(count, size));
}

void mem_free(void *ptr)
{
    free(ptr);
}

void *mem_dup(const void *data, size_t len)
{
    void *copy = mem_alloc(len);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

char *mem_strdup(const char *text)
{
    return text == NULL ? NULL : mem_dup(text, strlen(text) + 1);
}

char *mem_strndup(const char *text, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *mem_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mem_format_va(format, args);
    va_end(args);
    return text;
}

char *mem_format_va(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        out_of_memory(0);
    ASSERT(text != NULL);
    return text;
}
