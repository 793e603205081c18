#include "actor/object.h"

#include <stddef.h>

#include "actor/class.h"
#include "actor/commit.h"
#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/output_gate.h"
#include "actor/parcel.h"
#include "actor/socket_state.h"
#include "actor/vault.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sm.h"
#include "store/database.h"

/*
 *             event             constructed         idle, or class replaced
 *    COLD ─────────► LOADING ─────────────► LIVE ────────────────────────► LEAVING
 *     ▲ ▲             ▲ ▲  │ threw           │ abort, failed write            │ │ │
 *     │ │       event │ │  ▼                 ▼                                │ │ │
 *     │ └─────────────│─│─ BROKEN ◄──────────┘                                │ │ │
 *     │               │ └──────────────────── mail waits ─────────────────────┘ │ │
 *     │            RESTING ◄───────────────── sockets remain ───────────────────┘ │
 *     └────────────────────────────────────── nothing remains ────────────────────┘
 *
 * COLD     no life. The record is there only while a database is open or a commit under way.
 * RESTING  no life; hibernatable sockets.
 * LOADING  a life without an instance; mail waits.
 * LIVE     a life with an instance.
 * LEAVING  the instance is being destroyed.
 * BROKEN   failure is set; the instance may still stand on the stack. The next step buries it: what
 *          waits is answered, sockets are cut, the database is closed.
 */

/* clang-format off */
static const struct sm_state object_states[] = {
    [OBJECT_COLD]    = {"cold",    SM_TO(OBJECT_LOADING)},
    [OBJECT_LOADING] = {"loading", SM_TO(OBJECT_LIVE) | SM_TO(OBJECT_BROKEN) |
                                   SM_TO(OBJECT_LEAVING)},
    [OBJECT_LIVE]    = {"live",    SM_TO(OBJECT_LEAVING) | SM_TO(OBJECT_BROKEN)},
    [OBJECT_RESTING] = {"resting", SM_TO(OBJECT_LOADING) | SM_TO(OBJECT_COLD)},
    [OBJECT_BROKEN]  = {"broken",  SM_TO(OBJECT_COLD)},
    [OBJECT_LEAVING] = {"leaving", SM_TO(OBJECT_LOADING) | SM_TO(OBJECT_RESTING) |
                                   SM_TO(OBJECT_COLD)},
};
/* clang-format on */

static const struct sm object_sm = SM("object", object_states);

static void check(const struct object *object)
{
    const struct life *life = object->life;
    bool awake = object->state == OBJECT_LOADING || object->state == OBJECT_LIVE ||
                 object->state == OBJECT_BROKEN || object->state == OBJECT_LEAVING;

    ASSERT((life != NULL) == awake);
    ASSERT((object->socket_count == 0) == list_empty(&object->sockets));
    if (object->state == OBJECT_LIVE)
        ASSERT(life->instance != NULL && life->failure == NULL);
    if (object->state == OBJECT_LOADING)
        ASSERT(life->instance == NULL && list_empty(&life->flight));
    if (object->state == OBJECT_BROKEN)
        ASSERT(life->failure != NULL);
    if (object->state == OBJECT_RESTING)
        ASSERT(object->socket_count > 0);
}

void object_move(struct object *object, enum object_state state)
{
    object->state = (uint8_t)sm_move(&object_sm, object->state, state);
}

/* ---- who it is ---- */

struct shard *object_shard(const struct object *object)
{
    return object->shard;
}

struct namespace *object_namespace(const struct object *object)
{
    return object->ns;
}

const struct object_id *object_id(const struct object *object)
{
    return &object->key.id;
}

const char *object_name(const struct object *object)
{
    return object->name;
}

void *object_instance(const struct object *object)
{
    return object->life != NULL ? object->life->instance : NULL;
}

bool object_broken(const struct object *object)
{
    return object->life != NULL && object->life->failure != NULL;
}

/* ---- waking ---- */

static void event_overdue(struct shard_timer *timer)
{
    mailbox_check_event_age(container_of(timer, struct life, event_timer));
}

static struct life *life_create(struct object *object)
{
    struct life *life = mem_new(struct life);

