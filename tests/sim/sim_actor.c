/*
 * Random histories of a few objects: calls that read and write, calls that end late, tasks,
 * sections, alarms, aborts, commits that fail, disks that take their time, new classes. Whatever
 * happens,
 *
 *   every call is answered once,
 *   no answer tells of a value that is not durable, and
 *   what was answered as stored stays stored.
 *
 * A history is told by its seed, which a failure names.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor_world.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "store/database.h"
#include "test.h"

#define OBJECTS   4
#define CALLS_MAX 4096

static struct rng rng;
static struct world *world;
static int64_t last_value;      /* values only grow, over all objects */
static int64_t stored[OBJECTS]; /* answered as stored */
static bool unconfirmed[65536]; /* by value: may be told of before it is durable */
static unsigned answers[CALLS_MAX];
static unsigned call_count;
static struct class classes[2];
static unsigned broken_rules;

static const char *const names[OBJECTS] = {"a", "b", "c", "d"};

enum {
    DO_PUT,
    DO_GET,
    DO_PUT_AND_GET,
    DO_HOLD,
    DO_THROW,
    DO_ABORT,
    DO_TASK,
    DO_SECTION,
    DO_ALARM,
    DO_UNCONFIRMED,
    DO_COUNT
};

static unsigned pick(unsigned bound)
{
    return (unsigned)rng_below(&rng, bound);
}

static int64_t durable_value(unsigned object)
{
    struct object_id id;

    world_id(world, names[object], &id);
    return fake_store_durable_value(world->store, namespace_number(world->ns), id.bytes);
}

/* ---- the class ---- */

/* Something an instance does later. */
struct later {
    struct task task;
    struct section *section;
};

static void run_later(struct task *task)
{
    struct later *later = container_of(task, struct later, task);
    struct database *db;

    if (object_database(task->object, &db, NULL) == 0 && pick(2) == 0)
        fake_database_put(db, ++last_value);
    if (later->section != NULL) {
        struct failure *failure = pick(8) == 0 ? failure_format(0, "section") : NULL;

        object_section_end(task->object, later->section, failure);
        failure_unref(failure);
    }
    mem_free(later);
}

static void drop_later(struct task *task)
{
    mem_free(container_of(task, struct later, task));
}

static void start_later(struct actor *actor, bool section)
{
    struct later *later = mem_new(struct later);

    later->task.run = run_later;
    later->task.drop = drop_later;
    if (section) {
        later->section = object_section_begin(actor->object, &later->task);
        if (later->section == NULL)
            mem_free(later);
        return;
    }
    task_bind(&later->task, actor->object, HOLD_TIMER);
    task_ready(&later->task);
}

/* A database that cannot be opened ends the object, as it does above. */
static struct database *storage(struct actor *actor)
{
    struct failure *failure;
    struct database *db;

    if (object_database(actor->object, &db, NULL) == 0)
        return db;
    failure = failure_format(FAILURE_INTERNAL, "no storage");
    object_abort(actor->object, failure);
    failure_unref(failure);
    return NULL;
}

static void put(struct actor *actor)
{
    struct database *db = storage(actor);

    if (db != NULL)
        fake_database_put(db, ++last_value);
}

static int64_t get(struct actor *actor)
{
    struct database *db = storage(actor);

    return db != NULL ? fake_database_get(db) : -1;
}

static void answer_value(struct event *event, char what, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%c%lld", what, (long long)value);
    world_answer(event, text);
}

static void abort_object(struct actor *actor)
{
    struct failure *failure = failure_format(0, "aborted");

    object_abort(actor->object, failure);
    failure_unref(failure);
}

static void set_alarm(struct actor *actor)
{
    int64_t now_ms = shard_now_ms(object_shard(actor->object));

    if (object_set_alarm(actor->object, now_ms + pick(20000), NULL) != 0)
        abort_object(actor);
}

static void finish_held(struct actor *actor)
{
    while (actor->held_count > 0)
        answer_value(actor->held[--actor->held_count], 'g', get(actor));
}

static void deliver_alarm(struct actor *actor, struct event *event)
{
    if (pick(2) == 0)
        put(actor);
    if (pick(4) == 0)
        set_alarm(actor);
    if (pick(8) == 0)
        abort_object(actor);
    else if (pick(3) == 0)
        world_fail(event, failure_format(0, "alarm"));
    else
        world_answer(event, NULL);
}

