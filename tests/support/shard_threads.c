#include "shard_threads.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "fake_store.h"
#include "os/os.h"

#define THREADS_MAX 8

struct thread {
    struct shard_threads *threads;
    unsigned index;
    struct shard *shard;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

struct shard_threads {
    struct store *store;
    struct shard_group *group;
    struct namespace *ns;
    struct class *class;
    unsigned count;
    struct thread all[THREADS_MAX];
    bool stop; /* atomic */
    pthread_barrier_t barrier;
};

static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done_cond = PTHREAD_COND_INITIALIZER;
static bool done;

static void wake(void *data)
{
    struct thread *thread = data;

    pthread_mutex_lock(&thread->lock);
    thread->woken = true;
    pthread_cond_signal(&thread->cond);
    pthread_mutex_unlock(&thread->lock);
}

static void sleep_for(struct thread *thread, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    if (ms < 0 || ms > 100)
        ms = 100;
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&thread->lock);
    while (!thread->woken) {
        if (pthread_cond_timedwait(&thread->cond, &thread->lock, &until) != 0)
            break;
    }
    thread->woken = false;
    pthread_mutex_unlock(&thread->lock);
}

static void *run(void *arg)
{
    struct thread *thread = arg;
    struct shard_threads *threads = thread->threads;

    thread->shard = shard_create(threads->group, thread->index, wake, thread);
    if (threads->class != NULL)
        shard_set_class(thread->shard, threads->ns, threads->class);
    pthread_barrier_wait(&threads->barrier);
    while (!__atomic_load_n(&threads->stop, __ATOMIC_ACQUIRE)) {
        int64_t ms = shard_turn(thread->shard);

        if (ms != 0)
            sleep_for(thread, ms);
    }
    pthread_barrier_wait(&threads->barrier);
    shard_destroy(thread->shard);
    return NULL;
}

struct shard_threads *shard_threads_create(unsigned count, struct class *class)
{
    struct shard_threads *threads = mem_new(struct shard_threads);
    struct shard_options options = {.count = count, .hibernate_after_ms = 10000};

    ASSERT(count <= THREADS_MAX);
    done = false;
    threads->count = count;
    threads->class = class;
    threads->store = fake_store_create(count);
    options.os = os_real();
    options.store = threads->store;
    threads->group = shard_group_create(&options);
    ASSERT(namespace_create(&threads->ns, threads->store, "worker-Test", "Test", 0) == 0);
    pthread_barrier_init(&threads->barrier, NULL, count + 1);
    for (unsigned i = 0; i < count; i++) {
        struct thread *thread = &threads->all[i];

        thread->threads = threads;
        thread->index = i;
        pthread_mutex_init(&thread->lock, NULL);
        pthread_cond_init(&thread->cond, NULL);
        pthread_create(&thread->thread, NULL, run, thread);
    }
    pthread_barrier_wait(&threads->barrier);
    return threads;
}

struct shard *shard_threads_shard(struct shard_threads *threads, unsigned index)
{
    return shard_group_shard(threads->group, index);
}

struct namespace *shard_threads_namespace(struct shard_threads *threads)
{
    return threads->ns;
}

void shard_threads_done(void)
{
    pthread_mutex_lock(&done_lock);
    done = true;
    pthread_cond_signal(&done_cond);
    pthread_mutex_unlock(&done_lock);
}

void shard_threads_wait(struct shard_threads *threads)
{
    pthread_mutex_lock(&done_lock);
    while (!done)
        pthread_cond_wait(&done_cond, &done_lock);
    pthread_mutex_unlock(&done_lock);
    __atomic_store_n(&threads->stop, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < threads->count; i++)
        wake(&threads->all[i]);
    pthread_barrier_wait(&threads->barrier);
    for (unsigned i = 0; i < threads->count; i++)
        pthread_join(threads->all[i].thread, NULL);
}

void shard_threads_destroy(struct shard_threads *threads)
{
    shard_group_destroy(threads->group);
    for (unsigned i = 0; i < threads->count; i++) {
        pthread_mutex_destroy(&threads->all[i].lock);
        pthread_cond_destroy(&threads->all[i].cond);
    }
    pthread_barrier_destroy(&threads->barrier);
    namespace_destroy(threads->ns);
    fake_store_destroy(threads->store);
    mem_free(threads);
}