    life->object = object;
    life->input = input_gate_create();
    life->output = output_gate_create();
    list_init(&life->sections);
    list_init(&life->mail);
    list_init(&life->flight);
    list_init(&life->tasks);
    list_init(&life->standard);
    list_init(&life->commits);
    list_init(&life->run_link);
    list_init(&life->rest_link);
    list_init(&life->touched_link);
    life->event_timer.fire = event_overdue;
    return life;
}

struct life *object_wake(struct object *object)
{
    struct life *life = object->life;

    if (life != NULL)
        return life;
    life = life_create(object);
    object->life = life;
    object_move(object, OBJECT_LOADING);
    /* What the life before has written is visible in the database and not yet on the disk: nothing
     * may be said about it. */
    if (object->commit_count > 0)
        commit_wait(life, object->lsn, output_gate_lock(life->output), 0);
    check(object);
    return life;
}

static void load(struct object *object)
{
    struct life *life = object->life;
    struct class *class = shard_class(object->shard, object->ns);
    struct failure *failure = NULL;

    life->class = class;
    life->stale = false;
    life->overdue = false;
    turn_begin(life, NULL);
    life->instance = class->ops->construct(class, object, &failure);
    if (life->instance != NULL) {
        object->shard->counts.instances++;
        if (life->failure == NULL)
            object_move(object, OBJECT_LIVE);
    } else if (failure != NULL) {
        object_abort(object, failure);
    } else if (life->failure == NULL) {
        failure = object_internal_failure(object);
        object_abort(object, failure);
    }
    failure_unref(failure);
    turn_end(object->shard);
}

/* ---- resting ---- */

/* The instance goes and everything that was its own: tasks, sections, wrappers of sockets. */
static void end_instance(struct life *life)
{
    struct object *object = life->object;

    task_drop_all(life);
    section_forget_all(life);
    shard_timer_clear(object->shard, &life->event_timer);
    if (life->instance != NULL) {
        life->class->ops->destroy(life->instance);
        life->instance = NULL;
        object->shard->counts.instances--;
    }
    sockets_forget_wrappers(object);
    sockets_lose_standard(life);
}

static void life_destroy(struct life *life)
{
    list_remove(&life->run_link);
    list_remove(&life->rest_link);
    list_remove(&life->touched_link);
    commit_detach_all(life);
    input_gate_destroy(life->input);
    output_gate_destroy(life->output);
    output_gate_destroy(life->unsynced);
    failure_unref(life->failure);
    mem_free(life);
}

void life_rest(struct life *life)
{
    struct object *object = life->object;

    ASSERT(object->shard->turn == NULL);
    ASSERT(list_empty(&life->flight));
    ASSERT(list_empty(&life->commits));
    if (life->instance != NULL)
        object->shard->counts.evictions++;
    object_move(object, OBJECT_LEAVING);
    end_instance(life);
    if (life->mail_count > 0) {
        object_move(object, OBJECT_LOADING);
        life_review(life);
        check(object);
        return;
    }
    object->life = NULL;
    life_destroy(life);
    object_move(object, object->socket_count > 0 ? OBJECT_RESTING : OBJECT_COLD);
    check(object);
    object_forget(object);
}

/* The new class has waited long enough: what is in flight ends here. Sockets stay. */
static void replace(struct life *life)
{
    struct failure *failure =
        failure_format(FAILURE_RESET, "Durable Object reset because its code was updated.");
    struct list *link;

    while ((link = list_first(&life->flight)) != NULL) {
        struct parcel *parcel = container_of(link, struct parcel, link);

        parcel->result.failure = failure_ref(failure);
        parcel_answer(parcel, life->object->shard);
    }
    failure_unref(failure);
    life->alarm = NULL;
    life_rest(life);
}

/* ---- breaking ---- */

struct failure *object_internal_failure(struct object *object)
{
    return failure_format(FAILURE_INTERNAL, "internal error; reference = %016llx",
                          (unsigned long long)rng_next(&object->shard->rng));
}

