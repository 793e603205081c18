#include "server/fleet.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"
#include "server/inbox.h"

struct fleet {
    struct fleet_options options;
    struct inbox *inbox;
    struct shard_thread **threads; /* owned, `started` of them are there */
    struct wires **wires;          /* owned: the threads' */
    struct order *orders;          /* owned: one for each thread */
    struct order *hurries;         /* owned: the same, while `orders` drain */
    unsigned started;
    struct timer grace;
    bool late; /* the grace time is over */
};

static void on_grace(struct timer *timer)
{
    container_of(timer, struct fleet, grace)->late = true;
}

int fleet_start(struct fleet **out, const struct fleet_options *options)
{
    struct fleet *fleet = mem_new(struct fleet);
    int r = 0;

    fleet->options = *options;
    fleet->inbox = inbox_create(options->loop);
    fleet->threads = mem_new_array(struct shard_thread *, options->count);
    fleet->wires = mem_new_array(struct wires *, options->count);
    fleet->orders = mem_new_array(struct order, options->count);
    fleet->hurries = mem_new_array(struct order, options->count);
    fleet->grace.cb = on_grace;
    for (unsigned i = 0; i < options->count && r == 0; i++) {
        struct shard_thread_options thread = {
            .group = options->group,
            .wires = fleet->wires,
            .inbox = fleet->inbox,
            .index = i,
            .cpu_limit_ms = options->cpu_limit_ms,
            .proxied = options->proxied,
            .scripted = options->scripted,
        };
        r = shard_thread_start(&fleet->threads[i], &thread);
        if (r == 0) {
            fleet->wires[i] = shard_thread_wires(fleet->threads[i]);
            fleet->started++;
        }
    }
    *out = fleet;
    return r < 0 ? err_pass(r) : 0;
}

void fleet_prepare(struct fleet *fleet, const char *settings)
{
    for (unsigned i = 0; i < fleet->started; i++)
        shard_thread_prepare(fleet->threads[i], settings);
}

int fleet_go(struct fleet *fleet)
{
    int fault = 0;

    for (unsigned i = 0; i < fleet->started; i++)
        shard_thread_go(fleet->threads[i], false);
    for (unsigned i = 0; i < fleet->started; i++) {
        int r = shard_thread_wait(fleet->threads[i]);
        if (r < 0)
            fault = err_pass(r);
    }
    return fault;
}

/* ---- orders ---- */

static struct order *order_for(struct fleet *fleet, unsigned index, enum order_kind kind)
{
    struct order *order = &fleet->orders[index];

    *order = (struct order){.kind = kind};
    return order;
}

static void give(struct fleet *fleet, unsigned index)
{
    shard_thread_order(fleet->threads[index], &fleet->orders[index]);
}

/* Until `count` orders were answered. Returns the first result that is not 0; `why` gets its
 * words. */
static int answers(struct fleet *fleet, unsigned count, struct err_text *why)
{
    int result = 0;

    while (count > 0) {
        struct order *order = inbox_take(fleet->inbox);
        if (order == NULL) {
            loop_turn(fleet->options.loop, true);
            continue;
        }
        count--;
        if (order->result == 0 || result != 0)
            continue;
        result = order->result;
        if (why != NULL)
            *why = order->why;
    }
    return result;
}

static void all(struct fleet *fleet, enum order_kind kind)
{
    for (unsigned i = 0; i < fleet->started; i++) {
        order_for(fleet, i, kind);
        give(fleet, i);
    }
    answers(fleet, fleet->started, NULL);
}

int fleet_deploy(struct fleet *fleet, const struct worker_bundle *bundle,
                 const struct native *native, struct err_text *why)
{
    int r;

    for (unsigned i = 0; i < fleet->started; i++) {
        struct order *order = order_for(fleet, i, ORDER_DEPLOY);

        order->deploy.bundle = bundle;
        order->deploy.native = native;
        give(fleet, i);
    }
    r = answers(fleet, fleet->started, why);
    all(fleet, r == 0 ? ORDER_SWAP : ORDER_DISCARD);
    return r;
}

int fleet_listen(struct fleet *fleet, const char *host, uint16_t *port, struct err_text *why)
{
    unsigned count = fleet->started;

    for (unsigned i = 0; i < count; i++) {
        struct order *order = order_for(fleet, i, ORDER_LISTEN);
        int r;
        order->listen.host = host;
        order->listen.port = *port;
        order->listen.sharing = i > 0 ? LISTENER_JOIN : count > 1 ? LISTENER_FIRST : LISTENER_ALONE;
        give(fleet, i);
        r = answers(fleet, 1, why);
        if (r < 0)
            return err_pass(r);
        *port = order->listen.port;
    }
    return 0;
}

/* ---- the end ---- */

void fleet_drain(struct fleet *fleet, int64_t grace_ms)
{
    unsigned open = fleet->started;
    bool hurried = false;

    for (unsigned i = 0; i < fleet->started; i++) {
        order_for(fleet, i, ORDER_DRAIN);
        give(fleet, i);
    }
    timer_start(&fleet->grace, fleet->options.loop, (uint64_t)grace_ms);
    while (open > 0) {
        if (inbox_take(fleet->inbox) != NULL) {
            open--;
            continue;
        }
        if (fleet->late && !hurried) {
            hurried = true;
            open += fleet->started;
            for (unsigned i = 0; i < fleet->started; i++) {
                fleet->hurries[i] = (struct order){.kind = ORDER_HURRY};
                shard_thread_order(fleet->threads[i], &fleet->hurries[i]);
            }
        }
        loop_turn(fleet->options.loop, true);
    }
    timer_stop(&fleet->grace);
}

/* Once all threads end. */
static void fleet_free(struct fleet *fleet)
{
    for (unsigned i = 0; i < fleet->started; i++)
        shard_thread_join(fleet->threads[i]);
    inbox_destroy(fleet->inbox);
    mem_free(fleet->threads);
    mem_free(fleet->wires);
    mem_free(fleet->orders);
    mem_free(fleet->hurries);
    mem_free(fleet);
}

void fleet_stop(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    for (unsigned i = 0; i < fleet->started; i++) {
        order_for(fleet, i, ORDER_STOP);
        give(fleet, i);
    }
    fleet_free(fleet);
}

void fleet_call_off(struct fleet *fleet)
{
    for (unsigned i = 0; i < fleet->started; i++)
        shard_thread_go(fleet->threads[i], true);
    fleet_free(fleet);
}
