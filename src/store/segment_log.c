#include "store/segment_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/journal_format.h"
#include "store/log.h"
#include "store/rule.h"
#include "store/segment_log_parts.h"
#include "store/store.h"

/*
 * A segment file is in one of three places:
 *
 *            switch_segment              switch_segment             release
 *   FREE ----------------------> ACTIVE ----------------> FULL ---------------> FREE
 *
 * FREE    needed no more (or fresh). Its content is stale: whatever checks in it carries a number
 *         below that of the active segment.
 * ACTIVE  batches are appended to it. Exactly one, from the first append on.
 * FULL    ends with a seal. Oldest first in `full`; released strictly in this order, because replay
 *         of byte ranges is only right over an unbroken row of records (recovery.c).
 *
 * The seal says what is needed at the moment of the switch. Its durability before the first byte is
 * written to the next segment is what makes a torn first batch there unambiguous: the file that was
 * reused is, by the seal's own word, needed no more.
 */

#define ZERO_CHUNK_BYTES (UINT64_C(16) << 10) /* the page cache keeps each in one piece */
#define WASH_AHEAD_BYTES (UINT64_C(256) << 10)
#define SPACE_LEFT_PART  8 /* of a segment, left for others on a full disk */
#define SCAN_BYTES       (UINT64_C(1) << 20)
#define WINDOW_BYTES     ((size_t)256 << 10)

static void segment_free(struct segment *segment)
{
    if (segment == NULL)
        return;
    os_close(segment->file);
    mem_free(segment->path);
    mem_free(segment);
}

/* ---- writing ---- */

/* Bytes of records that are sure to fit into a fresh segment: what remains when the largest batch
 * just does not fit any more is lost, and the seal has its place. */
static uint64_t usable_bytes(const struct segment_log *self, uint64_t size)
{
    uint64_t lost = batch_bytes(self->log.batch_bytes_max) + JOURNAL_SECTOR_BYTES;

    return size > lost ? size - lost : 0;
}

/* Zeros up to `end`, not yet synced. A later write into blocks that hold something changes no
 * metadata of the file system. */
static int wash(struct segment *segment, uint64_t end)
{
    uint8_t *zeros;
    int r = 0;

    if (segment->washed >= end)
        return 0;
    zeros = mem_alloc_zero(ZERO_CHUNK_BYTES);
    while (segment->washed < end && r == 0) {
        uint64_t len = end - segment->washed;

        if (len > ZERO_CHUNK_BYTES)
            len = ZERO_CHUNK_BYTES;
        r = os_pwrite(segment->file, zeros, len, segment->washed);
        if (r == 0)
            segment->washed += len;
    }
    mem_free(zeros);
    return r < 0 ? err_pass(r) : 0;
}

/* Room for a batch, and for many small ones that come after it. */
static int wash_ahead(struct segment *segment, uint64_t end)
{
    uint64_t ahead = end + WASH_AHEAD_BYTES;

    ASSERT(segment->washed >= segment->end); /* zeros go where no batch stands */
    if (segment->washed >= end)
        return 0;
    return wash(segment, ahead < segment->size ? ahead : segment->size);
}

static int write_batch(struct segment_log *self, struct segment *segment, enum batch_kind kind,
                       const struct log_batch *content, uint64_t needed_lsn)
{
    static const uint8_t zeros[JOURNAL_SECTOR_BYTES];
    uint8_t header[BATCH_HEADER_BYTES];
    struct batch batch = {
        .kind = kind,
        .journal_id = self->journal_id,
        .segment = segment->number,
        .first_lsn = content->first_lsn,
        .needed_lsn = needed_lsn,
        .written_ms = os_wall_ns(self->options.os) / 1000000,
        .record_count = content->record_count,
        .previous_crc = self->crc,
        .records = content->records,
    };
    uint64_t bytes = batch_bytes(batch.records.len);
    struct bytes parts[3] = {bytes_of(header, sizeof header), batch.records};
    int r;

    ASSERT(segment->end % JOURNAL_SECTOR_BYTES == 0);
    ASSERT(segment->end + bytes <= segment->size);
    batch_encode(&batch, header);
    parts[2] = bytes_of(zeros, bytes - BATCH_HEADER_BYTES - batch.records.len);
    r = wash_ahead(segment, segment->end + bytes);
    if (r == 0)
        r = os_pwritev(segment->file, parts, 3, segment->end);
    if (r == 0 && self->options.sync)
        r = os_fdatasync(segment->file);
    if (r < 0)
        return err_pass(r);
    segment->end += bytes;
    self->crc = batch.crc;
    self->stopped = kind == BATCH_STOP;
    return 0;
}

