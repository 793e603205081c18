/* What takes long, on another thread: a job of the pool, and a later of the host for its end. */

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "native/host.h"
#include "native/pool.h"

/* Freed with its last step: done, or dropped; the pool says on which thread. */
struct work {
    struct pool_job job;
    struct message message; /* from the pool to the shard */
    struct later later;     /* own thread */
    struct dm_object *host; /* own thread; NULL: the instance is gone */
    struct shard *shard;
    struct pool *pool;
    dm_work_fn *run;
    dm_work_fn *drop;
    dm_fn *done;
    void *data;
};

static void work_drop(struct work *work)
{
    if (work->drop != NULL)
        work->drop(work->data);
    mem_free(work);
}

/* ---- on a thread of the pool ---- */

static void job_run(struct pool_job *job)
{
    struct work *work = container_of(job, struct work, job);

    work->run(work->data);
}

static void job_finished(struct pool_job *job)
{
    struct work *work = container_of(job, struct work, job);

    shard_post(work->shard, &work->message);
}

static void job_dropped(struct pool_job *job)
{
    work_drop(container_of(job, struct work, job));
}

/* ---- on the shard's ---- */

static void let_go(struct work *work)
{
    work->host->works--;
    work->host = NULL;
}

static void work_arrived(struct message *message)
{
    struct work *work = container_of(message, struct work, message);

    if (work->host == NULL) {
        work_drop(work);
        return;
    }
    let_go(work);
    later_ready(&work->later);
}

static void work_done(struct later *later, struct dm_object *host)
{
    struct work *work = container_of(later, struct work, later);
    dm_fn *done = work->done;
    void *data = work->data;

    mem_free(work);
    done(host->self, host, data);
}

/* The instance goes, or has gone. */
static void work_abandoned(struct later *later)
{
    struct work *work = container_of(later, struct work, later);

    if (work->host == NULL) {
        work_drop(work);
        return;
    }
    let_go(work);
    switch (pool_abandon(work->pool, &work->job)) {
    case POOL_BACK: work_drop(work); break;
    case POOL_RUNNING: break;  /* dropped when it ends */
    case POOL_FINISHED: break; /* its message is on the way and finds nobody */
    }
}

/* ---- the table ---- */

int native_work(struct dm_object *host, dm_work_fn *run, dm_fn *done, dm_work_fn *drop, void *data)
{
    struct work *work;
    int r;

    if (!host_alive(host, &r))
        return r;
    if (run == NULL || done == NULL)
        return host_error(host, "work() needs a function to run and one to call when it has run.");
    if (host->works >= LIMIT_WORKS)
        return host_error(host, "More than %d works of the object are under way.", LIMIT_WORKS);
    work = mem_new(struct work);
    work->run = run;
    work->done = done;
    work->drop = drop;
    work->data = data;
    work->shard = host->home->options.shard;
    work->pool = native_pool(host->home->options.native);
    work->message.run = work_arrived;
    work->job = (struct pool_job){.run = job_run, .finished = job_finished, .dropped = job_dropped};
    work->later.run = work_done;
    work->later.drop = work_abandoned;
    if (pool_submit(work->pool, &work->job) != 0) {
        mem_free(work);
        return host_error(host, "More than %d works are waiting for a thread.", LIMIT_WORK_QUEUE);
    }
    /* It may have run already; its message comes in a later turn. */
    work->host = host;
    host->works++;
    later_bind(&work->later, host, HOLD_IO);
    return 0;
}
