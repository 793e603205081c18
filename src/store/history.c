#include "store/history.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/history_file.h"
#include "store/history_sweep.h"
#include "store/journal.h"
#include "store/journal_format.h"
#include "store/journal_reader.h"
#include "store/log.h"
#include "store/page_diff.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/segment_log.h"
#include "store/store_parts.h"

/*
 * <data>/history/epoch               a random number: files of another one do not count, because
 *                                    the store has run without history since
 * <data>/history/<class>/<id>        history files
 * <data>/history/orders/<class>-<id> orders
 *
 * A file replaces another one as a draft with ".new" behind its name.
 */

#define KEY_BYTES     (STORE_ID_SIZE + 4)
#define MS_PER_DAY    (INT64_C(24) * 3600 * 1000)
#define FILES_TO_SYNC 256
#define TRIM_NS       UINT64_C(10000000) /* of a round, but for what one file takes */

struct history {
    struct store *store; /* borrowed */
    char *dir;           /* owned */
    struct history_epoch epoch;
    atomic_bool off; /* no epoch could be begun: nothing is added until the store is opened again */
    struct journal_pin pin; /* the first record that is not in the history files */
    pthread_mutex_t mutex;  /* held while history files or the journal are read or written */
    atomic_size_t order_count;
    atomic_bool paused;
    struct history_sweep sweep; /* the keeper's thread */
};

/* What a segment has of one object. */
struct pile {
    uint8_t key[KEY_BYTES];
    struct history_addition addition;
    struct history_birth birth;
};

/* ---- names ---- */

static char *class_dir(const struct history *history, uint32_t namespace_number)
{
    char *dir = NULL;
    char *path = NULL;
    static const uint8_t none[STORE_ID_SIZE];
    char *made;

    if (!store_object_path(history->store, namespace_number, none, &dir, &path))
        return NULL;
    made = mem_format("%s/%s", history->dir, strrchr(dir, '/') + 1);
    mem_free(dir);
    mem_free(path);
    return made;
}

static char *file_path(const struct history *history, uint32_t namespace_number,
                       const uint8_t id[STORE_ID_SIZE], char **dir)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};

    *dir = class_dir(history, namespace_number);
    if (*dir == NULL)
        return NULL;
    hex_encode(bytes_of(id, STORE_ID_SIZE), hex);
    return mem_format("%s/%s", *dir, hex);
}

static char *order_path(const struct history *history, uint32_t namespace_number,
                        const uint8_t id[STORE_ID_SIZE])
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};

    hex_encode(bytes_of(id, STORE_ID_SIZE), hex);
    return mem_format("%s/orders/%u-%s", history->dir, namespace_number, hex);
}

/* ---- opening ---- */

/* One small file, whole or not at all. */
static int write_file(struct os *os, const char *dir, const char *path, struct bytes content)
{
    char *draft = mem_format("%s.new", path);
    struct os_file *file = NULL;
    int r = os_open(os, draft, OS_WRITE | OS_CREATE | OS_TRUNCATE, &file);

    if (r > 0)
        r = err_raise(-ENOENT);
    if (r == 0)
        r = os_pwrite(file, content.data, content.len, 0);
    if (r == 0)
        r = os_fdatasync(file);
    os_close(file);
    if (r == 0)
        r = os_rename(os, draft, path);
    if (r == 0)
        r = os_sync_dir(os, dir);
    mem_free(draft);
    return r < 0 ? err_pass(r) : 0;
}

/* Of a file that is shorter than `least` nothing is there. */
static int read_file(struct os *os, const char *path, void *out, size_t least, size_t most,
                     bool *there)
{
    struct os_file *file = NULL;
    size_t got = 0;
    int r = os_open(os, path, OS_READ, &file);

    if (r == 0)
        r = os_pread(file, out, most, 0, &got);
    os_close(file);
    *there = r == 0 && got >= least;
    return r < 0 ? err_pass(r) : 0;
}

