#include "actor/commit.h"

#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/output_gate.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

/* In the line by LSN. Nearly always the last place: only a life that begins while commits of its
 * predecessor are on their way waits for an older one. */
static void stand_in_line(struct shard *shard, struct commit *commit)
{
    struct list *place = &shard->commits;

    while (place->prev != &shard->commits) {
        const struct commit *before = container_of(place->prev, struct commit, link);

        if (before->lsn <= commit->lsn)
            break;
        place = place->prev;
    }
    list_insert_before(place, &commit->link);
}

void commit_wait(struct life *life, uint64_t lsn, uint64_t ticket, uint64_t unsynced_ticket)
{
    struct shard *shard = life->object->shard;
    struct commit *commit = mem_new(struct commit);

    commit->lsn = lsn;
    commit->since_ms = shard_monotonic_ms(shard);
    commit->object = life->object;
    commit->object->commit_count++;
    commit->life = life;
    commit->ticket = ticket;
    commit->unsynced_ticket = unsynced_ticket;
    list_init(&commit->link);
    stand_in_line(shard, commit);
    list_push_back(&life->commits, &commit->life_link);
}

void commit_detach_all(struct life *life)
{
    struct list *link;

    while ((link = list_pop_front(&life->commits)) != NULL) {
        struct commit *commit = container_of(link, struct commit, life_link);

        commit->life = NULL;
    }
}

/* What is said to callers when a commit did not become durable; why it did not is in the log. */
static void break_life(struct life *life, int fault)
{
    struct failure *failure = object_internal_failure(life->object);

    object_abort(life->object, failure);
    failure_unref(failure);
    output_gate_settle(life->output, 0, fault);
    if (life->unsynced != NULL)
        output_gate_settle(life->unsynced, 0, fault);
}

static void settle(struct commit *commit, int fault)
{
    struct life *life = commit->life;

    if (fault < 0) {
        break_life(life, fault);
        return;
    }
    if (commit->ticket != 0)
        output_gate_settle(life->output, commit->ticket, 0);
    if (commit->unsynced_ticket != 0)
        output_gate_settle(life->unsynced, commit->unsynced_ticket, 0);
    life_review(life);
}

void commit_durable(struct shard *shard, uint64_t lsn, int fault)
{
    struct list *link;

    while ((link = list_first(&shard->commits)) != NULL) {
        struct commit *commit = container_of(link, struct commit, link);
        struct object *object = commit->object;

        if (fault == 0 && commit->lsn > lsn)
            break;
        list_remove(link);
        list_remove(&commit->life_link);
        object->commit_count--;
        if (commit->life != NULL)
            settle(commit, commit->lsn > lsn ? fault : 0);
        else
            object_forget(object);
        mem_free(commit);
    }
}

int64_t commit_check_age(struct shard *shard, int64_t now_ms)
{
    struct list *link;

    list_for_each (link, &shard->commits) {
        struct commit *commit = container_of(link, struct commit, link);
        int64_t age_ms = now_ms - commit->since_ms;
        struct failure *failure;

        if (commit->life == NULL || commit->life->failure != NULL)
            continue;
        if (age_ms < LIMIT_OUTPUT_GATE_MS)
            return LIMIT_OUTPUT_GATE_MS - age_ms;
        failure = failure_format(FAILURE_OVERLOADED, "Durable Object storage operation exceeded "
                                                     "timeout which caused object to be reset.");
        object_abort(commit->life->object, failure);
        failure_unref(failure);
    }
    return -1;
}

void commit_drop_all(struct shard *shard)
{
    struct list *link;

    while ((link = list_pop_front(&shard->commits)) != NULL) {
        struct commit *commit = container_of(link, struct commit, link);

        ASSERT(commit->life == NULL);
        commit->object->commit_count--;
        object_forget(commit->object);
        mem_free(commit);
    }
}
