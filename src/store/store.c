#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_index.h"
#include "store/alarm_note.h"
#include "store/alarm_table.h"
#include "store/history.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/log.h"
#include "store/namespaces.h"
#include "store/recovery.h"
#include "store/segment_log.h"
#include "store/sql_guard.h"
#include "store/store_parts.h"

/*
 *     <dir>/version              "dormouse data 1"
 *     <dir>/lock                 held, with the pid in it
 *     <dir>/namespaces           numbers of unique keys
 *     <dir>/journal/segment-NNNN
 *     <dir>/do/<unique key>/<id in hex>.sqlite
 *     <dir>/alarms.sqlite
 */

#define VERSION_HEAD   "dormouse data "
#define VERSION_NUMBER 1

/* ---- the folder ---- */

/* Makes one folder, durably. A folder above that may not be read was not made by us either. */
static int make_one_folder(struct os *os, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash == NULL   ? mem_strdup(".")
                   : slash == path ? mem_strdup("/")
                                   : mem_strndup(path, (size_t)(slash - path));
    int r = os_mkdir(os, path);

    if (r == 0)
        r = os_sync_dir(os, parent);
    mem_free(parent);
    return r == -EACCES || r == -EPERM ? 0 : r < 0 ? err_pass(r) : 0;
}

