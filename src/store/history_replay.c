#include "store/history_replay.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/page_diff.h"
#include "store/record.h"

void history_image_fini(struct history_image *image)
{
    mem_free(image->data);
    *image = (struct history_image){0};
}

bool history_reached(const struct bookmark *until, uint64_t lsn, int64_t written_ms)
{
    return until->lsn != 0 ? lsn <= until->lsn : written_ms <= until->time_ms;
}

bool history_knows(const struct history_epoch *epoch, const struct bookmark *until)
{
    return until->time_ms > epoch->since_ms;
}

bool history_rested(const struct history_epoch *epoch, const struct bookmark *until)
{
    return history_knows(epoch, until) && (epoch->gap_ms == 0 || until->time_ms > epoch->gap_ms);
}

int history_image_resize(struct history_image *image, uint32_t size_pages, struct err_text *why)
{
    if (size_pages > LIMIT_HISTORY_IMAGE_BYTES / PAGE_BYTES) {
        err_text_set(why, "The database is too large to be restored: it has %llu bytes then.",
                     (unsigned long long)size_pages * PAGE_BYTES);
        return HISTORY_MISSING;
    }
    if (size_pages > image->cap_pages) {
        image->cap_pages = size_pages + size_pages / 2;
        image->data = mem_realloc(image->data, (size_t)image->cap_pages * PAGE_BYTES);
    }
    if (size_pages > image->size_pages)
        memset(image->data + (size_t)image->size_pages * PAGE_BYTES, 0,
               (size_t)(size_pages - image->size_pages) * PAGE_BYTES);
    image->size_pages = size_pages;
    return 0;
}

static int apply(struct history_replay *replay, const struct record *record, struct err_text *why)
{
    struct history_image *image = &replay->image;
    struct bytes pages = record->pages;
    struct record_page page;
    int r = 0;

    if (record->size_pages == 0 || record->pages.len == 0)
        return 0;
    while (r == 0 && record_next_page(&pages, &page)) {
        if (page.number > image->size_pages)
            r = history_image_resize(image, page.number, why);
        if (r == 0)
            record_page_apply(&page, image->data + (size_t)(page.number - 1) * PAGE_BYTES);
    }
    return r == 0 ? history_image_resize(image, record->size_pages, why) : r;
}

static int damaged(uint64_t lsn, struct err_text *why)
{
    err_text_set(why, "The history of this object is damaged at record %llu.",
                 (unsigned long long)lsn);
    return HISTORY_MISSING;
}

/* The commit is complete. */
static int apply_pending(struct history_replay *replay, uint64_t lsn, struct err_text *why)
{
    struct bytes rest = buf_bytes(&replay->pending);
    struct record record;
    int r = 0;

    while (r == 0 && rest.len > 0)
        r = record_parse(&rest, &record) == 0 ? apply(replay, &record, why) : damaged(lsn, why);
    buf_clear(&replay->pending);
    return r;
}

int history_replay_take(struct history_replay *replay, uint64_t lsn, int64_t written_ms,
                        struct bytes encoded, struct err_text *why)
{
    struct bytes in = encoded;
    struct record record;

    if (replay->beyond || lsn <= replay->last_lsn)
        return 0;
    if (!history_reached(&replay->until, lsn, written_ms)) {
        replay->beyond = true;
        return 0;
    }
    if (record_parse(&in, &record) != 0)
        return damaged(lsn, why);
    replay->last_lsn = lsn;
    if (record.kind != RECORD_COMMIT)
        return 0;
    if ((record.flags & RECORD_FIRST) != 0)
        buf_clear(&replay->pending);
    buf_append_bytes(&replay->pending, encoded);
    return (record.flags & RECORD_LAST) != 0 ? apply_pending(replay, lsn, why) : 0;
}

void history_replay_fini(struct history_replay *replay)
{
    history_image_fini(&replay->image);
    buf_fini(&replay->pending);
}

/* All of them against zeros. */
static bool count_new_pages(const struct record *record, uint32_t *count)
{
    struct bytes pages = record->pages;
    struct record_page page;

    for (; record_next_page(&pages, &page); ++*count)
        if (page.base != PAGE_ZEROS)
            return false;
    return true;
}

enum history_birth_state history_birth_take(struct history_birth *birth,
                                            const struct record *record)
{
    bool first = (record->flags & RECORD_FIRST) != 0;

    if (birth->state != BIRTH_OPEN)
        return birth->state;
    if (record->kind != RECORD_COMMIT || first == birth->begun ||
        (first && record->previous_lsn != 0) || !count_new_pages(record, &birth->pages))
        birth->state = BIRTH_FALSE;
    else if ((record->flags & RECORD_LAST) != 0)
        birth->state =
            record->size_pages > 0 && birth->pages == record->size_pages ? BIRTH_TRUE : BIRTH_FALSE;
    birth->begun = true;
    return birth->state;
}
