#include "store/history_file.h"

#include <errno.h>
#include <string.h>

#include "base/crc.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/object_file.h"
#include "store/page_diff.h"
#include "store/rule.h"
#include "store/varint.h"

/*
 * Head: magic, format number, epoch, 1 if the first record builds on nothing, CRC32C. Then entries:
 *
 *      0  CRC32C of the rest       8  kind, 4      16  LSN
 *      4  length of content, 4    12  pages, 4     24  ms since 1970
 *
 * RECORD  one record as in the journal.
 * IMAGE   begins an image: LSN is the newest record that may be in it, the content is the LSN from
 *         which on records must be replayed over it; its size in `pages`.
 * PAGES   of the image; `pages` is the number of the first.
 * END     the last of what was added in one go: LSN and time of the last record; the content is the
 *         offset of the newest image, or of the first entry, and the newest image's size in bytes;
 *         then where the addition began and the CRC32C of all of it: the mark alone may have
 *         reached the disk before the power failed.
 */

#define MAGIC       UINT32_C(0x31484d44) /* "DMH1" */
#define FORMAT      1
#define HEAD_BYTES  32
#define ENTRY_BYTES 32
#define END_CONTENT 28
#define END_BYTES   (ENTRY_BYTES + END_CONTENT)
#define RUN_PAGES   64
#define CONTENT_MAX (UINT32_C(1) << 30)

/* An image again when the records since the last one are larger than it, and this. */
#define RECORDS_BYTES (UINT64_C(1) << 20)

enum entry_kind {
    ENTRY_RECORD = 1,
    ENTRY_IMAGE,
    ENTRY_PAGES,
    ENTRY_END
};

struct entry {
    enum entry_kind kind;
    uint32_t pages;
    uint32_t len;
    uint32_t crc;
    uint64_t lsn;
    int64_t ms;
};

struct end {
    uint64_t last_lsn;
    uint64_t image_offset;
    uint64_t image_bytes;
};

static void append_entry(struct buf *out, const struct entry *entry, struct bytes content)
{
    uint8_t head[ENTRY_BYTES] = {0};

    fixed_put(head + 4, 4, content.len);
    fixed_put(head + 8, 4, (uint64_t)entry->kind);
    fixed_put(head + 12, 4, entry->pages);
    fixed_put(head + 16, 8, entry->lsn);
    fixed_put(head + 24, 8, (uint64_t)entry->ms);
    fixed_put(head, 4, crc32c(crc32c(0, head + 4, ENTRY_BYTES - 4), content.data, content.len));
    buf_append(out, head, sizeof head);
    buf_append_bytes(out, content);
}

static void parse_entry(const uint8_t head[ENTRY_BYTES], struct entry *entry)
{
    *entry = (struct entry){
        .crc = (uint32_t)fixed_get(head, 4),
        .len = (uint32_t)fixed_get(head + 4, 4),
        .kind = (enum entry_kind)fixed_get(head + 8, 4),
        .pages = (uint32_t)fixed_get(head + 12, 4),
        .lsn = fixed_get(head + 16, 8),
        .ms = (int64_t)fixed_get(head + 24, 8),
    };
}

void history_add_record(struct history_addition *addition, uint64_t lsn, int64_t written_ms,
                        struct bytes encoded)
{
    struct entry entry = {.kind = ENTRY_RECORD, .lsn = lsn, .ms = written_ms};

    if (addition->entries.len == 0) {
        addition->first_lsn = lsn;
        addition->first_ms = written_ms;
    }
    addition->last_lsn = lsn;
    append_entry(&addition->entries, &entry, encoded);
}

/* ---- reading ---- */

/* A file while it is walked. */
struct walk {
    struct os_file *file;
    uint64_t size;
    uint64_t at;
    uint8_t *content; /* owned: of the last entry */
    size_t cap;
};

