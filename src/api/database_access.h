#pragma once

/*
 * The running object's database, for natives: finding it, and saying what went wrong in it.
 */

#include <stdbool.h>

#include "api/context.h"

struct database;
struct err_text;

/* The database of the object that argument 0 names. NULL: thrown. */
struct database *database_access(struct js_call *call, struct context **context);

/* Is `r` (store/database.h) a success? Otherwise it has thrown, and reset the object if it must. */
bool database_worked(struct js_call *call, struct context *context, int r,
                     const struct err_text *why);