/* `since_ms`: of the epoch that begins when there is none. */
static int open_epoch(struct history *history, int64_t since_ms)
{
    struct os *os = history->store->os;
    char *path = mem_format("%s/epoch", history->dir);
    bool there;
    int r;

    history->epoch.gap_ms = 0; /* what the first version wrote ends before it */
    r = read_file(os, path, &history->epoch, offsetof(struct history_epoch, gap_ms),
                  sizeof history->epoch, &there);
    if (r == 0 && !there) {
        history->epoch = (struct history_epoch){.since_ms = since_ms};
        os_random(os, &history->epoch.number, sizeof history->epoch.number);
        r = write_file(os, history->dir, path, bytes_of(&history->epoch, sizeof history->epoch));
    }
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

/* What is there has a gap from now on. */
static int forget_epoch(struct store *store)
{
    char *dir = mem_format("%s/history", store->dir);
    char *path = mem_format("%s/epoch", dir);
    int r = os_unlink(store->os, path);

    if (r == 0)
        r = os_sync_dir(store->os, dir);
    else if (r > 0)
        r = 0;
    mem_free(path);
    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}

static int count_order(void *arg, const char *name)
{
    struct history *history = arg;
    size_t len = strlen(name);

    if (len < 4 || strcmp(name + len - 4, ".new") != 0)
        history->order_count++;
    return 0;
}

static int open_orders(struct history *history)
{
    struct os *os = history->store->os;
    char *dir = mem_format("%s/orders", history->dir);
    int r = os_mkdir(os, dir);

    if (r == 0)
        r = os_list_dir(os, dir, count_order, history);
    if (r == 0)
        r = os_sync_dir(os, history->dir);
    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}

static int64_t now_ms(const struct history *history)
{
    return os_wall_ns(history->store->os) / 1000000;
}

int history_open(struct history **out, struct store *store, bool fresh)
{
    struct history *history;
    int r;

    *out = NULL;
    if (store->options.history_days == 0)
        return forget_epoch(store);
    history = mem_new(struct history);
    history->store = store;
    history->dir = mem_format("%s/history", store->dir);
    list_init(&history->pin.link);
    history_sweep_init(&history->sweep, store->os, history->dir);
    pthread_mutex_init(&history->mutex, NULL);
    r = os_mkdir(store->os, history->dir);
    if (r == 0)
        r = os_sync_dir(store->os, store->dir);
    if (r == 0)
        r = open_orders(history);
    if (r == 0)
        r = open_epoch(history, fresh ? INT64_MIN : now_ms(history));
    if (r < 0) {
        /* On a full disk, say: that is no reason not to open the store. */
        log_error("there is no point-in-time recovery: %s", err_trail());
        history_close(history);
        return forget_epoch(store);
    }
    /* Everything below was added before it was let go. */
    journal_repin(store->journal, &history->pin, store->log->needed_lsn);
    *out = history;
    return 0;
}

void history_close(struct history *history)
{
    if (history == NULL)
        return;
    if (history->pin.lsn != 0)
        journal_unpin(history->store->journal, &history->pin);
    pthread_mutex_destroy(&history->mutex);
    history_sweep_fini(&history->sweep);
    mem_free(history->dir);
    mem_free(history);
}

/* ---- adding ---- */

/* One reading of a piece of the journal. */
struct reading {
    struct history *history;
    uint64_t from_lsn;
    uint64_t end_lsn;
    struct map piles; /* key -> pile, owned */
};

static void key_make(uint8_t key[KEY_BYTES], const struct record *record)
{
    memcpy(key, record->id, STORE_ID_SIZE);
    memcpy(key + STORE_ID_SIZE, &record->namespace_number, sizeof record->namespace_number);
}

static struct pile *pile_of(struct reading *reading, const struct record *record)
{
    uint8_t key[KEY_BYTES];
    struct pile *pile;

    key_make(key, record);
    pile = map_get(&reading->piles, bytes_of(key, sizeof key));
    if (pile != NULL)
        return pile;
    pile = mem_new(struct pile);
    memcpy(pile->key, key, sizeof key);
    map_put(&reading->piles, bytes_of(pile->key, sizeof pile->key), pile);
    return pile;
}

static void add_to_pile(struct pile *pile, const struct record *record, uint64_t lsn,
                        int64_t written_ms, struct bytes encoded)
{
    pile->addition.birth = history_birth_take(&pile->birth, record) == BIRTH_TRUE;
    history_add_record(&pile->addition, lsn, written_ms, encoded);
}

/* A record that is not added now may be the rest of a first commit. */
static void look_ahead(struct reading *reading, const struct record *record)
{
    uint8_t key[KEY_BYTES];
    struct pile *pile;

    key_make(key, record);
    pile = map_get(&reading->piles, bytes_of(key, sizeof key));
    if (pile != NULL)
        pile->addition.birth = history_birth_take(&pile->birth, record) == BIRTH_TRUE;
}

static int sort_batch(void *data, const struct journal_file *file, uint64_t offset,
                      const struct batch *batch)
{
    struct reading *reading = data;
    struct bytes rest = batch->records;
    uint64_t lsn = batch->first_lsn;
    struct record record;

    (void)file;
    (void)offset;
    for (uint32_t i = 0; i < batch->record_count; i++, lsn++) {
        struct bytes before = rest;

        if (record_parse(&rest, &record) != 0)
            return err_raise(-EIO);
        if (lsn >= reading->from_lsn && lsn < reading->end_lsn &&
            record.namespace_number != STORE_NAMESPACE)
            add_to_pile(pile_of(reading, &record), &record, lsn, batch->written_ms,
                        bytes_slice(before, 0, before.len - rest.len));
        else if (lsn >= reading->end_lsn)
            look_ahead(reading, &record);
    }
    return 0;
}

static void reading_fini(struct reading *reading)
{
    struct pile *pile;
    size_t at = 0;

    while ((pile = map_next(&reading->piles, &at, NULL)) != NULL) {
        buf_fini(&pile->addition.entries);
        mem_free(pile);
    }
    map_fini(&reading->piles);
}

static uint64_t durable(void *data)
{
    return journal_durable_lsn(((struct history *)data)->store->journal);
}

/* Files that wait to be synced. */
struct writing {
    struct os_file *files[FILES_TO_SYNC];
    size_t count;
};

static int sync_files(struct writing *writing)
{
    int r = 0;

    while (writing->count > 0) {
        struct os_file *file = writing->files[--writing->count];

        if (r == 0)
            r = os_fdatasync(file);
        os_close(file);
    }
    return r < 0 ? err_pass(r) : 0;
}

/* Who has no file may have been given up until now. Written over what is there, which needs no
 * room, in one sector. */
static int note_gap(struct history *history)
{
    char *path = mem_format("%s/epoch", history->dir);
    struct os_file *file = NULL;
    int r = os_open(history->store->os, path, OS_WRITE, &file);

    history->epoch.gap_ms = now_ms(history);
    if (r > 0)
        r = err_raise(-ENOENT);
    if (r == 0)
        r = os_pwrite(file, &history->epoch, sizeof history->epoch, 0);
    if (r == 0)
        r = os_fdatasync(file);
    os_close(file);
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

/* It begins anew, with an image, when there is something to add again. It must not come back after
 * a power cut: what was not added to it is let go now. */
static int give_up(struct history *history, const char *dir, const char *path, int fault)
{
    int r = note_gap(history);

    if (r == 0)
        r = os_unlink(history->store->os, path);
    if (r == 0)
        r = os_sync_dir(history->store->os, dir);
    else if (r == OS_UNLINK_MISSING)
        r = 0;
    log_warn("%s: the history of this object is given up: %s", path, err_name(fault));
    return r < 0 ? err_pass(r) : 0;
}

/* `needed`: everything below is in the objects' files. */
static int add_pile(struct history *history, const struct pile *pile, uint64_t needed,
                    struct writing *writing)
{
    struct store *store = history->store;
    uint32_t namespace_number;
    struct history_file_source source = {
        .os = store->os,
        .epoch = history->epoch.number,
        .needed_lsn = needed,
        .added_lsn = history->pin.lsn,
        .durable = durable,
        .data = history,
        .bounds = {history_oldest_ms(history), store->options.history_bytes},
    };
    struct os_file *file = NULL;
    char *dir = NULL;
    char *path;
    char *folder = NULL;
    char *database = NULL;
    bool created = false;
    int r;

    memcpy(&namespace_number, pile->key + STORE_ID_SIZE, sizeof namespace_number);
    path = file_path(history, namespace_number, pile->key, &dir);
    if (path == NULL ||
        !store_object_path(store, namespace_number, pile->key, &folder, &database)) {
        r = err_raise(-ENOENT);
        goto out;
    }
    source.path = path;
    source.database = database;
    r = history_file_append(&source, &pile->addition, &file, &created);
    if (r == -ENOENT && os_mkdir(store->os, dir) == 0)
        r = history_file_append(&source, &pile->addition, &file, &created);
    if (r == 0 && created)
        r = os_sync_dir(store->os, dir);
    if (r < 0) {
        os_close(file);
        r = give_up(history, dir, path, r);
    } else if (file != NULL) {
        writing->files[writing->count++] = file;
    }
    if (r == 0 && writing->count == FILES_TO_SYNC)
        r = sync_files(writing);

out:
    mem_free(database);
    mem_free(folder);
    mem_free(path);
    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}

static int add_piles(struct history *history, struct reading *reading)
{
    struct writing writing = {.count = 0};
    struct pile *pile;
    size_t at = 0;
    int r = 0;
    int synced;

    while (r == 0 && (pile = map_next(&reading->piles, &at, NULL)) != NULL)
        r = add_pile(history, pile, reading->end_lsn, &writing);
    synced = sync_files(&writing);
    if (r == 0)
        r = synced;
    if (r == 0)
        r = os_sync_dir(history->store->os, history->dir);
    return r < 0 ? err_pass(r) : 0;
}

static int read_segment(struct reading *reading, const char *path)
{
    struct journal_reader *reader = NULL;
    struct err_text why;
    int r = journal_reader_open_file(&reader, reading->history->store->os, path, &why);

    if (r == 0)
        r = journal_reader_walk(reader, sort_batch, reading);
    journal_reader_close(reader);
    return r < 0 ? err_pass(r) : r;
}

/* Whether an object's first commit goes on behind what is added. */
static bool any_birth_open(const struct reading *reading)
{
    const struct pile *pile;
    size_t at = 0;

    while ((pile = map_next(&reading->piles, &at, NULL)) != NULL)
        if (pile->birth.state == BIRTH_OPEN)
            return true;
    return false;
}

/* Where the rest cannot be read the object has not begun here: it gets an image. */
static void look_for_births(struct reading *reading)
{
    struct log *log = reading->history->store->log;
    uint64_t lsn = reading->end_lsn;
    char *path;

    while (lsn != UINT64_MAX && any_birth_open(reading) &&
           (path = segment_log_find(log, lsn, &lsn)) != NULL) {
        int r = read_segment(reading, path);

        mem_free(path);
        if (r != 0)
            return;
    }
}

/* What is in one segment, from the pin on. */
static int add_segment(struct history *history, const char *path, uint64_t end_lsn)
{
    struct reading reading = {.history = history, .from_lsn = history->pin.lsn, .end_lsn = end_lsn};
    int r = read_segment(&reading, path);

    if (r == 0) {
        look_for_births(&reading);
        r = add_piles(history, &reading);
    }
    reading_fini(&reading);
    return r < 0 ? err_pass(r) : r;
}

/* Objects have a gap now: what there is counts no more. */
static void begin_anew(struct history *history)
{
    int r = forget_epoch(history->store);

    log_error("point-in-time recovery begins anew: %s", err_trail());
    if (r < 0) {
        journal_fail(history->store->journal, r); /* or the gap would not be seen */
        history->off = true;
    } else if (open_epoch(history, now_ms(history)) < 0) {
        log_error("point-in-time recovery has stopped: %s", err_trail());
        history->off = true;
    }
}

/* Everything below `needed` that stands in segments which are complete. */
static void add_below(struct history *history, uint64_t needed, bool all)
{
    struct store *store = history->store;
    uint64_t end_lsn;
    char *path;

    pthread_mutex_lock(&history->mutex);
    while (!history->paused &&
           (path = segment_log_find(store->log, history->pin.lsn, &end_lsn)) != NULL) {
        uint64_t end = all && end_lsn > needed ? needed : end_lsn;
        int r;

        if (end > needed || end <= history->pin.lsn) {
            mem_free(path);
            break;
        }
        r = history->off ? 0 : add_segment(history, path, end);
        mem_free(path);
        if (r != 0)
            begin_anew(history);
        journal_repin(store->journal, &history->pin, end);
    }
    pthread_mutex_unlock(&history->mutex);
}

void history_round(struct history *history)
{
    if (history == NULL)
        return;
    add_below(history, journal_needed_beside(history->store->journal, &history->pin), false);
}

void history_finish(struct history *history)
{
    if (history == NULL || history->pin.lsn == 0)
        return;
    add_below(history, journal_needed_beside(history->store->journal, &history->pin), true);
    journal_unpin(history->store->journal, &history->pin);
    history->pin.lsn = 0;
}

/* ---- trimming ---- */

/* What replaces a file, or removes it, is durable before anything is added: that would be in a file
 * without a name. */
static int trim_file(struct history *history, const char *path)
{
    struct store *store = history->store;
    struct history_file_source source = {
        .os = store->os,
        .path = path,
        .epoch = history->epoch.number,
        .bounds = {history_oldest_ms(history), store->options.history_bytes},
    };
    char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
    bool changed;
    int r = history_file_trim(&source, &changed);

    if (r < 0 && !changed)
        log_warn("%s: the history of this object is not shortened: %s", path, err_name(r));
    if (r == 0 && changed && !MUTANT(63))
        r = os_sync_dir(store->os, dir);
    r = r < 0 && changed ? give_up(history, dir, path, r) : 0;
    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}

/* False: not now. */
static bool trim_next(struct history *history)
{
    char *path = NULL;
    size_t len;

    if (!history->paused && !history->off)
        path = history_sweep_next(&history->sweep);
    if (path == NULL)
        return false;
    len = strlen(path);
    if (strcmp(path + len - 4, ".new") == 0)
        os_unlink(history->store->os, path);
    else if (trim_file(history, path) < 0)
        begin_anew(history);
    mem_free(path);
    return true;
}

void history_trim(struct history *history)
{
    uint64_t start_ns;
    bool more = history != NULL;

    start_ns = more ? os_monotonic_ns(history->store->os) : 0;
    while (more) {
        pthread_mutex_lock(&history->mutex);
        more = trim_next(history);
        pthread_mutex_unlock(&history->mutex);
        more = more && os_monotonic_ns(history->store->os) - start_ns < TRIM_NS;
    }
}

void history_pause(struct history *history)
{
    if (history == NULL)
        return;
    pthread_mutex_lock(&history->mutex); /* what is being added is complete */
    history->paused = true;
    pthread_mutex_unlock(&history->mutex);
}

void history_resume(struct history *history)
{
    if (history != NULL)
        history->paused = false;
}

/* ---- images ---- */

int64_t history_oldest_ms(const struct history *history)
{
    const struct store *store = history->store;

    return os_wall_ns(store->os) / 1000000 - (int64_t)store->options.history_days * MS_PER_DAY;
}

/* While the journal is read for one object. */
struct search {
    struct history_replay *replay;
    struct err_text *why;
    uint32_t namespace_number;
    const uint8_t *id;
    struct history_epoch epoch;
    bool begun; /* there is something to replay over */
    struct history_birth birth;
};

/* Over nothing, until it is known that there was something. */
static int search_birth(struct search *search, const struct record *record, uint64_t lsn,
                        int64_t written_ms, struct bytes encoded)
{
    struct history_replay *replay = search->replay;
    bool open = search->birth.state == BIRTH_OPEN;

    if (open && !history_knows(&search->epoch, &replay->until) &&
        !history_reached(&replay->until, lsn, written_ms))
        search->birth.state = BIRTH_FALSE;
    search->begun = history_birth_take(&search->birth, record) == BIRTH_TRUE;
    if (search->birth.state != BIRTH_FALSE)
        return history_replay_take(replay, lsn, written_ms, encoded, search->why);
    if (open) {
        buf_clear(&replay->pending);
        replay->last_lsn = 0;
    }
    replay->beyond |= !history_reached(&replay->until, lsn, written_ms);
    return 0;
}

static int search_batch(void *data, const struct journal_file *file, uint64_t offset,
                        const struct batch *batch)
{
    struct search *search = data;
    struct bytes rest = batch->records;
    uint64_t lsn = batch->first_lsn;
    struct record record;
    int r = 0;

    (void)file;
    (void)offset;
    for (uint32_t i = 0; i < batch->record_count && r == 0; i++, lsn++) {
        struct bytes before = rest;

        if (record_parse(&rest, &record) != 0)
            return err_raise(-EIO);
        if (record.namespace_number != search->namespace_number ||
            memcmp(record.id, search->id, STORE_ID_SIZE) != 0)
            continue;
        before = bytes_slice(before, 0, before.len - rest.len);
        r = search->begun
                ? history_replay_take(search->replay, lsn, batch->written_ms, before, search->why)
                : search_birth(search, &record, lsn, batch->written_ms, before);
    }
    return r;
}

static int read_journal(struct history *history, struct search *search)
{
    char *dir = mem_format("%s/journal", history->store->dir);
    struct journal_reader *reader = NULL;
    int r = journal_reader_open(&reader, history->store->os, dir, search->why);

    if (r == 0)
        r = journal_reader_walk(reader, search_batch, search);
    journal_reader_close(reader);
    mem_free(dir);
    return r < 0 ? err_pass(r) : r;
}

/* The object's file is the beginning: good only for the state that comes out when everything that
 * the journal has is replayed over it. */
static int start_with_file(struct history *history, struct search *search)
{
    struct history_replay *replay = search->replay;
    struct os_file *file = NULL;
    char *dir = NULL;
    char *path = NULL;
    uint64_t size = 0;
    size_t got;
    int r;

    if (!store_object_path(history->store, search->namespace_number, search->id, &dir, &path))
        return err_raise(-ENOENT);
    r = os_open(history->store->os, path, OS_READ, &file);
    if (r == 0)
        r = os_file_size(file, &size);
    if (r == 0)
        r = history_image_resize(&replay->image, (uint32_t)(size / PAGE_BYTES), search->why);
    if (r == 0)
        r = os_pread(file, replay->image.data, (size_t)size, 0, &got);
    else if (r == OS_OPEN_MISSING && file == NULL)
        r = 0; /* never written: an object without a past */
    os_close(file);
    mem_free(dir);
    mem_free(path);
    search->begun = true;
    return r < 0 ? err_pass(r) : r;
}

static int replay_all(struct history *history, struct search *search)
{
    struct history_replay *replay = search->replay;
    bool found = false;
    char *dir = NULL;
    char *path = file_path(history, search->namespace_number, search->id, &dir);
    struct history_file_source source = {
        .os = history->store->os, .path = path, .added_lsn = history->pin.lsn};
    int r = path == NULL
                ? err_raise(-ENOENT)
                : history_file_replay(&source, &history->epoch, replay, &found, search->why);

    mem_free(path);
    mem_free(dir);
    search->begun = found;
    if (r == 0 && !replay->beyond)
        r = read_journal(history, search);
    if (r != 0 || search->begun)
        return r < 0 ? err_pass(r) : r;
    /* No history file, and the journal does not have its beginning. */
    if (replay->beyond || !history_rested(&history->epoch, &replay->until)) {
        err_text_set(search->why, "The history of this object does not reach back that far.");
        return HISTORY_MISSING;
    }
    r = start_with_file(history, search);
    if (r == 0)
        r = read_journal(history, search);
    return r < 0 ? err_pass(r) : r;
}

int history_image(struct history *history, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct bookmark *until,
                  struct history_image *image, struct err_text *why)
{
    struct history_replay replay = {.until = *until};
    struct search search = {
        .replay = &replay, .why = why, .namespace_number = namespace_number, .id = id};
    int r;

    if (history->off) {
        err_text_set(why, "Point-in-time recovery has stopped: the log says why.");
        return HISTORY_MISSING;
    }
    pthread_mutex_lock(&history->mutex);
    search.epoch = history->epoch;
    r = replay_all(history, &search);
    pthread_mutex_unlock(&history->mutex);
    if (r == 0) {
        *image = replay.image;
        replay.image = (struct history_image){0};
    }
    history_replay_fini(&replay);
    return r < 0 ? err_pass(r) : r;
}

/* ---- orders ---- */

int history_order(struct history *history, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct history_order *order)
{
    char *dir = mem_format("%s/orders", history->dir);
    char *path = order_path(history, namespace_number, id);
    struct history_order earlier;
    bool is_new;
    int r;

    pthread_mutex_lock(&history->mutex);
    is_new = !history_ordered(history, namespace_number, id, &earlier);
    r = write_file(history->store->os, dir, path, bytes_of(order, sizeof *order));
    if (r == 0 && is_new)
        history->order_count++;
    pthread_mutex_unlock(&history->mutex);
    mem_free(path);
    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}

bool history_ordered(struct history *history, uint32_t namespace_number,
                     const uint8_t id[STORE_ID_SIZE], struct history_order *order)
{
    bool there = false;
    char *path;

    if (history == NULL || history->order_count == 0)
        return false;
    path = order_path(history, namespace_number, id);
    if (read_file(history->store->os, path, order, sizeof *order, sizeof *order, &there) < 0)
        log_error("%s: it cannot be read", path);
    mem_free(path);
    return there;
}

int history_forget_order(struct history *history, uint32_t namespace_number,
                         const uint8_t id[STORE_ID_SIZE])
{
    char *dir = mem_format("%s/orders", history->dir);
    char *path = order_path(history, namespace_number, id);
    int r = os_unlink(history->store->os, path);

    if (r == 0) {
        history->order_count--;
        r = os_sync_dir(history->store->os, dir);
    }
    mem_free(path);
    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}
