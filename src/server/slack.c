#include "server/slack.h"

#include <malloc.h>

#include "actor/shard.h"
#include "base/log.h"
#include "js/engine.h"
#include "net/loop.h"

#define QUIET_MS         1000
#define QUIET_EVENTS_MAX 10 /* within that time */

/* Half of the instances are gone; a few are not worth it. */
static bool worth_it(const struct slack *slack, const struct shard_counts *counts)
{
    return slack->instances_most > counts->instances * 2;
}

static void give_back(struct slack *slack)
{
    struct js_memory before;
    struct js_memory after;

    js_engine_memory(slack->engine, &before);
    js_engine_collect_now(slack->engine);
    js_engine_poll(slack->engine); /* frees what belonged to what was collected */
    js_engine_memory(slack->engine, &after);
    malloc_trim(0);
    log_debug("shard %u: %llu KB of the JavaScript heap freed, %llu KB kept",
              shard_index(slack->shard),
              (unsigned long long)(before.heap_bytes - after.heap_bytes) / 1024,
              (unsigned long long)after.heap_bytes / 1024);
}

static void on_timer(struct timer *timer)
{
    struct slack *slack = container_of(timer, struct slack, timer);
    struct shard_counts counts;

    shard_counts(slack->shard, &counts);
    if (!worth_it(slack, &counts))
        return;
    if (counts.events - slack->events_seen > QUIET_EVENTS_MAX) {
        slack->events_seen = counts.events;
        timer_start(timer, slack->loop, QUIET_MS);
        return;
    }
    give_back(slack);
    slack->instances_most = counts.instances;
}

void slack_init(struct slack *slack, struct loop *loop, struct shard *shard,
                struct js_engine *engine)
{
    *slack = (struct slack){.loop = loop, .shard = shard, .engine = engine};
    slack->timer.cb = on_timer;
}

void slack_fini(struct slack *slack)
{
    timer_stop(&slack->timer);
}

void slack_look(struct slack *slack)
{
    struct shard_counts counts;

    shard_counts(slack->shard, &counts);
    if (counts.instances > slack->instances_most)
        slack->instances_most = counts.instances;
    if (timer_running(&slack->timer) || !worth_it(slack, &counts))
        return;
    slack->events_seen = counts.events;
    timer_start(&slack->timer, slack->loop, QUIET_MS);
}