void object_abort(struct object *object, struct failure *failure)
{
    struct life *life = object->life;

    if (life == NULL || life->failure != NULL)
        return;

    life->failure = failure_with_flags(failure, FAILURE_RESET);
    object_move(object, OBJECT_BROKEN);
    if (object->vault != NULL)
        database_rollback(vault_database(object->vault));
    object->shard->counts.resets++;
    life_review(life);
    check(object);
}

void object_bury(struct object *object)
{
    struct life *life = object->life;
    struct list parcels;
    struct list *link;

    ASSERT(object->shard->turn == NULL);
    end_instance(life);
    vault_close(object);
    list_init(&parcels);
    mailbox_take_all(life, &parcels);

    /* From here on the object is another one: whoever hears of the failure may call it again. */
    object->life = NULL;
    object_move(object, OBJECT_COLD);
    list_remove(&life->run_link);
    list_remove(&life->rest_link);
    sockets_lose_all(object);
    check(object);

    commit_detach_all(life);
    output_gate_destroy(life->output);
    life->output = NULL;
    while ((link = list_first(&parcels)) != NULL) {
        struct parcel *parcel = container_of(link, struct parcel, link);

        event_result_fini(&parcel->result);
        parcel->result.failure = failure_ref(life->failure);
        parcel_answer(parcel, object->shard);
    }
    life_destroy(life);
    if (object->life == NULL)
        object_forget(object);
}

/* ---- what to do next ---- */

/* Its class was replaced: it goes as soon as nothing is in flight. */
static bool stale_may_leave(const struct life *life)
{
    return life->stale && list_empty(&life->flight) && list_empty(&life->sections);
}

static bool runnable(const struct life *life)
{
    switch ((enum object_state)life->object->state) {
    case OBJECT_BROKEN: return true;
    case OBJECT_LOADING: return life->mail_count > 0;
    case OBJECT_LIVE:
        if (stale_may_leave(life) || life->overdue)
            return list_empty(&life->commits);
        return input_gate_waiting(life->input);
    case OBJECT_COLD:
    case OBJECT_RESTING:
    case OBJECT_LEAVING: break;
    }
    return false;
}

/* Nothing waits, nothing runs, nothing is on its way out. */
static bool quiet(const struct life *life)
{
    return life->failure == NULL && life->mail_count == 0 && life->ready_count == 0 &&
           list_empty(&life->flight) && list_empty(&life->sections) && list_empty(&life->commits) &&
           !life->corked && !life->writing && life->alarm == NULL;
}

static bool held(const struct life *life)
{
    for (int reason = 0; reason < HOLD_REASON_COUNT; reason++) {
        if (life->holds[reason] > 0)
            return true;
    }
    return false;
}

void life_review(struct life *life)
{
    struct object *object = life->object;
    struct shard *shard = object->shard;
    struct list *rest;

    if (shard->turn == object || object->life != life || object->state == OBJECT_LEAVING)
        return;

    if (runnable(life)) {
        list_remove(&life->rest_link);
        if (list_empty(&life->run_link)) {
            list_push_back(&shard->runnable, &life->run_link);
            shard_poke(shard);
        }
        return;
    }
    list_remove(&life->run_link);
    if (!quiet(life)) {
        list_remove(&life->rest_link);
        return;
    }
    if (!list_empty(&life->rest_link) && life->resting_held == held(life))
        return;
    list_remove(&life->rest_link);
    life->resting_held = held(life);
    life->quiet_since_ms = shard_monotonic_ms(shard);
    if (life->holds[HOLD_SOCKET] > 0)
        return;
    rest = life->resting_held ? &shard->held : &shard->idle;
    list_push_back(rest, &life->rest_link);
    shard_poke(shard);
}

void object_step(struct object *object)
{
    struct life *life = object->life;

    check(object);
    switch ((enum object_state)object->state) {
    case OBJECT_BROKEN: object_bury(object); return;
    case OBJECT_LOADING: load(object); return;
    case OBJECT_LIVE:
        if (life->overdue) {
            replace(life);
            return;
        }
        if (stale_may_leave(life)) {
            life_rest(life);
            return;
        }
        input_gate_pump(life->input);
        life_review(life);
        return;
    case OBJECT_COLD:
    case OBJECT_RESTING:
    case OBJECT_LEAVING: break;
    }
    UNREACHABLE();
}