/* Seals the active segment and makes a free one active. */
static int switch_segment(struct segment_log *self)
{
    struct log_batch nothing = {.first_lsn = self->next_lsn};
    struct segment *next;
    struct list *link;
    uint64_t needed_lsn;
    int r;

    pthread_mutex_lock(&self->mutex);
    link = list_pop_front(&self->free);
    needed_lsn = self->needed_lsn;
    if (link != NULL) {
        next = container_of(link, struct segment, link);
        self->free_count--;
        self->free_bytes -= usable_bytes(self, next->size);
    }
    pthread_mutex_unlock(&self->mutex);
    if (link == NULL)
        return err_raise(-ENOSPC);

    if (self->active != NULL && !self->sealed) {
        r = write_batch(self, self->active, BATCH_SEAL, &nothing, needed_lsn);
        if (r < 0) {
            segment_free(next);
            return err_pass(r);
        }
    }
    self->sealed = false;
    /* Rule 2: nothing that is still needed is overwritten. */
    RULE(2, next->number == 0 || next->next_lsn <= needed_lsn);
    next->number = self->active != NULL ? self->active->number + 1 : 1;
    next->end = 0;
    pthread_mutex_lock(&self->mutex);
    if (self->active != NULL) {
        self->active->next_lsn = self->next_lsn;
        list_push_back(&self->full, &self->active->link);
        self->full_count++;
    }
    self->active = next;
    pthread_mutex_unlock(&self->mutex);
    return 0;
}

static int segment_log_append(struct log *log, const struct log_batch *batch)
{
    struct segment_log *self = segment_log_of(log);
    uint64_t bytes = batch_bytes(batch->records.len) + JOURNAL_SECTOR_BYTES; /* and a seal */
    uint64_t needed_lsn;
    int r;

    ASSERT(self->fault == 0);
    ASSERT(batch->first_lsn == self->next_lsn && batch->record_count > 0);
    ASSERT(batch->records.len <= log->batch_bytes_max);
    if (self->active == NULL || self->active->end + bytes > self->active->size) {
        r = switch_segment(self);
        if (r < 0)
            goto out;
    }
    pthread_mutex_lock(&self->mutex);
    needed_lsn = self->needed_lsn;
    pthread_mutex_unlock(&self->mutex);
    r = write_batch(self, self->active, BATCH_RECORDS, batch, needed_lsn);
    if (r < 0)
        goto out;
    self->next_lsn += batch->record_count;
    return 0;

out:
    self->fault = r; /* final: after a failed sync nobody knows what is on the disk */
    return err_pass(r);
}

static void segment_log_release(struct log *log, uint64_t needed_lsn);
static int segment_log_grow(struct log *log);

