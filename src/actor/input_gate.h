#pragma once

/*
 * Input gate
 *
 * Decides what may run in an object now (platform.md §1.7). It is open unless a critical section
 * (blockConcurrencyWhile, transaction) is running; then only what was started from inside the
 * innermost section runs, everything else waits, first come first served. Sections nest; a section
 * opened while a sibling runs waits for it.
 *
 * Everything that runs later on behalf of an object remembers the section it was started in as its
 * origin (a reference). When that section has ended, the nearest one still running around it
 * counts.
 *
 * One gate per live object, own thread.
 */

#include <stdbool.h>

#include "base/list.h"

struct input_gate;
struct section;

/* Embedded in whatever waits; the gate owns the link while it waits. */
struct input_gate_wait {
    void (*admit)(struct input_gate_wait *wait);
    struct section *origin; /* owned reference while waiting; NULL: from outside any section */
    struct list link;       /* private */
};

struct input_gate *input_gate_create(void);

/* Forgets waiters: their owner deals with them. NULL is allowed. */
void input_gate_destroy(struct input_gate *gate);

/* Would a thing of this origin be admitted at once? */
bool input_gate_admits(const struct input_gate *gate, const struct section *origin);

/* Join the queue of the origin's level; input_gate_pump() admits. */
void input_gate_wait(struct input_gate *gate, struct input_gate_wait *wait);
void input_gate_cancel(struct input_gate_wait *wait);

/* Admits the first waiter that may run, if any. Called by the object between turns; returns whether
 * one was admitted. */
bool input_gate_pump(struct input_gate *gate);
bool input_gate_waiting(struct input_gate *gate);    /* would pump() admit one? */
bool input_gate_open(const struct input_gate *gate); /* no section is running */

/* ---- sections ---- */

#define SECTION_DEPTH_MAX 64

/* A new section inside `origin` (NULL: outermost). Running at once when nothing else is at that
 * level, otherwise when its turn comes: section_running() says. Never NULL; depth is the
 * caller's to check with section_depth(). One reference is the caller's. */
struct section *section_open(struct input_gate *gate, struct section *origin);
unsigned section_depth(const struct section *origin); /* NULL: 0 */
bool section_running(const struct section *section);
bool section_closed(const struct section *section);
/* One pointer for whoever opened it; NULL at first. */
void section_set_owner(struct section *section, void *owner);
void *section_owner(const struct section *section);

/* The section is over; its waiters join the level around it. */
void section_close(struct input_gate *gate, struct section *section);

struct section *section_ref(struct section *section); /* NULL is allowed, and returned */
void section_unref(struct section *section);          /* NULL is allowed */