/* The entry at the place: true if it checks, then the place is behind it. */
static bool walk_next(struct walk *walk, struct entry *entry, int *fault)
{
    uint8_t head[ENTRY_BYTES];
    size_t got = 0;

    *fault = os_pread(walk->file, head, sizeof head, walk->at, &got);
    if (*fault < 0 || got < sizeof head)
        return false;
    parse_entry(head, entry);
    if (entry->len > CONTENT_MAX || walk->at + ENTRY_BYTES + entry->len > walk->size)
        return false;
    if (entry->len > walk->cap) {
        walk->cap = entry->len;
        walk->content = mem_realloc(walk->content, walk->cap);
    }
    *fault = os_pread(walk->file, walk->content, entry->len, walk->at + ENTRY_BYTES, &got);
    if (*fault < 0 || got < entry->len ||
        crc32c(crc32c(0, head + 4, ENTRY_BYTES - 4), walk->content, entry->len) != entry->crc)
        return false;
    walk->at += ENTRY_BYTES + entry->len;
    return true;
}

static void head_make(uint8_t head[HEAD_BYTES], uint64_t epoch, bool birth)
{
    memset(head, 0, HEAD_BYTES);
    fixed_put(head, 4, MAGIC);
    fixed_put(head + 4, 4, FORMAT);
    fixed_put(head + 8, 8, epoch);
    fixed_put(head + 16, 4, birth);
    fixed_put(head + 28, 4, crc32c(0, head, 28));
}

/* False: it does not count. */
static bool head_read(struct os_file *file, uint64_t epoch, bool *birth, int *fault)
{
    uint8_t head[HEAD_BYTES];
    size_t got = 0;

    *fault = os_pread(file, head, sizeof head, 0, &got);
    if (*fault < 0 || got < sizeof head)
        return false;
    *birth = fixed_get(head + 16, 4) == 1;
    return fixed_get(head, 4) == MAGIC && fixed_get(head + 4, 4) == FORMAT &&
           fixed_get(head + 8, 8) == epoch && fixed_get(head + 28, 4) == crc32c(0, head, 28);
}

static void end_read(const struct entry *entry, const uint8_t *content, struct end *end)
{
    *end = (struct end){entry->lsn, fixed_get(content, 8), fixed_get(content + 8, 8)};
}

/* Whether all that the mark at `mark` ends is there. Leaves `content` as something else. */
static int check_end(struct walk *walk, uint64_t mark, bool *whole)
{
    uint64_t start = fixed_get(walk->content + 16, 8);
    uint32_t crc = (uint32_t)fixed_get(walk->content + 24, 4);
    uint32_t sum = 0;
    uint8_t *run = mem_alloc((size_t)RUN_PAGES * PAGE_BYTES);
    int r = 0;

    *whole = start <= mark;
    for (uint64_t at = start; r == 0 && *whole && at < mark;) {
        size_t len = (size_t)RUN_PAGES * PAGE_BYTES;
        size_t got = 0;

        len = mark - at < len ? (size_t)(mark - at) : len;
        r = os_pread(walk->file, run, len, at, &got);
        *whole = got == len;
        sum = crc32c(sum, run, got);
        at += len;
    }
    *whole = *whole && sum == crc;
    mem_free(run);
    return r < 0 ? err_pass(r) : 0;
}

static bool is_end(const struct entry *entry)
{
    return entry->kind == ENTRY_END && entry->len == END_CONTENT;
}

/* Where the file ends: behind the last end mark. Usually that is the last thing in it. */
static int find_end(struct walk *walk, struct end *end, uint64_t *size)
{
    struct entry entry;
    int fault = 0;

    *end = (struct end){.image_offset = HEAD_BYTES};
    *size = HEAD_BYTES;
    if (walk->size >= HEAD_BYTES + END_BYTES) {
        walk->at = walk->size - END_BYTES;
        if (walk_next(walk, &entry, &fault) && is_end(&entry)) {
            bool whole;

            end_read(&entry, walk->content, end);
            fault = check_end(walk, walk->size - END_BYTES, &whole);
            *size = walk->size;
            if (fault < 0 || whole || MUTANT(62))
                return fault < 0 ? err_pass(fault) : 0;
        }
    }
    *end = (struct end){.image_offset = HEAD_BYTES};
    *size = HEAD_BYTES;
    walk->at = HEAD_BYTES;
    while (fault == 0 && walk_next(walk, &entry, &fault)) {
        if (!is_end(&entry))
            continue;
        end_read(&entry, walk->content, end);
        *size = walk->at;
    }
    return fault < 0 ? err_pass(fault) : 0;
}

