#include "store/pages.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/alarm_index.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/object_file.h"
#include "store/recovery.h"
#include "store/rule.h"
#include "store/shard.h"
#include "store/store_parts.h"

#define PAGE_RECORD_MAX (PAGE_BYTES + 128) /* what one page can add to a record */
#define FEW_FRAMES      8                  /* then looking through them is faster than a map */

static const uint8_t zeros[PAGE_BYTES];

int pages_open(struct pages *pages, struct store_shard *shard, uint32_t namespace_number,
               const uint8_t id[STORE_ID_SIZE], const char *dir, const char *path)
{
    int r;

    *pages = (struct pages){.shard = shard, .namespace_number = namespace_number};
    memcpy(pages->id, id, STORE_ID_SIZE);
    memory_wal_init(&pages->wal, &shard->pool);
    map_u64_init(&pages->holes);
    r = recovery_bring(shard->store->recovery, namespace_number, id);
    if (r == 0)
        r = object_file_open(&pages->file, shard->os, dir, path);
    if (r < 0)
        return err_pass(r);
    if (!object_file_missing(pages->file))
        pages->size_pages = (uint32_t)(object_file_size(pages->file) / PAGE_BYTES);
    return 0;
}

void pages_close(struct pages *pages)
{
    ASSERT(pages->pin == NULL);
    if (pages->shard == NULL)
        return; /* never opened */
    memory_wal_fini(&pages->wal);
    map_u64_fini(&pages->holes);
    object_file_unref(pages->file);
    mem_free(pages->note);
    pages->file = NULL;
    pages->note = NULL;
}

bool pages_is_hole(const struct pages *pages, uint32_t number)
{
    return pages->holes.map.count > 0 && map_u64_get(&pages->holes, number) != NULL;
}

/* ---- commit ---- */

/* The version of a page that the records so far describe; NULL: none, the page is new. */
static int previous_version(struct pages *pages, uint32_t number, uint8_t *buffer,
                            const uint8_t **previous)
{
    size_t got;
    int r;

    *previous = NULL;
    if (number > pages->size_pages)
        return 0;
    if (pages_is_hole(pages, number)) {
        *previous = zeros;
        return 0;
    }
    *previous = MUTANT(32) ? NULL : memory_wal_page(&pages->wal, number);
    if (*previous != NULL)
        return 0;
    r = object_file_read(pages->file, buffer, PAGE_BYTES, (uint64_t)(number - 1) * PAGE_BYTES,
                         &got);
    *previous = buffer;
    return r < 0 ? err_pass(r) : 0;
}

static void begin(struct pages *pages, bool first, uint64_t previous_lsn, uint32_t size_pages)
{
    struct record head = {
        .kind = RECORD_COMMIT,
        .flags = (first ? RECORD_FIRST : 0) | (pages->alarm_changed ? RECORD_ALARM : 0),
        .namespace_number = pages->namespace_number,
        .partition = (uint16_t)store_partition(pages->id),
        .id = pages->id,
        .previous_lsn = previous_lsn,
        .size_pages = size_pages,
        .alarm = pages->alarm,
    };

    buf_clear(&pages->shard->record);
    record_begin(&pages->shard->record, &head);
}

/* Gives the record under construction to the journal. With pages in it, it holds the journal until
 * they are in the file. */
static int append(struct pages *pages, bool last, bool pinning, uint64_t *lsn)
{
    struct store_shard *shard = pages->shard;
    bool pinned = pages->pin != NULL;
    struct journal_pin *pin = pinning && !pinned ? mem_new(struct journal_pin) : NULL;
    struct journal_entry entry = {
        .listener = shard->index,
        .vital = shard->vital,
        .pin = pin,
        .note = last ? pages->note : NULL,
    };
    int r;

    record_end(&shard->record, 0, last);
    entry.record = buf_bytes(&shard->record);
    r = journal_append(shard->journal, &entry, lsn);
    if (r < 0) {
        mem_free(pin);
        return r;
    }
    if (pin != NULL) {
        pages->pin = pin;
        shard_note_pinned(shard, pages);
    }
    pages->last_lsn = *lsn;
    if (last)
        pages->note = NULL;
    return 0;
}

