/* Copying a segment log that is in use, and finding what is about to be released. */

#include <errno.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/segment_log_parts.h"

char *segment_log_find(struct log *log, uint64_t lsn, uint64_t *end_lsn)
{
    struct segment_log *self = segment_log_of(log);
    const char *path = NULL;
    struct list *it;

    pthread_mutex_lock(&self->mutex);
    list_for_each (it, &self->full) {
        const struct segment *segment = container_of(it, struct segment, link);

        *end_lsn = segment->next_lsn;
        path = segment->path;
        if (*end_lsn > lsn)
            break;
    }
    if (path == NULL || *end_lsn <= lsn) {
        path = self->active != NULL ? self->active->path : NULL;
        *end_lsn = UINT64_MAX; /* it goes on */
    }
    pthread_mutex_unlock(&self->mutex);
    return path != NULL ? mem_strdup(path) : NULL;
}

/* ---- copying ---- */

int segment_log_hold(struct log *log)
{
    struct segment_log *self = segment_log_of(log);
    int r = 0;

    pthread_mutex_lock(&self->mutex);
    if (self->held)
        r = err_raise(-EBUSY);
    self->held = true;
    pthread_mutex_unlock(&self->mutex);
    return r;
}

bool segment_log_let_go(struct log *log)
{
    struct segment_log *self = segment_log_of(log);
    bool held;

    pthread_mutex_lock(&self->mutex);
    held = self->held;
    self->held = false;
    if (held && self->release_lsn > self->needed_lsn)
        segment_release_locked(self, self->release_lsn);
    pthread_mutex_unlock(&self->mutex);
    return held;
}

/* The batches of one segment into a file of the same size; *end is where the copy ends. */
static int copy_batches(struct segment_log *self, struct segment *segment, struct os_file *to,
                        struct walk *walk)
{
    struct cursor at = {.segment = segment};
    struct batch batch;
    struct bytes in;
    int r = os_fallocate(to, 0, segment->size);

    walk->sealed = false;
    while (r == 0 && !walk->sealed) {
        r = segment_read_batch(&at, &batch);
        if (r != 0 || !segment_continues(self, walk, segment, &batch)) {
            r = r < 0 ? r : 0;
            break;
        }
        r = segment_read_at(&at, batch_bytes(batch.records.len), &in);
        if (r == 0)
            r = os_pwrite(to, in.data, in.len, at.offset);
        at.offset += batch_bytes(batch.records.len);
        walk->expected_lsn = batch.first_lsn + batch.record_count;
        walk->crc = batch.crc;
        walk->crc_known = true;
        walk->sealed = batch.kind == BATCH_SEAL;
    }
    segment->end = at.offset;
    mem_free(at.data);
    return r < 0 ? err_pass(r) : 0;
}

/* The copy ends with a seal of its own, which says what is needed: the batches before may speak of
 * segments that were released since and are not copied. */
static int seal_copy(struct segment_log *self, const struct segment *segment, struct os_file *to,
                     uint64_t needed_lsn, const struct walk *walk)
{
    uint8_t header[BATCH_HEADER_BYTES];
    struct batch batch = {
        .kind = BATCH_SEAL,
        .journal_id = self->journal_id,
        .segment = segment->number,
        .first_lsn = walk->expected_lsn,
        .needed_lsn = needed_lsn,
        .written_ms = os_wall_ns(self->options.os) / 1000000,
        .previous_crc = walk->crc,
    };

    batch_encode(&batch, header);
    return os_pwrite(to, header, sizeof header, segment->end);
}

/* `needed_lsn` is 0 but for the last one. */
static int copy_segment(struct segment_log *self, struct segment *segment, uint64_t needed_lsn,
                        const char *path, struct walk *walk)
{
    struct os_file *to = NULL;
    int r = os_open(self->options.os, path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, &to);

    if (r != 0)
        return err_pass(r < 0 ? r : -EEXIST);
    r = copy_batches(self, segment, to, walk);
    if (r == 0 && !walk->sealed && needed_lsn == 0)
        r = err_raise(-EIO);
    if (r == 0 && !walk->sealed && walk->expected_lsn > 0)
        r = seal_copy(self, segment, to, needed_lsn, walk);
    if (r == 0)
        r = os_fdatasync(to);
    os_close(to);
    return r < 0 ? err_pass(r) : 0;
}

int segment_log_copy(struct log *log, const char *dir)
{
    struct segment_log *self = segment_log_of(log);
    struct segment *segments;
    struct walk walk = {0};
    unsigned count = 0;
    uint64_t needed_lsn;
    struct list *it;
    int r = 0;

    pthread_mutex_lock(&self->mutex);
    ASSERT(self->full_count < SLOTS_MAX);
    segments = mem_new_array(struct segment, self->full_count + 1);
    list_for_each (it, &self->full)
        segments[count++] = *container_of(it, struct segment, link);
    if (self->active != NULL)
        segments[count++] = (struct segment){
            .file = self->active->file, .size = self->active->size, .number = self->active->number};
    needed_lsn = self->needed_lsn; /* stands still */
    pthread_mutex_unlock(&self->mutex);
    for (unsigned i = 0; r == 0 && i < count; i++) {
        char *path = mem_format("%s/segment-%04u", dir, i);

        r = copy_segment(self, &segments[i], i + 1 == count ? needed_lsn : 0, path, &walk);
        mem_free(path);
    }
    mem_free(segments);
    if (r == 0)
        r = os_sync_dir(self->options.os, dir);
    return r < 0 ? err_pass(r) : 0;
}
