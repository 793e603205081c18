#pragma once

/*
 * Memory
 *
 * Allocation never returns NULL: when there is no memory the process says so and aborts, as
 * JavaScriptCore below us does. Whatever a client can size is bounded in limits.h and refused
 * before it gets here. Any thread.
 */

#include <stdarg.h>
#include <stddef.h>

/* Never NULL; size 0 gives a unique pointer. Free with mem_free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));

/* As mem_alloc(), every byte zero. */
void *mem_alloc_zero(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));

/* `count` elements of `size` bytes each, zeroed. A product that overflows aborts. */
void *mem_alloc_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* `ptr` may be NULL. */
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull, alloc_size(2)));

/* As mem_realloc() for `count` elements of `size` bytes; the new ones are not zeroed. */
void *mem_realloc_array(void *ptr, size_t count, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));

/* NULL is allowed. */
void mem_free(void *ptr);

/* A copy of `len` bytes. `data` may be NULL if `len` is 0. */
void *mem_dup(const void *data, size_t len) __attribute__((returns_nonnull));

/* A copy of a C string; of NULL it is NULL. */
char *mem_strdup(const char *text);

/* The first `len` bytes of `text`, with a NUL behind them. */
char *mem_strndup(const char *text, size_t len) __attribute__((returns_nonnull));

/* A new C string. */
char *mem_format(const char *format, ...) __attribute__((returns_nonnull, format(printf, 1, 2)));
char *mem_format_va(const char *format, va_list args)
    __attribute__((returns_nonnull, format(printf, 1, 0)));

/* One zeroed object: struct peer *peer = mem_new(struct peer); */
#define mem_new(type) ((type *)mem_alloc_zero(sizeof(type)))

/* `count` zeroed objects. */
#define mem_new_array(type, count) ((type *)mem_alloc_array((count), sizeof(type)))
