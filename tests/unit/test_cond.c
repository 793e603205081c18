#include <errno.h>

#include "base/cond.h"
#include "test.h"

#define NS_PER_S INT64_C(1000000000)

static int64_t between(struct timespec from, struct timespec to)
{
    return (to.tv_sec - from.tv_sec) * NS_PER_S + (to.tv_nsec - from.tv_nsec);
}

TEST(a_deadline_is_so_far_away_and_its_nanoseconds_are_less_than_a_second)
{
    static const int64_t far[] = {0, 1, 999999999, NS_PER_S, 5 * NS_PER_S + 999999999};

    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        struct timespec before;
        struct timespec when;
        struct timespec after;

        clock_gettime(CLOCK_MONOTONIC, &before);
        when = cond_deadline(far[i]);
        clock_gettime(CLOCK_MONOTONIC, &after);
        CHECK(when.tv_nsec >= 0 && when.tv_nsec < NS_PER_S);
        CHECK(between(before, when) >= far[i] && between(after, when) <= far[i]);
    }
}

TEST(a_wait_ends_at_its_deadline_and_not_before)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    struct timespec until;
    struct timespec now;
    int r = 0;

    cond_init(&cond);
    pthread_mutex_lock(&mutex);
    until = cond_deadline(2000000);
    while (r == 0)
        r = pthread_cond_timedwait(&cond, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK(r == ETIMEDOUT);
    CHECK(between(until, now) >= 0);
    pthread_cond_destroy(&cond);
}
