#include "store/journal_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/journal_format.h"
#include "store/store.h"

/*
 * Files are read whole, one at a time. What is the journal among them is decided as in
 * segment_log.c: the last unbroken row of segment numbers; of it, what stands behind a segment that
 * is not sealed; of the last one, what its batches continue.
 */

#define FILE_BYTES_MAX (UINT64_C(1) << 32)

struct image {
    uint8_t *data; /* owned */
    struct bytes bytes;
};

static int image_load(struct journal_reader *reader, struct journal_file *file, struct image *image)
{
    struct os_file *open = NULL;
    size_t got = 0;
    int r = os_open(reader->os, file->path, OS_READ, &open);

    *image = (struct image){0};
    if (r == 0)
        r = os_file_size(open, &file->size);
    if (r == 0 && file->size > FILE_BYTES_MAX)
        r = err_raise(-EFBIG);
    if (r == 0) {
        image->data = mem_alloc(file->size + 1);
        r = os_pread(open, image->data, file->size, 0, &got);
    }
    os_close(open);
    if (r == OS_OPEN_MISSING)
        r = err_raise(-ENOENT);
    if (r < 0) {
        mem_free(image->data);
        image->data = NULL;
        return err_pass(r);
    }
    image->bytes = bytes_of(image->data, got - got % JOURNAL_SECTOR_BYTES);
    return 0;
}

static int batch_at(const struct image *image, uint64_t offset, struct batch *batch)
{
    return batch_parse(bytes_slice(image->bytes, offset, image->bytes.len), batch);
}

/* ---- which files ---- */

struct listing {
    struct journal_reader *reader;
    const char *dir;
};

static void add_file(struct journal_reader *reader, char *path)
{
    reader->files = mem_realloc_array(reader->files, reader->count + 1, sizeof *reader->files);
    reader->files[reader->count++] = (struct journal_file){.path = path, .later = JOURNAL_NOWHERE};
}

static int note_file(void *arg, const char *name)
{
    struct listing *listing = arg;
    unsigned slot;
    char end;

    if (sscanf(name, "segment-%u%c", &slot, &end) == 1)
        add_file(listing->reader, mem_format("%s/%s", listing->dir, name));
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct journal_file *left = a;
    const struct journal_file *right = b;
    uint64_t one = left->number - 1; /* 0 comes last */
    uint64_t two = right->number - 1;

    if (one != two)
        return one < two ? -1 : 1;
    return strcmp(left->path, right->path);
}

/* What each file says with its first batch. */
static int identify(struct journal_reader *reader, struct err_text *why)
{
    for (size_t i = 0; i < reader->count; i++) {
        struct journal_file *file = &reader->files[i];
        struct image image;
        struct batch batch;
        int r = image_load(reader, file, &image);

        if (r < 0)
            return err_pass(r);
        r = batch_at(&image, 0, &batch);
        mem_free(image.data);
        if (r == BATCH_NEWER) {
            err_text_set(why, "%s was written by a newer version of Dormouse", file->path);
            return STORE_OPEN_NEWER;
        }
        if (r != 0)
            continue;
        file->journal_id = batch.journal_id;
        file->number = batch.segment;
        file->first_lsn = batch.first_lsn;
        if (reader->journal_id == 0)
            reader->journal_id = batch.journal_id;
        if (reader->journal_id != batch.journal_id)
            file->role = JOURNAL_FILE_FOREIGN;
    }
    if (reader->count > 0)
        qsort(reader->files, reader->count, sizeof *reader->files, compare);
    return 0;
}

/* Marks the last unbroken row. */
static void mark_row(struct journal_reader *reader)
{
    const struct journal_file *behind = NULL;

    for (size_t i = reader->count; i-- > 0;) {
        struct journal_file *file = &reader->files[i];

        if (file->number == 0 || file->role == JOURNAL_FILE_FOREIGN)
            continue;
        if (behind != NULL && file->number + 1 != behind->number)
            break;
        file->role = JOURNAL_FILE_PART;
        behind = file;
    }
}

/* ---- what stands in them ---- */

