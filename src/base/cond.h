#pragma once

/*
 * Condition variables that wait by the monotonic clock, which nobody sets:
 *
 *     struct timespec until = cond_deadline(ns);
 *
 *     while (!ready && r == 0)
 *         r = pthread_cond_timedwait(&cond, &mutex, &until); // ETIMEDOUT: it is time
 */

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* For pthread_cond_timedwait() with cond_deadline(). End it with pthread_cond_destroy(). */
void cond_init(pthread_cond_t *cond);

/* When `ns` nanoseconds from now have passed. */
struct timespec cond_deadline(int64_t ns);
