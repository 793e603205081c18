#pragma once

/*
 * Loop
 *
 * One event loop per shard: libuv's, plus what every connection on it shares so that an idle
 * connection need not own it: the buffer that sockets are read into, the list of streams with
 * bytes to send, the heap of timers, and the list of work put off until the loop would sleep.
 *
 * Order of things in one turn: sockets and wake-ups are served, due timers run, then, right
 * before the loop sleeps, hooks run, deferred tasks run, and every stream that was written to is
 * flushed with one system call; all three again if that gave more to do. What is said during a
 * turn therefore leaves together. Where many streams are to be flushed, sockets and wake-ups are
 * served in between: what else is said to those that still wait goes with the same call.
 *
 * Everything here belongs to the thread that runs the loop. Other threads use wake.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/heap.h"
#include "base/list.h"

/* Work to be done once, before the loop sleeps next. Embedded; zeroed memory is an idle task. */
struct loop_task {
    void (*cb)(struct loop_task *task);
    struct list link; /* private */
    bool queued;      /* private */
};

/* Called every time before the loop sleeps (more than once if tasks give more to do), in the order
 * of adding. Embedded. */
struct loop_hook {
    void (*cb)(struct loop_hook *hook);
    struct list link; /* private */
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_idle_t spin;      /* active while something waits for the end of a turn: no sleep */
    uv_timer_t clock;    /* fires at the earliest timer */
    struct heap timers;  /* struct timer, by deadline */
    struct list hooks;   /* struct loop_hook */
    struct list tasks;   /* struct loop_task */
    struct list unsent;  /* struct stream with bytes to flush */
    struct list streams; /* every open struct stream */
    struct list graves;  /* closed ones libuv never knew, to be freed */
    size_t stream_count;
    struct list spare_chunks; /* stream.c's: sent, kept for the next answers */
    size_t spare_chunk_count;
    struct list spare_references; /* the same, of chunks that refer to blobs */
    size_t spare_reference_count;
    uint8_t *read_buffer; /* owned; LIMIT_LOOP_READ_BYTES, lent to one read callback at a time */
    bool reading;         /* read_buffer is lent */
};

/* 0 or a fault. The loop is bound to the thread that runs it first. */
int loop_create(struct loop **out);

/* Runs what is deferred, closes every stream still open, lets libuv finish its closing handles,
 * frees the loop. Its other users (listeners, wakes, hooks, timers) must have been closed before.
 * NULL is allowed. */
void loop_destroy(struct loop *loop);

/* Serve until loop_stop(), or until nothing is left that could wake the loop. */
void loop_run(struct loop *loop);

/* One turn; waits for an event only if `may_wait`. */
void loop_turn(struct loop *loop, bool may_wait);

/* End loop_run() after the current turn. Own thread. */
void loop_stop(struct loop *loop);

/* Monotonic milliseconds as of the start of this turn. */
uint64_t loop_now_ms(const struct loop *loop);

/* Run task->cb before the loop sleeps; deferring it again before that changes nothing. A task
 * deferred by a task runs in the same turn. */
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task);

/* For stream.c: there are bytes to flush, so another turn must come. */
void loop_stay_awake(struct loop *loop);

void loop_hook_add(struct loop *loop, struct loop_hook *hook);
void loop_hook_remove(struct loop_hook *hook);