/* What is known while the row is walked. */
struct walk {
    uint64_t expected_lsn;
    uint32_t crc;
    bool begun;
};

static bool continues(const struct journal_reader *reader, const struct walk *walk,
                      const struct journal_file *file, const struct batch *batch)
{
    if (batch->journal_id != reader->journal_id || batch->segment != file->number)
        return false;
    return !walk->begun ||
           (batch->first_lsn == walk->expected_lsn && batch->previous_crc == walk->crc);
}

static int walk_file(struct journal_reader *reader, struct journal_file *file, struct walk *walk)
{
    struct image image;
    struct batch batch;
    int r = image_load(reader, file, &image);

    if (r < 0)
        return err_pass(r);
    file->end = 0;
    file->ending = JOURNAL_END_OPEN;
    while (file->ending != JOURNAL_END_SEAL && batch_at(&image, file->end, &batch) == 0 &&
           continues(reader, walk, file, &batch)) {
        *walk = (struct walk){batch.first_lsn + batch.record_count, batch.crc, true};
        file->end += batch_bytes(batch.records.len);
        file->ending = batch.kind == BATCH_SEAL   ? JOURNAL_END_SEAL
                       : batch.kind == BATCH_STOP ? JOURNAL_END_STOP
                                                  : JOURNAL_END_OPEN;
        if (batch.needed_lsn > reader->needed_lsn)
            reader->needed_lsn = batch.needed_lsn;
    }
    mem_free(image.data);
    reader->next_lsn = walk->expected_lsn;
    reader->stopped = file->ending == JOURNAL_END_STOP;
    return 0;
}

/* Of a row, what stands before a segment without a seal was being reused. */
static int walk_row(struct journal_reader *reader)
{
    struct walk walk = {0};
    struct journal_file *last = NULL;

    for (size_t i = 0; i < reader->count; i++) {
        struct journal_file *file = &reader->files[i];
        int r;

        if (file->role != JOURNAL_FILE_PART)
            continue;
        if (last != NULL && last->ending != JOURNAL_END_SEAL) {
            walk = (struct walk){0};
            for (size_t before = 0; before < i; before++) {
                if (reader->files[before].role == JOURNAL_FILE_PART)
                    reader->files[before].role = JOURNAL_FILE_TORN;
            }
        }
        r = walk_file(reader, file, &walk);
        if (r < 0)
            return err_pass(r);
        last = file;
    }
    return 0;
}

/* ---- damage ---- */

/* A batch that was written after the end as we know it. */
static int look_behind(struct journal_reader *reader, struct journal_file *file, uint64_t newest)
{
    struct image image;
    struct batch batch;
    int r = image_load(reader, file, &image);

    if (r < 0)
        return err_pass(r);
    for (uint64_t at = file->end; at < image.bytes.len; at += JOURNAL_SECTOR_BYTES) {
        if (batch_at(&image, at, &batch) != 0 || batch.journal_id != reader->journal_id ||
            batch.segment < newest || batch.first_lsn < reader->next_lsn)
            continue;
        file->later = at;
        break;
    }
    mem_free(image.data);
    return 0;
}

static void note_damage(struct journal_reader *reader, const struct journal_file *file)
{
    if (reader->damaged)
        return;
    reader->damaged = true;
    err_text_set(&reader->damage,
                 "%s is damaged at offset %llu: record %llu and later ones were acknowledged, but "
                 "do not check (a later batch stands at offset %llu)",
                 file->path, (unsigned long long)file->end, (unsigned long long)reader->next_lsn,
                 (unsigned long long)file->later);
}

/* Records that are needed stand before the row: in what seemed to be torn, or nowhere. */
static void note_missing(struct journal_reader *reader, uint64_t first_lsn)
{
    const struct journal_file *torn = NULL;

    for (size_t i = 0; i < reader->count; i++) {
        if (reader->files[i].role == JOURNAL_FILE_TORN)
            torn = &reader->files[i];
    }
    reader->damaged = true;
    if (torn != NULL)
        err_text_set(&reader->damage,
                     "%s is damaged at offset %llu: records from %llu on are needed, and after "
                     "that place the journal goes on with %llu only",
                     torn->path, (unsigned long long)torn->end,
                     (unsigned long long)reader->needed_lsn, (unsigned long long)first_lsn);
    else
        err_text_set(&reader->damage, "the segment with record %llu is missing",
                     (unsigned long long)reader->needed_lsn);
}

