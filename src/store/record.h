#pragma once

/*
 * Record
 *
 * What one commit of one object did, independent of how SQLite or the journal's files look: which
 * pages changed and how, how large the database is now, and what became of the alarm. Pure; the
 * format is in docs/journal-format.md.
 *
 * A commit too large for one batch is cut into several records between two pages. Each is complete
 * in itself; only the first carries RECORD_FIRST and only the last RECORD_LAST, and nothing is
 * applied before the last one is there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "store/store.h"

struct buf;

enum record_kind {
    RECORD_COMMIT = 1, /* pages, and the alarm if it was set or removed */
    RECORD_RETRY,      /* the alarm will be run again later; the object's pages are as before */
};

enum record_flags {
    RECORD_FIRST = 1,
    RECORD_LAST = 2,
    RECORD_ALARM = 4, /* the alarm part is there */
};

/* Against what the ranges of a page are to be seen. */
enum page_base {
    PAGE_PREVIOUS, /* the page as the object's records before left it, or its file */
    PAGE_ZEROS,    /* 4096 zeros: the page is new */
};

struct record_alarm {
    int64_t scheduled_ms; /* 0: there is none any more */
    int64_t run_ms;
    uint32_t retry_count;
    struct bytes name; /* data NULL: not known */
};

struct record {
    enum record_kind kind;
    unsigned flags;
    uint32_t namespace_number;
    uint16_t partition;
    const uint8_t *id;     /* borrowed */
    uint64_t previous_lsn; /* of the object's record before, if it was not yet checkpointed; or 0 */
    uint32_t size_pages;
    struct record_alarm alarm; /* with RECORD_ALARM */
    struct bytes pages;        /* parsed only: what record_next_page() walks */
};

struct record_page {
    uint32_t number; /* from 1 */
    enum page_base base;
    struct bytes diff;
};

/* Starts a record at the end of `out`; returns where. record->flags without RECORD_LAST. */
size_t record_begin(struct buf *out, const struct record *record);

/* `previous` NULL: against zeros. */
void record_add_page(struct buf *out, uint32_t number, const uint8_t *page,
                     const uint8_t *previous);

/* `start` is what record_begin() returned. */
void record_end(struct buf *out, size_t start, bool last);

/* What record_parse() can find out. */
enum record_parse_result {
    RECORD_MALFORMED = 1,
    RECORD_NEWER, /* a later version of the format */
};

/* Takes one record off the front of *in. Everything in it is checked, pages too. */
int record_parse(struct bytes *in, struct record *record);

/* Takes one page off record->pages, or another copy of it; false when there is none left. */
bool record_next_page(struct bytes *pages, struct record_page *page);

/* Makes the page what the record says; `image` holds its version before. */
void record_page_apply(const struct record_page *page, uint8_t *image);
