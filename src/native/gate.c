/* Critical sections, holds and timers. */

#include "actor/failure.h"
#include "base/limits.h"
#include "base/mem.h"
#include "native/host.h"

/* ---- sections ---- */

/* `task` is bound until the section has the gate; then it lives until section_end(). */
struct dm_section {
    struct task task;
    struct dm_object *host;
    struct section *section;
    dm_section_fn *body;
    void *data;
    bool transacts;
    unsigned depth;   /* of its transaction, once it has the gate */
    struct list link; /* host.sections */
};

static void section_free(struct dm_section *section)
{
    list_remove(&section->link);
    mem_free(section);
}

/* What it wrote cannot be kept, or begun: the object cannot go on. */
static void section_broken(struct dm_section *section)
{
    struct dm_object *host = section->host;
    struct section *inner = section->section;
    struct failure *failure = host_failure(host, FAILURE_RESET);

    section_free(section);
    object_section_end(host->object, inner, failure);
    failure_unref(failure);
}

static void section_enter(struct task *task)
{
    struct dm_section *section = container_of(task, struct dm_section, task);
    struct dm_object *host = section->host;

    if (section->transacts) {
        object_transaction_begin(host->object);
        if (savepoint_begin(host, &section->depth) < 0) {
            section_broken(section);
            return;
        }
    }
    section->body(host->self, host, section, section->data);
    host_leave(host);
}

static void section_drop(struct task *task)
{
    section_free(container_of(task, struct dm_section, task));
}

void sections_drop_all(struct dm_object *host)
{
    while (!list_empty(&host->sections)) {
        struct dm_section *section =
            container_of(list_first(&host->sections), struct dm_section, link);

        task_unbind(&section->task);
        section_free(section);
    }
}

static int section_begin(struct dm_object *host, dm_section_fn *body, void *data, bool transacts)
{
    struct dm_section *section;
    int r;

    if (!host_usable(host, &r))
        return r;
    section = mem_new(struct dm_section);
    section->host = host;
    section->body = body;
    section->data = data;
    section->transacts = transacts;
    section->task.run = section_enter;
    section->task.drop = section_drop;
    list_push_back(&host->sections, &section->link);
    section->section = object_section_begin(host->object, &section->task);
    if (section->section != NULL)
        return 0;
    section_free(section);
    return host_error(host, "Critical sections are nested too deeply.");
}

int native_block(struct dm_object *host, dm_section_fn *body, void *data)
{
    return section_begin(host, body, data, false);
}

int native_transact(struct dm_object *host, dm_section_fn *body, void *data)
{
    return section_begin(host, body, data, true);
}

/* The transaction of a section, if it has one: kept or undone. */
static int settle(struct dm_section *section, bool keep)
{
    int r = section->transacts ? savepoint_end(section->host, section->depth, keep) : 0;

    if (r == 0 && section->transacts)
        object_transaction_end(section->host->object);
    return r;
}

static void section_over(struct dm_section *section, bool opens)
{
    struct object *object = section->host->object;
    struct section *inner = section->section;

    section_free(section);
    if (opens)
        object_section_end(object, inner, NULL);
}

int native_section_end(struct dm_section *section, const char *error)
{
    struct dm_object *host = section->host;
    int r;

    if (error != NULL) {
        err_text_set(&host->why, "%s", error);
        section_broken(section);
        return DM_RESET;
    }
    r = settle(section, true);
    if (r == DM_ERROR)
        return r; /* it goes on */
    section_over(section, r == 0);
    return r;
}

int native_transact_undo(struct dm_section *section)
{
    struct dm_object *host = section->host;
    int r;

    if (!section->transacts)
        return host_error(host, "The section is no transaction.");
    r = settle(section, false);
    if (r == DM_ERROR)
        return r;
    section_over(section, r == 0);
    return r;
}

/* ---- holds ---- */

struct dm_hold {
    struct later later;
};

static void hold_run(struct later *later, struct dm_object *host)
{
    (void)host;
    mem_free(container_of(later, struct dm_hold, later));
}

static void hold_drop(struct later *later)
{
    mem_free(container_of(later, struct dm_hold, later));
}

struct dm_hold *native_hold(struct dm_object *host)
{
    struct dm_hold *hold = mem_new(struct dm_hold);

    hold->later.run = hold_run;
    hold->later.drop = hold_drop;
    later_bind(&hold->later, host, HOLD_WAIT_UNTIL);
    return hold;
}

void native_release(struct dm_hold *hold)
{
    if (hold->later.host != NULL)
        later_ready(&hold->later);
}

/* ---- timers ---- */

struct dm_timer {
    struct shard_timer clock;
    struct later later;
    struct dm_object *host; /* until it is due */
    dm_fn *fire;
    void *data;
};

/* Its host knows nothing of it any more. */
static void timer_let_go(struct dm_timer *timer)
{
    shard_timer_clear(timer->host->home->options.shard, &timer->clock);
    timer->host->timers--;
    timer->host = NULL;
}

static void timer_due(struct shard_timer *clock)
{
    struct dm_timer *timer = container_of(clock, struct dm_timer, clock);

    timer_let_go(timer);
    later_ready(&timer->later);
}

static void timer_run(struct later *later, struct dm_object *host)
{
    struct dm_timer *timer = container_of(later, struct dm_timer, later);
    dm_fn *fire = timer->fire;
    void *data = timer->data;

    mem_free(timer);
    fire(host->self, host, data);
}

static void timer_drop(struct later *later)
{
    struct dm_timer *timer = container_of(later, struct dm_timer, later);

    if (timer->host != NULL)
        timer_let_go(timer);
    mem_free(timer);
}

struct dm_timer *native_timer(struct dm_object *host, int64_t after_ms, dm_fn *fire, void *data)
{
    struct dm_timer *timer;
    int r;

    if (!host_alive(host, &r))
        return NULL;
    if (host->timers >= LIMIT_TIMERS) {
        host_error(host, "More than %d timers are pending.", LIMIT_TIMERS);
        return NULL;
    }
    timer = mem_new(struct dm_timer);
    timer->host = host;
    timer->fire = fire;
    timer->data = data;
    timer->clock.fire = timer_due;
    timer->later.run = timer_run;
    timer->later.drop = timer_drop;
    host->timers++;
    later_bind(&timer->later, host, HOLD_TIMER);
    shard_timer_set(host->home->options.shard, &timer->clock, after_ms > 0 ? after_ms : 0);
    return timer;
}

void native_timer_cancel(struct dm_timer *timer)
{
    if (later_unbind(&timer->later))
        timer_drop(&timer->later);
}
