#include "store/recovery.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/alarm_note.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/log.h"
#include "store/object_file.h"
#include "store/page_diff.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/store_parts.h"

/*
 * Why replaying gives the right page (rule 3).
 *
 * Take a page and the records k..m of its object that the journal holds, in order and without a
 * gap. The file was synced with everything before k when the records before k were released (rule
 * 2); a checkpoint since may have written it in part, and a power cut may have torn that write. So
 * every byte of the page in the file is as some record j, k-1 <= j <= m, left it; not the same j
 * for all.
 *
 *   - If a record in k..m gives the page on a base of zeros, what was in the file does not matter.
 *   - Otherwise, consider a byte that no record in k..m changes. It is the same in all versions
 *     from k-1 to m, so it is right in the file already and replay leaves it alone.
 *   - A byte that some of them change gets, by replay in order, the value of the last that does.
 *
 * The files that replay has written are synced later, by the keeper, and only then the records are
 * released: the row just goes on with those of the new life, which were made from what replay had
 * given.
 *
 * Nothing is assumed about which sectors of the torn write arrived, and the argument holds again
 * for a recovery that was itself interrupted. It needs the row of records to be unbroken up to m:
 * that is why segments are released strictly in order and why a hole is refused (segment_log.c).
 * It needs "changed" to mean changed from the version before in the row: that is what `pages.c`
 * sees to with its holes. A page beyond the size of the database has no version, so a file that a
 * later checkpoint has cut short is right, too.
 */

#define CACHED_PAGES_MAX 16384 /* 64 MB */
#define BLOCK_PAGES      64    /* taken from the allocator at once: it is slow with single ones */
#define UNSYNCED_MAX     4096  /* files kept open for the keeper to sync; the first go first */
#define OBJECT_KEY_BYTES (STORE_ID_SIZE + 4)

struct cached_page {
    struct list link; /* while nobody has it: in recovery.spare */
    uint32_t number;
    uint8_t image[PAGE_BYTES];
};

struct page_block {
    struct list link;
    struct cached_page pages[BLOCK_PAGES];
};

struct object {
    uint8_t key[OBJECT_KEY_BYTES];
    uint32_t namespace_number;
    uint8_t id[STORE_ID_SIZE];
    char *dir;                /* owned */
    char *path;               /* owned */
    struct object_file *file; /* owned; NULL between flushes */
    struct map_u64 pages;     /* number -> cached_page, owned */
    uint32_t size_pages;
    bool changed;       /* since the last flush */
    uint64_t last_lsn;  /* of its last record seen */
    bool cut;           /* the commit being read begins before what is needed */
    struct buf pending; /* records of a commit whose last one has not been seen */
};

struct recovery {
    struct store *store;
    struct list *notes;   /* while it reads */
    struct err_text *why; /* while it reads */
    struct journal_pin pin;
    atomic_bool done; /* nothing is left to bring */

    pthread_mutex_t mutex; /* over what follows, once it has been read */
    struct map objects;    /* key -> object, owned */
    size_t brought;        /* where bringing goes on */
    size_t cached_pages;
    struct list blocks; /* page_block.link, owned: all pages there are… */
    struct list spare;  /* …and cached_page.link of those that hold nothing */
};

/* ---- pages ---- */

static struct cached_page *page_take(struct recovery *recovery, uint32_t number)
{
    struct cached_page *page;

    if (list_empty(&recovery->spare)) {
        struct page_block *block = mem_alloc(sizeof *block);

        list_push_back(&recovery->blocks, &block->link);
        for (size_t i = 0; i < BLOCK_PAGES; i++)
            list_push_back(&recovery->spare, &block->pages[i].link);
    }
    page = container_of(list_pop_front(&recovery->spare), struct cached_page, link);
    page->number = number;
    recovery->cached_pages++;
    return page;
}

static void page_give_back(struct recovery *recovery, struct cached_page *page)
{
    list_push_front(&recovery->spare, &page->link);
    recovery->cached_pages--;
}

/* Nobody has a page any more. */
static void free_pages(struct recovery *recovery)
{
    struct list *link;

    ASSERT(recovery->cached_pages == 0);
    while ((link = list_pop_front(&recovery->blocks)) != NULL)
        mem_free(container_of(link, struct page_block, link));
    list_init(&recovery->spare);
}

/* ---- objects ---- */

static void make_key(uint8_t key[OBJECT_KEY_BYTES], uint32_t namespace_number,
                     const uint8_t id[STORE_ID_SIZE])
{
    memcpy(key, id, STORE_ID_SIZE);
    memcpy(key + STORE_ID_SIZE, &namespace_number, sizeof namespace_number);
}

