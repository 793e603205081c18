/*
 * What the store can do, without anything above it: one line per number.
 *
 *     bench_store [folder [parts [seconds]]]
 *                                parts: one many shards read kv alarm new recovery
 *                                seconds for each line
 *
 * One shard thread keeps as many commits in flight as the line says; each commit inserts one row of
 * about 100 bytes. `shards` has two of them share objects and commits, as the server does on
 * two cores. Beside it stands what the disk can do: writing and syncing 4 KB in a loop.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_index.h"
#include "store/database.h"
#include "store/kv.h"
#include "store/sql.h"
#include "store/store.h"

#define OBJECTS_MAX 10000
#define SAMPLES_MAX 2000000
#define FLIGHT_MAX  256
#define SHARDS      2

/* A full journal: it holds this much before the keeper makes its oldest half free. */
#define RECOVERY_BYTES (60u << 20)

struct flight {
    uint64_t lsn;
    uint64_t started_ns;
};

struct bench {
    struct os *os;
    uint64_t run_ns;
    char dir[512];
    struct store *store;
    struct store_shard *shard;
    uint32_t ns;
    struct database *objects[OBJECTS_MAX];
    unsigned first; /* the number of objects[0] */

    int wake_pipe[2];
    struct flight flights[FLIGHT_MAX]; /* a ring, oldest first */
    unsigned head, count;
    uint32_t *samples; /* us */
    size_t sample_count;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
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
    uint64_t now = os_monotonic_ns(bench->os);

    if (fault < 0)
        fail("journal", err_name(fault));
    while (bench->count > 0 && bench->flights[bench->head].lsn <= lsn) {
        if (bench->sample_count < SAMPLES_MAX)
            bench->samples[bench->sample_count++] =
                (uint32_t)((now - bench->flights[bench->head].started_ns) / 1000);
        bench->head = (bench->head + 1) % FLIGHT_MAX;
        bench->count--;
    }
}

static void wait_for_wake(struct bench *bench)
{
    char buffer[256];

    if (read(bench->wake_pipe[0], buffer, sizeof buffer) < 0)
        fail("read", "pipe");
    store_shard_poll(bench->shard);
}

static void open_shard(struct bench *bench, unsigned index)
{
    struct store_shard_listener listener = {.wake = wake, .durable = durable, .data = bench};

    bench->shard = store_shard_create(bench->store, index, &listener);
    if (store_namespace(bench->store, "bench-Object", &bench->ns) != 0)
        fail("namespace", "");
}

static void close_shard(struct bench *bench)
{
    for (unsigned i = 0; i < OBJECTS_MAX; i++) {
        database_close(bench->objects[i]);
        bench->objects[i] = NULL;
    }
    store_shard_destroy(bench->shard);
}

static void open_files(struct bench *bench, unsigned shard_count)
{
    struct store_options options = {
        .os = bench->os, .dir = bench->dir, .shard_count = shard_count, .sync = true};
    struct err_text why;

    if (store_open(&bench->store, &options, &why) != 0)
        fail("open", why.text);
}

static void open_store(struct bench *bench)
{
    open_files(bench, 1);
    open_shard(bench, 0);
}

