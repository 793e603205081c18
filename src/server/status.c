#include "server/status.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "actor/shard.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/store.h"

struct status {
    pthread_mutex_t mutex;
    char *url; /* owned; NULL: nobody listens */
    unsigned versions;
    int64_t started_ms; /* wall clock */
    int64_t deployed_ms;
};

/* What is printed, gathered in one go. */
struct shown {
    int64_t now_ms;
    int64_t started_ms;
    int64_t deployed_ms;
    unsigned versions;
    char *url; /* owned */
    uint64_t memory_bytes;
    struct store_counts store;
    unsigned shard_count;
    bool answered[LIMIT_SHARDS];
    struct shard_counts shards[LIMIT_SHARDS];
};

struct column {
    const char *heading;
    const char *metric;
    const char *help;
    size_t offset; /* in struct shard_counts */
    bool wide;     /* a uint64_t that only grows, not a size_t of now */
};

#define NOW(field)   offsetof(struct shard_counts, field), false
#define SINCE(field) offsetof(struct shard_counts, field), true

/* clang-format off */
static const struct column columns[] = {
    {"objects", "objects", "Objects that are remembered, awake or not.", NOW(objects)},
    {"awake", "instances", "Objects that are constructed.", NOW(instances)},
    {"sockets", "sockets", "Hibernatable WebSockets that are open.", NOW(accepted)},
    {"databases", "databases_open", "Databases that are open.", NOW(databases_open)},
    {"waiting", "events_waiting", "Events that wait for their object.", NOW(events_waiting)},
    {"events", "events_total", "Events that were delivered.", SINCE(events)},
    {"alarms", "alarms_total", "Alarms that were run.", SINCE(alarms)},
    {"evictions", "evictions_total", "Objects that left memory for being idle.", SINCE(evictions)},
    {"resets", "resets_total", "Objects that were reset.", SINCE(resets)},
};

/* clang-format on */

enum {
    COLUMNS = sizeof columns / sizeof *columns,
};

static int64_t now_ms(void)
{
    return os_wall_ns(os_real()) / 1000000;
}

struct status *status_create(void)
{
    struct status *status = mem_new(struct status);

    pthread_mutex_init(&status->mutex, NULL);
    status->started_ms = now_ms();
    return status;
}

void status_destroy(struct status *status)
{
    if (status == NULL)
        return;
    pthread_mutex_destroy(&status->mutex);
    mem_free(status->url);
    mem_free(status);
}

void status_listening(struct status *status, const char *url)
{
    pthread_mutex_lock(&status->mutex);
    mem_free(status->url);
    status->url = mem_strdup(url);
    pthread_mutex_unlock(&status->mutex);
}

void status_deployed(struct status *status)
{
    pthread_mutex_lock(&status->mutex);
    status->versions++;
    status->deployed_ms = now_ms();
    pthread_mutex_unlock(&status->mutex);
}

/* ---- gathering ---- */

static uint64_t memory_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct shown *gather(struct status *status, struct store *store, struct shard_group *group)
{
    struct shown *shown = mem_new(struct shown);

    pthread_mutex_lock(&status->mutex);
    shown->started_ms = status->started_ms;
    shown->deployed_ms = status->deployed_ms;
    shown->versions = status->versions;
    shown->url = mem_strdup(status->url);
    pthread_mutex_unlock(&status->mutex);
    shown->now_ms = now_ms();
    shown->memory_bytes = memory_bytes();
    store_count(store, &shown->store);
    shown->shard_count = group != NULL ? shard_group_count(group) : 0;
    for (unsigned i = 0; i < shown->shard_count; i++)
        shown->answered[i] = shard_group_counts(group, i, &shown->shards[i]);
    return shown;
}

static void shown_free(struct shown *shown)
{
    mem_free(shown->url);
    mem_free(shown);
}

static uint64_t value_of(const struct column *column, const struct shard_counts *counts)
{
    const void *at = (const char *)counts + column->offset;

    return column->wide ? *(const uint64_t *)at : *(const size_t *)at;
}

/* ---- for people ---- */

