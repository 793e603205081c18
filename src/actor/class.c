#include "actor/class.h"

#include "actor/alarm.h"
#include "actor/object_state.h"
#include "base/limits.h"
#include "base/mem.h"

/*
 * Which class each namespace has on a shard, and how a new one takes over: an idle instance goes at
 * once, one with events in flight when the last of them ends, and all that are left when the old
 * code has run on for long enough. Sockets and alarms are not the instance's and stay.
 */

struct class *shard_class(const struct shard *shard, const struct namespace *ns)
{
    unsigned index = namespace_index(ns);

    return index < shard->class_count ? shard->classes[index].class : NULL;
}

struct namespace *shard_namespace(const struct shard *shard, uint32_t number)
{
    for (unsigned i = 0; i < shard->class_count; i++) {
        const struct class_slot *slot = &shard->classes[i];

        if (slot->class != NULL && namespace_number(slot->ns) == number)
            return slot->ns;
    }
    return NULL;
}

static void make_overdue(struct life *life, void *arg)
{
    (void)arg;
    if (!life->stale)
        return;
    life->overdue = true;
    life_review(life);
}

static void stale_too_long(struct shard_timer *timer)
{
    shard_for_each_life(container_of(timer, struct shard, stale_timer), make_overdue, NULL);
}

static void make_stale(struct life *life, void *arg)
{
    struct shard *shard = life->object->shard;

    if (life->object->ns != arg || life->class == NULL ||
        life->class == shard_class(shard, life->object->ns))
        return;
    life->stale = true;
    shard->stale_timer.fire = stale_too_long;
    if (!shard->stale_timer.armed)
        shard_timer_set(shard, &shard->stale_timer, LIMIT_CODE_UPDATE_MS);
    life_review(life);
}

void shard_set_class(struct shard *shard, struct namespace *ns, struct class *class)
{
    unsigned index = namespace_index(ns);

    if (index >= shard->class_count) {
        shard->classes = mem_realloc_array(shard->classes, index + 1, sizeof(struct class_slot));
        for (unsigned i = shard->class_count; i <= index; i++)
            shard->classes[i] = (struct class_slot){NULL, NULL};
        shard->class_count = index + 1;
    }
    shard->classes[index] = (struct class_slot){ns, class};
    shard_for_each_life(shard, make_stale, ns);
    if (class != NULL)
        alarm_class_set(shard, ns);
}