static const struct journal_file *find_in_row(const struct journal_reader *reader, bool last)
{
    const struct journal_file *found = NULL;

    for (size_t i = 0; i < reader->count; i++) {
        if (reader->files[i].role == JOURNAL_FILE_PART && (found == NULL || last))
            found = &reader->files[i];
    }
    return found;
}

static int find_damage(struct journal_reader *reader)
{
    const struct journal_file *last = find_in_row(reader, true);
    const struct journal_file *first = find_in_row(reader, false);

    if (last == NULL)
        return 0;
    for (size_t i = 0; i < reader->count; i++) {
        struct journal_file *file = &reader->files[i];
        bool unknown = file->number == 0 || file->role == JOURNAL_FILE_TORN;
        int r = file == last || unknown ? look_behind(reader, file, last->number) : 0;

        if (r < 0)
            return err_pass(r);
        if (file->later != JOURNAL_NOWHERE)
            note_damage(reader, file);
    }
    if (!reader->damaged && reader->needed_lsn < first->first_lsn)
        note_missing(reader, first->first_lsn);
    return 0;
}

/* ---- opening ---- */

static int read_all(struct journal_reader *reader, struct err_text *why)
{
    int r = identify(reader, why);

    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    mark_row(reader);
    r = walk_row(reader);
    if (r == 0)
        r = find_damage(reader);
    return r < 0 ? err_pass(r) : 0;
}

static int finish(struct journal_reader **out, struct journal_reader *reader, int r,
                  struct err_text *why)
{
    if (r == 0)
        r = read_all(reader, why);
    if (r != 0) {
        journal_reader_close(reader);
        return r < 0 ? err_pass(r) : r;
    }
    *out = reader;
    return 0;
}

static struct journal_reader *reader_create(struct os *os)
{
    struct journal_reader *reader = mem_new(struct journal_reader);

    reader->os = os;
    reader->needed_lsn = 1;
    reader->next_lsn = 1;
    return reader;
}

int journal_reader_open(struct journal_reader **out, struct os *os, const char *dir,
                        struct err_text *why)
{
    struct listing listing = {.reader = reader_create(os), .dir = dir};
    int r = os_list_dir(os, dir, note_file, &listing);

    return finish(out, listing.reader, r == -ENOENT ? 0 : r, why);
}

int journal_reader_open_file(struct journal_reader **out, struct os *os, const char *path,
                             struct err_text *why)
{
    struct journal_reader *reader = reader_create(os);

    add_file(reader, mem_strdup(path));
    return finish(out, reader, 0, why);
}

void journal_reader_close(struct journal_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < reader->count; i++)
        mem_free(reader->files[i].path);
    mem_free(reader->files);
    mem_free(reader);
}

/* ---- walking ---- */

int journal_file_walk(struct journal_reader *reader, const struct journal_file *file,
                      journal_batch_cb *cb, void *data)
{
    struct journal_file copy = *file; /* its size is read anew */
    struct image image;
    struct batch batch;
    uint64_t at = 0;
    int r = image_load(reader, &copy, &image);

    while (r == 0 && at < file->end && batch_at(&image, at, &batch) == 0) {
        r = cb(data, file, at, &batch);
        at += batch_bytes(batch.records.len);
    }
    mem_free(image.data);
    return r < 0 ? err_pass(r) : r;
}

int journal_reader_walk(struct journal_reader *reader, journal_batch_cb *cb, void *data)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < reader->count; i++) {
        if (reader->files[i].role == JOURNAL_FILE_PART)
            r = journal_file_walk(reader, &reader->files[i], cb, data);
    }
    return r < 0 ? err_pass(r) : r;
}
