#pragma once

/*
 * Value
 *
 * Between struct dm_value and the bytes that js/serialize_format.js describes (the format of V8's
 * ValueSerializer, version 15): the part of it that dormouse.h has a type for.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "dormouse/dormouse.h"

struct arena;
struct err_text;

enum value_result {
    VALUE_REFUSED =
        1, /* damaged, too deep, too large, or of a kind that C has no type for: `why` */
};

/* The tree lives in `arena`. */
int value_read(struct bytes data, struct arena *arena, const struct dm_value **value,
               struct err_text *why);

/* Appends; at most max_bytes. NULL is undefined. */
int value_write(struct buf *out, const struct dm_value *value, size_t max_bytes,
                struct err_text *why);

/* The same for the arguments of a call: an array of `count` values. */
int value_write_array(struct buf *out, const struct dm_value *values, size_t count,
                      size_t max_bytes, struct err_text *why);
