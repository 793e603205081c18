/*
 * What the machine allows: nothing of ours takes part.
 *
 *     bare sync FOLDER SECONDS               4 KiB written in place and fdatasync, in a loop
 *     bare sqlite FOLDER SECONDS FILES THREADS
 *                                            one row inserted and committed, WAL, synchronous=FULL,
 *                                            each thread over files of its own
 *
 * Prints one line of JSON.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SAMPLES_MAX = 1000000,
    THREADS_MAX = 64,
    IN_PLACE_BLOCKS = 4096,
    BLOCK_BYTES = 4096,
};

struct writer {
    pthread_t thread;
    sqlite3 **files;
    sqlite3_stmt **inserts;
    unsigned count;
    uint32_t *samples; /* us */
    unsigned samples_taken;
};

static uint64_t end_ns;

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
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

    while (io != NULL && fgets(line, sizeof line, io) != NULL)
        if (sscanf(line, "wchar: %lf", &bytes) == 1)
            break;
    if (io != NULL)
        fclose(io);
    return bytes;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bare: %s: %s\n", what, why);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void print_result(uint32_t *samples, unsigned count, double seconds, double cpu,
                         double bytes)
{
    if (count == 0)
        fail("nothing", "was measured");
    qsort(samples, count, sizeof *samples, compare);
    printf("{\"rate\": %.1f, \"p50_us\": %u, \"p99_us\": %u, \"cpu_us\": %.2f, \"bytes\": %.1f}\n",
           count / seconds, samples[count / 2], samples[(uint64_t)count * 99 / 100],
           cpu * 1e6 / count, bytes / count);
}

static void run_sync(const char *folder, double seconds)
{
    static uint8_t block[BLOCK_BYTES];
    uint32_t *samples = calloc(SAMPLES_MAX, sizeof *samples);
    unsigned count = 0;
    double start_cpu, start_bytes;
    uint64_t start_ns;
    char path[600];
    int fd;

    snprintf(path, sizeof path, "%s/bare-sync", folder);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (unsigned i = 0; i < IN_PLACE_BLOCKS; i++)
        if (fd < 0 || pwrite(fd, block, sizeof block, (off_t)i * BLOCK_BYTES) != BLOCK_BYTES)
            fail(path, "cannot be written");
    fsync(fd);
    start_cpu = cpu_s();
    start_bytes = written_bytes();
    start_ns = now_ns();
    end_ns = start_ns + (uint64_t)(seconds * 1e9);
    while (now_ns() < end_ns && count < SAMPLES_MAX) {
        uint64_t since_ns = now_ns();

        if (pwrite(fd, block, sizeof block, (off_t)(count % IN_PLACE_BLOCKS) * BLOCK_BYTES) < 0 ||
            fdatasync(fd) != 0)
            fail(path, "cannot be synced");
        samples[count++] = (uint32_t)((now_ns() - since_ns) / 1000);
    }
    print_result(samples, count, (double)(now_ns() - start_ns) / 1e9, cpu_s() - start_cpu,
                 written_bytes() - start_bytes);
    close(fd);
    unlink(path);
    free(samples);
}

/* ---- SQLite ---- */

static void open_file(struct writer *writer, unsigned at, const char *folder, unsigned number)
{
    static const char prepare[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA locking_mode=EXCLUSIVE;"
        "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)";
    char path[600];

    snprintf(path, sizeof path, "%s/bare-%u.sqlite", folder, number);
    if (sqlite3_open(path, &writer->files[at]) != SQLITE_OK ||
        sqlite3_exec(writer->files[at], prepare, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(writer->files[at], "INSERT INTO messages (at, text) VALUES (?, ?)", -1,
                           &writer->inserts[at], NULL) != SQLITE_OK)
        fail(path, sqlite3_errmsg(writer->files[at]));
}

static void *write_rows(void *data)
{
    static const char text[] = "user-name what was said in the room, about a hundred bytes of it, "
                               "as such messages are";
    struct writer *writer = data;

    for (unsigned next = 0; writer->samples_taken < SAMPLES_MAX;
         next = (next + 1) % writer->count) {
        uint64_t since_ns = now_ns();
        sqlite3_stmt *insert = writer->inserts[next];

        if (since_ns >= end_ns)
            break;
        sqlite3_bind_int64(insert, 1, (int64_t)(since_ns / 1000000));
        sqlite3_bind_text(insert, 2, text, sizeof text - 1, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            fail("insert", sqlite3_errmsg(writer->files[next]));
        sqlite3_reset(insert);
        writer->samples[writer->samples_taken++] = (uint32_t)((now_ns() - since_ns) / 1000);
    }
    return NULL;
}

static void run_sqlite(const char *folder, double seconds, unsigned files, unsigned threads)
{
    static struct writer writers[THREADS_MAX];
    uint32_t *samples = calloc(SAMPLES_MAX, sizeof *samples);
    unsigned count = 0;
    double start_cpu, start_bytes;
    uint64_t start_ns;

    for (unsigned i = 0; i < threads; i++) {
        writers[i].files = calloc(files / threads + 1, sizeof(sqlite3 *));
        writers[i].inserts = calloc(files / threads + 1, sizeof(sqlite3_stmt *));
        writers[i].samples = calloc(SAMPLES_MAX, sizeof *samples);
    }
    for (unsigned i = 0; i < files; i++) {
        struct writer *writer = &writers[i % threads];

        open_file(writer, writer->count++, folder, i);
    }
    start_cpu = cpu_s();
    start_bytes = written_bytes();
    start_ns = now_ns();
    end_ns = start_ns + (uint64_t)(seconds * 1e9);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&writers[i].thread, NULL, write_rows, &writers[i]) != 0)
            fail("thread", "cannot be started");
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(writers[i].thread, NULL);
        for (unsigned k = 0; k < writers[i].samples_taken && count < SAMPLES_MAX; k++)
            samples[count++] = writers[i].samples[k];
    }
    print_result(samples, count, (double)(now_ns() - start_ns) / 1e9, cpu_s() - start_cpu,
                 written_bytes() - start_bytes);
    /* The files go with the folder, and the memory with the process. */
}

int main(int argc, char **argv)
{
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 0;

    if (argc == 4 && strcmp(argv[1], "sync") == 0 && seconds > 0) {
        run_sync(argv[2], seconds);
    } else if (argc == 6 && strcmp(argv[1], "sqlite") == 0 && seconds > 0) {
        long files = strtol(argv[4], NULL, 10);
        long threads = strtol(argv[5], NULL, 10);

        if (threads < 1 || threads > THREADS_MAX || files < threads)
            fail("threads", "1 to 64, and a file for each");
        run_sqlite(argv[2], seconds, (unsigned)files, (unsigned)threads);
    } else {
        fputs("bare sync FOLDER SECONDS | bare sqlite FOLDER SECONDS FILES THREADS\n", stderr);
        return 2;
    }
    return 0;
}
