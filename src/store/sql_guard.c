#include "store/sql_guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/assert.h"
#include "base/cond.h"
#include "base/mem.h"

/*
 * `running` of a seat, and who makes each move:
 *
 *          enter()              guard                   guard
 *   0 --------------> sql --------------> sql | BUSY --------------> sql | STOPPED
 *   ^                  |                                                  |
 *   +------------------+--------------------------------------------------+
 *                                    leave()
 *
 * The database is the shard's to close only outside of a step, and leave() waits while the guard is
 * BUSY with it: the guard never touches one that is gone.
 */
enum {
    BUSY = 1,
    STOPPED = 2,
    MARKS = BUSY | STOPPED,
};

#define NS_PER_MS   INT64_C(1000000)
#define NS_PER_S    INT64_C(1000000000)
#define LOOK_MS_MIN 10
#define LOOK_MS_MAX 1000

struct sql_guard {
    int64_t limit_ns;
    int64_t look_ns; /* between two looks */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, and of the seats' guard members */
    pthread_cond_t wake;
    bool stopping;
    struct list seats;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void look_at(const struct sql_guard *guard, struct sql_guard_seat *seat)
{
    uint64_t steps = atomic_load(&seat->steps);
    uintptr_t running = atomic_load(&seat->running);

    if (running == 0 || (running & MARKS) != 0 || !atomic_load(&seat->clocked))
        return;
    if (steps != seat->seen_steps) {
        seat->seen_steps = steps;
        seat->since_ns = clock_ns(seat->clock);
        return;
    }
    if (clock_ns(seat->clock) - seat->since_ns < guard->limit_ns ||
        !atomic_compare_exchange_strong(&seat->running, &running, running | BUSY))
        return;
    sqlite3_interrupt((sqlite3 *)running); // NOLINT: it was one
    atomic_store(&seat->running, running | STOPPED);
}

static void *guard_run(void *data)
{
    struct sql_guard *guard = data;

    pthread_mutex_lock(&guard->lock);
    while (!guard->stopping) {
        struct timespec next = cond_deadline(guard->look_ns);
        struct list *link;

        if (pthread_cond_timedwait(&guard->wake, &guard->lock, &next) != ETIMEDOUT)
            continue;
        list_for_each (link, &guard->seats)
            look_at(guard, container_of(link, struct sql_guard_seat, link));
    }
    pthread_mutex_unlock(&guard->lock);
    return NULL;
}

struct sql_guard *sql_guard_create(int64_t limit_ms)
{
    struct sql_guard *guard;
    int64_t look_ms = limit_ms / 4;

    if (limit_ms == 0)
        return NULL;
    if (look_ms > LOOK_MS_MAX)
        look_ms = LOOK_MS_MAX;
    if (look_ms < LOOK_MS_MIN)
        look_ms = LOOK_MS_MIN;
    guard = mem_new(struct sql_guard);
    guard->limit_ns = limit_ms * NS_PER_MS;
    guard->look_ns = look_ms * NS_PER_MS;
    list_init(&guard->seats);
    pthread_mutex_init(&guard->lock, NULL);
    cond_init(&guard->wake);
    ASSERT(pthread_create(&guard->thread, NULL, guard_run, guard) == 0);
    return guard;
}

void sql_guard_destroy(struct sql_guard *guard)
{
    if (guard == NULL)
        return;
    ASSERT(list_empty(&guard->seats));
    pthread_mutex_lock(&guard->lock);
    guard->stopping = true;
    pthread_cond_signal(&guard->wake);
    pthread_mutex_unlock(&guard->lock);
    pthread_join(guard->thread, NULL);
    pthread_cond_destroy(&guard->wake);
    pthread_mutex_destroy(&guard->lock);
    mem_free(guard);
}

void sql_guard_seat_init(struct sql_guard_seat *seat, struct sql_guard *guard)
{
    seat->guard = guard;
    if (guard == NULL)
        return;
    pthread_mutex_lock(&guard->lock);
    list_push_back(&guard->seats, &seat->link);
    pthread_mutex_unlock(&guard->lock);
}

void sql_guard_seat_fini(struct sql_guard_seat *seat)
{
    struct sql_guard *guard = seat->guard;

    if (guard == NULL)
        return;
    pthread_mutex_lock(&guard->lock);
    list_remove(&seat->link);
    pthread_mutex_unlock(&guard->lock);
}

void sql_guard_enter(struct sql_guard_seat *seat, sqlite3 *sql)
{
    if (seat->guard == NULL)
        return;
    if (!atomic_load_explicit(&seat->clocked, memory_order_relaxed)) {
        ASSERT(pthread_getcpuclockid(pthread_self(), &seat->clock) == 0);
        atomic_store(&seat->clocked, true);
    }
    /* Nobody else writes it. */
    atomic_store_explicit(&seat->steps,
                          atomic_load_explicit(&seat->steps, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&seat->running, (uintptr_t)sql, memory_order_release);
}

void sql_guard_leave(struct sql_guard_seat *seat)
{
    uintptr_t running;

    if (seat->guard == NULL)
        return;
    running = atomic_load(&seat->running);
    while ((running & BUSY) != 0 || !atomic_compare_exchange_weak(&seat->running, &running, 0)) {
        sched_yield();
        running = atomic_load(&seat->running);
    }
}
