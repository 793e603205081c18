#pragma once

/*
 * Pool
 *
 * A few threads for what takes long, and a queue before them. Threads are made when there is
 * something for them, up to a bound, and end when there was nothing for a while. A job is run once,
 * or taken back before. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct pool;

/* Embedded in its owner; the pool's from pool_submit() until one of the last two was called, or
 * pool_abandon() has given it back. */
struct pool_job {
    /* On a thread of the pool. */
    void (*run)(struct pool_job *job);
    /* It has run; there too, under the pool's lock: hand it on, and do not call the pool. */
    void (*finished)(struct pool_job *job);
    /* Instead: it has run, and was abandoned meanwhile; there too. */
    void (*dropped)(struct pool_job *job);
    struct list link; /* private */
    uint8_t state;    /* private; 0: not submitted */
};

/* Never NULL. */
struct pool *pool_create(void);

/* No job may be waiting. Running ones get 5 s to end; one that takes longer is left to itself, and
 * its thread ends with it. */
void pool_destroy(struct pool *pool);

enum pool_submit_result {
    POOL_FULL = 1, /* LIMIT_WORK_QUEUE jobs wait already, or there can be no thread */
};

int pool_submit(struct pool *pool, struct pool_job *job);

enum pool_abandon_result {
    POOL_BACK,     /* it has not run and will not: the caller's again */
    POOL_RUNNING,  /* dropped() will come */
    POOL_FINISHED, /* finished() has come */
};

/* Nobody wants the job any more. */
enum pool_abandon_result pool_abandon(struct pool *pool, struct pool_job *job);
