#include "actor/shard.h"

#include "actor/alarm.h"
#include "actor/commit.h"
#include "actor/event.h"
#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/outbox.h"
#include "actor/shard_state.h"
#include "actor/socket_relay.h"
#include "actor/socket_state.h"
#include "actor/vault.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_index.h"

#define NS_PER_MS 1000000

/* ---- all shards ---- */

struct shard_group *shard_group_create(const struct shard_options *options)
{
    struct shard_group *group;

    ASSERT(options->count > 0 && options->count <= LIMIT_SHARDS);
    group = mem_alloc_zero(sizeof *group + options->count * sizeof(struct shard));
    group->options = *options;
    if (group->options.databases_open_max == 0)
        group->options.databases_open_max = LIMIT_DATABASES_OPEN;
    for (unsigned i = 0; i < options->count; i++) {
        group->shards[i].group = group;
        group->shards[i].index = i;
    }
    return group;
}

struct shard *shard_of(struct shard_group *group, const struct object_id *id)
{
    return &group->shards[store_shard_of(group->options.store, id->bytes)];
}

struct shard *shard_group_shard(struct shard_group *group, unsigned index)
{
    ASSERT(index < group->options.count);
    return &group->shards[index];
}

unsigned shard_group_count(const struct shard_group *group)
{
    return group->options.count;
}

/* ---- the inbox ---- */

void shard_poke(struct shard *shard)
{
    if (shard->turning || __atomic_exchange_n(&shard->awake, true, __ATOMIC_ACQ_REL))
        return;
    shard->wake(shard->data);
}

