#pragma once

/*
 * SQL errors, as the platform words them (platform.md §3.4.10):
 * "<message>[ at offset N]: SQLITE_X[ (extended: SQLITE_X_Y)]". Pure.
 */

#include <stddef.h>

/* "SQLITE_CONSTRAINT" for a primary code, "SQLITE_CONSTRAINT_UNIQUE" for an extended one. Static,
 * never NULL. */
const char *sql_error_name(int code);

/* `offset` -1: none. */
void sql_error_format(char *out, size_t cap, const char *message, int offset, int extended_code);
