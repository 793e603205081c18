#pragma once

/*
 * Timer
 *
 * Embedded in what it times; 10,000 of them cost one libuv timer and a heap. One shot: the
 * callback may start it again. Zeroed memory with `cb` set is a stopped timer. Own thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"

struct loop;

struct timer {
    void (*cb)(struct timer *timer);
    struct loop *loop;     /* private: where it runs; NULL while stopped */
    struct heap_node node; /* private: the key is the deadline in loop_now_ms() */
};

/* Fire once, `delay_ms` after now. A running timer is moved. */
void timer_start(struct timer *timer, struct loop *loop, uint64_t delay_ms);

/* Harmless if it is not running. */
void timer_stop(struct timer *timer);

bool timer_running(const struct timer *timer);