static struct object *find_object(struct recovery *recovery, const struct record *record)
{
    uint8_t key[OBJECT_KEY_BYTES];
    struct object *object;

    make_key(key, record->namespace_number, record->id);
    object = map_get(&recovery->objects, bytes_of(key, sizeof key));
    if (object != NULL)
        return object;
    object = mem_new(struct object);
    memcpy(object->key, key, sizeof key);
    memcpy(object->id, record->id, STORE_ID_SIZE);
    object->namespace_number = record->namespace_number;
    map_put(&recovery->objects, bytes_of(object->key, sizeof object->key), object);
    return object;
}

static void forget_pages(struct recovery *recovery, struct object *object)
{
    struct cached_page *page;
    size_t at = 0;

    while ((page = map_u64_next(&object->pages, &at, NULL)) != NULL)
        page_give_back(recovery, page);
    map_u64_fini(&object->pages);
    map_u64_init(&object->pages);
}

static int name_object(struct recovery *recovery, struct object *object)
{
    struct store *store = recovery->store;

    if (object->path != NULL ||
        store_object_path(store, object->namespace_number, object->id, &object->dir, &object->path))
        return 0;
    err_text_set(recovery->why, "%s/namespaces does not have number %u, but the journal does",
                 store->dir, object->namespace_number);
    return STORE_OPEN_DAMAGED;
}

static int open_object(struct recovery *recovery, struct object *object)
{
    int r;

    if (object->file != NULL)
        return 0;
    r = name_object(recovery, object);
    if (r == 0)
        r = object_file_open(&object->file, recovery->store->os, object->dir, object->path);
    return r < 0 ? err_pass(r) : r;
}

/* While it reads, room is needed at once, and nobody else could sync; later the keeper does. */
static int sync_file(struct recovery *recovery, struct object_file *file)
{
    int r = 0;

    if (!recovery->store->options.sync)
        return 0;
    if (recovery->pin.lsn == 0)
        r = object_file_sync(file);
    else if (!MUTANT(33))
        keeper_sync_recovered(recovery->store->keeper, file);
    return r < 0 ? err_pass(r) : 0;
}

/* What is in memory goes into the file. */
static int flush_object(struct recovery *recovery, struct object *object)
{
    struct cached_page *page;
    size_t at = 0;
    int r;

    if (!object->changed)
        return 0;
    r = open_object(recovery, object);
    while (r == 0 && (page = map_u64_next(&object->pages, &at, NULL)) != NULL) {
        if (page->number > object->size_pages)
            continue;
        r = object_file_write(object->file, page->image, PAGE_BYTES,
                              (uint64_t)(page->number - 1) * PAGE_BYTES);
    }
    if (r == 0)
        r = object_file_truncate(object->file, (uint64_t)object->size_pages * PAGE_BYTES);
    if (r == 0)
        r = sync_file(recovery, object->file);
    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    forget_pages(recovery, object);
    object_file_unref(object->file);
    object->file = NULL;
    object->changed = false;
    return 0;
}

static int flush_all(struct recovery *recovery)
{
    struct object *object;
    size_t at = 0;
    int r = 0;

    while (r == 0 && (object = map_next(&recovery->objects, &at, NULL)) != NULL)
        r = flush_object(recovery, object);
    return r < 0 ? err_pass(r) : r;
}

/* ---- records ---- */

static int damaged(struct recovery *recovery, const struct object *object, uint64_t lsn,
                   const char *what)
{
    char id[2 * STORE_ID_SIZE + 1] = {0};

    hex_encode(bytes_of(object->id, STORE_ID_SIZE), id);
    err_text_set(recovery->why, "journal record %llu of object %s: %s", (unsigned long long)lsn, id,
                 what);
    return STORE_OPEN_DAMAGED;
}

/* What the record builds on, where that is not zeros. */
static int read_page(struct recovery *recovery, struct object *object, uint64_t lsn,
                     struct cached_page *page)
{
    size_t got;
    int r = open_object(recovery, object);

    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    if (object_file_missing(object->file))
        return damaged(recovery, object, lsn, "its file is missing");
    r = object_file_read(object->file, page->image, PAGE_BYTES,
                         (uint64_t)(page->number - 1) * PAGE_BYTES, &got);
    return r < 0 ? err_pass(r) : 0;
}

