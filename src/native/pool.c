#include "native/pool.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/cond.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define NS_PER_S INT64_C(1000000000)
#define IDLE_NS  (10 * NS_PER_S) /* without a job a thread ends */
#define END_S    5               /* jobs have at the end of the process */

/*
 *               submit              a thread takes it           run() returned
 *   JOB_IDLE ------------> JOB_WAITING ------------> JOB_RUNNING ------------> JOB_FINISHED
 *                             |                          | abandon        finished()
 *                             | abandon: JOB_IDLE        v
 *                                                    JOB_ABANDONED --> dropped()
 */
enum job_state {
    JOB_IDLE,
    JOB_WAITING,
    JOB_RUNNING,
    JOB_ABANDONED,
    JOB_FINISHED,
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;  /* there is a job, or the end */
    pthread_cond_t ended; /* the last thread has gone */
    struct list waiting;  /* pool_job.link */
    size_t waiting_count;
    unsigned threads;
    unsigned threads_max;
    unsigned idle; /* of them, waiting for a job */
    bool ending;
    bool left; /* by pool_destroy(): the last thread frees it */
};

struct pool *pool_create(void)
{
    struct pool *pool = mem_new(struct pool);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    pthread_mutex_init(&pool->mutex, NULL);
    cond_init(&pool->work);
    cond_init(&pool->ended);
    list_init(&pool->waiting);
    pool->threads_max = cores < 1                    ? 1
                        : cores > LIMIT_WORK_THREADS ? LIMIT_WORK_THREADS
                                                     : (unsigned)cores;
    return pool;
}

static void pool_free(struct pool *pool)
{
    ASSERT(list_empty(&pool->waiting));
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->ended);
    mem_free(pool);
}

/* ---- a thread ---- */

/* Under the lock. False: there was nothing for a while, or it is the end. */
static bool wait_for_job(struct pool *pool)
{
    struct timespec until = cond_deadline(IDLE_NS);
    int r = 0;

    pool->idle++;
    while (list_empty(&pool->waiting) && !pool->ending && r == 0)
        r = pthread_cond_timedwait(&pool->work, &pool->mutex, &until);
    pool->idle--;
    return !list_empty(&pool->waiting);
}

/* Under the lock, but while the job runs. */
static void run_next(struct pool *pool)
{
    struct list *link = list_pop_front(&pool->waiting);
    struct pool_job *job = container_of(link, struct pool_job, link);

    pool->waiting_count--;
    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&pool->mutex);
    job->run(job);
    pthread_mutex_lock(&pool->mutex);
    if (job->state == JOB_RUNNING) {
        job->state = JOB_FINISHED;
        job->finished(job);
        return;
    }
    ASSERT(job->state == JOB_ABANDONED);
    pthread_mutex_unlock(&pool->mutex);
    job->dropped(job);
    pthread_mutex_lock(&pool->mutex);
}

static void *thread_run(void *arg)
{
    struct pool *pool = arg;
    bool last;

    pthread_mutex_lock(&pool->mutex);
    while (wait_for_job(pool))
        run_next(pool);
    pool->threads--;
    last = pool->threads == 0 && pool->left;
    if (pool->threads == 0)
        pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->mutex);
    if (last)
        pool_free(pool);
    return NULL;
}

/* Under the lock. Signals are for other threads, but those of faults. */
static bool thread_start(struct pool *pool)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int r;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread, &attr, thread_run, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (r != 0)
        return false;
    pthread_setname_np(thread, "work");
    pool->threads++;
    return true;
}

/* ---- from outside ---- */

/* Under the lock. */
static bool admit(struct pool *pool)
{
    if (pool->waiting_count >= LIMIT_WORK_QUEUE)
        return false;
    if (pool->waiting_count < pool->idle || pool->threads >= pool->threads_max)
        return true;
    return thread_start(pool) || pool->threads > 0;
}

int pool_submit(struct pool *pool, struct pool_job *job)
{
    int r = POOL_FULL;

    pthread_mutex_lock(&pool->mutex);
    ASSERT(job->state == JOB_IDLE && !pool->ending);
    if (admit(pool)) {
        job->state = JOB_WAITING;
        list_push_back(&pool->waiting, &job->link);
        pool->waiting_count++;
        pthread_cond_signal(&pool->work);
        r = 0;
    }
    pthread_mutex_unlock(&pool->mutex);
    return r;
}

enum pool_abandon_result pool_abandon(struct pool *pool, struct pool_job *job)
{
    enum pool_abandon_result result = POOL_FINISHED;

    pthread_mutex_lock(&pool->mutex);
    if (job->state == JOB_WAITING) {
        list_remove(&job->link);
        pool->waiting_count--;
        job->state = JOB_IDLE;
        result = POOL_BACK;
    } else if (job->state == JOB_RUNNING) {
        job->state = JOB_ABANDONED;
        result = POOL_RUNNING;
    } else {
        ASSERT(job->state == JOB_FINISHED);
    }
    pthread_mutex_unlock(&pool->mutex);
    return result;
}

void pool_destroy(struct pool *pool)
{
    struct timespec until = cond_deadline(END_S * NS_PER_S);
    unsigned threads;
    int r = 0;

    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    while (pool->threads > 0 && r == 0)
        r = pthread_cond_timedwait(&pool->ended, &pool->mutex, &until);
    threads = pool->threads;
    pool->left = threads > 0;
    pthread_mutex_unlock(&pool->mutex);
    if (threads == 0)
        pool_free(pool);
    else
        log_warn("%u works of classes in C have not ended in %d s and are left to themselves",
                 threads, END_S);
}
