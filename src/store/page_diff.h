#pragma once

/*
 * Page difference
 *
 * What changed from one version of a database page to the next, as byte ranges: how the journal
 * carries a page. Against "zeros" the whole page is carried, its long runs of zero left out. Pure;
 * the format is in docs/journal-format.md.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct buf;

#define PAGE_BYTES 4096

/* Appends the ranges of `page` that differ from `previous` (NULL: from zeros), and their end. */
void page_diff_encode(struct buf *out, const uint8_t page[PAGE_BYTES],
                      const uint8_t previous[PAGE_BYTES]);

/* Takes one difference off the front of *in and checks that every range lies within a page. False
 * if it does not. `*diff` is the part of the input that page_diff_apply() wants. */
bool page_diff_parse(struct bytes *in, struct bytes *diff);

/* Writes the ranges of a difference that page_diff_parse() found good into `page`. */
void page_diff_apply(struct bytes diff, uint8_t page[PAGE_BYTES]);

/* Bytes that the ranges of a good difference carry. */
uint32_t page_diff_changed(struct bytes diff);
