#pragma once

/*
 * SQL policy
 *
 * What the author's SQL may do (platform.md §3.4.12-14): SQLite's authorizer, asked while a
 * statement is prepared. Statements of our own are trusted and not asked about. Pure, but for the
 * reason it leaves in the database.
 */

#include <stdbool.h>

struct database;

/* To be set with sqlite3_set_authorizer(). */
int sql_policy_authorize(void *data, int action, const char *first, const char *second,
                         const char *database, const char *trigger);

/* Names starting with "_cf_" in any case are ours. */
bool sql_policy_name_is_allowed(const char *name);

/* By the list of the platform, in any case. */
bool sql_policy_function_is_allowed(const char *name);
bool sql_policy_pragma_is_allowed(const char *name, const char *argument);