static int segment_log_stop(struct log *log)
{
    struct segment_log *self = segment_log_of(log);
    struct log_batch nothing = {.first_lsn = self->next_lsn};
    int r;

    if (self->fault < 0)
        return self->fault;
    if (self->active == NULL || self->stopped)
        return 0; /* there never was a record, or none since the last stop */
    segment_log_let_go(log);
    segment_log_release(log, self->next_lsn);
    if (self->active->end + 2 * JOURNAL_SECTOR_BYTES > self->active->size) {
        r = list_empty(&self->free) ? segment_log_grow(log) : 0;
        if (r == 0)
            r = switch_segment(self);
        if (r < 0)
            return err_pass(r);
    }
    r = write_batch(self, self->active, BATCH_STOP, &nothing, self->next_lsn);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- room ---- */

void segment_release_locked(struct segment_log *self, uint64_t needed_lsn)
{
    struct list *link;

    ASSERT(needed_lsn >= self->needed_lsn);
    self->needed_lsn = needed_lsn;
    while ((link = list_first(&self->full)) != NULL) {
        struct segment *segment = container_of(link, struct segment, link);

        if (!MUTANT(22) && segment->next_lsn > needed_lsn)
            break;
        list_remove(link);
        list_push_back(&self->free, link);
        self->full_count--;
        self->free_count++;
        self->free_bytes += usable_bytes(self, segment->size);
    }
}

static void segment_log_release(struct log *log, uint64_t needed_lsn)
{
    struct segment_log *self = segment_log_of(log);

    pthread_mutex_lock(&self->mutex);
    if (self->held)
        self->release_lsn = needed_lsn;
    else
        segment_release_locked(self, needed_lsn);
    pthread_mutex_unlock(&self->mutex);
}

static uint64_t segment_log_room(struct log *log)
{
    struct segment_log *self = segment_log_of(log);
    uint64_t room;

    pthread_mutex_lock(&self->mutex);
    room = self->free_bytes;
    pthread_mutex_unlock(&self->mutex);
    return room; /* what is left of the active segment is the reserve for what is under way */
}

void segment_log_count(struct log *log, struct segment_log_counts *counts)
{
    struct segment_log *self = segment_log_of(log);
    unsigned half;
    struct list *it;

    pthread_mutex_lock(&self->mutex);
    *counts = (struct segment_log_counts){
        .in_use = self->full_count + (self->active != NULL),
        .free = self->free_count,
    };
    half = counts->in_use / 2;
    list_for_each (it, &self->full) {
        if (half-- == 0)
            break;
        counts->oldest_half_lsn = container_of(it, struct segment, link)->next_lsn;
    }
    pthread_mutex_unlock(&self->mutex);
}

/* What is written into it finds room, whatever others write. */
static int allocate(struct segment *segment, uint64_t size)
{
    int r = os_fallocate(segment->file, 0, size);

    if (r < 0)
        return err_pass(r);
    segment->size = size;
    segment->washed = 0;
    return 0;
}

/* To write until the disk is full would take the last room from those who need it now. */
static int check_space(const struct segment_log *self)
{
    uint64_t room;
    int r = os_space(self->options.os, self->dir, &room);

    if (r == 0 && room < self->options.size_bytes + self->options.size_bytes / SPACE_LEFT_PART)
        r = -ENOSPC;
    return r < 0 ? err_pass(r) : 0;
}

/* `raw`: without zeros, because somebody waits for it. */
static int make_segment(struct segment_log *self, bool raw, struct segment **out)
{
    struct segment *segment;
    int r = check_space(self);

    if (r < 0)
        return err_pass(r);
    segment = mem_new(struct segment);

    list_init(&segment->link);
    segment->path = mem_format("%s/segment-%04u", self->dir, self->slot_next);
    r = os_open(self->options.os, segment->path, OS_READ | OS_WRITE | OS_CREATE | OS_TRUNCATE,
                &segment->file);
    if (r == 0)
        r = allocate(segment, self->options.size_bytes);
    if (r == 0 && !raw)
        r = wash(segment, segment->size);
    if (r == 0)
        r = os_fdatasync(segment->file);
    if (r == 0)
        r = os_sync_dir(self->options.os, self->dir);
    if (r != 0) {
        if (segment->file != NULL)
            os_unlink(self->options.os, segment->path);
        segment_free(segment);
        return err_pass(r < 0 ? r : -ENOENT);
    }
    self->slot_next++;
    *out = segment;
    return 0;
}

static void add_free(struct segment_log *self, struct segment *segment, bool used_next)
{
    pthread_mutex_lock(&self->mutex);
    if (used_next)
        list_push_front(&self->free, &segment->link);
    else
        list_push_back(&self->free, &segment->link);
    self->free_count++;
    self->free_bytes += usable_bytes(self, segment->size);
    pthread_mutex_unlock(&self->mutex);
}

static int segment_log_grow(struct log *log)
{
    struct segment_log *self = segment_log_of(log);
    struct segment_log_counts counts;
    struct segment *segment = NULL;
    int r;

    segment_log_count(log, &counts);
    if (counts.in_use + counts.free >= self->options.count_max)
        return -ENOSPC;
    r = make_segment(self, counts.free == 0, &segment);
    if (r < 0)
        return err_pass(r);
    add_free(self, segment, false);
    return 0;
}

/* One without zeros, off the list so that nobody begins to write to it; NULL: there is none, or it
 * is the only one that is free. */
static struct segment *take_raw(struct segment_log *self)
{
    struct segment *found = NULL;
    struct list *it;

    pthread_mutex_lock(&self->mutex);
    list_for_each (it, &self->free) {
        struct segment *segment = container_of(it, struct segment, link);

        if (found == NULL && segment->washed < segment->size && self->free_count > 1)
            found = segment;
    }
    if (found != NULL) {
        list_remove(&found->link);
        self->free_count--;
        self->free_bytes -= usable_bytes(self, found->size);
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

int segment_log_wash(struct log *log)
{
    struct segment_log *self = segment_log_of(log);
    struct segment *segment = take_raw(self);
    int r;

    if (segment == NULL)
        return 0;
    r = wash(segment, segment->size);
    if (r == 0)
        r = os_fdatasync(segment->file);
    add_free(self, segment, true); /* if it failed as good as it was */
    return r < 0 ? err_pass(r) : 0;
}

/* ---- opening ---- */

int segment_read_at(struct cursor *at, size_t len, struct bytes *out)
{
    size_t wanted = len > WINDOW_BYTES ? len : WINDOW_BYTES;
    uint64_t skip = at->offset - at->base;
    int r;

    if (at->offset < at->base || skip + len > at->len) {
        if (at->cap < wanted) {
            at->data = mem_realloc(at->data, wanted);
            at->cap = wanted;
        }
        at->base = at->offset;
        at->len = 0;
        r = os_pread(at->segment->file, at->data, wanted, at->base, &at->len);
        if (r < 0)
            return err_pass(r);
        skip = 0;
    }
    *out = bytes_of(at->data + skip, len < at->len - skip ? len : at->len - skip);
    return 0;
}

/* The batch at the cursor, whatever it belongs to: 0, BATCH_NONE, BATCH_NEWER or a fault. */
int segment_read_batch(struct cursor *at, struct batch *batch)
{
    struct bytes in;
    uint64_t bytes;
    int r = segment_read_at(at, BATCH_HEADER_BYTES, &in);

    if (r < 0)
        return err_pass(r);
    r = batch_parse_length(in, &bytes);
    if (r != 0 || at->offset + bytes > at->segment->size)
        return BATCH_NONE;
    r = segment_read_at(at, bytes, &in);
    if (r < 0)
        return err_pass(r);
    return batch_parse(in, batch);
}

/* The next stretch of a segment that is more than allocated blocks, of which there may be 16 MB. At
 * most SCAN_BYTES at once; `*len` is 0 at the end. */
static int next_stretch(const struct segment *segment, uint64_t *offset, size_t *len)
{
    uint64_t from;
    uint64_t end;
    int r = os_next_data(segment->file, *offset, &from, &end);

    if (r < 0)
        return err_pass(r);
    ASSERT(from >= *offset && from <= end && *offset % JOURNAL_SECTOR_BYTES == 0);
    *offset = from - from % JOURNAL_SECTOR_BYTES;
    *len = 0;
    if (*offset >= segment->size)
        return 0;
    *len = SCAN_BYTES;
    if (end < *offset + SCAN_BYTES)
        *len = (size_t)(end - *offset + JOURNAL_SECTOR_BYTES - 1);
    *len -= *len % JOURNAL_SECTOR_BYTES;
    return 0;
}

/* Whether any sector of the segment from `offset` on starts a batch of this journal that was
 * written after the log's end as we know it. */
static int find_later_batch(struct segment_log *self, struct segment *segment, uint64_t offset,
                            uint64_t *found)
{
    struct cursor at = {.segment = segment, .offset = offset};
    uint8_t *window = mem_alloc(SCAN_BYTES);
    uint64_t newest = self->active != NULL ? self->active->number : 0;
    struct batch batch;
    size_t got = 0;
    size_t len = 0;
    int r = 0;

    *found = UINT64_MAX;
    for (uint64_t base = offset; *found == UINT64_MAX; base += len) {
        r = next_stretch(segment, &base, &len);
        if (r < 0 || len == 0)
            break;
        r = os_pread(segment->file, window, len, base, &got);
        if (r < 0)
            break;
        for (size_t i = 0; i + BATCH_HEADER_BYTES <= got; i += JOURNAL_SECTOR_BYTES) {
            uint64_t bytes;

            if (batch_parse_length(bytes_of(window + i, got - i), &bytes) != 0)
                continue;
            at.offset = base + i;
            r = segment_read_batch(&at, &batch);
            if (r < 0)
                goto out;
            if (r != 0 || batch.journal_id != self->journal_id || batch.segment < newest ||
                batch.first_lsn < self->next_lsn)
                continue;
            *found = at.offset;
            break;
        }
    }
    if (r > 0)
        r = 0;

out:
    mem_free(window);
    mem_free(at.data);
    return r < 0 ? err_pass(r) : 0;
}

static int note_segment(void *arg, const char *name)
{
    struct segment_log *self = arg;
    unsigned slot;
    char end;
    struct segment *segment;
    int r;

    if (sscanf(name, "segment-%u%c", &slot, &end) != 1 || slot >= SLOTS_MAX)
        return 0;
    segment = mem_new(struct segment);
    list_init(&segment->link);
    segment->path = mem_format("%s/%s", self->dir, name);
    r = os_open(self->options.os, segment->path, OS_READ | OS_WRITE, &segment->file);
    if (r == 0)
        r = os_file_size(segment->file, &segment->size);
    if (r != 0) {
        segment_free(segment);
        return err_pass(r < 0 ? r : -ENOENT);
    }
    segment->size -= segment->size % JOURNAL_SECTOR_BYTES;
    segment->washed = segment->size;
    if (slot >= self->slot_next)
        self->slot_next = slot + 1;
    list_push_back(&self->free, &segment->link);
    return 0;
}

static bool all_zero(struct bytes bytes)
{
    return bytes.len > 0 && bytes.data[0] == 0 &&
           memcmp(bytes.data, bytes.data + 1, bytes.len - 1) == 0;
}

/* Sorts the files: those that start with a batch into `found`, by number. */
static int identify(struct segment_log *self, struct list *found, struct err_text *why)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &self->free) {
        struct segment *segment = container_of(it, struct segment, link);
        struct cursor at = {.segment = segment};
        struct batch batch;
        struct list *place;
        int r = segment_read_batch(&at, &batch);

        segment->blank = r > 0 && all_zero(bytes_of(at.data, at.len));
        mem_free(at.data);
        if (r < 0)
            return err_pass(r);
        if (r == BATCH_NEWER) {
            err_text_set(why, "%s was written by a newer version of Dormouse", segment->path);
            return STORE_OPEN_NEWER;
        }
        if (r != 0)
            continue;
        if (self->journal_id == 0)
            self->journal_id = batch.journal_id;
        if (batch.journal_id != self->journal_id) {
            err_text_set(why, "%s belongs to another data directory", segment->path);
            return STORE_OPEN_DAMAGED;
        }
        segment->number = batch.segment;
        segment->next_lsn = batch.first_lsn; /* for now: of its first record */
        list_remove(it);
        list_for_each (place, found) {
            if (container_of(place, struct segment, link)->number > segment->number)
                break;
        }
        list_insert_before(place, it);
    }
    return 0;
}

/* Of what was found, an unbroken row up to the newest is the log; older ones were being reused. */
static void keep_last_row(struct segment_log *self, struct list *found)
{
    struct list *last = list_last(found);
    struct list *it;

    while (last != NULL && last->prev != found &&
           container_of(last->prev, struct segment, link)->number + 1 ==
               container_of(last, struct segment, link)->number)
        last = last->prev;
    while (last != NULL && (it = list_first(found)) != last) {
        list_remove(it);
        list_push_back(&self->free, it);
    }
}

bool segment_continues(const struct segment_log *self, const struct walk *walk,
                       const struct segment *segment, const struct batch *batch)
{
    if (batch->journal_id != self->journal_id || batch->segment != segment->number)
        return false;
    if (walk->expected_lsn != 0 && batch->first_lsn != walk->expected_lsn)
        return false;
    return !walk->crc_known || batch->previous_crc == walk->crc;
}

/* Walks one segment to its end; *end is where the next batch would go. */
static int walk_segment(struct segment_log *self, struct segment *segment, struct walk *walk,
                        uint64_t from_lsn, log_batch_cb *cb, void *data)
{
    struct cursor at = {.segment = segment};
    struct batch batch;
    int r = 0;

    walk->sealed = false;
    walk->stopped = false;
    segment->last = 0;
    while (!walk->sealed && r == 0) {
        r = segment_read_batch(&at, &batch);
        if (r != 0 || !segment_continues(self, walk, segment, &batch)) {
            r = r < 0 ? err_pass(r) : 0;
            break;
        }
        walk->expected_lsn = batch.first_lsn + batch.record_count;
        walk->crc = batch.crc;
        walk->crc_known = true;
        walk->sealed = batch.kind == BATCH_SEAL;
        walk->stopped = batch.kind == BATCH_STOP;
        if (batch.needed_lsn > self->needed_lsn)
            self->needed_lsn = batch.needed_lsn;
        segment->last = at.offset;
        at.offset += batch_bytes(batch.records.len);
        if (cb != NULL && batch.record_count > 0 && walk->expected_lsn > from_lsn) {
            struct log_batch content = {.first_lsn = batch.first_lsn,
                                        .record_count = batch.record_count,
                                        .records = batch.records};
            r = cb(data, &content);
        }
    }
    mem_free(at.data);
    segment->end = at.offset;
    segment->next_lsn = walk->expected_lsn;
    return r;
}

static int damaged(struct segment_log *self, const struct segment *segment, uint64_t at,
                   uint64_t later, struct err_text *why)
{
    err_text_set(why,
                 "%s is damaged at offset %llu: record %llu and later ones were acknowledged, but "
                 "do not check (a later batch stands at offset %llu)",
                 segment->path, (unsigned long long)at, (unsigned long long)self->next_lsn,
                 (unsigned long long)later);
    return STORE_OPEN_DAMAGED;
}

/* The end of the log must really be one: nothing of this journal stands behind it, neither in the
 * newest segment nor in a file whose beginning does not check. A file that was never written, as
 * it seems, is looked through only behind a seal: before anything was written to it, there was a
 * seal, which the newest segment would have. */
static int check_end(struct segment_log *self, struct err_text *why)
{
    struct segment *active = self->active;
    uint64_t later;
    struct list *it;
    int r = find_later_batch(self, active, active->end, &later);

    if (r < 0)
        return err_pass(r);
    if (later != UINT64_MAX)
        return damaged(self, active, active->end, later, why);
    list_for_each (it, &self->free) {
        struct segment *segment = container_of(it, struct segment, link);

        if (segment->number != 0 || (segment->blank && !self->sealed))
            continue;
        r = find_later_batch(self, segment, 0, &later);
        if (r < 0)
            return err_pass(r);
        if (later != UINT64_MAX)
            return damaged(self, segment, 0, later, why);
    }
    return 0;
}

/* Those up to `torn` are not part of the row: the oldest was being overwritten when the power
 * failed, so that its beginning is still of its old life. Its own successors say whether it is
 * needed. */
static void drop_torn(struct segment_log *self, struct list *found, struct list *torn)
{
    struct list *it;

    do {
        it = list_pop_front(found);
        container_of(it, struct segment, link)->number = 0; /* check_end() looks through it */
        list_push_back(&self->free, it);
    } while (it != torn);
}

/* Walks the row to its end; *torn: what was to be dropped, and where it ends. */
static int walk_found(struct segment_log *self, struct list *found, struct walk *walk,
                      struct segment **torn)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, found) {
        struct segment *segment = container_of(it, struct segment, link);
        int r = walk_segment(self, segment, walk, 0, NULL, NULL);

        if (r < 0)
            return err_pass(r);
        self->next_lsn = walk->expected_lsn;
        if (tmp == found || walk->sealed)
            continue;
        drop_torn(self, found, it);
        *torn = segment;
        *walk = (struct walk){0};
    }
    return 0;
}

