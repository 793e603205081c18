#include "actor/input_gate.h"

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/mem.h"

/*
 * The gate is a tree of levels: the root, and one per section. At each level at most one section
 * runs; the running ones form a path from the root, and its end is where waiters are admitted:
 *
 *     root ── running ──► A ── running ──► B          only waiters of B are admitted
 *      ├ pending: C, D    └ waiters: 2     └ waiters: 1
 *      └ waiters: 5
 *
 *                 open, level is free          close
 *     (new) ─────────────────────────► RUNNING ─────► CLOSED
 *        │                                ▲             ▲
 *        └── open, a sibling runs ──► PENDING ──────────┘ close
 *                                         (sibling closes)
 *
 * Pending sections go before waiters of their level. When a section closes, what waits at its level
 * moves to the level around it, and so does a section that still runs inside it.
 */

enum section_state {
    SECTION_PENDING,
    SECTION_RUNNING,
    SECTION_CLOSED
};

struct level {
    struct section *running; /* borrowed; the gate's reference is held by being in the tree */
    struct list pending;     /* section.link, in order of opening */
    struct list waiters;     /* input_gate_wait.link, oldest first */
};

struct section {
    unsigned refs; /* one of them is the tree's until it is closed */
    enum section_state state;
    struct input_gate *gate; /* NULL once the gate is gone */
    struct section *parent;  /* owned reference; NULL: the root */
    struct level level;
    struct list link; /* pending list of the level around it */
    void *owner;
};

struct input_gate {
    struct level root;
};

static void level_init(struct level *level)
{
    level->running = NULL;
    list_init(&level->pending);
    list_init(&level->waiters);
}

struct input_gate *input_gate_create(void)
{
    struct input_gate *gate = mem_new(struct input_gate);

    level_init(&gate->root);
    return gate;
}

/* The nearest section around that has not ended; NULL: the root. */
static struct section *nearest(const struct section *section)
{
    while (section != NULL && section->state == SECTION_CLOSED)
        section = section->parent;
    return (struct section *)(uintptr_t)section;
}

static struct level *level_of(struct input_gate *gate, const struct section *origin)
{
    struct section *section = nearest(origin);

    ASSERT(section == NULL || section->gate == gate);
    return section != NULL ? &section->level : &gate->root;
}

/* Where things are admitted now. */
static struct level *innermost(struct input_gate *gate)
{
    struct level *level = &gate->root;

    while (level->running != NULL)
        level = &level->running->level;
    return level;
}

static void forget_waiters(struct level *level)
{
    struct list *link;

    while ((link = list_pop_front(&level->waiters)) != NULL) {
        struct input_gate_wait *wait = container_of(link, struct input_gate_wait, link);

        section_unref(wait->origin);
        wait->origin = NULL;
    }
}

/* Some section of the tree that has none below it, taken out of it; NULL when there is none. */
static struct section *take_leaf(struct input_gate *gate)
{
    struct level *level = &gate->root;
    struct section *leaf = NULL;

    for (;;) {
        if (level->running != NULL)
            leaf = level->running;
        else if (!list_empty(&level->pending))
            leaf = container_of(list_first(&level->pending), struct section, link);
        else
            break;
        level = &leaf->level;
    }
    if (leaf == NULL)
        return NULL;
    level = level_of(gate, leaf->parent);
    if (level->running == leaf)
        level->running = NULL;
    list_remove(&leaf->link);
    return leaf;
}

void input_gate_destroy(struct input_gate *gate)
{
    struct section *leaf;

    if (gate == NULL)
        return;

    while ((leaf = take_leaf(gate)) != NULL) {
        forget_waiters(&leaf->level);
        leaf->state = SECTION_CLOSED;
        leaf->gate = NULL;
        section_unref(leaf);
    }
    forget_waiters(&gate->root);
    mem_free(gate);
}

bool input_gate_admits(const struct input_gate *gate, const struct section *origin)
{
    struct input_gate *self = (struct input_gate *)(uintptr_t)gate;

    return level_of(self, origin) == innermost(self);
}

void input_gate_wait(struct input_gate *gate, struct input_gate_wait *wait)
{
    struct level *level = level_of(gate, wait->origin);

    list_init(&wait->link);
    list_push_back(&level->waiters, &wait->link);
}

void input_gate_cancel(struct input_gate_wait *wait)
{
    list_remove(&wait->link);
    section_unref(wait->origin);
    wait->origin = NULL;
}

bool input_gate_waiting(struct input_gate *gate)
{
    return !list_empty(&innermost(gate)->waiters);
}

bool input_gate_pump(struct input_gate *gate)
{
    struct list *link = list_pop_front(&innermost(gate)->waiters);
    struct input_gate_wait *wait;

    if (link == NULL)
        return false;
    wait = container_of(link, struct input_gate_wait, link);
    wait->admit(wait);
    return true;
}

bool input_gate_open(const struct input_gate *gate)
{
    return gate->root.running == NULL;
}

/* ---- sections ---- */

struct section *section_open(struct input_gate *gate, struct section *origin)
{
    struct section *section = mem_new(struct section);
    struct section *parent = nearest(origin);
    struct level *around = level_of(gate, origin);

    section->refs = 2;
    section->gate = gate;
    section->parent = section_ref(parent);
    level_init(&section->level);
    list_init(&section->link);
    if (around->running == NULL) {
        section->state = SECTION_RUNNING;
        around->running = section;
    } else {
        section->state = SECTION_PENDING;
        list_push_back(&around->pending, &section->link);
    }
    return section;
}

unsigned section_depth(const struct section *origin)
{
    unsigned depth = 0;

    for (; origin != NULL; origin = origin->parent)
        depth += origin->state != SECTION_CLOSED;
    return depth;
}

bool section_running(const struct section *section)
{
    return section->state == SECTION_RUNNING;
}

bool section_closed(const struct section *section)
{
    return section->state == SECTION_CLOSED;
}

/* The level is free: the next of its sections runs. */
static void run_next(struct level *level)
{
    struct list *link = list_pop_front(&level->pending);

    if (link == NULL)
        return;
    level->running = container_of(link, struct section, link);
    level->running->state = SECTION_RUNNING;
}

void section_close(struct input_gate *gate, struct section *section)
{
    struct level *around;

    ASSERT(section->state != SECTION_CLOSED);
    ASSERT(section->gate == gate);
    around = level_of(gate, section->parent);
    section->state = SECTION_CLOSED;
    list_splice_back(&around->waiters, &section->level.waiters);
    list_splice_back(&around->pending, &section->level.pending);
    if (around->running == section) {
        around->running = section->level.running;
        if (around->running == NULL)
            run_next(around);
    } else {
        list_remove(&section->link);
        if (section->level.running != NULL) {
            /* It had begun inside one that never ran: it waits like a sibling now. */
            section->level.running->state = SECTION_PENDING;
            list_push_back(&around->pending, &section->level.running->link);
        }
    }
    section->level.running = NULL;
    section_unref(section);
}

void section_set_owner(struct section *section, void *owner)
{
    section->owner = owner;
}

void *section_owner(const struct section *section)
{
    return section->owner;
}

struct section *section_ref(struct section *section)
{
    if (section != NULL)
        section->refs++;
    return section;
}

void section_unref(struct section *section)
{
    while (section != NULL) {
        struct section *parent = section->parent;

        ASSERT(section->refs > 0);
        if (--section->refs > 0)
            return;
        ASSERT(section->state == SECTION_CLOSED);
        mem_free(section);
        section = parent;
    }
}