static void print_ago(struct buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000;

    if (seconds < 120)
        buf_append_format(out, "%" PRId64 " s", seconds);
    else if (seconds < 2 * 3600)
        buf_append_format(out, "%" PRId64 " min", seconds / 60);
    else if (seconds < 2 * 86400)
        buf_append_format(out, "%" PRId64 " h", seconds / 3600);
    else
        buf_append_format(out, "%" PRId64 " days", seconds / 86400);
}

static void print_shards(const struct shown *shown, struct buf *out)
{
    buf_append_format(out, "\n%-8s", "shard");
    for (size_t i = 0; i < COLUMNS; i++)
        buf_append_format(out, " %10s", columns[i].heading);
    for (unsigned shard = 0; shard < shown->shard_count; shard++) {
        buf_append_format(out, "\n%-8u", shard);
        if (!shown->answered[shard])
            buf_append_format(out, " does not answer: code is running that does not give way");
        for (size_t i = 0; i < COLUMNS && shown->answered[shard]; i++)
            buf_append_format(out, " %10" PRIu64, value_of(&columns[i], &shown->shards[shard]));
    }
    buf_append_byte(out, '\n');
}

void status_print(struct status *status, struct store *store, struct shard_group *group,
                  struct buf *out)
{
    struct shown *shown = gather(status, store, group);

    buf_append_format(out, "dormouse " DORMOUSE_VERSION ", process %d, running for ", getpid());
    print_ago(out, shown->now_ms - shown->started_ms);
    buf_append_format(out, "\n%s%s\n", shown->url != NULL ? "listening on " : "nobody listens",
                      shown->url != NULL ? shown->url : "");
    buf_append_format(out, "version %u of the project, for ", shown->versions);
    print_ago(out, shown->now_ms - shown->deployed_ms);
    buf_append_format(out, "\nmemory %.0f MB\n", (double)shown->memory_bytes / 1e6);
    buf_append_format(out, "journal: %" PRIu64 " records, %u segments in use, %u free\n",
                      shown->store.durable_lsn, shown->store.segments_in_use,
                      shown->store.segments_free);
    if (shown->shard_count > 0)
        print_shards(shown, out);
    shown_free(shown);
}

/* ---- for a monitor ---- */

static void print_head(struct buf *out, const char *name, const char *kind, const char *help)
{
    buf_append_format(out, "# HELP dormouse_%s %s\n# TYPE dormouse_%s %s\n", name, help, name,
                      kind);
}

static void print_one(struct buf *out, const char *name, const char *kind, const char *help,
                      double value)
{
    print_head(out, name, kind, help);
    buf_append_format(out, "dormouse_%s %.15g\n", name, value);
}

void status_print_metrics(struct status *status, struct store *store, struct shard_group *group,
                          struct buf *out)
{
    struct shown *shown = gather(status, store, group);

    print_one(out, "start_time_seconds", "gauge", "When the process began, seconds since 1970.",
              (double)shown->started_ms / 1e3);
    print_one(out, "deploy_time_seconds", "gauge", "When the version that serves was deployed.",
              (double)shown->deployed_ms / 1e3);
    print_one(out, "versions_total", "counter", "Versions of the project so far.", shown->versions);
    print_one(out, "memory_bytes", "gauge", "Resident memory.", (double)shown->memory_bytes);
    print_one(out, "journal_records_total", "counter", "Records in the journal, over all time.",
              (double)shown->store.durable_lsn);
    print_one(out, "journal_segments_in_use", "gauge", "Segments with records that are needed.",
              shown->store.segments_in_use);
    print_one(out, "journal_segments_free", "gauge", "Segments that are ready.",
              shown->store.segments_free);
    for (size_t i = 0; i < COLUMNS; i++) {
        print_head(out, columns[i].metric, columns[i].wide ? "counter" : "gauge", columns[i].help);
        for (unsigned shard = 0; shard < shown->shard_count; shard++)
            if (shown->answered[shard])
                buf_append_format(out, "dormouse_%s{shard=\"%u\"} %" PRIu64 "\n", columns[i].metric,
                                  shard, value_of(&columns[i], &shown->shards[shard]));
    }
    print_head(out, "shard_answers", "gauge", "0: code is running there that does not give way.");
    for (unsigned shard = 0; shard < shown->shard_count; shard++)
        buf_append_format(out, "dormouse_shard_answers{shard=\"%u\"} %d\n", shard,
                          shown->answered[shard]);
    shown_free(shown);
}