static int walk_row(struct segment_log *self, struct list *found, struct err_text *why)
{
    struct segment *torn = NULL;
    struct list *last = list_last(found);
    struct walk walk = {0};
    uint64_t first_lsn;
    struct list *it;
    int r;

    list_for_each (it, found) /* walking sets what follows it instead */
        container_of(it, struct segment, link)->first_lsn =
            container_of(it, struct segment, link)->next_lsn;
    r = walk_found(self, found, &walk, &torn);
    if (r < 0)
        return err_pass(r);
    self->crc = walk.crc;
    self->sealed = walk.sealed;
    self->stopped = walk.stopped;
    first_lsn = container_of(list_first(found), struct segment, link)->first_lsn;
    if (self->needed_lsn < first_lsn && torn != NULL)
        return damaged(self, torn, torn->end, 0, why);
    if (self->needed_lsn < first_lsn) {
        err_text_set(why, "%s: the segment with record %llu is missing", self->dir,
                     (unsigned long long)self->needed_lsn);
        return STORE_OPEN_DAMAGED;
    }
    list_remove(last);
    self->active = container_of(last, struct segment, link);
    list_for_each (it, found)
        self->full_count++;
    list_splice_back(&self->full, found);
    return check_end(self, why);
}

/* The last batch may stand in the page cache only, left there by a sync that failed before the
 * process died: write it once more, so that what recovery reads is what the disk has. */
