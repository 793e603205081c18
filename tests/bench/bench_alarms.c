/*
 * Alarms beside a million that are pending: one line per number.
 *
 *     bench_alarms [folder [pending [seconds]]]
 *
 * The pending ones are rows of the alarm table whose objects do not exist: making a million
 * databases would measure something else. A tenth of them is overdue when the store is opened, the
 * others are due over the hours to come, a thousand in each second. Then a thousand real objects
 * set alarms as fast as they can, and all that comes due for some seconds is taken and settled.
 */

#include <poll.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_index.h"
#include "store/database.h"
#include "store/store.h"

#define OBJECTS       1000
#define SET_SECONDS   4
#define QUIET_MS      15000 /* then the pending ones begin to come due */
#define IN_FLIGHT     256
#define DUE_PER_S     1000
#define TAKEN_AT_ONCE 64 /* as the actors do */
#define SAMPLES_MAX   1000000

struct bench {
    struct os *os;
    char dir[512];
    unsigned pending;
    struct store *store;
    struct store_shard *shard;
    uint32_t ns;
    struct database *objects[OBJECTS];
    int64_t first_due_us; /* of what is not overdue */
    int wake_pipe[2];
    uint64_t durable_lsn;

    struct alarm taken[TAKEN_AT_ONCE];
    unsigned taken_count;
    uint32_t *late_us;
    size_t late_count;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_alarms: %s: %s\n", what, why);
    exit(1);
}

static void wake(void *data)
{
    struct bench *bench = data;

    if (write(bench->wake_pipe[1], "", 1) < 0)
        return;
}

static void durable(void *data, uint64_t lsn, int fault)
{
    struct bench *bench = data;

    if (fault < 0)
        fail("journal", err_name(fault));
    bench->durable_lsn = lsn;
}

static void open_store(struct bench *bench)
{
    struct store_options options = {
        .os = bench->os, .dir = bench->dir, .shard_count = 1, .sync = true};
    struct store_shard_listener listener = {.wake = wake, .durable = durable, .data = bench};
    struct err_text why;

    if (store_open(&bench->store, &options, &why) != 0)
        fail("open", why.text);
    bench->shard = store_shard_create(bench->store, 0, &listener);
    if (store_namespace(bench->store, "bench-Object", &bench->ns) != 0)
        fail("namespace", "");
}

static void close_store(struct bench *bench)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        database_close(bench->objects[i]);
        bench->objects[i] = NULL;
    }
    store_shard_destroy(bench->shard);
    store_close(bench->store);
}

static void make_id(unsigned number, uint8_t id[STORE_ID_SIZE])
{
    uint64_t x = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    for (unsigned i = 0; i < STORE_ID_SIZE; i++) {
        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        id[i] = (uint8_t)(x >> 32);
    }
}

static int64_t now_us(struct bench *bench)
{
    return os_wall_ns(bench->os) / 1000;
}

static double seconds_since(struct bench *bench, uint64_t start_ns)
{
    return (double)(os_monotonic_ns(bench->os) - start_ns) / 1e9;
}

