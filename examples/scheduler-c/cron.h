#pragma once

/*
 * Cron expressions, in UTC
 *
 *     minute hour day-of-month month day-of-week       or with seconds in front
 *
 * A field is `*`, a number, a range `1-5`, a list `1,3,5`, any of them with a step `/2`; months and
 * days have names, and Sunday is 0 or 7. When both days are given, either will do, as ever.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRON_LENGTH_MAX 200

/* Each a set of numbers, a bit for each. */
struct cron {
    uint64_t second, minute, hour, day, month, weekday;
    bool any_day, any_weekday;
};

/* False, with words, if it is none. */
bool cron_parse(struct cron *cron, const char *expression, char *why, size_t why_size);

/* The first time after `after` (ms) at which it is due; -1: there is none. */
int64_t cron_next(const struct cron *cron, int64_t after);
