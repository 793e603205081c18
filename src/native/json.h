#pragma once

/*
 * JSON
 *
 * Between struct dm_value and JSON text (RFC 8259), with the answers of JavaScript's JSON where
 * both have one.
 */

#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "dormouse/dormouse.h"

struct arena;
struct err_text;

enum json_result {
    JSON_REFUSED = 1, /* no JSON, too deep, too large, or of a type that JSON has not: `why` */
};

/* The tree lives in `arena`; strings have a NUL behind them. Of members with the same name the last
 * one counts. */
int json_read(struct bytes text, struct arena *arena, const struct dm_value **value,
              struct err_text *why);

/* Appends. Undefined members are left out, undefined items are null, dates are strings. */
int json_write(struct buf *out, const struct dm_value *value, struct err_text *why);