static void close_store(struct bench *bench)
{
    close_shard(bench);
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

static struct database *object(struct bench *bench, unsigned number)
{
    uint8_t id[STORE_ID_SIZE];
    struct err_text why;

    if (bench->objects[number] == NULL) {
        make_id(bench->first + number, id);
        if (database_open(&bench->objects[number], bench->shard, bench->ns, id, NULL, &why) != 0)
            fail("database_open", why.text);
    }
    return bench->objects[number];
}

static void exec(struct database *db, const char *text, const struct sql_value *values,
                 size_t count)
{
    struct sql_cursor *cursor;
    struct err_text why;

    if (sql_exec(db, bytes_of_string(text), values, count, &cursor, &why) != 0)
        fail(text, why.text);
    sql_cursor_close(cursor);
}

static void commit(struct bench *bench, struct database *db, uint64_t started_ns)
{
    struct flight *flight = &bench->flights[(bench->head + bench->count) % FLIGHT_MAX];
    struct err_text why;

    if (database_commit(db, &flight->lsn, &why) != 0)
        fail("commit", why.text);
    if (flight->lsn == 0)
        return;
    flight->started_ns = started_ns;
    bench->count++;
}

static void insert(struct bench *bench, unsigned number)
{
    static const char text[] = "user-name what was said in the room, about a hundred bytes of it, "
                               "as such messages are";
    uint64_t started = os_monotonic_ns(bench->os);
    struct database *db = object(bench, number);
    struct sql_value values[2] = {{.type = SQL_REAL, .real = (double)(started / 1000000)},
                                  {.type = SQL_TEXT, .bytes = bytes_of(text, sizeof text - 1)}};

    exec(db, "INSERT INTO messages (at, text) VALUES (?, ?)", values, 2);
    commit(bench, db, started);
}

static void drain(struct bench *bench)
{
    store_shard_poll(bench->shard);
    while (bench->count > 0)
        wait_for_wake(bench);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Bytes that this process has given to the kernel to write. */
static double written_bytes(void)
{
    FILE *io = fopen("/proc/self/io", "r");
    char line[128];
    double bytes = 0;

    while (io != NULL && fgets(line, sizeof line, io) != NULL) {
        if (sscanf(line, "wchar: %lf", &bytes) == 1)
            break;
    }
    if (io != NULL)
        fclose(io);
    return bytes;
}

/* What a line is about, measured between begin() and print_rate(). */
struct measurement {
    uint64_t start_ns;
    double cpu;
    double bytes;
    uint64_t done;
};

static void begin(struct bench *bench, struct measurement *measured)
{
    bench->sample_count = 0;
    *measured = (struct measurement){
        .start_ns = os_monotonic_ns(bench->os), .cpu = cpu_s(), .bytes = written_bytes()};
}

static bool still_running(struct bench *bench, const struct measurement *measured)
{
    return os_monotonic_ns(bench->os) - measured->start_ns < bench->run_ns;
}

static void print_rate(struct bench *bench, const struct measurement *measured, const char *what,
                       unsigned in_flight, unsigned objects)
{
    double seconds = (double)(os_monotonic_ns(bench->os) - measured->start_ns) / 1e9;
    double done = (double)measured->done;

    qsort(bench->samples, bench->sample_count, sizeof *bench->samples, compare);
    printf("%-7s %3u in flight, %5u objects: %8.0f/s  p50 %5u us  p99 %5u us  cpu %.1f us  "
           "written %.0f B\n",
           what, in_flight, objects, done / seconds, bench->samples[bench->sample_count / 2],
           bench->samples[bench->sample_count * 99 / 100], (cpu_s() - measured->cpu) * 1e6 / done,
           (written_bytes() - measured->bytes) / done);
    fflush(stdout);
}

static void make_tables(struct bench *bench, unsigned objects)
{
    for (unsigned i = 0; i < objects; i++) {
        exec(object(bench, i),
             "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)",
             NULL, 0);
        if (bench->count == FLIGHT_MAX)
            drain(bench);
        commit(bench, object(bench, i), 0);
    }
    drain(bench);
}

static void keep_inserting(struct bench *bench, struct measurement *measured, unsigned in_flight,
                           unsigned objects)
{
    unsigned next = 0;

    while (still_running(bench, measured)) {
        store_shard_hold(bench->shard); /* as a turn of actor/ does */
        while (bench->count < in_flight) {
            insert(bench, next);
            next = (next + 1) % objects;
            measured->done++;
        }
        store_shard_let_go(bench->shard);
        wait_for_wake(bench);
    }
    drain(bench);
}

static void bench_inserts(struct bench *bench, unsigned in_flight, unsigned objects)
{
    struct measurement measured;

    make_tables(bench, objects);
    begin(bench, &measured);
    keep_inserting(bench, &measured, in_flight, objects);
    print_rate(bench, &measured, "insert", in_flight, objects);
}

/* One of the shards that share the work. */
struct part {
    struct bench bench;
    pthread_t thread;
    pthread_barrier_t *ready;
    struct measurement measured;
    unsigned index, in_flight, objects;
};

static void *run_part(void *data)
{
    struct part *part = data;
    struct bench *bench = &part->bench;

    open_shard(bench, part->index);
    make_tables(bench, part->objects);
    pthread_barrier_wait(part->ready);
    begin(bench, &part->measured);
    keep_inserting(bench, &part->measured, part->in_flight, part->objects);
    pthread_barrier_wait(part->ready);
    close_shard(bench);
    return NULL;
}

static void take_samples(struct bench *bench, const struct bench *from)
{
    for (size_t i = 0; i < from->sample_count && bench->sample_count < SAMPLES_MAX; i++)
        bench->samples[bench->sample_count++] = from->samples[i];
}

/* The same with a thread for each shard; each has its own share of the objects. */
static void bench_shards(struct bench *bench, unsigned in_flight, unsigned objects)
{
    struct part *parts = mem_new_array(struct part, SHARDS);
    struct measurement measured;
    pthread_barrier_t ready;

    open_files(bench, SHARDS);
    pthread_barrier_init(&ready, NULL, SHARDS + 1);
    for (unsigned i = 0; i < SHARDS; i++) {
        struct part *part = &parts[i];

        part->bench = (struct bench){.os = bench->os,
                                     .run_ns = bench->run_ns,
                                     .store = bench->store,
                                     .first = i * objects / SHARDS,
                                     .samples = mem_new_array(uint32_t, SAMPLES_MAX)};
        part->ready = &ready;
        part->index = i;
        part->in_flight = in_flight / SHARDS;
        part->objects = objects / SHARDS;
        if (pipe(part->bench.wake_pipe) != 0 ||
            pthread_create(&part->thread, NULL, run_part, part) != 0)
            fail("shard", "");
    }
    pthread_barrier_wait(&ready);
    begin(bench, &measured);
    pthread_barrier_wait(&ready);
    for (unsigned i = 0; i < SHARDS; i++) {
        measured.done += parts[i].measured.done;
        take_samples(bench, &parts[i].bench);
    }
    print_rate(bench, &measured, "shards", in_flight, objects);
    for (unsigned i = 0; i < SHARDS; i++) {
        pthread_join(parts[i].thread, NULL);
        mem_free(parts[i].bench.samples);
    }
    pthread_barrier_destroy(&ready);
    store_close(bench->store);
    mem_free(parts);
}

static void bench_new_objects(struct bench *bench)
{
    uint64_t start = os_monotonic_ns(bench->os);

    for (unsigned i = 0; i < OBJECTS_MAX; i++) {
        struct database *db = object(bench, i);

        exec(db, "CREATE TABLE messages (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)", NULL, 0);
        insert(bench, i);
        if (i >= 512) {
            database_close(bench->objects[i - 512]);
            bench->objects[i - 512] = NULL;
        }
        store_shard_poll(bench->shard);
        while (bench->count == FLIGHT_MAX)
            wait_for_wake(bench);
    }
    drain(bench);
    printf("new     %u objects with a table and a row, durable: %.2f s\n", OBJECTS_MAX,
           (double)(os_monotonic_ns(bench->os) - start) / 1e9);
}

static void bench_open(struct bench *bench)
{
    uint64_t start = os_monotonic_ns(bench->os);
    uint64_t took;

    for (unsigned i = 0; i < 1000; i++) {
        exec(object(bench, i), "SELECT count(*) FROM messages", NULL, 0);
        database_close(bench->objects[i]);
        bench->objects[i] = NULL;
    }
    took = os_monotonic_ns(bench->os) - start;
    printf("open    object with data, one query, close: %.1f us\n", (double)took / 1e6);
}

static void bench_reads(struct bench *bench)
{
    struct database *db = object(bench, 0);
    struct sql_value value = {.type = SQL_REAL, .real = 1};
    uint64_t start;

    exec(db, "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)",
         NULL, 0);
    insert(bench, 0);
    drain(bench);
    start = os_monotonic_ns(bench->os);

    for (unsigned i = 0; i < 200000; i++)
        exec(db, "SELECT text FROM messages WHERE id = ?", &value, 1);
    printf("read    one row by key: %.2f us\n",
           (double)(os_monotonic_ns(bench->os) - start) / 200000e3);
}

static void put(struct bench *bench, unsigned number, unsigned n)
{
    uint64_t started = os_monotonic_ns(bench->os);
    struct database *db = object(bench, number);
    char key[32];
    char value[64];

    snprintf(key, sizeof key, "key-%u", n % 1000);
    snprintf(value, sizeof value, "a value of some forty bytes, number %u", n);
    if (kv_put(db, bytes_of_string(key), bytes_of_string(value), NULL) != 0)
        fail("kv_put", "");
    commit(bench, db, started);
}

static void bench_kv(struct bench *bench, unsigned in_flight, unsigned objects)
{
    struct measurement measured;

    for (unsigned i = 0; i < objects; i++) {
        put(bench, i, i);
        if (bench->count == FLIGHT_MAX)
            drain(bench);
    }
    drain(bench);
    begin(bench, &measured);
    while (still_running(bench, &measured)) {
        store_shard_hold(bench->shard);
        while (bench->count < in_flight) {
            put(bench, (unsigned)(measured.done % objects), (unsigned)(measured.done / objects));
            measured.done++;
        }
        store_shard_let_go(bench->shard);
        wait_for_wake(bench);
    }
    drain(bench);
    print_rate(bench, &measured, "kv put", in_flight, objects);
}

static void bench_disk(struct bench *bench)
{
    char path[600];
    static uint8_t block[1024 * 1024];
    struct os_file *file;
    uint64_t start;
    unsigned count = 0;

    snprintf(path, sizeof path, "%s-disk", bench->dir);
    if (os_open(bench->os, path, OS_READ | OS_WRITE | OS_CREATE, &file) != 0)
        fail("open", path);
    for (unsigned i = 0; i < 16; i++)
        os_pwrite(file, block, sizeof block, (uint64_t)i * sizeof block);
    os_fdatasync(file);
    start = os_monotonic_ns(bench->os);
    while (os_monotonic_ns(bench->os) - start < bench->run_ns / 2) {
        os_pwrite(file, block, 4096, (uint64_t)(count++ % 4096) * 4096);
        os_fdatasync(file);
    }
    printf("disk    write and sync 4 KB in place: %.0f us\n",
           (double)(os_monotonic_ns(bench->os) - start) / (double)count / 1e3);
    os_close(file);
    os_unlink(bench->os, path);
}

struct alarms {
    unsigned fired;
    uint64_t late_ms;
};

static void alarm_due(void *data, const struct alarm *alarm)
{
    (void)alarm;
    ++*(unsigned *)data;
}

static void bench_alarms(struct bench *bench)
{
    unsigned count = 100000;
    int64_t now_ms = os_wall_ns(bench->os) / 1000000;
    uint64_t start = os_monotonic_ns(bench->os);
    unsigned fired = 0;
    struct err_text why;

    for (unsigned i = 0; i < count; i++) {
        struct database *db = object(bench, i % 1000);

        if (database_set_alarm(db, now_ms + 3600000 + i, NULL, &why) != 0)
            fail("set_alarm", why.text);
        commit(bench, db, os_monotonic_ns(bench->os));
        if (bench->count == FLIGHT_MAX)
            wait_for_wake(bench);
    }
    drain(bench);
    printf("alarm   set, 1000 objects, 256 in flight: %.0f/s\n",
           count * 1e9 / (double)(os_monotonic_ns(bench->os) - start));
    alarm_index_take(bench->shard, INT64_MAX - 1, count, alarm_due, &fired);
}

/* A process fills the journal to just below the point where the oldest segments are checkpointed,
 * and dies: how long until the store is open again. */
static void fill_and_die(struct bench *bench)
{
    double before;

    open_store(bench);
    for (unsigned i = 0; i < 1000; i++) {
        exec(object(bench, i),
             "CREATE TABLE messages (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)", NULL, 0);
        insert(bench, i);
        while (bench->count == FLIGHT_MAX)
            wait_for_wake(bench);
    }
    before = written_bytes();
    for (unsigned i = 0; written_bytes() - before < RECOVERY_BYTES; i++) {
        insert(bench, i % 1000);
        while (bench->count == FLIGHT_MAX)
            wait_for_wake(bench);
    }
    drain(bench);
    _exit(0);
}

static void bench_recovery(struct bench *bench)
{
    pid_t child;
    uint64_t start;
    double took;
    int status;

    fflush(stdout);
    child = fork();
    if (child == 0)
        fill_and_die(bench);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        fail("recovery", "the journal was not filled");
    start = os_monotonic_ns(bench->os);
    open_store(bench);
    took = (double)(os_monotonic_ns(bench->os) - start) / 1e9;
    exec(object(bench, 0), "SELECT count(*) FROM messages", NULL, 0);
    printf("recover %u MB of journal over 1000 objects: %.2f s\n", RECOVERY_BYTES >> 20, took);
    close_store(bench);
}

/* Only the parts that the third argument names, if there is one. */
static bool wanted(char **argv, int argc, const char *part)
{
    return argc < 3 || strstr(argv[2], part) != NULL;
}

int main(int argc, char **argv)
{
    static struct bench bench;

    bench.os = os_real();
    bench.run_ns = argc > 3 ? (uint64_t)(strtod(argv[3], NULL) * 1e9) : UINT64_C(2000000000);
    snprintf(bench.dir, sizeof bench.dir, "%s/bench-store-%ld", argc > 1 ? argv[1] : "/tmp",
             (long)getpid());
    bench.samples = mem_new_array(uint32_t, SAMPLES_MAX);
    if (pipe(bench.wake_pipe) != 0)
        fail("pipe", "");
    bench_disk(&bench);
    open_store(&bench);
    if (wanted(argv, argc, "one")) {
        bench_inserts(&bench, 1, 1);
        bench_inserts(&bench, 16, 1);
        bench_inserts(&bench, 256, 1);
    }
    if (wanted(argv, argc, "many")) {
        bench_inserts(&bench, 1, 1000);
        bench_inserts(&bench, 16, 1000);
        bench_inserts(&bench, 256, 1000);
    }
    if (wanted(argv, argc, "read"))
        bench_reads(&bench);
    if (wanted(argv, argc, "kv"))
        for (unsigned in_flight = 1; in_flight <= FLIGHT_MAX; in_flight *= 16) {
            bench_kv(&bench, in_flight, 1);
            bench_kv(&bench, in_flight, 1000);
        }
    if (wanted(argv, argc, "alarm"))
        bench_alarms(&bench);
    close_store(&bench);
    if (wanted(argv, argc, "shards")) {
        snprintf(bench.dir, sizeof bench.dir, "%s/bench-store-%ld-shards",
                 argc > 1 ? argv[1] : "/tmp", (long)getpid());
        bench_shards(&bench, 256, 1000);
    }
    if (wanted(argv, argc, "recovery")) {
        snprintf(bench.dir, sizeof bench.dir, "%s/bench-store-%ld-full",
                 argc > 1 ? argv[1] : "/tmp", (long)getpid());
        bench_recovery(&bench);
    }
    if (!wanted(argv, argc, "new"))
        return 0;
    snprintf(bench.dir, sizeof bench.dir, "%s/bench-store-%ld-new", argc > 1 ? argv[1] : "/tmp",
             (long)getpid());
    open_store(&bench);
    bench_new_objects(&bench);
    close_store(&bench);
    open_store(&bench);
    bench_open(&bench);
    close_store(&bench);
    mem_free(bench.samples);
    return 0;
}
