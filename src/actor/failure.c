#include "actor/failure.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"

/* Where `text` goes in the block behind the struct; `*at` moves past it. */
static const char *put(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *place = *at;

    memcpy(place, text, size);
    *at += size;
    return place;
}

/* One allocation holds the struct and its strings. */
struct failure *failure_create(const char *name, const char *message, const char *stack,
                               unsigned flags)
{
    size_t size = strlen(name) + 1 + strlen(message) + 1;
    struct failure *failure;
    char *at;

    if (stack != NULL)
        size += strlen(stack) + 1;
    failure = mem_alloc_zero(sizeof *failure + size);
    at = (char *)(failure + 1);

    failure->refs = 1;
    failure->flags = flags;
    failure->name = put(&at, name);
    failure->message = put(&at, message);
    failure->stack = stack != NULL ? put(&at, stack) : NULL;
    return failure;
}

struct failure *failure_format(unsigned flags, const char *format, ...)
{
    struct failure *failure;
    char text[1024];
    char *longer = NULL;
    va_list args;
    va_list again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(text, sizeof text, format, args);
    ASSERT(len >= 0);
    if ((size_t)len >= sizeof text) {
        longer = mem_alloc((size_t)len + 1);
        vsnprintf(longer, (size_t)len + 1, format, again);
    }
    va_end(again);
    va_end(args);

    failure = failure_create("Error", longer != NULL ? longer : text, NULL, flags);
    mem_free(longer);
    return failure;
}

struct failure *failure_with_flags(const struct failure *failure, unsigned flags)
{
    struct failure *copy =
        failure_create(failure->name, failure->message, failure->stack, failure->flags | flags);

    copy->value = failure->value != NULL ? blob_ref(failure->value) : NULL;
    return copy;
}

struct failure *failure_ref(struct failure *failure)
{
    unsigned before = __atomic_fetch_add(&failure->refs, 1, __ATOMIC_RELAXED);

    ASSERT(before > 0);
    return failure;
}

void failure_unref(struct failure *failure)
{
    unsigned before;

    if (failure == NULL)
        return;

    before = __atomic_fetch_sub(&failure->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    if (before > 1)
        return;
    blob_unref(failure->value);
    mem_free(failure);
}