/* ---- writing ---- */

/* The object's file as it is: everything below needed_lsn is in it, nothing that is not durable. */
static int append_image(const struct history_file_source *source, struct buf *out,
                        uint64_t *image_bytes)
{
    struct os_file *file = NULL;
    uint8_t *run = mem_alloc((size_t)RUN_PAGES * PAGE_BYTES);
    uint8_t from[8];
    struct entry entry = {.kind = ENTRY_IMAGE};
    size_t start = out->len;
    uint64_t size = 0;
    size_t got = 0;
    int r = os_open(source->os, source->database, OS_READ, &file);

    fixed_put(from, sizeof from, source->needed_lsn);
    if (r == 0)
        r = os_file_size(file, &size);
    append_entry(out, &entry, bytes_of(from, sizeof from)); /* its numbers are known later */
    for (uint64_t at = 0; r == 0 && at < size; at += (uint64_t)RUN_PAGES * PAGE_BYTES) {
        struct entry pages = {.kind = ENTRY_PAGES, .pages = (uint32_t)(at / PAGE_BYTES) + 1};

        r = os_pread(file, run, (size_t)RUN_PAGES * PAGE_BYTES, at, &got);
        if (r == 0)
            append_entry(out, &pages, bytes_of(run, got - got % PAGE_BYTES));
    }
    if (r == OS_OPEN_MISSING) {
        struct entry pages = {.kind = ENTRY_PAGES, .pages = 1};

        size = PAGE_BYTES;
        append_entry(out, &pages, bytes_of(object_file_template(), PAGE_BYTES));
        r = 0;
    }
    os_close(file);
    mem_free(run);
    if (r < 0)
        return err_pass(r);
    entry.lsn = source->durable(source->data);
    entry.ms = os_wall_ns(source->os) / 1000000;
    entry.pages = (uint32_t)(size / PAGE_BYTES);
    {
        struct buf again = {0};

        append_entry(&again, &entry, bytes_of(from, sizeof from));
        memcpy(out->data + start, again.data, again.len);
        buf_fini(&again);
    }
    *image_bytes = size;
    return 0;
}

/* `out` is to be written at `start`. */
static void append_end(struct buf *out, const struct end *end, uint64_t start, int64_t ms)
{
    struct entry entry = {.kind = ENTRY_END, .lsn = end->last_lsn, .ms = ms};
    uint8_t content[END_CONTENT];

    fixed_put(content, 8, end->image_offset);
    fixed_put(content + 8, 8, end->image_bytes);
    fixed_put(content + 16, 8, start);
    fixed_put(content + 24, 4, crc32c(0, out->data, out->len));
    append_entry(out, &entry, bytes_of(content, sizeof content));
}

/* What is added: records, and an image where there is none yet or the last one is far away. */
static int make_addition(const struct history_file_source *source,
                         const struct history_addition *addition, bool is_new, uint64_t size,
                         struct end *end, struct buf *out)
{
    bool keeps = !is_new || addition->birth;
    uint64_t since = size + addition->entries.len - end->image_offset;
    int r = 0;

    if (keeps)
        buf_append_bytes(out, buf_bytes(&addition->entries));
    if (!keeps || (since > RECORDS_BYTES && since - end->image_bytes > end->image_bytes)) {
        end->image_offset = size + out->len;
        r = append_image(source, out, &end->image_bytes);
    }
    end->last_lsn = addition->last_lsn;
    append_end(out, end, size, os_wall_ns(source->os) / 1000000);
    return r < 0 ? err_pass(r) : 0;
}

/* Where the file may begin: at the newest image that is too old, or if there is too much at the
 * one that leaves half of what may be. HEAD_BYTES: it may stay. */
