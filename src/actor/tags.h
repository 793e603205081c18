#pragma once

/*
 * Tags
 *
 * The tags of one hibernatable socket in one block of memory. For the files of actor/ only.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct tags;

/* Copies them. NULL when there are none. Free with mem_free(). */
struct tags *tags_create(const struct bytes *tags, size_t count);

/* NULL is allowed. */
size_t tags_count(const struct tags *tags);
struct bytes tags_get(const struct tags *tags, size_t index);
bool tags_contain(const struct tags *tags, struct bytes tag);
