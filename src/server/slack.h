#pragma once

/*
 * Slack
 *
 * Memory that objects leave behind when they are put to rest: garbage in the JavaScript machine,
 * which collects while a program allocates and not when it has stopped, and free blocks in the
 * allocator. Both are given back once half of the instances are gone and the shard has been quiet
 * for a moment, so that nobody waits for it. One per shard, on its thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/timer.h"

struct js_engine;
struct loop;
struct shard;

struct slack {
    struct loop *loop;
    struct shard *shard;      /* borrowed, as are all */
    struct js_engine *engine; /* between its entries when this is called */
    struct timer timer;
    size_t instances_most; /* since it was given back */
    uint64_t events_seen;  /* when the timer was started */
};

void slack_init(struct slack *slack, struct loop *loop, struct shard *shard,
                struct js_engine *engine);
void slack_fini(struct slack *slack);

/* After every turn of the shard. */
void slack_look(struct slack *slack);
