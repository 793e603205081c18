#include "actor/output_gate.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/mem.h"

/*
 * States, and the function that makes each move:
 *
 *              lock                     settle(fault < 0)
 *   CLEAR -----------------> HELD --------------------------> BROKEN
 *     ^                     |    ^ |
 *     +---------------------+    +-+
 *       settle(newest ticket)     lock, settle(older ticket)
 *
 * CLEAR    settled == taken, no waiter. pass() answers GO on the spot.
 * HELD     settled <  taken. Waiters are sorted by ticket, because tickets only grow.
 * BROKEN   fault  <  0, no waiter. pass() answers DISCARD on the spot. There is no way back:
 *          the object's memory has seen a write that its disk has not, so the object must be
 *          thrown away and loaded again.
 *
 * A corked gate answers nobody: messages queue in every state until uncork(), which is how those
 * of one turn leave together. check() asserts all of this on every entry.
 */
struct output_gate {
    uint64_t taken;      /* last ticket handed out */
    uint64_t settled;    /* last ticket known durable */
    int fault;           /* why the gate broke; 0 while it has not */
    bool waking;         /* inside wake(); the queue may hold waiters that are due */
    bool corked;         /* the queue may hold waiters that are due */
    struct list waiters; /* output_gate_wait.link, oldest first */
};

static void check(const struct output_gate *gate)
{
    ASSERT(gate->fault <= 0);
    ASSERT(gate->settled <= gate->taken);
    if (!gate->waking && !gate->corked && (gate->fault < 0 || gate->settled == gate->taken))
        ASSERT(list_empty(&gate->waiters));
}

/* Answers waiters up to `ticket` in order. One that arrives meanwhile goes behind them. */
static void wake(struct output_gate *gate, enum output_gate_verdict verdict, uint64_t ticket)
{
    struct list *link;

    if (gate->waking || gate->corked)
        return;

    gate->waking = true;
    while ((link = list_first(&gate->waiters)) != NULL) {
        struct output_gate_wait *wait = container_of(link, struct output_gate_wait, link);

        if (wait->ticket > ticket)
            break;
        list_remove(link);
        wait->cb(wait, verdict);
        if (verdict == OUTPUT_GATE_GO && gate->fault < 0)
            break;
        if (gate->corked)
            break;
    }
    gate->waking = false;
}

/* Everybody who may be answered now. */
static void wake_due(struct output_gate *gate)
{
    if (gate->fault == 0)
        wake(gate, OUTPUT_GATE_GO, gate->settled);
    if (gate->fault < 0)
        wake(gate, OUTPUT_GATE_DISCARD, UINT64_MAX);
}

struct output_gate *output_gate_create(void)
{
    struct output_gate *gate = mem_new(struct output_gate);

    list_init(&gate->waiters);
    check(gate);
    return gate;
}

void output_gate_destroy(struct output_gate *gate)
{
    if (gate == NULL)
        return;

    check(gate);
    ASSERT(!gate->waking);
    gate->corked = false;
    gate->fault = -1;
    wake(gate, OUTPUT_GATE_DISCARD, UINT64_MAX);
    mem_free(gate);
}

uint64_t output_gate_lock(struct output_gate *gate)
{
    check(gate);
    return ++gate->taken;
}

void output_gate_settle(struct output_gate *gate, uint64_t ticket, int fault)
{
    check(gate);
    ASSERT(ticket <= gate->taken);
    ASSERT(fault <= 0);

    if (gate->fault < 0)
        return;
    if (fault < 0)
        gate->fault = fault;
    else if (ticket > gate->settled)
        gate->settled = ticket;
    wake_due(gate);
    check(gate);
}

void output_gate_pass(struct output_gate *gate, struct output_gate_wait *wait)
{
    check(gate);
    wait->ticket = gate->taken;
    list_init(&wait->link);
    if (output_gate_open(gate)) {
        wait->cb(wait, gate->fault < 0 ? OUTPUT_GATE_DISCARD : OUTPUT_GATE_GO);
        return;
    }
    list_push_back(&gate->waiters, &wait->link);
}

void output_gate_pass_behind(struct output_gate *gate, struct output_gate_wait *wait,
                             uint64_t ticket)
{
    struct list *before;

    check(gate);
    ASSERT(ticket <= gate->taken);
    wait->ticket = ticket;
    list_init(&wait->link);
    /* The queue is in the order of tickets: in front of the first with a later one. */
    list_for_each (before, &gate->waiters) {
        if (container_of(before, struct output_gate_wait, link)->ticket > ticket)
            break;
    }
    list_push_back(before, &wait->link);
    wake_due(gate);
}

void output_gate_cancel(struct output_gate_wait *wait)
{
    if (wait->link.next != NULL)
        list_remove(&wait->link);
}

bool output_gate_open(const struct output_gate *gate)
{
    if (gate->corked || gate->waking || !list_empty(&gate->waiters))
        return false;
    return gate->fault < 0 || gate->settled == gate->taken;
}

bool output_gate_is_last(const struct output_gate *gate, const struct output_gate_wait *wait)
{
    return wait->ticket == gate->taken && gate->waiters.prev == &wait->link;
}

void output_gate_cork(struct output_gate *gate)
{
    gate->corked = true;
}

void output_gate_uncork(struct output_gate *gate)
{
    gate->corked = false;
    wake_due(gate);
    check(gate);
}
