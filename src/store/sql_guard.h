#pragma once

/*
 * SQL guard
 *
 * Ends statements that do not end by themselves (`WITH RECURSIVE …` without a limit): SQLite runs a
 * statement on its shard's thread for as long as it takes, and the engine's own limit sees scripts
 * only. A thread looks now and then which shard is still in the step that it was in the last time,
 * and interrupts the one that has used up its time of the processor.
 *
 * Each shard has a seat, which its thread enters for each step and leaves after it: two writes, no
 * lock and no clock.
 */

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"

struct sql_guard;

struct sql_guard_seat {
    struct sql_guard *guard; /* NULL: nobody looks */
    struct list link;
    atomic_uintptr_t running;   /* sqlite3, 0 outside of a step; the low bits are the guard's */
    atomic_uint_fast64_t steps; /* entered so far */
    atomic_bool clocked;        /* `clock` is that of the shard's thread */
    clockid_t clock;

    uint64_t seen_steps; /* the guard's: `steps` when it last looked, */
    int64_t since_ns;    /* and the clock when it first saw that */
};

/* `limit_ms` of the processor's time for one step; 0: NULL, no limit. */
struct sql_guard *sql_guard_create(int64_t limit_ms);

/* All seats have been left for good. NULL is allowed. */
void sql_guard_destroy(struct sql_guard *guard);

/* Any thread. `guard` may be NULL. */
void sql_guard_seat_init(struct sql_guard_seat *seat, struct sql_guard *guard);
void sql_guard_seat_fini(struct sql_guard_seat *seat);

/* Around what may take long, on the shard's thread. What the guard ends fails with
 * SQLITE_INTERRUPT, which nothing else does: database_error() knows the words. */
void sql_guard_enter(struct sql_guard_seat *seat, sqlite3 *sql);
void sql_guard_leave(struct sql_guard_seat *seat);