static int add_page(struct pages *pages, uint32_t number, const uint8_t *page, uint32_t size_pages)
{
    struct buf *record = &pages->shard->record;
    uint8_t buffer[PAGE_BYTES];
    const uint8_t *previous;
    uint64_t lsn;
    int r;

    if (record->len + PAGE_RECORD_MAX > journal_record_bytes_max(pages->shard->journal)) {
        r = append(pages, false, true, &lsn);
        if (r < 0)
            return err_pass(r);
        begin(pages, false, lsn, size_pages);
    }
    r = previous_version(pages, number, buffer, &previous);
    if (r < 0)
        return err_pass(r);
    record_add_page(record, number, page, previous);
    return 0;
}

/* Pages that the transaction may have written more than once count once, as last written. */
struct fresh {
    struct map_u64 frames; /* page number -> frame; empty when they are few */
    uint32_t from;
    uint32_t to;
};

static void fresh_init(struct fresh *fresh, const struct memory_wal *wal)
{
    *fresh = (struct fresh){.from = wal->committed, .to = wal->commit_end};
    if (fresh->to - fresh->from <= FEW_FRAMES)
        return;
    for (uint32_t i = fresh->from; i < fresh->to; i++)
        map_u64_put(&fresh->frames, wal_frame_page_number(wal->frames[i]), wal->frames[i]);
}

static const struct wal_frame *fresh_frame(const struct fresh *fresh, const struct memory_wal *wal,
                                           uint32_t number)
{
    if (fresh->to - fresh->from > FEW_FRAMES)
        return map_u64_get(&fresh->frames, number);
    for (uint32_t i = fresh->to; i > fresh->from; i--) {
        if (wal_frame_page_number(wal->frames[i - 1]) == number)
            return wal->frames[i - 1];
    }
    return NULL;
}

/* Pages by which the database grew and that SQLite did not write. */
static int add_unwritten(struct pages *pages, const struct fresh *fresh, uint32_t size_pages)
{
    for (uint32_t number = pages->size_pages + 1; number <= size_pages; number++) {
        int r;

        if (fresh_frame(fresh, &pages->wal, number) != NULL)
            continue;
        r = add_page(pages, number, number == 1 ? object_file_template() : zeros, size_pages);
        if (r < 0)
            return err_pass(r);
    }
    return 0;
}

static int add_frames(struct pages *pages, const struct fresh *fresh, uint32_t size_pages)
{
    const struct memory_wal *wal = &pages->wal;

    for (uint32_t i = fresh->from; i < fresh->to; i++) {
        const struct wal_frame *frame = wal->frames[i];
        uint32_t number = wal_frame_page_number(frame);
        int r;

        if (number > size_pages || fresh_frame(fresh, wal, number) != frame)
            continue;
        r = add_page(pages, number, frame->page, size_pages);
        if (r < 0)
            return err_pass(r);
    }
    return 0;
}

static void note_holes(struct pages *pages, const struct fresh *fresh, uint32_t size_pages)
{
    static char hole;

    for (uint32_t i = fresh->from; pages->holes.map.count > 0 && i < fresh->to; i++)
        map_u64_remove(&pages->holes, wal_frame_page_number(pages->wal.frames[i]));
    for (uint32_t n = size_pages + 1; pages->holes.map.count > 0 && n <= pages->size_pages; n++)
        map_u64_remove(&pages->holes, n);
    for (uint32_t n = pages->size_pages + 1; n <= size_pages; n++) {
        if (n > 1 && fresh_frame(fresh, &pages->wal, n) == NULL)
            map_u64_put(&pages->holes, n, &hole);
    }
}

static void forget_alarm(struct pages *pages)
{
    pages->alarm_changed = false;
    pages->alarm = (struct record_alarm){0};
}

int pages_commit(struct pages *pages)
{
    struct memory_wal *wal = &pages->wal;
    struct fresh fresh;
    uint32_t size_pages;
    uint64_t lsn;
    int r;

    if (wal->commit_end <= wal->committed)
        return 0;
    if (MUTANT(41) && pages->alarm_changed)
        pages_commit_alarm(pages);
    fresh_init(&fresh, wal);
    size_pages = wal_frame_commit_size(wal->frames[wal->commit_end - 1]);
    begin(pages, true, pages->pin != NULL ? pages->last_lsn : 0, size_pages);
    r = add_unwritten(pages, &fresh, size_pages);
    if (r == 0)
        r = add_frames(pages, &fresh, size_pages);
    if (r == 0)
        r = append(pages, true, true, &lsn);
    if (r == 0) {
        note_holes(pages, &fresh, size_pages);
        memory_wal_committed(wal);
        pages->size_pages = size_pages;
        forget_alarm(pages);
    } else {
        /* SQLite rolls back; the sync of a later checkpoint must not take these frames for good. */
        wal->commit_end = wal->committed;
    }
    map_u64_fini(&fresh.frames);
    pages->commit_fault = r;
    return r < 0 ? err_pass(r) : 0;
}

