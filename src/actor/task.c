#include <stddef.h>

#include "actor/object_state.h"
#include "base/assert.h"

/*
 *                bind                ready                   admitted
 *   UNBOUND ────────────► BOUND ────────────► READY ────────────────────► (UNBOUND, run)
 *      ▲                    │                   │
 *      └── unbind, drop ────┴───────────────────┘
 *
 * A bound task holds its object in memory and remembers the section it was bound in; a ready one
 * waits at the input gate.
 */
enum task_state {
    TASK_UNBOUND,
    TASK_BOUND,
    TASK_READY
};

static void unlink_task(struct task *task)
{
    struct life *life = task->object->life;

    ASSERT(life->holds[task->reason] > 0);
    life->holds[task->reason]--;
    if (task->state == TASK_READY)
        life->ready_count--;
    list_remove(&task->instance_link);
    task->state = TASK_UNBOUND;
}

static void run_task(struct input_gate_wait *wait)
{
    struct task *task = container_of(wait, struct task, wait);
    struct object *object = task->object;
    struct section *section = wait->origin;

    wait->origin = NULL;
    unlink_task(task);
    turn_begin(object->life, section);
    task->run(task);
    turn_end(object->shard);
}

void task_bind_in(struct task *task, struct object *object, enum hold_reason reason,
                  struct section *section)
{
    struct life *life = object->life;

    ASSERT(task->state == TASK_UNBOUND);
    ASSERT(life != NULL);
    task->object = object;
    task->reason = (uint8_t)reason;
    task->state = TASK_BOUND;
    task->wait = (struct input_gate_wait){.admit = run_task};
    task->wait.origin = section_ref(section);
    list_init(&task->wait.link);
    list_init(&task->instance_link);
    list_push_back(&life->tasks, &task->instance_link);
    life->holds[reason]++;
    life_review(life);
}

void task_bind(struct task *task, struct object *object, enum hold_reason reason)
{
    ASSERT(object->life != NULL);
    task_bind_in(task, object, reason, object->life->section);
}

void task_ready(struct task *task)
{
    struct life *life = task->object->life;

    ASSERT(task->state == TASK_BOUND);
    task->state = TASK_READY;
    life->ready_count++;
    input_gate_wait(life->input, &task->wait);
    life_review(life);
}

/* Out of the gate and out of the life. */
static void detach(struct task *task)
{
    if (task->state == TASK_READY)
        input_gate_cancel(&task->wait);
    section_unref(task->wait.origin);
    task->wait.origin = NULL;
    unlink_task(task);
}

void task_unbind(struct task *task)
{
    if (task->state == TASK_UNBOUND)
        return;

    detach(task);
    life_review(task->object->life);
}

void task_drop_all(struct life *life)
{
    struct list *link;

    while ((link = list_first(&life->tasks)) != NULL) {
        struct task *task = container_of(link, struct task, instance_link);

        detach(task);
        task->drop(task);
    }
}
