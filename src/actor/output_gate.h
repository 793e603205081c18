#pragma once

/*
 * Output gate
 *
 * Holds back what an object says to the world until what it has written is on disk. Each write
 * takes a ticket with output_gate_lock(); the journal settles the ticket once the group commit
 * that carries it is durable, or has failed. A message leaves through output_gate_pass(), which
 * runs its callback once every ticket taken before it has settled.
 *
 * One gate per object, used only on the object's own thread. Callbacks run from settle() and
 * destroy(); pass() answers by itself only when nothing is ahead of the message.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct output_gate;

/* What became of a message waiting at the gate. */
enum output_gate_verdict {
    OUTPUT_GATE_GO,      /* every write before it is durable: send it */
    OUTPUT_GATE_DISCARD, /* a write before it failed: it must never be seen */
};

/* Embedded in whatever waits; the gate owns the link while it waits. */
struct output_gate_wait {
    void (*cb)(struct output_gate_wait *wait, enum output_gate_verdict verdict);
    uint64_t ticket;  /* private: highest ticket that must settle first */
    struct list link; /* private */
};

/* Never NULL. Free with output_gate_destroy(). */
struct output_gate *output_gate_create(void);

/* Discards every waiter, then frees the gate. NULL is allowed. */
void output_gate_destroy(struct output_gate *gate);

/* Close the gate behind one more write. Tickets settle in the order they were taken. */
uint64_t output_gate_lock(struct output_gate *gate);

/* The write behind `ticket`, and every earlier one, is durable (fault 0) or lost (fault < 0).
 * After a loss the gate is broken for good: every message, now and later, is discarded. */
void output_gate_settle(struct output_gate *gate, uint64_t ticket, int fault);

/* Run wait->cb once all writes locked so far have settled; at once if none are open. `wait` must
 * stay valid until then or until output_gate_cancel(). */
void output_gate_pass(struct output_gate *gate, struct output_gate_wait *wait);

/* The same for the writes up to `ticket` only. */
void output_gate_pass_behind(struct output_gate *gate, struct output_gate_wait *wait,
                             uint64_t ticket);

/* Forget a waiter; its callback will not run. Harmless if it already ran. */
void output_gate_cancel(struct output_gate_wait *wait);

/* Would a message be answered on the spot? */
bool output_gate_open(const struct output_gate *gate);

/* Nothing was said and nothing written since `wait` began to wait: more may leave with it. */
bool output_gate_is_last(const struct output_gate *gate, const struct output_gate_wait *wait);

/* A corked gate answers nobody until it is uncorked: what a turn says leaves when it is over. */
void output_gate_cork(struct output_gate *gate);
void output_gate_uncork(struct output_gate *gate);