void shard_post(struct shard *shard, struct message *message)
{
    struct message *top = __atomic_load_n(&shard->inbox, __ATOMIC_RELAXED);

    do {
        message->next = top;
    } while (!__atomic_compare_exchange_n(&shard->inbox, &top, message, true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
    if (!__atomic_load_n(&shard->alive, __ATOMIC_ACQUIRE))
        return;
    if (!__atomic_exchange_n(&shard->awake, true, __ATOMIC_ACQ_REL))
        shard->wake(shard->data);
}

/* Moves what has come to the end of the backlog, oldest first. */
static void take_inbox(struct shard *shard)
{
    struct message *message = __atomic_exchange_n(&shard->inbox, NULL, __ATOMIC_ACQUIRE);
    struct message *oldest = NULL;
    struct message **end = &shard->backlog;

    while (message != NULL) {
        struct message *older = message->next;

        message->next = oldest;
        oldest = message;
        message = older;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = oldest;
}

/* At most `count_max`; true when some are left. */
static bool run_messages(struct shard *shard, unsigned count_max)
{
    take_inbox(shard);
    for (unsigned i = 0; i < count_max && shard->backlog != NULL; i++) {
        struct message *message = shard->backlog;

        shard->backlog = message->next;
        message->next = NULL;
        message->run(message);
    }
    return shard->backlog != NULL;
}

void shard_group_set_store(struct shard_group *group, struct store *store)
{
    ASSERT(group->options.store == NULL);
    group->options.store = store;
}

void shard_group_destroy(struct shard_group *group)
{
    bool more = true;

    if (group == NULL)
        return;
    if (group->options.store == NULL)
        more = false; /* there never was a shard */

    /* What was sent to a shard after its end: answers to answers, until nothing is under way. */
    while (more) {
        more = false;
        for (unsigned i = 0; i < group->options.count; i++) {
            ASSERT(!group->shards[i].alive);
            take_inbox(&group->shards[i]);
            more |= group->shards[i].backlog != NULL;
            while (run_messages(&group->shards[i], UINT32_MAX))
                ;
        }
    }
    mem_free(group);
}

/* ---- one shard ---- */

static void store_wake(void *data)
{
    struct shard *shard = data;

    if (!__atomic_load_n(&shard->alive, __ATOMIC_ACQUIRE))
        return;
    if (!__atomic_exchange_n(&shard->awake, true, __ATOMIC_ACQ_REL))
        shard->wake(shard->data);
}

static void store_durable(void *data, uint64_t lsn, int fault)
{
    struct shard *shard = data;
    const struct shard_options *options = &shard->group->options;

    if (fault < 0 && options->lost != NULL)
        options->lost(options->lost_data, fault);
    commit_durable(shard, lsn, fault);
}

struct shard *shard_create(struct shard_group *group, unsigned index, void (*wake)(void *data),
                           void *data)
{
    struct shard *shard = shard_group_shard(group, index);
    struct store_shard_listener listener = {
        .wake = store_wake, .durable = store_durable, .data = shard};
    uint64_t seed;

    ASSERT(!shard->alive);
    shard->wake = wake;
    shard->data = data;
    shard->wall_ms = os_wall_ns(group->options.os) / NS_PER_MS;
    heap_init(&shard->timers);
    map_init(&shard->objects);
    list_init(&shard->touched);
    list_init(&shard->runnable);
    list_init(&shard->idle);
    list_init(&shard->held);
    list_init(&shard->commits);
    list_init(&shard->vaults);
    list_init(&shard->arrivals);
    list_init(&shard->relays);
    list_init(&shard->stranded);
    os_random(group->options.os, &seed, sizeof seed);
    rng_init(&shard->rng, seed);
    shard->store = store_shard_create(group->options.store, index, &listener);
    __atomic_store_n(&shard->alive, true, __ATOMIC_RELEASE);
    return shard;
}

unsigned shard_index(const struct shard *shard)
{
    return shard->index;
}

int64_t shard_now_ms(const struct shard *shard)
{
    return shard->wall_ms;
}

int64_t shard_monotonic_ms(const struct shard *shard)
{
    return (int64_t)(os_monotonic_ns(shard->group->options.os) / NS_PER_MS);
}

struct shard_group *shard_group_of(const struct shard *shard)
{
    return shard->group;
}

struct store_shard *shard_store(const struct shard *shard)
{
    return shard->store;
}

struct object *shard_object(const struct shard *shard)
{
    return shard->turn;
}

void shard_for_each_life(struct shard *shard, void (*each)(struct life *life, void *arg), void *arg)
{
    size_t count = 0;
    size_t at = 0;
    struct object *object;
    struct life **lives = mem_new_array(struct life *, shard->objects.count + 1);

    while ((object = map_next(&shard->objects, &at, NULL)) != NULL) {
        if (object->life != NULL)
            lives[count++] = object->life;
    }
    for (size_t i = 0; i < count; i++)
        each(lives[i], arg);
    mem_free(lives);
}

static void bury_with(struct life *life, void *arg)
{
    object_abort(life->object, arg);
    object_bury(life->object);
}

static void forget_everything(struct shard *shard)
{
    size_t at = 0;
    struct object *object;

    commit_drop_all(shard);
    while (at = 0, (object = map_next(&shard->objects, &at, NULL)) != NULL) {
        ASSERT(object->life == NULL);
        sockets_lose_all(object);
        vault_close(object);
        if (object->state == OBJECT_RESTING)
            object_move(object, OBJECT_COLD);
        object_forget(object);
    }
}

void shard_destroy(struct shard *shard)
{
    struct failure *failure;

    if (shard == NULL)
        return;

    ASSERT(shard->turn == NULL);
    shard->draining = true;
    failure = failure_create("Error", "The Durable Object's server is shutting down.", NULL,
                             FAILURE_RETRYABLE);
    shard_for_each_life(shard, bury_with, failure);
    failure_unref(failure);
    while (run_messages(shard, UINT32_MAX))
        ;
    forget_everything(shard);
    alarm_drop_stranded(shard);
    sockets_drop_arrivals(shard);
    socket_relays_drop(shard);
    __atomic_store_n(&shard->alive, false, __ATOMIC_RELEASE);
    store_shard_destroy(shard->store);
    batch_destroy(shard->spare);
    shard_timer_clear(shard, &shard->stale_timer);
    heap_fini(&shard->timers);
    map_fini(&shard->objects);
    mem_free(shard->classes);
    shard->spare = NULL;
    shard->classes = NULL;
    shard->class_count = 0;
}

/* ---- a turn of the loop ---- */

static void run_timers(struct shard *shard)
{
    uint64_t now_ms = (uint64_t)shard_monotonic_ms(shard);
    struct heap_node *node;

    /* A timer that is set again from its own firing has a later time or waits for the next call. */
    for (unsigned i = 0; i < LIMIT_SHARD_TIMERS_PER_TURN; i++) {
        struct shard_timer *timer;

        node = heap_peek(&shard->timers);
        if (node == NULL || node->key > now_ms)
            return;
        timer = container_of(node, struct shard_timer, node);
        heap_pop(&shard->timers);
        timer->armed = false;
        timer->fire(timer);
    }
}

static void run_objects(struct shard *shard)
{
    for (unsigned i = 0; i < LIMIT_SHARD_STEPS_PER_TURN; i++) {
        struct list *link = list_pop_front(&shard->runnable);

        if (link == NULL)
            return;
        object_step(container_of(link, struct life, run_link)->object);
    }
}

/* Puts to rest those of `list`, oldest first, that were quiet for `limit_ms`; returns ms until the
 * next has been, -1: none. */
static int64_t rest_lives(struct shard *shard, struct list *list, int64_t limit_ms)
{
    int64_t now_ms = shard_monotonic_ms(shard);

    for (unsigned i = 0; i < LIMIT_SHARD_STEPS_PER_TURN; i++) {
        struct list *link = list_first(list);
        struct life *life;

        if (link == NULL)
            return -1;
        life = container_of(link, struct life, rest_link);
        if (now_ms - life->quiet_since_ms < limit_ms)
            return limit_ms - (now_ms - life->quiet_since_ms);
        life_rest(life);
    }
    return 0;
}

static int64_t rest(struct shard *shard)
{
    const struct shard_options *options = &shard->group->options;
    bool at_once = options->evict_always || shard->draining;
    int64_t idle_ms = rest_lives(shard, &shard->idle, at_once ? 0 : options->hibernate_after_ms);
    int64_t held_ms = rest_lives(shard, &shard->held, shard->draining ? 0 : LIMIT_HOLD_MS);

    if (idle_ms < 0 || held_ms < 0)
        return idle_ms < 0 ? held_ms : idle_ms;
    return idle_ms < held_ms ? idle_ms : held_ms;
}

static void check_drained(struct shard *shard)
{
    void (*drained)(void *data) = shard->drained;

    if (!shard->draining || drained == NULL || shard->counts.instances > 0 ||
        !list_empty(&shard->commits) || !list_empty(&shard->runnable))
        return;
    shard->drained = NULL;
    drained(shard->drained_data);
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t until_next_timer(const struct shard *shard)
{
    const struct heap_node *node = heap_peek(&shard->timers);
    int64_t left_ms;

    if (node == NULL)
        return -1;
    left_ms = (int64_t)node->key - shard_monotonic_ms(shard);
    return left_ms > 0 ? left_ms : 0;
}

int64_t shard_turn(struct shard *shard)
{
    int64_t next_ms = -1;
    bool more;

    ASSERT(!shard->turning);
    __atomic_store_n(&shard->awake, false, __ATOMIC_SEQ_CST);
    shard->turning = true;
    shard->wall_ms = os_wall_ns(shard->group->options.os) / NS_PER_MS;

    store_shard_hold(shard->store); /* what this turn commits is flushed together */
    more = run_messages(shard, LIMIT_SHARD_MESSAGES_PER_TURN);
    turn_settle(shard);
    store_shard_poll(shard->store);
    run_timers(shard);
    next_ms = sooner(next_ms, alarm_dispatch(shard));
    sockets_run_arrivals(shard);
    run_objects(shard);
    store_shard_let_go(shard->store);
    next_ms = sooner(next_ms, rest(shard));
    next_ms = sooner(next_ms, commit_check_age(shard, shard_monotonic_ms(shard)));
    next_ms = sooner(next_ms, vault_close_unused(shard, shard_monotonic_ms(shard)));
    check_drained(shard);

    shard->turning = false;
    if (more || !list_empty(&shard->runnable) || !list_empty(&shard->arrivals))
        return 0;
    return sooner(next_ms, until_next_timer(shard));
}

void shard_drain(struct shard *shard, void (*done)(void *data), void *data)
{
    shard->draining = true;
    shard->drained = done;
    shard->drained_data = data;
    shard_poke(shard);
}

/* ---- timers ---- */

void shard_timer_set(struct shard *shard, struct shard_timer *timer, int64_t after_ms)
{
    int64_t due_ms = shard_monotonic_ms(shard) + (after_ms > 0 ? after_ms : 0);

    heap_update(&shard->timers, &timer->node, (uint64_t)due_ms);
    timer->armed = true;
    shard_poke(shard);
}

void shard_timer_clear(struct shard *shard, struct shard_timer *timer)
{
    if (!timer->armed)
        return;
    heap_remove(&shard->timers, &timer->node);
    timer->armed = false;
}

void shard_counts(const struct shard *shard, struct shard_counts *counts)
{
    *counts = shard->counts;
    counts->objects = shard->objects.count;
    counts->databases_open = shard->vault_count;
}