static int affirm_tail(struct segment_log *self)
{
    struct segment *active = self->active;
    struct cursor at = {.segment = active, .offset = active->last};
    struct bytes in;
    int r = segment_read_at(&at, active->end - active->last, &in);

    if (r == 0)
        r = os_pwrite(active->file, in.data, in.len, active->last);
    if (r == 0 && self->options.sync)
        r = os_fdatasync(active->file);
    mem_free(at.data);
    return r < 0 ? err_pass(r) : 0;
}

/* Files that were being made when the process died, or of another size, are made afresh. */
static int finish_free(struct segment_log *self)
{
    struct list *it;

    list_for_each (it, &self->free) {
        struct segment *segment = container_of(it, struct segment, link);

        if (segment->size < self->options.size_bytes) {
            int r = allocate(segment, self->options.size_bytes);

            if (r == 0)
                r = os_fdatasync(segment->file);
            if (r < 0)
                return err_pass(r);
        }
        segment->number = 0;
        self->free_count++;
        self->free_bytes += usable_bytes(self, segment->size);
    }
    return 0;
}

static int open_all(struct segment_log *self, struct err_text *why)
{
    struct list found;
    struct list *it;
    int r;

    list_init(&found);
    r = os_list_dir(self->options.os, self->dir, note_segment, self);
    if (r < 0)
        return err_pass(r);
    r = identify(self, &found, why);
    if (r == 0) {
        keep_last_row(self, &found);
        if (!list_empty(&found))
            r = walk_row(self, &found, why);
    }
    while ((it = list_pop_front(&found)) != NULL)
        list_push_back(&self->free, it);
    if (r == 0 && self->active != NULL)
        r = affirm_tail(self);
    if (r == 0)
        r = finish_free(self);
    if (r == 0 && (self->active == NULL || self->sealed) && self->free_count == 0)
        r = segment_log_grow(&self->log);
    /* Nothing may follow the seal; and it speaks for the files that were free when it was written,
     * so the next segment is one of these, or new. */
    if (r == 0 && self->sealed)
        r = switch_segment(self);
    return r < 0 ? err_pass(r) : r;
}