static int find_cut(struct walk *walk, const struct history_bounds *bounds, uint64_t image_offset,
                    uint64_t *cut)
{
    bool too_much = image_offset - HEAD_BYTES > bounds->bytes_max;
    struct entry entry;
    int fault = 0;

    *cut = HEAD_BYTES;
    walk->at = HEAD_BYTES;
    for (uint64_t at = HEAD_BYTES; fault == 0 && walk_next(walk, &entry, &fault); at = walk->at) {
        bool large = too_much && *cut < image_offset && image_offset - *cut > bounds->bytes_max / 2;

        if (entry.kind == ENTRY_IMAGE && (large || entry.ms < bounds->oldest_ms))
            *cut = at;
    }
    if (fault == 0 && *cut < image_offset && image_offset - *cut > bounds->bytes_max)
        *cut = image_offset; /* something before it is damaged */
    return fault < 0 ? err_pass(fault) : 0;
}

/* A new file with what is from `cut` on takes the place of the old one. */
static int cut_file(const struct history_file_source *source, struct walk *walk, uint64_t cut,
                    const struct end *end)
{
    char *path = mem_format("%s.new", source->path);
    struct os_file *file = NULL;
    size_t keep = (size_t)(walk->size - END_BYTES - cut);
    struct end moved = {end->last_lsn, end->image_offset - cut + HEAD_BYTES, end->image_bytes};
    struct buf out = {0};
    uint8_t head[HEAD_BYTES];
    size_t got = 0;
    int r;

    head_make(head, source->epoch, false);
    buf_append(&out, head, sizeof head);
    buf_reserve(&out, keep);
    r = os_pread(walk->file, out.data + out.len, keep, cut, &got);
    if (r == 0 && got < keep)
        r = err_raise(-EIO);
    if (r == 0) {
        out.len += keep;
        append_end(&out, &moved, 0, os_wall_ns(source->os) / 1000000);
        r = os_open(source->os, path, OS_WRITE | OS_CREATE | OS_TRUNCATE, &file);
    }
    if (r == 0)
        r = os_pwrite(file, out.data, out.len, 0);
    if (r == 0)
        r = os_fdatasync(file);
    os_close(file);
    if (r == 0)
        r = os_rename(source->os, path, source->path);
    buf_fini(&out);
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

static int shorten(const struct history_file_source *source, struct os_file *file, uint64_t size,
                   const struct end *end, bool *cut_short)
{
    struct walk walk = {.file = file, .size = size};
    uint64_t cut;
    int r = find_cut(&walk, &source->bounds, end->image_offset, &cut);

    if (r == 0 && cut > HEAD_BYTES) {
        r = cut_file(source, &walk, cut, end);
        *cut_short = r == 0;
    }
    mem_free(walk.content);
    return r < 0 ? err_pass(r) : 0;
}

int history_file_append(const struct history_file_source *source,
                        const struct history_addition *addition, struct os_file **written,
                        bool *created)
{
    struct os_file *file = NULL;
    struct walk walk = {0};
    struct buf out = {0};
    struct end end = {.image_offset = HEAD_BYTES};
    uint8_t head[HEAD_BYTES];
    uint64_t size = 0;
    uint64_t before;
    bool birth;
    bool is_new;
    int fault = 0;
    int r = os_open(source->os, source->path, OS_READ | OS_WRITE | OS_CREATE, &file);

    *written = NULL;
    *created = false;
    if (r != 0)
        return err_pass(r < 0 ? r : -ENOENT);
    is_new = !head_read(file, source->epoch, &birth, &fault);
    r = fault;
    walk.file = file;
    if (r == 0 && !is_new)
        r = os_file_size(file, &walk.size);
    if (r == 0 && !is_new)
        r = find_end(&walk, &end, &size);
    if (r == 0 && !is_new && end.last_lsn >= addition->last_lsn)
        goto out; /* by a life that was ended before it could let go of the journal */
    is_new |= size <= HEAD_BYTES; /* nothing of it was ever synced */
    if (r == 0 && is_new) {
        size = 0;
        *created = true;
        head_make(head, source->epoch, addition->birth);
        buf_append(&out, head, sizeof head);
    }
    before = end.image_offset;
    if (r == 0)
        r = make_addition(source, addition, is_new, size, &end, &out);
    if (r == 0)
        r = os_ftruncate(file, size);
    if (r == 0)
        r = os_pwrite(file, out.data, out.len, size);
    if (r == 0 && !is_new && end.image_offset != before)
        r = shorten(source, file, size + out.len, &end, created);
    if (r == 0) {
        *written = file;
        file = NULL;
    }

out:
    mem_free(walk.content);
    buf_fini(&out);
    os_close(file);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- replaying ---- */

/* The place to begin: 0 if there is none. */
static int find_start(struct walk *walk, bool birth, uint64_t end, const struct bookmark *until,
                      uint64_t *start)
{
    struct entry entry;
    int fault = 0;

    *start = birth ? HEAD_BYTES : 0;
    walk->at = HEAD_BYTES;
    for (uint64_t at = HEAD_BYTES; at < end && fault == 0 && walk_next(walk, &entry, &fault);
         at = walk->at)
        if (entry.kind == ENTRY_IMAGE && history_reached(until, entry.lsn, entry.ms))
            *start = at;
    return fault < 0 ? err_pass(fault) : 0;
}

/* One entry from the place to begin on. `image`: the image of that place is being read. */
static int replay_entry(struct history_replay *replay, const struct entry *entry,
                        const uint8_t *content, bool first, bool *image, struct err_text *why)
{
    size_t offset = (size_t)(entry->pages - 1) * PAGE_BYTES;

    if (entry->kind == ENTRY_IMAGE) {
        *image = first;
        if (first)
            replay->last_lsn = fixed_get(content, 8) - 1;
        return first ? history_image_resize(&replay->image, entry->pages, why) : 0;
    }
    if (entry->kind == ENTRY_PAGES && *image && entry->pages > 0 &&
        offset + entry->len <= (size_t)replay->image.size_pages * PAGE_BYTES) {
        memcpy(replay->image.data + offset, content, entry->len);
        return 0;
    }
    if (entry->kind == ENTRY_RECORD)
        return history_replay_take(replay, entry->lsn, entry->ms, bytes_of(content, entry->len),
                                   why);
    return 0;
}

static int replay_from(struct walk *walk, uint64_t start, uint64_t end,
                       struct history_replay *replay, struct err_text *why)
{
    struct entry entry;
    bool image = false;
    int fault = 0;
    int r = 0;

    walk->at = start;
    while (r == 0 && walk->at < end && !replay->beyond && walk_next(walk, &entry, &fault))
        r = replay_entry(replay, &entry, walk->content, walk->at - ENTRY_BYTES - entry.len == start,
                         &image, why);
    if (r == 0 && fault == 0 && walk->at < end && !replay->beyond) {
        err_text_set(why, "The history of this object is damaged at offset %llu of its file.",
                     (unsigned long long)walk->at);
        return HISTORY_MISSING;
    }
    return fault < 0 ? err_pass(fault) : r;
}

int history_file_replay(struct os *os, const char *path, const struct history_epoch *epoch,
                        struct history_replay *replay, bool *found, struct err_text *why)
{
    struct walk walk = {0};
    struct end end;
    uint64_t size = 0;
    uint64_t start = 0;
    bool birth = false;
    int fault = 0;
    int r = os_open(os, path, OS_READ, &walk.file);

    *found = false;
    if (r != 0)
        return r < 0 ? err_pass(r) : 0;
    *found = head_read(walk.file, epoch->number, &birth, &fault);
    r = fault;
    if (r == 0 && *found)
        r = os_file_size(walk.file, &walk.size);
    if (r == 0 && *found)
        r = find_end(&walk, &end, &size);
    *found &= size > HEAD_BYTES;
    if (r == 0 && *found)
        r = find_start(&walk, birth && history_knows(epoch, &replay->until), size, &replay->until,
                       &start);
    if (r == 0 && *found && start == 0) {
        err_text_set(why, "The history of this object does not reach back that far.");
        r = HISTORY_MISSING;
    }
    if (r == 0 && *found)
        r = replay_from(&walk, start, size, replay, why);
    mem_free(walk.content);
    os_close(walk.file);
    return r < 0 ? err_pass(r) : r;
}