static double resident_mb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* The store is closed: its table is an ordinary database. */
static void fill_table(struct bench *bench)
{
    char path[600];
    sqlite3 *sql;
    sqlite3_stmt *insert;
    int64_t now_ms = now_us(bench) / 1000;

    snprintf(path, sizeof path, "%s/alarms.sqlite", bench->dir);
    if (sqlite3_open(path, &sql) != SQLITE_OK ||
        sqlite3_exec(sql, "PRAGMA synchronous = OFF; BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(sql, "INSERT INTO alarm VALUES (?1, ?2, ?3, ?3, 0, NULL)", -1, &insert,
                           NULL) != SQLITE_OK)
        fail(path, sqlite3_errmsg(sql));
    for (unsigned i = 0; i < bench->pending; i++) {
        uint8_t id[STORE_ID_SIZE];
        int64_t overdue = bench->pending / 10;
        int64_t due_ms = now_ms + ((int64_t)i - overdue) * 1000 / DUE_PER_S;

        make_id(OBJECTS + i, id);
        sqlite3_bind_int64(insert, 1, bench->ns);
        sqlite3_bind_blob(insert, 2, id, sizeof id, SQLITE_STATIC);
        /* What is not overdue begins in a while, when the rest has been measured. */
        sqlite3_bind_int64(insert, 3, (int64_t)i < overdue ? due_ms : due_ms + QUIET_MS);
        if (sqlite3_step(insert) != SQLITE_DONE)
            fail("insert", sqlite3_errmsg(sql));
        sqlite3_reset(insert);
    }
    bench->first_due_us = now_us(bench) + QUIET_MS * 1000;
    sqlite3_finalize(insert);
    if (sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        fail("commit", sqlite3_errmsg(sql));
    sqlite3_close(sql);
}

/* Until something is durable, an alarm is due or `us_max` have passed. */
static void wait_a_little(struct bench *bench, int64_t us_max)
{
    struct pollfd ready = {.fd = bench->wake_pipe[0], .events = POLLIN};
    int64_t next_ms = alarm_index_next_ms(bench->shard);
    int64_t now = now_us(bench);
    int64_t us =
        next_ms != INT64_MAX && next_ms * 1000 - now < us_max ? next_ms * 1000 - now : us_max;
    char buffer[256];

    if (us < 0)
        us = 0;
    if (us > us_max)
        us = us_max;
    if (poll(&ready, 1, (int)((us + 999) / 1000)) == 1 &&
        read(bench->wake_pipe[0], buffer, sizeof buffer) < 0)
        fail("read", "pipe");
    store_shard_poll(bench->shard);
}

static void due(void *data, const struct alarm *alarm)
{
    struct bench *bench = data;
    int64_t late = now_us(bench) - alarm->run_ms * 1000;

    if (bench->late_count < SAMPLES_MAX)
        bench->late_us[bench->late_count++] = late > 0 ? (uint32_t)late : 0;
    bench->taken[bench->taken_count++] = *alarm;
}

static unsigned take(struct bench *bench)
{
    unsigned count;

    bench->taken_count = 0;
    count = alarm_index_take(bench->shard, now_us(bench) / 1000, TAKEN_AT_ONCE, due, bench);
    for (unsigned i = 0; i < count; i++)
        alarm_index_finish(bench->shard, &bench->taken[i]);
    return count;
}

static void bench_start(struct bench *bench)
{
    uint64_t start = os_monotonic_ns(bench->os);
    double before = resident_mb();
    unsigned overdue = bench->pending / 10;
    unsigned fired = 0;

    open_store(bench);
    printf("start   with %u pending: %.0f ms\n", bench->pending,
           seconds_since(bench, start) * 1000);
    start = os_monotonic_ns(bench->os);
    while (fired < overdue) {
        unsigned count = take(bench);

        fired += count;
        if (count == 0)
            wait_a_little(bench, 1000000);
    }
    printf("overdue %u handed out in %.2f s (%.0f/s); memory +%.0f MB\n", overdue,
           seconds_since(bench, start), overdue / seconds_since(bench, start),
           resident_mb() - before);
}

static void set_alarm(struct bench *bench, unsigned number, int64_t time_ms, uint64_t *lsn)
{
    uint8_t id[STORE_ID_SIZE];
    struct err_text why = {""};

    if (bench->objects[number] == NULL) {
        make_id(number, id);
        if (database_open(&bench->objects[number], bench->shard, bench->ns, id, NULL, &why) != 0)
            fail("database_open", why.text);
    }
    if (database_set_alarm(bench->objects[number], time_ms, NULL, &why) != 0 ||
        database_commit(bench->objects[number], lsn, &why) != 0)
        fail("set_alarm", why.text);
}

static void bench_set(struct bench *bench)
{
    uint64_t lsns[IN_FLIGHT] = {0};
    int64_t later_ms = now_us(bench) / 1000 + 3600000;
    unsigned count = 0;
    uint64_t start;

    for (unsigned i = 0; i < OBJECTS; i++) /* makes the databases */
        set_alarm(bench, i, later_ms, &lsns[i % IN_FLIGHT]);
    start = os_monotonic_ns(bench->os);
    while (seconds_since(bench, start) < SET_SECONDS) {
        store_shard_hold(bench->shard); /* as a turn of actor/ does */
        do {
            set_alarm(bench, count % OBJECTS, later_ms + count, &lsns[count % IN_FLIGHT]);
            count++;
        } while (lsns[count % IN_FLIGHT] <= bench->durable_lsn);
        store_shard_let_go(bench->shard);
        while (lsns[count % IN_FLIGHT] > bench->durable_lsn)
            wait_a_little(bench, 1000000);
    }
    printf("set     %d objects, %d in flight: %.0f/s\n", OBJECTS, IN_FLIGHT,
           count / seconds_since(bench, start));
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The pending ones come due a thousand in each second; beside them an object sets a new one all the
 * time, 50 ms ahead. */
static void bench_lateness(struct bench *bench, unsigned seconds)
{
    uint64_t start;
    unsigned number = 0;
    uint64_t lsn;

    while (now_us(bench) < bench->first_due_us) {
        take(bench);
        wait_a_little(bench, 100000);
    }
    bench->late_count = 0;
    start = os_monotonic_ns(bench->os);
    while (seconds_since(bench, start) < seconds) {
        set_alarm(bench, number++ % OBJECTS, now_us(bench) / 1000 + 50, &lsn);
        if (take(bench) == 0)
            wait_a_little(bench, 1000);
    }
    qsort(bench->late_us, bench->late_count, sizeof(uint32_t), compare);
    printf("fired   %.0f/s, late p50 %.1f ms, p99 %.1f ms, most %.1f ms\n",
           (double)bench->late_count / seconds, bench->late_us[bench->late_count / 2] / 1000.0,
           bench->late_us[bench->late_count * 99 / 100] / 1000.0,
           bench->late_us[bench->late_count - 1] / 1000.0);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    char remove[600];

    bench.os = os_real();
    bench.pending = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000000;
    snprintf(bench.dir, sizeof bench.dir, "%s/bench_alarms.%ld", argc > 1 ? argv[1] : "/tmp",
             (long)getpid());
    bench.late_us = mem_new_array(uint32_t, SAMPLES_MAX);
    memset(bench.late_us, 0, SAMPLES_MAX * sizeof(uint32_t));
    if (pipe(bench.wake_pipe) != 0)
        fail("pipe", "");
    setvbuf(stdout, NULL, _IOLBF, 0);

    open_store(&bench);
    close_store(&bench);
    fill_table(&bench);
    bench_start(&bench);
    bench_set(&bench);
    bench_lateness(&bench, argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 5);
    close_store(&bench);

    mem_free(bench.late_us);
    snprintf(remove, sizeof remove, "rm -rf '%s'", bench.dir);
    return system(remove) == 0 ? 0 : 1;
}