int pages_commit_alarm(struct pages *pages)
{
    uint64_t lsn;
    int r;

    begin(pages, true, pages->pin != NULL ? pages->last_lsn : 0, pages->size_pages);
    r = append(pages, true, false, &lsn);
    if (r < 0)
        return err_pass(r);
    forget_alarm(pages);
    return 0;
}

/* ---- checkpoint ---- */

int pages_write_holes(struct pages *pages)
{
    size_t at = 0;
    uint64_t number;

    while (map_u64_next(&pages->holes, &at, &number) != NULL) {
        int r = object_file_write(pages->file, zeros, PAGE_BYTES, (number - 1) * PAGE_BYTES);

        if (r < 0)
            return err_pass(r);
    }
    map_u64_fini(&pages->holes);
    map_u64_init(&pages->holes);
    return 0;
}

int pages_write_back(struct pages *pages)
{
    const struct wal_frame *frame;
    size_t at = 0;
    uint64_t number;
    int r;

    /* Rule 1: no page reaches the file before the record that carries it is durable. */
    RULE(1, pages->last_lsn <= journal_durable_lsn(pages->shard->journal));
    while ((frame = map_u64_next(&pages->wal.pages, &at, &number)) != NULL) {
        if (number > pages->size_pages || pages_is_hole(pages, (uint32_t)number))
            continue;
        r = object_file_write(pages->file, frame->page, PAGE_BYTES, (number - 1) * PAGE_BYTES);
        if (r < 0)
            return err_pass(r);
    }
    for (at = 0; map_u64_next(&pages->holes, &at, &number) != NULL;) {
        r = object_file_write(pages->file, zeros, PAGE_BYTES, (number - 1) * PAGE_BYTES);
        if (r < 0)
            return err_pass(r);
    }
    r = object_file_truncate(pages->file, (uint64_t)pages->size_pages * PAGE_BYTES);
    return r < 0 ? err_pass(r) : 0;
}

void pages_written(struct pages *pages)
{
    struct journal_pin *pin = pages->pin;

    if (pin == NULL)
        return;
    pages->pin = NULL;
    shard_note_unpinned(pages->shard, pages);
    keeper_sync_later(pages->shard->keeper, pages->file, pin);
}

/* ---- import ---- */

static int take_into_journal(struct pages *pages, uint32_t size_pages, uint32_t first,
                             uint32_t last, pages_source_cb *source, void *data)
{
    uint8_t page[PAGE_BYTES];
    uint64_t lsn;
    int r = 0;

    begin(pages, true, pages->pin != NULL ? pages->last_lsn : 0, size_pages);
    for (uint32_t number = first; r == 0 && number <= last; number++) {
        r = source(data, number, page);
        if (r == 0)
            r = add_page(pages, number, page, size_pages);
    }
    if (r == 0)
        r = append(pages, true, true, &lsn);
    if (r == 0)
        r = journal_wait(pages->shard->journal, lsn);
    return r < 0 ? err_pass(r) : 0;
}

int pages_take(struct pages *pages, uint32_t size_pages, uint32_t first, uint32_t last,
               pages_source_cb *source, void *data)
{
    uint8_t page[PAGE_BYTES];
    int r;

    ASSERT(pages->wal.frame_count == 0 && pages->holes.map.count == 0);
    ASSERT(first >= 1 && last <= size_pages);
    ASSERT(size_pages <= pages->size_pages ||
           (first <= pages->size_pages + 1 && last == size_pages));
    r = take_into_journal(pages, size_pages, first, last, source, data);
    RULE(1, r < 0 || pages->last_lsn <= journal_durable_lsn(pages->shard->journal));
    for (uint32_t number = first; r == 0 && number <= last; number++) {
        r = source(data, number, page);
        if (r == 0)
            r = object_file_write(pages->file, page, PAGE_BYTES,
                                  (uint64_t)(number - 1) * PAGE_BYTES);
    }
    if (r == 0)
        r = object_file_truncate(pages->file, (uint64_t)size_pages * PAGE_BYTES);
    if (r < 0)
        return err_pass(r);
    pages->size_pages = size_pages;
    forget_alarm(pages);
    pages_written(pages);
    return 0;
}
