#include "store/history_file.h"

#include <errno.h>
#include <string.h>

#include "base/crc.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/object_file.h"
#include "store/page_diff.h"
#include "store/record.h"
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

#define MAGIC        UINT32_C(0x31484d44) /* "DMH1" */
#define FORMAT       1
#define HEAD_BYTES   32
#define ENTRY_BYTES  32
#define END_CONTENT  28
#define SECTOR_BYTES 512
#define END_BYTES    (ENTRY_BYTES + END_CONTENT)
#define RUN_PAGES    64
#define RUN_BYTES    ((size_t)RUN_PAGES * PAGE_BYTES)
#define CONTENT_MAX  (UINT32_C(1) << 30)

/* An image again when the records since the last one are larger than it, and this. */
#define RECORDS_BYTES (UINT64_C(1) << 20)

/* Larger databases are not folded: with them the records are no larger than the image. */
#define FOLD_BYTES_MAX (UINT64_C(16) << 20)

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

/* `pages`: at most RUN_PAGES of them, from the one with this number on. */
static void append_pages(struct buf *out, uint32_t number, struct bytes pages)
{
    struct entry entry = {.kind = ENTRY_PAGES, .pages = number};

    append_entry(out, &entry, pages);
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

/* False: it is none of ours, or damaged. */
static bool any_head_read(struct os_file *file, uint64_t *epoch, bool *birth, int *fault)
{
    uint8_t head[HEAD_BYTES];
    size_t got = 0;

    *fault = os_pread(file, head, sizeof head, 0, &got);
    if (*fault < 0 || got < sizeof head)
        return false;
    *epoch = fixed_get(head + 8, 8);
    *birth = fixed_get(head + 16, 4) == 1;
    return fixed_get(head, 4) == MAGIC && fixed_get(head + 4, 4) == FORMAT &&
           fixed_get(head + 28, 4) == crc32c(0, head, 28);
}

/* False: it does not count. */
static bool head_read(struct os_file *file, uint64_t epoch, bool *birth, int *fault)
{
    uint64_t its_epoch = 0;

    return any_head_read(file, &its_epoch, birth, fault) && its_epoch == epoch;
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
    uint8_t *run = mem_alloc(RUN_BYTES);
    int r = 0;

    *whole = start <= mark;
    for (uint64_t at = start; r == 0 && *whole && at < mark;) {
        size_t len = RUN_BYTES;
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

static bool all_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != 0)
            return false;
    return true;
}

/* There is one, and it is not as any was written: the power leaves it whole, or zeros. */
static bool head_damaged(struct os_file *file, int *fault)
{
    uint8_t head[HEAD_BYTES];
    uint64_t epoch;
    bool birth;
    size_t got = 0;

    if (any_head_read(file, &epoch, &birth, fault) || *fault < 0)
        return false;
    *fault = os_pread(file, head, sizeof head, 0, &got);
    return *fault == 0 && got == sizeof head && !all_zero(head, sizeof head);
}

/* A header of which the power has let only a part reach the disk. */
static bool is_torn(const uint8_t head[ENTRY_BYTES], uint64_t at)
{
    size_t first = SECTOR_BYTES - (size_t)(at % SECTOR_BYTES);

    if (first >= ENTRY_BYTES)
        return all_zero(head, ENTRY_BYTES);
    return all_zero(head, first) || all_zero(head + first, ENTRY_BYTES - first);
}

/* Whether what stands behind the end was once part of the file: then it is damaged, and the journal
 * has it no more. What was never synced is from `added_lsn` on, and will be added again. */
static int find_lost(struct walk *walk, uint64_t size, uint64_t added_lsn, bool *lost)
{
    uint8_t head[ENTRY_BYTES];
    struct entry entry;
    size_t got = 0;
    int fault = 0;
    int r;

    *lost = false;
    if (size >= walk->size)
        return 0;
    r = os_pread(walk->file, head, sizeof head, size, &got);
    if (r == 0 && got == sizeof head && !is_torn(head, size)) {
        parse_entry(head, &entry);
        *lost = entry.lsn > 0 && entry.lsn < added_lsn;
    }
    walk->at = walk->size - END_BYTES;
    if (r == 0 && walk->size >= size + END_BYTES && walk_next(walk, &entry, &fault) &&
        is_end(&entry))
        *lost |= entry.lsn < added_lsn;
    if (r == 0)
        r = fault;
    return r < 0 ? err_pass(r) : 0;
}

/* ---- replaying ---- */

/* The place to begin: 0 if there is none. `birth`: the first record builds on nothing; `known`: so
 * it is known what was before. */
static int find_start(struct walk *walk, bool birth, bool known, uint64_t end,
                      const struct bookmark *until, uint64_t *start)
{
    struct entry entry;
    int fault = 0;

    *start = birth && known ? HEAD_BYTES : 0;
    walk->at = HEAD_BYTES;
    for (uint64_t at = HEAD_BYTES; at < end && fault == 0 && walk_next(walk, &entry, &fault);
         at = walk->at)
        if ((entry.kind == ENTRY_IMAGE || (birth && at == HEAD_BYTES)) &&
            history_reached(until, entry.lsn, entry.ms))
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

static int damaged_at(uint64_t offset, struct err_text *why)
{
    err_text_set(why, "The history of this object is damaged at offset %llu of its file.",
                 (unsigned long long)offset);
    return HISTORY_MISSING;
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
    if (r == 0 && fault == 0 && walk->at < end && !replay->beyond)
        return damaged_at(walk->at, why);
    return fault < 0 ? err_pass(fault) : r;
}

int history_file_replay(const struct history_file_source *source, const struct history_epoch *epoch,
                        struct history_replay *replay, bool *found, struct err_text *why)
{
    struct walk walk = {0};
    struct end end;
    uint64_t size = 0;
    uint64_t start = 0;
    bool birth = false;
    bool known = history_knows(epoch, &replay->until);
    bool lost = false;
    int fault = 0;
    int r = os_open(source->os, source->path, OS_READ, &walk.file);

    *found = false;
    if (r != 0)
        return r < 0 ? err_pass(r) : 0;
    *found = head_read(walk.file, epoch->number, &birth, &fault);
    lost = !*found && fault == 0 && head_damaged(walk.file, &fault);
    r = fault < 0 ? fault : lost ? damaged_at(0, why) : 0;
    if (r == 0 && *found)
        r = os_file_size(walk.file, &walk.size);
    if (r == 0 && *found)
        r = find_end(&walk, &end, &size);
    if (r == 0 && *found)
        r = find_lost(&walk, size, source->added_lsn, &lost);
    if (r == 0 && lost && size <= HEAD_BYTES)
        r = damaged_at(size, why);
    *found &= size > HEAD_BYTES;
    if (r == 0 && *found)
        r = find_start(&walk, birth, known, size, &replay->until, &start);
    if (r == 0 && *found && start != 0)
        r = replay_from(&walk, start, size, replay, why);
    if (r == 0 && *found && (start == 0 || (!known && replay->image.size_pages == 0))) {
        err_text_set(why, "The history of this object does not reach back that far.");
        r = HISTORY_MISSING;
    }
    if (r == 0 && *found && lost && !replay->beyond)
        r = damaged_at(size, why);
    mem_free(walk.content);
    os_close(walk.file);
    return r < 0 ? err_pass(r) : r;
}

/* ---- writing ---- */

/* The object's file as it is: everything below needed_lsn is in it, nothing that is not durable. */
static int append_image(const struct history_file_source *source, struct buf *out,
                        uint64_t *image_bytes)
{
    struct os_file *file = NULL;
    uint8_t *run = mem_alloc(RUN_BYTES);
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
    for (uint64_t at = 0; r == 0 && at < size; at += RUN_BYTES) {
        r = os_pread(file, run, RUN_BYTES, at, &got);
        if (r == 0)
            append_pages(out, (uint32_t)(at / PAGE_BYTES) + 1,
                         bytes_of(run, got - got % PAGE_BYTES));
    }
    if (r == OS_OPEN_MISSING) {
        size = PAGE_BYTES;
        append_pages(out, 1, bytes_of(object_file_template(), PAGE_BYTES));
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

/* `start` and `sum`: where the addition begins, and the CRC32C of what it has before this. */
static void append_end(struct buf *out, const struct end *end, uint64_t start, uint32_t sum,
                       int64_t ms)
{
    struct entry entry = {.kind = ENTRY_END, .lsn = end->last_lsn, .ms = ms};
    uint8_t content[END_CONTENT];

    fixed_put(content, 8, end->image_offset);
    fixed_put(content + 8, 8, end->image_bytes);
    fixed_put(content + 16, 8, start);
    fixed_put(content + 24, 4, sum);
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
    append_end(out, end, size, crc32c(0, out->data, out->len), os_wall_ns(source->os) / 1000000);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- cutting ---- */

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

/* What a shorter file is made of. */
struct cut {
    uint64_t from;        /* of the old file: an image, or what comes after the new one */
    struct buf image;     /* entries of a new one, or nothing */
    uint64_t image_bytes; /* the new one's */
};

/* A file while it is written. */
struct draft {
    struct os_file *file;
    uint64_t at;
    uint32_t sum; /* CRC32C so far */
};

static int draft_append(struct draft *draft, struct bytes bytes)
{
    int r = os_pwrite(draft->file, bytes.data, bytes.len, draft->at);

    draft->at += bytes.len;
    draft->sum = crc32c(draft->sum, bytes.data, bytes.len);
    return r < 0 ? err_pass(r) : 0;
}

static int draft_copy(struct draft *draft, struct os_file *from, uint64_t at, uint64_t end)
{
    uint8_t *run = mem_alloc(RUN_BYTES);
    int r = 0;

    while (r == 0 && at < end) {
        size_t len = end - at < RUN_BYTES ? (size_t)(end - at) : RUN_BYTES;
        size_t got = 0;

        r = os_pread(from, run, len, at, &got);
        if (r == 0 && got < len)
            r = err_raise(-EIO);
        if (r == 0)
            r = draft_append(draft, bytes_of(run, len));
        at += len;
    }
    mem_free(run);
    return r < 0 ? err_pass(r) : 0;
}

/* `size`: of the old file, which ends with `end`. */
static int write_draft(const struct history_file_source *source, struct draft *draft,
                       struct os_file *old, uint64_t size, const struct cut *cut,
                       const struct end *end)
{
    struct end moved = {end->last_lsn, HEAD_BYTES, cut->image_bytes};
    uint8_t head[HEAD_BYTES];
    struct buf mark = {0};
    int r;

    if (end->image_offset >= cut->from) {
        moved.image_offset = end->image_offset - cut->from + HEAD_BYTES + cut->image.len;
        moved.image_bytes = end->image_bytes;
    }
    head_make(head, source->epoch, false);
    r = draft_append(draft, bytes_of(head, sizeof head));
    if (r == 0 && cut->image.len > 0)
        r = draft_append(draft, buf_bytes(&cut->image));
    if (r == 0)
        r = draft_copy(draft, old, cut->from, size - END_BYTES);
    append_end(&mark, &moved, 0, draft->sum, os_wall_ns(source->os) / 1000000);
    if (r == 0)
        r = draft_append(draft, buf_bytes(&mark));
    buf_fini(&mark);
    return r < 0 ? err_pass(r) : 0;
}

/* A new file takes the place of the old one: *replaced, even if it failed then. */
static int cut_file(const struct history_file_source *source, struct os_file *old, uint64_t size,
                    const struct cut *cut, const struct end *end, bool *replaced)
{
    char *path = mem_format("%s.new", source->path);
    struct draft draft = {0};
    int r = os_open(source->os, path, OS_WRITE | OS_CREATE | OS_TRUNCATE, &draft.file);

    if (r > 0)
        r = err_raise(-ENOENT);
    if (r == 0)
        r = write_draft(source, &draft, old, size, cut, end);
    if (r == 0)
        r = os_fdatasync(draft.file);
    os_close(draft.file);
    if (r == 0) {
        *replaced = true;
        r = os_rename(source->os, path, source->path);
    } else {
        os_unlink(source->os, path);
    }
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

static int shorten(const struct history_file_source *source, struct os_file *file, uint64_t size,
                   const struct end *end, bool *cut_short)
{
    struct walk walk = {.file = file, .size = size};
    struct cut cut = {0};
    int r = find_cut(&walk, &source->bounds, end->image_offset, &cut.from);

    if (r == 0 && cut.from > HEAD_BYTES)
        r = cut_file(source, file, size, &cut, end, cut_short);
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
    if (r == 0 && !is_new)
        r = find_lost(&walk, size, source->added_lsn, &is_new);
    if (r == 0 && !is_new && end.last_lsn >= addition->last_lsn)
        goto out; /* by a life that was ended before it could let go of the journal */
    is_new |= size <= HEAD_BYTES; /* nothing of it was ever synced */
    if (r == 0 && is_new) {
        size = 0;
        end = (struct end){.image_offset = HEAD_BYTES};
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

/* ---- trimming ---- */

/* What is too old comes to one state: that of its last commit. */
struct fold {
    uint64_t start; /* the image, or first record, that it builds on */
    uint64_t end;   /* behind that commit; 0: there is none */
    uint64_t lsn;   /* the newest record that may be in the state */
    int64_t ms;     /* its time */
    uint32_t start_pages;
    uint32_t pages;
};

static void fold_record(struct fold *fold, const struct walk *walk, const struct entry *entry)
{
    struct bytes in = bytes_of(walk->content, entry->len);
    struct record record;

    if (record_parse(&in, &record) != 0 || record.kind != RECORD_COMMIT)
        return;
    if (record.pages.len > 0 && record.size_pages > 0)
        fold->pages = record.size_pages;
    if ((record.flags & RECORD_LAST) == 0)
        return;
    fold->end = walk->at;
    fold->lsn = entry->lsn > fold->lsn ? entry->lsn : fold->lsn;
    fold->ms = entry->ms > fold->ms ? entry->ms : fold->ms;
}

/* From the place on that the file may begin with anyway. */
static int find_fold(struct walk *walk, uint64_t start, uint64_t size, int64_t oldest_ms,
                     struct fold *fold)
{
    struct entry entry;
    int fault = 0;

    *fold = (struct fold){.start = start, .ms = INT64_MIN};
    walk->at = start;
    while (walk->at < size && walk_next(walk, &entry, &fault)) {
        bool old = entry.ms < oldest_ms || MUTANT(64);

        if (entry.kind == ENTRY_IMAGE && fold->start_pages == 0) {
            fold->pages = fold->start_pages = entry.pages;
            fold->lsn = entry.lsn;
            fold->ms = entry.ms;
        }
        if ((entry.kind == ENTRY_RECORD || entry.kind == ENTRY_IMAGE) && !old)
            break;
        if (entry.kind == ENTRY_RECORD)
            fold_record(fold, walk, &entry);
    }
    return fault < 0 ? err_pass(fault) : 0;
}

/* Whether it is worth it: a quarter of what would be kept, and no large database in memory. */
static bool pays(const struct fold *fold, uint64_t size)
{
    uint64_t image = (uint64_t)fold->pages * PAGE_BYTES;
    uint64_t most = fold->start_pages > fold->pages ? fold->start_pages : fold->pages;

    return fold->end > 0 && most * PAGE_BYTES <= FOLD_BYTES_MAX &&
           4 * (image + (size - fold->end)) <= 3 * (size - fold->start);
}

/* The state as an image. HISTORY_MISSING: it cannot be had. */
static int make_fold(struct walk *walk, const struct fold *fold, struct cut *cut)
{
    struct history_replay replay = {.until = {.lsn = UINT64_MAX}};
    struct entry entry = {.kind = ENTRY_IMAGE, .lsn = fold->lsn, .ms = fold->ms};
    struct err_text why;
    uint8_t from[8];
    int r = replay_from(walk, fold->start, fold->end, &replay, &why);

    fixed_put(from, sizeof from, replay.last_lsn + 1);
    entry.pages = replay.image.size_pages;
    cut->from = fold->end;
    cut->image_bytes = (uint64_t)entry.pages * PAGE_BYTES;
    append_entry(&cut->image, &entry, bytes_of(from, sizeof from));
    for (uint32_t at = 0; at < entry.pages; at += RUN_PAGES) {
        uint32_t count = entry.pages - at < RUN_PAGES ? entry.pages - at : RUN_PAGES;

        append_pages(
            &cut->image, at + 1,
            bytes_of(replay.image.data + (size_t)at * PAGE_BYTES, (size_t)count * PAGE_BYTES));
    }
    history_replay_fini(&replay);
    return r < 0 ? err_pass(r) : r;
}

/* Whether a look at both ends says that nothing can go. */
static bool nothing_old(struct walk *walk, const struct history_bounds *bounds, int *fault)
{
    uint8_t head[ENTRY_BYTES];
    struct entry first;
    struct entry last;
    struct end end;
    size_t got = 0;

    *fault = os_pread(walk->file, head, sizeof head, HEAD_BYTES, &got);
    if (*fault < 0 || got < sizeof head || walk->size < HEAD_BYTES + ENTRY_BYTES + END_BYTES)
        return true;
    parse_entry(head, &first);
    if (first.ms >= bounds->oldest_ms && walk->size <= bounds->bytes_max)
        return true;
    walk->at = walk->size - END_BYTES;
    if (first.kind != ENTRY_IMAGE || !walk_next(walk, &last, fault) || !is_end(&last))
        return *fault < 0;
    end_read(&last, walk->content, &end);
    return end.image_offset == HEAD_BYTES && end.last_lsn <= first.lsn;
}

static int trim_open(const struct history_file_source *source, struct walk *walk, bool *changed)
{
    struct cut cut = {0};
    struct fold fold;
    struct end end;
    uint64_t size = 0;
    int fault = 0;
    int r = os_file_size(walk->file, &walk->size);

    if (r == 0 && nothing_old(walk, &source->bounds, &fault))
        return fault < 0 ? err_pass(fault) : 0;
    if (r == 0)
        r = find_end(walk, &end, &size);
    if (r < 0 || size < walk->size) /* torn or damaged: it stays as it is */
        return r < 0 ? err_pass(r) : 0;
    r = find_cut(walk, &source->bounds, end.image_offset, &cut.from);
    if (r == 0)
        r = find_fold(walk, cut.from, size - END_BYTES, source->bounds.oldest_ms, &fold);
    if (r == 0 && pays(&fold, size))
        r = make_fold(walk, &fold, &cut);
    if (r == 0 && cut.from > HEAD_BYTES)
        r = cut_file(source, walk->file, size, &cut, &end, changed);
    buf_fini(&cut.image);
    return r < 0 ? err_pass(r) : 0;
}

int history_file_trim(const struct history_file_source *source, bool *changed)
{
    struct walk walk = {0};
    uint64_t epoch = source->epoch;
    bool birth;
    int fault = 0;
    int r = os_open(source->os, source->path, OS_READ, &walk.file);

    *changed = false;
    if (r != 0)
        return r < 0 ? err_pass(r) : 0;
    if (any_head_read(walk.file, &epoch, &birth, &fault)) {
        *changed = epoch != source->epoch;
        r = *changed ? os_unlink(source->os, source->path) : trim_open(source, &walk, changed);
    } else {
        r = fault;
    }
    mem_free(walk.content);
    os_close(walk.file);
    return r < 0 ? err_pass(r) : 0;
}
