#pragma once

/*
 * Bookmark
 *
 * A point in the history of an object as text (platform.md §3.8): opaque to whoever holds it, and
 * in the order of time when compared as text. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define BOOKMARK_TEXT_SIZE 60 /* with the NUL */

struct bookmark {
    int64_t time_ms;  /* since 1970 */
    uint64_t lsn;     /* with everything up to here; 0: with what was durable at that time */
    uint64_t undo_of; /* not 0: the state just before the restore with this number */
};

void bookmark_format(const struct bookmark *bookmark, char text[BOOKMARK_TEXT_SIZE]);
bool bookmark_parse(struct bytes text, struct bookmark *bookmark);