/* Makes the folder and those above it. */
static int make_folders(struct os *os, const char *dir)
{
    char *path = mem_strdup(dir);
    int r = 0;

    for (char *at = path + 1; r == 0 && *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        r = make_one_folder(os, path);
        *at = '/';
    }
    if (r == 0)
        r = make_one_folder(os, path);
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

static int make_folder_in(struct store *store, const char *name)
{
    char *path = mem_format("%s/%s", store->dir, name);
    int r = os_mkdir(store->os, path);

    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

static int read_text(struct os_file *file, char *text, size_t cap)
{
    size_t got = 0;
    int r = os_pread(file, text, cap - 1, 0, &got);

    text[got] = '\0';
    return r < 0 ? err_pass(r) : 0;
}

static int take_lock(struct store *store, struct err_text *why)
{
    char *path = mem_format("%s/lock", store->dir);
    char text[32];
    int r = os_open(store->os, path, OS_READ | OS_WRITE | OS_CREATE, &store->lock);

    if (r == 0)
        r = os_lock(store->lock);
    if (r == OS_LOCK_TAKEN) {
        r = read_text(store->lock, text, sizeof text);
        text[strcspn(text, "\n")] = '\0';
        err_text_set(why,
                     "%s is in use by another process (pid %s): stop it, or choose another data "
                     "directory",
                     store->dir, r == 0 && text[0] != '\0' ? text : "unknown");
        r = STORE_OPEN_LOCKED;
    } else if (r == 0) {
        int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());

        r = os_ftruncate(store->lock, 0);
        if (r == 0)
            r = os_pwrite(store->lock, text, (size_t)len, 0);
    }
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

static int write_version(struct store *store, const char *path)
{
    char *fresh = mem_format("%s.new", path);
    struct os_file *file = NULL;
    char text[64];
    int len = snprintf(text, sizeof text, VERSION_HEAD "%d\n", VERSION_NUMBER);
    int r = os_open(store->os, fresh, OS_WRITE | OS_CREATE | OS_TRUNCATE, &file);

    if (r == 0)
        r = os_pwrite(file, text, (size_t)len, 0);
    if (r == 0)
        r = os_fdatasync(file);
    os_close(file);
    if (r == 0)
        r = os_rename(store->os, fresh, path);
    if (r == 0)
        r = os_sync_dir(store->os, store->dir);
    mem_free(fresh);
    return r == 0 ? 0 : err_raise(r < 0 ? r : -ENOENT);
}

static int check_version(struct store *store, struct err_text *why)
{
    char *path = mem_format("%s/version", store->dir);
    struct os_file *file = NULL;
    char text[64];
    int number;
    int r = os_open(store->os, path, OS_READ, &file);

    if (r == OS_OPEN_MISSING) {
        r = write_version(store, path);
        goto out;
    }
    if (r == 0)
        r = read_text(file, text, sizeof text);
    os_close(file);
    if (r != 0)
        goto out;
    if (sscanf(text, VERSION_HEAD "%d", &number) != 1) {
        err_text_set(why, "%s is not what Dormouse writes there", path);
        r = STORE_OPEN_DAMAGED;
    } else if (number > VERSION_NUMBER) {
        err_text_set(why,
                     "%s was written by a newer version of Dormouse (data format %d, this one "
                     "knows %d): use that version",
                     store->dir, number, VERSION_NUMBER);
        r = STORE_OPEN_NEWER;
    }

out:
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

/* A process that died may have left names that can be seen but are not on the disk yet; what is
 * built on them from here on must not go with them. */
static int sync_folders(struct store *store)
{
    char *journal = mem_format("%s/journal", store->dir);
    char *objects = mem_format("%s/do", store->dir);
    int r = os_sync_dir(store->os, store->dir);

    if (r == 0)
        r = os_sync_dir(store->os, journal);
    if (r == 0)
        r = os_sync_dir(store->os, objects);
    for (uint32_t i = 1; r == 0 && namespaces_key(store->namespaces, i) != NULL; i++) {
        char *folder = namespaces_folder(store->namespaces, i);

        r = os_sync_dir(store->os, folder);
        mem_free(folder);
        if (r == -ENOENT)
            r = 0; /* removed by hand */
    }
    mem_free(journal);
    mem_free(objects);
    return r < 0 ? err_pass(r) : 0;
}

static int prepare_folder(struct store *store, struct err_text *why)
{
    int r = make_folders(store->os, store->dir);

    if (r == 0)
        r = take_lock(store, why);
    if (r == 0)
        r = make_folder_in(store, "journal");
    if (r == 0)
        r = make_folder_in(store, "do");
    if (r == 0)
        r = check_version(store, why); /* syncs the folder when it is new */
    if (r == 0)
        r = namespaces_open(&store->namespaces, store->os, store->dir, why);
    if (r == 0)
        r = sync_folders(store);
    return r < 0 ? err_pass(r) : r;
}

/* ---- opening ---- */

static void note_durable(void *data, uint64_t lsn, struct list *notes)
{
    struct store *store = data;
    struct segment_log_counts counts;

    alarm_table_accept(store->alarms, lsn, notes);
    if (store->stopping)
        return;
    segment_log_count(store->log, &counts);
    if (counts.in_use * 2 > store->options.segment_count || counts.free < 2)
        keeper_ask(store->keeper, false);
}

static void note_scarce(void *data)
{
    struct store *store = data;

    if (store->options.stepped)
        keeper_round(store->keeper, true);
    else
        keeper_ask(store->keeper, true);
}

static int open_log(struct store *store, struct err_text *why)
{
    struct segment_log_options options = {
        .os = store->os,
        .dir = NULL,
        .size_bytes = store->options.segment_size_bytes,
        .count = store->options.segment_count,
        .count_max = store->options.segment_count * STORE_SEGMENTS_GROWTH,
        .sync = store->options.sync,
    };
    char *dir = mem_format("%s/journal", store->dir);
    int r;

    options.dir = dir;
    r = segment_log_open(&store->log, &options, why);
    mem_free(dir);
    return r < 0 ? err_pass(r) : r;
}

static void start_journal(struct store *store)
{
    struct journal_options options = {
        .log = store->log,
        .listener_count = store->options.shard_count + 1,
        .stepped = store->options.stepped,
        .durable = note_durable,
        .scarce = note_scarce,
        .data = store,
        .reserve_bytes = store->options.segment_size_bytes / 2,
    };

    store->guard = sql_guard_create(store->options.statement_limit_ms);
    store->keeper = keeper_create(store);
    store->alarms = alarm_table_create(store);
    store->journal = journal_create(&options);
}

static int open_all(struct store *store, struct err_text *why)
{
    struct list notes;
    uint64_t last_lsn = 0;
    int r;

    list_init(&notes);
    r = prepare_folder(store, why);
    if (r == 0)
        r = open_log(store, why);
    if (r == 0)
        r = recovery_run(&store->recovery, store, &notes, why);
    if (r == 0) {
        last_lsn = store->log->next_lsn - 1;
        start_journal(store);
        recovery_pin(store->recovery);
        alarm_table_accept(store->alarms, last_lsn, &notes);
        r = alarm_table_open(store->alarms);
    }
    if (r == 0)
        r = history_open(&store->history, store, last_lsn == 0);
    if (r == 0)
        r = keeper_round(store->keeper, true);
    if (r == 0)
        keeper_bring_recovered(store->keeper);
    if (r == 0 && !store->options.stepped)
        keeper_start(store->keeper);
    while (!list_empty(&notes))
        mem_free(container_of(list_pop_front(&notes), struct alarm_note, base.link));
    return r < 0 ? err_pass(r) : r;
}

/* SQLite counts its memory under one lock for the whole process unless told not to. */
static void configure_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void store_free(struct store *store)
{
    if (store->journal != NULL)
        store->stopping = true;
    if (store->keeper != NULL)
        keeper_stop(store->keeper);
    if (store->alarms != NULL)
        alarm_table_unpin(store->alarms); /* its statements, before the keeper's database */
    history_close(store->history);
    keeper_destroy(store->keeper);
    sql_guard_destroy(store->guard);
    if (store->journal != NULL)
        journal_destroy(store->journal);
    else if (store->log != NULL)
        store->log->ops->destroy(store->log);
    alarm_table_destroy(store->alarms);
    recovery_destroy(store->recovery);
    namespaces_close(store->namespaces);
    os_close(store->lock);
    mem_free(store->shards);
    mem_free(store->dir);
    mem_free(store);
}

int store_open(struct store **out, const struct store_options *options, struct err_text *why)
{
    static pthread_once_t configured = PTHREAD_ONCE_INIT;
    struct store *store = mem_new(struct store);
    int r;

    ASSERT(options->shard_count >= 1 && options->shard_count <= LIMIT_SHARDS);
    pthread_once(&configured, configure_sqlite);
    store->options = *options;
    if (store->options.segment_size_bytes == 0)
        store->options.segment_size_bytes = LIMIT_JOURNAL_SEGMENT_BYTES;
    if (store->options.segment_count == 0)
        store->options.segment_count = LIMIT_JOURNAL_SEGMENTS;
    if (store->options.history_bytes == 0)
        store->options.history_bytes = LIMIT_HISTORY_BYTES;
    ASSERT(store->options.segment_count >= STORE_SEGMENTS_MIN);
    ASSERT(store->options.segment_size_bytes >= STORE_SEGMENT_BYTES_MIN);
    store->os = options->os;
    store->dir = mem_strdup(options->dir);
    store->options.dir = store->dir;
    store->shards = mem_new_array(struct store_shard *, options->shard_count);
    store->wal_bytes_max = LIMIT_WAL_BYTES;
    r = open_all(store, why);
    if (r != 0) {
        if (r < 0)
            err_text_set(why, "%s: %s", options->dir, err_trail());
        store_free(store);
        return r < 0 ? err_pass(r) : r;
    }
    *out = store;
    return 0;
}

void store_close(struct store *store)
{
    int r;

    if (store == NULL)
        return;
    for (unsigned i = 0; i < store->options.shard_count; i++)
        ASSERT(store->shards[i] == NULL);
    keeper_stop(store->keeper);
    r = journal_flush(store->journal);
    if (r == 0)
        r = keeper_round(store->keeper, true);
    alarm_table_unpin(store->alarms);
    if (r == 0)
        r = keeper_finish(store->keeper);
    if (r == 0)
        history_finish(store->history);
    store->stopping = true;
    /* What a full disk kept out of its file is the next start's. */
    if (r == 0 && alarm_table_is_done(store->alarms) && journal_is_unpinned(store->journal))
        journal_stop(store->journal);
    store_free(store);
}

void store_step(struct store *store)
{
    ASSERT(store->options.stepped);
    journal_step(store->journal);
    keeper_round(store->keeper, false);
}

/* ---- names ---- */

int store_namespace(struct store *store, const char *unique_key, uint32_t *number)
{
    int r = namespaces_number(store->namespaces, unique_key, number);

    return r < 0 ? err_pass(r) : 0;
}

const char *store_namespace_key(struct store *store, uint32_t number)
{
    return namespaces_key(store->namespaces, number);
}

uint32_t store_namespace_find(struct store *store, const char *word, struct err_text *why)
{
    return namespaces_find(store->namespaces, word, why);
}

void store_count(struct store *store, struct store_counts *counts)
{
    struct segment_log_counts segments;

    segment_log_count(store->log, &segments);
    *counts = (struct store_counts){
        .segments_in_use = segments.in_use,
        .segments_free = segments.free,
        .durable_lsn = journal_durable_lsn(store->journal),
    };
}

bool store_object_path(struct store *store, uint32_t namespace_number,
                       const uint8_t id[STORE_ID_SIZE], char **dir, char **path)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};

    if (namespace_number == STORE_NAMESPACE) {
        *dir = mem_strdup(store->dir);
        *path = mem_format("%s/alarms.sqlite", store->dir);
        return true;
    }
    *dir = namespaces_folder(store->namespaces, namespace_number);
    if (*dir == NULL)
        return false;
    hex_encode(bytes_of(id, STORE_ID_SIZE), hex);
    *path = mem_format("%s/%s.sqlite", *dir, hex);
    return true;
}

/* The id's first bytes are as good as random (platform.md §2.2). */
unsigned store_partition(const uint8_t id[STORE_ID_SIZE])
{
    return ((unsigned)id[0] << 8 | id[1]) % STORE_PARTITION_COUNT;
}

unsigned store_shard_of(const struct store *store, const uint8_t id[STORE_ID_SIZE])
{
    return store_partition(id) * store->options.shard_count / STORE_PARTITION_COUNT;
}
