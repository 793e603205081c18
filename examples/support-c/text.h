#pragma once

/*
 * Text as JavaScript sees it, so that a limit or a trim means the same in both languages.
 */

#include <dormouse/dormouse.h>

/* Its length in UTF-16 units: what `length` says. */
size_t text_units(struct dm_bytes text);

/* What trim() leaves of it; borrowed from `text`. */
struct dm_bytes text_trim(struct dm_bytes text);

/* The first `units` UTF-16 units; one less where they would end in the middle of a character. */
struct dm_bytes text_cut(struct dm_bytes text, size_t units);

/* Below 0, 0, above 0: as localeCompare() orders ASCII, English or any other locale that adds
 * nothing of its own. What is not ASCII comes behind it, by code points. */
int text_compare(struct dm_bytes a, struct dm_bytes b);