/* The page in memory. A journal with new objects is read without a look at the file system. */
static int load_page(struct recovery *recovery, struct object *object, uint64_t lsn,
                     const struct record_page *page, struct cached_page **out)
{
    struct cached_page *cached = map_u64_get(&object->pages, page->number);
    int r = 0;

    if (cached == NULL) {
        cached = page_take(recovery, page->number);
        r = name_object(recovery, object);
        if (r == 0 && page->base == PAGE_PREVIOUS)
            r = read_page(recovery, object, lsn, cached);
        if (r != 0) {
            page_give_back(recovery, cached);
            return r < 0 ? err_pass(r) : r;
        }
        map_u64_put(&object->pages, page->number, cached);
    }
    *out = cached;
    return 0;
}

static int apply_pages(struct recovery *recovery, struct object *object, uint64_t lsn,
                       const struct record *record)
{
    struct bytes pages = record->pages;
    struct record_page page;
    struct cached_page *cached = NULL;

    while (record_next_page(&pages, &page)) {
        int r = load_page(recovery, object, lsn, &page, &cached);

        if (r != 0)
            return r;
        record_page_apply(&page, cached->image);
    }
    object->size_pages = record->size_pages;
    object->changed = true;
    return 0;
}

static void note_alarm(struct recovery *recovery, struct object *object, uint64_t lsn,
                       const struct record *record)
{
    struct alarm_note *note =
        alarm_note_create(object->namespace_number, object->id, &record->alarm);

    note->base.lsn = lsn;
    list_push_back(recovery->notes, &note->base.link);
}

static int apply_record(struct recovery *recovery, struct object *object, uint64_t lsn,
                        const struct record *record)
{
    int r = 0;

    if (record->size_pages > 0 && record->pages.len > 0)
        r = apply_pages(recovery, object, lsn, record);
    if (r == 0 && (record->flags & RECORD_ALARM) != 0 && !MUTANT(43))
        note_alarm(recovery, object, lsn, record);
    return r;
}

/* The last record of a commit: it counts, with those that wait for it. Nearly always there are
 * none. */
static int apply_commit(struct recovery *recovery, struct object *object, uint64_t lsn,
                        const struct record *last)
{
    struct bytes rest = buf_bytes(&object->pending);
    struct record record;
    int r = 0;

    while (r == 0 && rest.len > 0) {
        ASSERT(record_parse(&rest, &record) == 0);
        r = apply_record(recovery, object, lsn, &record);
    }
    buf_clear(&object->pending);
    if (r == 0)
        r = apply_record(recovery, object, lsn, last);
    if (r == 0 && recovery->cached_pages > CACHED_PAGES_MAX)
        r = flush_all(recovery);
    return r < 0 ? err_pass(r) : r;
}

/* Of a commit whose first record is not needed any more. Its pages are in the file, or it never
 * came to its end; the alarm index may still have to hear of it. */
static void take_rest(struct recovery *recovery, struct object *object, uint64_t lsn,
                      const struct record *record)
{
    buf_clear(&object->pending);
    object->cut = true;
    if ((record->flags & RECORD_LAST) != 0 && (record->flags & RECORD_ALARM) != 0)
        note_alarm(recovery, object, lsn, record);
}

static int take_record(struct recovery *recovery, uint64_t lsn, const struct record *record,
                       struct bytes encoded)
{
    struct object *object = find_object(recovery, record);

    if (record->previous_lsn >= recovery->store->log->needed_lsn &&
        record->previous_lsn != object->last_lsn)
        return damaged(recovery, object, lsn, "a record before it is missing");
    RULE(3, lsn > object->last_lsn);
    if (record->kind == RECORD_COMMIT)
        object->last_lsn = lsn;
    if ((record->flags & RECORD_FIRST) != 0) {
        buf_clear(&object->pending); /* one that was refused half-way */
        object->cut = false;
    } else if (object->cut || record->previous_lsn < recovery->store->log->needed_lsn) {
        take_rest(recovery, object, lsn, record);
        return 0;
    } else if (object->pending.len == 0) {
        return damaged(recovery, object, lsn, "its beginning is missing");
    }
    if ((record->flags & RECORD_LAST) != 0)
        return apply_commit(recovery, object, lsn, record);
    buf_append_bytes(&object->pending, encoded);
    return 0;
}