static void deliver_call(struct actor *actor, struct event *event)
{
    unsigned what = (unsigned)event->call.method[0] - 'A';

    if (pick(3) == 0)
        finish_held(actor);
    switch (what) {
    case DO_PUT_AND_GET:
    case DO_PUT:
        put(actor);
        answer_value(event, what == DO_PUT ? 's' : 'g', get(actor));
        return;
    case DO_HOLD:
        if (actor->held_count < 8) {
            actor_hold(actor, event);
            return;
        }
        break;
    case DO_THROW: world_fail(event, failure_format(0, "thrown")); return;
    case DO_ABORT: abort_object(actor); return;
    case DO_TASK: start_later(actor, false); break;
    case DO_SECTION: start_later(actor, true); break;
    case DO_ALARM: set_alarm(actor); break;
    case DO_UNCONFIRMED:
        object_allow_unconfirmed(actor->object, true);
        put(actor);
        unconfirmed[last_value] = true;
        object_allow_unconfirmed(actor->object, false);
        world_answer(event, "u");
        return;
    default: break;
    }
    answer_value(event, 'g', get(actor));
}

static void deliver(struct actor *actor, struct event *event)
{
    if (event->kind == EVENT_ALARM)
        deliver_alarm(actor, event);
    else
        deliver_call(actor, event);
}

static void construct(struct actor *actor)
{
    if (pick(4) == 0)
        put(actor);
    if (pick(16) == 0)
        start_later(actor, true);
    if (pick(64) == 0)
        abort_object(actor);
}

/* ---- the callers ---- */

struct call {
    unsigned number;
    unsigned object;
};

static void answered(struct event *event, struct event_result *result)
{
    struct call *call = event->reply_data;
    struct bytes text = blob_bytes(result->value);
    char copy[32] = "";
    long long value;

    answers[call->number]++;
    memcpy(copy, text.data != NULL ? text.data : (const uint8_t *)"",
           text.len < sizeof copy ? text.len : sizeof copy - 1);
    if (result->failure == NULL && sscanf(copy + 1, "%lld", &value) == 1) {
        if (durable_value(call->object) < value && !unconfirmed[value])
            broken_rules++;
        if (copy[0] == 's' && value > stored[call->object])
            stored[call->object] = value;
    }
    event_result_fini(result);
    mem_free(call);
}

static void send_call(void)
{
    struct event *event = event_create(EVENT_CALL);
    struct call *call = mem_new(struct call);
    unsigned what = pick(3) == 0 ? pick(DO_COUNT) : pick(DO_ABORT);
    struct object_id id;

    call->number = call_count++;
    call->object = pick(OBJECTS);
    event->call.method = mem_format("%c", (char)('A' + what));
    event->reply = answered;
    event->reply_data = call;
    world_id(world, names[call->object], &id);
    shard_send(world->shards[pick(world->shard_count)], world->ns, &id, names[call->object], event);
}

/* ---- a history ---- */

static void flush_some(void)
{
    uint64_t last = fake_store_last_lsn(world->store);
    static uint64_t flushed;

    if (flushed > last)
        flushed = 0;
    flushed += pick((unsigned)(last - flushed) + 1);
    fake_store_flush_to(world->store, flushed);
}

static void something_happens(void)
{
    switch (pick(24)) {
    case 0: sim_os_advance(world->sim, (uint64_t)pick(3000) * 1000000); break;
    case 1:
        if (pick(8) == 0)
            fake_store_fail_commits(world->store, 1, 2, "commit failed");
        break;
    case 2:
        if (pick(16) == 0)
            shard_set_class(world->shards[0], world->ns, &classes[pick(2)]);
        break;
    case 3:
        if (pick(16) == 0)
            fake_store_fail_opens(world->store, 1, -5);
        break;
    case 4:
    case 5:
    case 6: flush_some(); break;
    case 7:
    case 8:
    case 9:
    case 10:
        if (call_count < CALLS_MAX)
            send_call();
        break;
    default: shard_turn(world->shards[pick(world->shard_count)]); break;
    }
}

static void tell(uint64_t seed)
{
    struct shard_options options = {
        .count = 1 + (unsigned)(seed % 2), .evict_always = seed % 3 == 0, .databases_open_max = 2};

    rng_init(&rng, seed);
    last_value = 0;
    call_count = 0;
    broken_rules = 0;
    memset(stored, 0, sizeof stored);
    memset(answers, 0, sizeof answers);
    memset(unconfirmed, 0, sizeof unconfirmed);
    world = world_create(&options);
    world->quiet = true;
    world->construct = construct;
    world->deliver = deliver;
    classes[0] = world->class;
    classes[1] = world->class;
    fake_store_set_manual(world->store, true);
    for (unsigned i = 0; i < 3000; i++)
        something_happens();
    fake_store_set_manual(world->store, false);
    fake_store_flush(world->store);
    world_run(world);
    for (unsigned i = 0; i < OBJECTS; i++)
        broken_rules += durable_value(i) < stored[i];
    world_destroy(world);
    for (unsigned i = 0; i < call_count; i++)
        broken_rules += answers[i] != 1;
}

TEST(whatever_happens_every_call_is_answered_once_and_tells_only_of_what_is_durable)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        tell(seed);
        if (broken_rules > 0)
            test_note("seed %llu", (unsigned long long)seed);
        CHECK_EQ(broken_rules, 0);
    }
}
