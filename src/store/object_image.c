#include "store/object_image.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/journal_format.h"
#include "store/journal_reader.h"
#include "store/object_file.h"
#include "store/page_diff.h"

/* The records of one object are taken as in recovery.c. */

#define CHUNK_BYTES (UINT64_C(256) << 10)

struct making {
    struct object_image *image;
    const struct object_image_source *source;
    struct err_text *why;
    struct os_file *to; /* owned; NULL: nothing is written */
    uint64_t lsn;       /* of the record at hand */
    bool cut;           /* the commit being read begins before what is needed */
    struct buf pending; /* records of a commit whose last one has not been seen */
};

/* ---- the file ---- */

static int copy_file(struct making *making, struct os_file *from)
{
    uint8_t *chunk = mem_alloc(CHUNK_BYTES);
    uint64_t size = making->image->file_bytes;
    int r = 0;

    for (uint64_t at = 0; r == 0 && at < size; at += CHUNK_BYTES) {
        size_t got = 0;

        r = os_pread(from, chunk, CHUNK_BYTES, at, &got);
        if (r == 0 && got > 0)
            r = os_pwrite(making->to, chunk, got, at);
    }
    mem_free(chunk);
    return r < 0 ? err_pass(r) : 0;
}

static int take_file(struct making *making)
{
    struct object_image *image = making->image;
    struct os_file *from = NULL;
    int r = os_open(making->source->os, making->source->path, OS_READ, &from);

    if (r == 0)
        r = os_file_size(from, &image->file_bytes);
    image->file_there = r == 0 && image->file_bytes > 0;
    image->size_bytes = image->file_there ? image->file_bytes : PAGE_BYTES;
    if (r >= 0 && making->to != NULL)
        r = image->file_there ? copy_file(making, from)
                              : os_pwrite(making->to, object_file_template(), PAGE_BYTES, 0);
    os_close(from);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- the journal ---- */

static int damaged(struct making *making, const char *what)
{
    err_text_set(making->why, "%s: journal record %llu: %s", making->source->path,
                 (unsigned long long)making->lsn, what);
    return OBJECT_IMAGE_DAMAGED;
}

static int apply_page(struct making *making, const struct record_page *page)
{
    uint8_t image[PAGE_BYTES] = {0};
    uint64_t offset = (uint64_t)(page->number - 1) * PAGE_BYTES;
    size_t got;
    int r;

    making->image->page_count++;
    if (making->to == NULL)
        return 0;
    r = os_pread(making->to, image, PAGE_BYTES, offset, &got);
    if (r < 0)
        return err_pass(r);
    record_page_apply(page, image);
    r = os_pwrite(making->to, image, PAGE_BYTES, offset);
    return r < 0 ? err_pass(r) : 0;
}

static void take_alarm(struct making *making, const struct record *record)
{
    struct object_image *image = making->image;
    struct bytes name = record->alarm.name;

    if ((record->flags & RECORD_ALARM) == 0)
        return;
    image->alarm_told = true;
    image->alarm_lsn = making->lsn;
    image->alarm = record->alarm;
    mem_free(image->alarm_name);
    image->alarm_name = name.data != NULL ? mem_strndup((const char *)name.data, name.len) : NULL;
    image->alarm.name = bytes_of(image->alarm_name, name.len);
}

/* A commit is complete: its records one after the other. */
static int apply_commit(struct making *making)
{
    struct bytes rest = buf_bytes(&making->pending);
    struct record record;
    int r = 0;

    while (r == 0 && rest.len > 0 && record_parse(&rest, &record) == 0) {
        struct bytes pages = record.pages;
        struct record_page page;
        bool has_pages = record.size_pages > 0 && pages.len > 0;

        while (r == 0 && has_pages && record_next_page(&pages, &page)) {
            if (page.base == PAGE_PREVIOUS && !making->image->file_there &&
                making->image->page_count == 0)
                return damaged(making, "its file is missing");
            r = apply_page(making, &page);
        }
        if (has_pages)
            making->image->size_bytes = (uint64_t)record.size_pages * PAGE_BYTES;
        take_alarm(making, &record);
    }
    buf_clear(&making->pending);
    return r < 0 ? err_pass(r) : 0;
}

static int take_record(struct making *making, const struct record *record, struct bytes encoded)
{
    struct object_image *image = making->image;
    uint64_t needed_lsn = making->source->journal->needed_lsn;

    if (record->kind == RECORD_COMMIT && record->previous_lsn >= needed_lsn &&
        record->previous_lsn != image->last_lsn)
        return damaged(making, "a record before it is missing");
    if (image->record_count++ == 0)
        image->first_lsn = making->lsn;
    if (record->kind == RECORD_COMMIT)
        image->last_lsn = making->lsn;
    if ((record->flags & RECORD_FIRST) != 0) {
        buf_clear(&making->pending);
        making->cut = false;
    } else if (making->cut || record->previous_lsn < needed_lsn) {
        making->cut = true;
        if ((record->flags & RECORD_LAST) != 0)
            take_alarm(making, record);
        return 0;
    }
    buf_append_bytes(&making->pending, encoded);
    return (record->flags & RECORD_LAST) != 0 ? apply_commit(making) : 0;
}

static bool is_ours(const struct making *making, const struct record *record)
{
    const struct object_image_source *source = making->source;

    return record->namespace_number == source->namespace_number &&
           (source->id == NULL || memcmp(record->id, source->id, STORE_ID_SIZE) == 0);
}

static int take_batch(void *data, const struct journal_file *file, uint64_t offset,
                      const struct batch *batch)
{
    struct making *making = data;
    struct bytes rest = batch->records;
    struct record record;
    int r = 0;

    (void)file;
    (void)offset;
    making->lsn = batch->first_lsn;
    for (uint32_t i = 0; r == 0 && i < batch->record_count; i++, making->lsn++) {
        struct bytes before = rest;

        if (record_parse(&rest, &record) != 0)
            return damaged(making, "it is malformed, or of a newer version");
        if (making->lsn >= making->source->journal->needed_lsn && is_ours(making, &record))
            r = take_record(making, &record, bytes_slice(before, 0, before.len - rest.len));
    }
    return r < 0 ? err_pass(r) : r;
}

int object_image_make(struct object_image *image, const struct object_image_source *source,
                      const char *to, struct err_text *why)
{
    struct making making = {.image = image, .source = source, .why = why};
    int r = 0;

    *image = (struct object_image){0};
    if (to != NULL)
        r = os_open(source->os, to, OS_READ | OS_WRITE | OS_CREATE | OS_TRUNCATE, &making.to);
    if (r > 0)
        r = err_raise(-ENOENT);
    if (r == 0)
        r = take_file(&making);
    if (r == 0 && source->journal != NULL)
        r = journal_reader_walk(source->journal, take_batch, &making);
    if (r == 0 && making.to != NULL)
        r = os_ftruncate(making.to, image->size_bytes);
    os_close(making.to);
    buf_fini(&making.pending);
    if (r != 0)
        object_image_fini(image);
    return r < 0 ? err_pass(r) : r;
}

void object_image_fini(struct object_image *image)
{
    mem_free(image->alarm_name);
    *image = (struct object_image){0};
}