static int segment_log_read(struct log *log, uint64_t from_lsn, log_batch_cb *cb, void *data)
{
    struct segment_log *self = segment_log_of(log);
    struct walk walk = {0};
    struct list *it;
    int r;

    list_for_each (it, &self->full) {
        struct segment *segment = container_of(it, struct segment, link);

        if (segment->next_lsn <= from_lsn)
            continue;
        r = walk_segment(self, segment, &walk, from_lsn, cb, data);
        if (r != 0)
            return r < 0 ? err_pass(r) : r;
    }
    if (self->active == NULL)
        return 0;
    r = walk_segment(self, self->active, &walk, from_lsn, cb, data);
    return r < 0 ? err_pass(r) : r;
}

static void free_list(struct list *list)
{
    struct list *link;

    while ((link = list_pop_front(list)) != NULL)
        segment_free(container_of(link, struct segment, link));
}

static void segment_log_destroy(struct log *log)
{
    struct segment_log *self = segment_log_of(log);

    segment_free(self->active);
    free_list(&self->full);
    free_list(&self->free);
    pthread_mutex_destroy(&self->mutex);
    mem_free(self->dir);
    mem_free(self);
}

static const struct log_ops segment_log_ops = {
    .append = segment_log_append,
    .read = segment_log_read,
    .release = segment_log_release,
    .room = segment_log_room,
    .grow = segment_log_grow,
    .stop = segment_log_stop,
    .destroy = segment_log_destroy,
};

int segment_log_open(struct log **out, const struct segment_log_options *options,
                     struct err_text *why)
{
    struct segment_log *self = mem_new(struct segment_log);
    int r;

    ASSERT(options->size_bytes % JOURNAL_SECTOR_BYTES == 0);
    self->log.ops = &segment_log_ops;
    self->options = *options;
    self->dir = mem_strdup(options->dir);
    self->next_lsn = 1;
    self->needed_lsn = 1;
    pthread_mutex_init(&self->mutex, NULL);
    list_init(&self->free);
    list_init(&self->full);
    self->log.batch_bytes_max = options->size_bytes / 4;
    if (self->log.batch_bytes_max > LIMIT_JOURNAL_BATCH_BYTES)
        self->log.batch_bytes_max = LIMIT_JOURNAL_BATCH_BYTES;

    r = open_all(self, why);
    if (r != 0) {
        segment_log_destroy(&self->log);
        return r < 0 ? err_pass(r) : r;
    }
    while (self->journal_id == 0)
        os_random(options->os, &self->journal_id, sizeof self->journal_id);
    self->log.next_lsn = self->next_lsn;
    self->log.needed_lsn = self->needed_lsn;
    *out = &self->log;
    return 0;
}
