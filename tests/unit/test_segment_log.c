#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "sim_os.h"
#include "store/log.h"
#include "store/segment_log.h"
#include "store/store.h"
#include "test.h"

#define SEGMENT_BYTES (UINT64_C(1) << 20)
#define RECORD_BYTES  (SEGMENT_BYTES / 5)

static int try_open(struct sim_os *sim, struct log **out)
{
    struct err_text why = {""};
    struct segment_log_options options = {
        .os = sim_os_base(sim),
        .dir = "/log",
        .size_bytes = SEGMENT_BYTES,
        .count = 3,
        .count_max = 6,
        .sync = true,
    };

    return segment_log_open(out, &options, &why);
}

/* A log of three files with some batches in it, left as kill -9 leaves it. Five of them, with the
 * seal, fill more than one file. */
static struct sim_os *log_with(unsigned batches)
{
    struct sim_os *sim = sim_os_create(1);
    uint8_t *record = mem_alloc_zero(RECORD_BYTES);
    struct log *log;

    memset(record, 7, RECORD_BYTES);
    CHECK_EQ(os_mkdir(sim_os_base(sim), "/log"), 0);
    CHECK_EQ(try_open(sim, &log), 0);
    while (log->ops->grow(log) == 0 && log->ops->room(log) < 2 * SEGMENT_BYTES)
        continue;
    for (unsigned i = 0; i < batches; i++) {
        struct log_batch batch = {
            .first_lsn = i + 1,
            .record_count = 1,
            .records = bytes_of(record, RECORD_BYTES),
        };
        CHECK_EQ(log->ops->append(log, &batch), 0);
    }
    log->ops->destroy(log);
    mem_free(record);
    return sim;
}

static uint64_t reads_of_opening(struct sim_os *sim)
{
    uint64_t before = sim_os_calls(sim, SIM_OS_READ);
    struct log *log;

    CHECK_EQ(try_open(sim, &log), 0);
    log->ops->destroy(log);
    return sim_os_calls(sim, SIM_OS_READ) - before;
}

static void spoil(struct sim_os *sim, const char *path, uint64_t from, uint64_t to, uint8_t byte)
{
    struct buf content = {0};

    CHECK(sim_os_load(sim, path, &content));
    memset(content.data + from, byte, to - from);
    sim_os_store(sim, path, buf_bytes(&content));
    buf_fini(&content);
}

TEST(a_file_that_was_never_written_is_not_read_through)
{
    struct sim_os *sim = log_with(2);
    uint64_t reads = reads_of_opening(sim);

    spoil(sim, "/log/segment-0001", 700, 701, 9);
    CHECK_EQ(reads_of_opening(sim), reads + 1);
    spoil(sim, "/log/segment-0002", 700, 701, 9);
    CHECK_EQ(reads_of_opening(sim), reads + 2);
    sim_os_destroy(sim);
}

/* What stands behind a seal begins with zeros, as if it had never been written: its later batches
 * say that it was. */
TEST(behind_a_seal_every_file_is_read_through)
{
    struct sim_os *sim = log_with(7);
    struct log *log = NULL;

    spoil(sim, "/log/segment-0001", 0, 512, 0);
    CHECK_EQ(try_open(sim, &log), STORE_OPEN_DAMAGED);
    spoil(sim, "/log/segment-0001", 0, SEGMENT_BYTES / 4, 0);
    CHECK_EQ(try_open(sim, &log), STORE_OPEN_DAMAGED);
    sim_os_destroy(sim);
}

/* Nor does it help that the seal is gone, as long as it is all that is gone. */
TEST(a_lost_seal_is_damage)
{
    struct sim_os *sim = log_with(7);
    struct log *log = NULL;
    uint64_t batch = (80 + RECORD_BYTES + 511) / 512 * 512;

    spoil(sim, "/log/segment-0000", 4 * batch, 4 * batch + 512, 0);
    CHECK_EQ(try_open(sim, &log), STORE_OPEN_DAMAGED);
    sim_os_destroy(sim);
}