static int take_batch(void *data, const struct log_batch *batch)
{
    struct recovery *recovery = data;
    struct bytes rest = batch->records;
    uint64_t lsn = batch->first_lsn;
    struct record record;
    int r = 0;

    for (uint32_t i = 0; i < batch->record_count && r == 0; i++, lsn++) {
        struct bytes before = rest;

        r = record_parse(&rest, &record);
        if (r == RECORD_NEWER) {
            err_text_set(recovery->why, "journal record %llu was written by a newer version",
                         (unsigned long long)lsn);
            return STORE_OPEN_NEWER;
        }
        if (r != 0) {
            err_text_set(recovery->why, "journal record %llu is malformed",
                         (unsigned long long)lsn);
            return STORE_OPEN_DAMAGED;
        }
        if (lsn >= recovery->store->log->needed_lsn)
            r = take_record(recovery, lsn, &record, bytes_slice(before, 0, before.len - rest.len));
    }
    return r;
}

/* ---- the whole ---- */

static void free_objects(struct recovery *recovery)
{
    struct object *object;
    size_t at = 0;

    while ((object = map_next(&recovery->objects, &at, NULL)) != NULL) {
        forget_pages(recovery, object);
        map_u64_fini(&object->pages);
        object_file_unref(object->file);
        buf_fini(&object->pending);
        mem_free(object->dir);
        mem_free(object->path);
        mem_free(object);
    }
    map_fini(&recovery->objects);
    map_init(&recovery->objects);
    free_pages(recovery);
}

/* What was read for its sake only is let go. */
static void end_reading(struct recovery *recovery)
{
    struct object *object;
    size_t at = 0;

    recovery->notes = NULL;
    recovery->why = NULL;
    while ((object = map_next(&recovery->objects, &at, NULL)) != NULL) {
        object_file_unref(object->file);
        object->file = NULL;
        buf_fini(&object->pending);
        buf_init(&object->pending);
    }
}

int recovery_run(struct recovery **out, struct store *store, struct list *notes,
                 struct err_text *why)
{
    struct recovery *recovery = mem_new(struct recovery);
    struct log *log = store->log;
    int r;

    recovery->store = store;
    recovery->notes = notes;
    recovery->why = why;
    list_init(&recovery->pin.link);
    list_init(&recovery->blocks);
    list_init(&recovery->spare);
    pthread_mutex_init(&recovery->mutex, NULL);
    r = log->ops->read(log, log->needed_lsn, take_batch, recovery);
    end_reading(recovery);
    if (r != 0) {
        recovery_destroy(recovery);
        return r < 0 ? err_pass(r) : r;
    }
    *out = recovery;
    return 0;
}

void recovery_destroy(struct recovery *recovery)
{
    if (recovery == NULL)
        return;
    free_objects(recovery);
    pthread_mutex_destroy(&recovery->mutex);
    mem_free(recovery);
}

void recovery_pin(struct recovery *recovery)
{
    journal_repin(recovery->store->journal, &recovery->pin, recovery->store->log->needed_lsn);
}

int recovery_bring(struct recovery *recovery, uint32_t namespace_number,
                   const uint8_t id[STORE_ID_SIZE])
{
    uint8_t key[OBJECT_KEY_BYTES];
    struct object *object;
    int r = 0;

    if (recovery == NULL || atomic_load(&recovery->done))
        return 0;
    make_key(key, namespace_number, id);
    pthread_mutex_lock(&recovery->mutex);
    object = map_get(&recovery->objects, bytes_of(key, sizeof key));
    if (object != NULL)
        r = flush_object(recovery, object);
    pthread_mutex_unlock(&recovery->mutex);
    return r < 0 ? err_pass(r) : r > 0 ? err_raise(-EIO) : 0;
}

int recovery_bring_some(struct recovery *recovery, unsigned count_max)
{
    int r = 0;

    while (r == 0 && count_max > 0 && !atomic_load(&recovery->done)) {
        struct object *object;

        pthread_mutex_lock(&recovery->mutex); /* anew for each: others may be waiting to open */
        object = map_next(&recovery->objects, &recovery->brought, NULL);
        if (object == NULL) {
            free_objects(recovery);
            atomic_store(&recovery->done, true);
        } else if (object->changed) {
            r = flush_object(recovery, object);
            count_max--;
        }
        if (r != 0)
            recovery->brought = 0; /* asked again */
        pthread_mutex_unlock(&recovery->mutex);
    }
    return r < 0 ? err_pass(r) : r > 0 ? err_raise(-EIO) : 0;
}

bool recovery_is_done(struct recovery *recovery)
{
    return atomic_load(&recovery->done);
}

void recovery_unpin(struct recovery *recovery)
{
    ASSERT(atomic_load(&recovery->done));
    if (recovery->pin.lsn != 0)
        journal_unpin(recovery->store->journal, &recovery->pin);
}
