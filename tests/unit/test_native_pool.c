#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "native/pool.h"
#include "test.h"

/* Jobs on real threads, held until the test lets them go. */

enum {
    ROUNDS = 30000, /* of a millisecond, until it must have happened */
};

static atomic_bool held;
static atomic_uint running, finished, dropped;

static void run(struct pool_job *job)
{
    (void)job;
    running++;
    while (held)
        usleep(200);
    running--;
}

static void note_finished(struct pool_job *job)
{
    (void)job;
    finished++;
}

static void note_dropped(struct pool_job *job)
{
    mem_free(job);
    dropped++;
}

static struct pool_job *job_create(void)
{
    struct pool_job *job = mem_new(struct pool_job);

    *job = (struct pool_job){.run = run, .finished = note_finished, .dropped = note_dropped};
    return job;
}

static struct pool *begin(void)
{
    held = true;
    running = finished = dropped = 0;
    return pool_create();
}

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        for (unsigned round = 0; !(condition) && round < ROUNDS; round++)                          \
            usleep(1000);                                                                          \
        CHECK(condition);                                                                          \
    } while (0)

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

TEST(a_job_is_run_once_and_its_end_is_told)
{
    struct pool *pool = begin();
    struct pool_job *job = job_create();

    CHECK_EQ(pool_submit(pool, job), 0);
    UNTIL(running == 1);
    CHECK_EQ(finished, 0);
    held = false;
    UNTIL(finished == 1);
    CHECK_EQ(pool_abandon(pool, job), POOL_FINISHED);
    pool_destroy(pool);
    CHECK_EQ(finished, 1);
    CHECK_EQ(dropped, 0);
    mem_free(job);
}

TEST(a_job_that_waits_is_given_back_and_may_be_submitted_again)
{
    struct pool *pool = begin();
    struct pool_job *busy[LIMIT_WORK_THREADS];
    struct pool_job *job = job_create();

    for (unsigned i = 0; i < LIMIT_WORK_THREADS; i++) {
        busy[i] = job_create();
        CHECK_EQ(pool_submit(pool, busy[i]), 0);
    }
    UNTIL(running > 0);
    CHECK_EQ(pool_submit(pool, job), 0);
    CHECK_EQ(pool_abandon(pool, job), POOL_BACK);
    CHECK_EQ(pool_submit(pool, job), 0);
    held = false;
    UNTIL(finished == LIMIT_WORK_THREADS + 1);
    pool_destroy(pool);
    for (unsigned i = 0; i < LIMIT_WORK_THREADS; i++)
        mem_free(busy[i]);
    mem_free(job);
}

TEST(the_queue_has_an_end)
{
    struct pool *pool = begin();
    static struct pool_job jobs[LIMIT_WORK_QUEUE + LIMIT_WORK_THREADS + 1];
    size_t count = 0;

    for (; count < sizeof jobs / sizeof *jobs; count++) {
        jobs[count] = (struct pool_job){.run = run, .finished = note_finished};
        if (pool_submit(pool, &jobs[count]) != 0)
            break;
        if (count < LIMIT_WORK_THREADS)
            usleep(5000); /* threads take what is for them */
    }
    CHECK(count >= LIMIT_WORK_QUEUE);
    CHECK(count < sizeof jobs / sizeof *jobs);
    held = false;
    UNTIL(finished == count);
    pool_destroy(pool);
}

/* A stop waits five seconds, and no longer, for a function that does not end. */
TEST(what_does_not_end_is_left_to_itself)
{
    struct pool *pool = begin();
    struct pool_job *job = job_create();
    int64_t start_ms;

    CHECK_EQ(pool_submit(pool, job), 0);
    UNTIL(running == 1);
    CHECK_EQ(pool_abandon(pool, job), POOL_RUNNING);
    start_ms = now_ms();
    pool_destroy(pool);
    CHECK(now_ms() - start_ms >= 4900);
    CHECK(now_ms() - start_ms < 15000);
    CHECK_EQ(dropped, 0);
    held = false;
    UNTIL(dropped == 1); /* and the thread frees the pool: the sanitizers look */
    usleep(20000);
    CHECK_EQ(finished, 0);
}

TEST(what_ends_late_is_waited_for)
{
    struct pool *pool = begin();
    struct pool_job *job = job_create();

    CHECK_EQ(pool_submit(pool, job), 0);
    UNTIL(running == 1);
    CHECK_EQ(pool_abandon(pool, job), POOL_RUNNING);
    held = false;
    pool_destroy(pool);
    CHECK_EQ(dropped, 1);
}
