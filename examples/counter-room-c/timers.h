#pragma once

/*
 * Many timers on one alarm
 *
 * An object has one alarm, and setting it replaces the one before: two parts of an object that each
 * call set_alarm() silence each other (pitfall 6). So the timers are rows, and the alarm is always
 * set to the first of them. Can be copied as it is.
 */

#include "web.h"

#define TIMERS_SCHEMA                                                                              \
    "CREATE TABLE IF NOT EXISTS timers (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"

int timers_set(struct dm_object *object, const char *name, int64_t at);
int timers_set_if_unset(struct dm_object *object, const char *name, int64_t at);
/* Whether its time has come; then it is unset. */
int timers_take_due(struct dm_object *object, const char *name, int64_t now, bool *due);
/* After any of them. */
int timers_arm(struct dm_object *object);
