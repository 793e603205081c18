#pragma once

/*
 * Stub
 *
 * Calls of objects by the files of native/ themselves.
 */

#include <stddef.h>

#include "dormouse/dormouse.h"

struct dm_object;

/* Turns what an object has answered into what the callback gets, in host->scratch. NULL: it is
 * damaged, and host->why says so. */
typedef const struct dm_value *stub_shape_fn(struct dm_object *host, const struct dm_value *answer);

/* As native_stub_call() to the object with that name. `reply` may be NULL. */
int stub_ask(struct dm_object *host, struct dm_ns *ns, const char *name, const char *method,
             const struct dm_value *arguments, size_t count, stub_shape_fn *shape,
             dm_reply_fn *reply, void *data);
