#include <stddef.h>

#include "actor/failure.h"
#include "actor/object_state.h"
#include "base/limits.h"
#include "base/mem.h"

/*
 * Critical sections as the class sees them: opened at the input gate, timed from the moment their
 * code first runs, and fatal for the object when they fail.
 */

struct section_watch {
    struct section *section; /* owned reference */
    struct object *object;
    struct shard_timer timer;
    struct list link; /* life->sections */
    bool entered;
};

/* Ends it if it has not ended. */
static void forget(struct section_watch *watch)
{
    if (!section_closed(watch->section))
        section_close(watch->object->life->input, watch->section);
    shard_timer_clear(watch->object->shard, &watch->timer);
    list_remove(&watch->link);
    section_set_owner(watch->section, NULL);
    section_unref(watch->section);
    mem_free(watch);
}

static void time_is_up(struct shard_timer *timer)
{
    struct section_watch *watch = container_of(timer, struct section_watch, timer);
    struct failure *failure = failure_format(
        FAILURE_OVERLOADED, "A call to blockConcurrencyWhile() in a Durable Object waited for too "
                            "long. The call was canceled and the Durable Object was reset.");

    object_abort(watch->object, failure);
    failure_unref(failure);
}

struct section *object_section(const struct object *object)
{
    return object->life != NULL ? object->life->section : NULL;
}

struct section *object_section_begin(struct object *object, struct task *task)
{
    struct life *life = object->life;
    struct section_watch *watch;
    struct section *around = life->section;

    if (section_depth(around) >= SECTION_DEPTH_MAX)
        return NULL;

    watch = mem_new(struct section_watch);
    watch->object = object;
    watch->section = section_open(life->input, around);
    watch->timer.fire = time_is_up;
    section_set_owner(watch->section, watch);
    list_init(&watch->link);
    list_push_back(&life->sections, &watch->link);

    task_bind_in(task, object, HOLD_WAIT_UNTIL, watch->section);
    task_ready(task);
    return watch->section;
}

void section_enter(struct life *life, struct section *section)
{
    struct section_watch *watch = section_owner(section);

    if (watch == NULL || watch->entered)
        return;
    watch->entered = true;
    shard_timer_set(life->object->shard, &watch->timer, LIMIT_BLOCK_CONCURRENCY_MS);
}

void object_section_end(struct object *object, struct section *section, struct failure *failure)
{
    struct life *life = object->life;

    if (life == NULL || section_closed(section))
        return;
    /* A failed section stays closed around the object: nobody gets in any more. */
    if (failure != NULL) {
        object_abort(object, failure);
        return;
    }
    forget(section_owner(section));
    life_review(life);
}

void section_forget_all(struct life *life)
{
    struct list *link;

    while ((link = list_first(&life->sections)) != NULL)
        forget(container_of(link, struct section_watch, link));
}
