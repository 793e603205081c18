/* A later of an object is a task of it; a front's is a message to its own shard. */

#include "base/assert.h"
#include "native/host.h"

static void forget(struct later *later)
{
    list_remove(&later->link);
    later->host = NULL;
    later->ready = false;
}

static void run(struct later *later)
{
    struct dm_object *host = later->host;

    forget(later);
    later->run(later, host);
    host_leave(host);
}

static void task_run(struct task *task)
{
    run(container_of(task, struct later, task));
}

static void task_drop(struct task *task)
{
    struct later *later = container_of(task, struct later, task);

    forget(later);
    later->drop(later);
}

static void message_run(struct message *message)
{
    struct later *later = container_of(message, struct later, message);

    later->queued = false;
    if (later->cancelled) {
        later->cancelled = false;
        later->drop(later);
        return;
    }
    run(later);
}

void later_bind(struct later *later, struct dm_object *host, enum hold_reason reason)
{
    ASSERT(later->host == NULL && !later->queued);
    later->host = host;
    list_push_back(&host->laters, &later->link);
    if (host->object == NULL)
        return;
    later->task.run = task_run;
    later->task.drop = task_drop;
    task_bind(&later->task, host->object, reason);
}

void later_ready(struct later *later)
{
    struct dm_object *host = later->host;

    ASSERT(host != NULL);
    if (later->ready)
        return;
    later->ready = true;
    if (host->object != NULL) {
        task_ready(&later->task);
        return;
    }
    later->queued = true;
    later->message.run = message_run;
    shard_post(host->home->options.shard, &later->message);
}

bool later_unbind(struct later *later)
{
    struct dm_object *host = later->host;

    if (host == NULL)
        return true;
    if (host->object != NULL)
        task_unbind(&later->task);
    later->cancelled = later->queued;
    forget(later);
    return !later->cancelled;
}
