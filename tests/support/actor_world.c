#include "actor_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/database.h"

#define NS_PER_MS 1000000

static void *construct(struct class *class, struct object *object, struct failure **failure)
{
    struct world *world = class->data;
    struct actor *actor;

    world->constructed++;
    if (world->construct_failure != NULL) {
        *failure = world->construct_failure;
        world->construct_failure = NULL;
        return NULL;
    }
    actor = mem_new(struct actor);
    actor->world = world;
    actor->object = object;
    world->last = actor;
    if (world->construct != NULL)
        world->construct(actor);
    return actor;
}

static void deliver(void *instance, struct event *event)
{
    struct actor *actor = instance;

    if (actor->world->deliver != NULL)
        actor->world->deliver(actor, event);
    else
        world_answer(event, event->kind == EVENT_CALL ? event->call.method : NULL);
}

static void destroy(void *instance)
{
    struct actor *actor = instance;
    struct world *world = actor->world;

    world->destroyed++;
    if (world->destroy != NULL)
        world->destroy(actor);
    if (world->last == actor)
        world->last = NULL;
    mem_free(actor);
}

static const struct class_ops ops = {
    .construct = construct, .deliver = deliver, .destroy = destroy};

static void wake(void *data)
{
    *(bool *)data = true;
}

struct world *world_create(const struct shard_options *options)
{
    struct world *world = mem_new(struct world);
    struct shard_options all = *options;

    if (all.count == 0)
        all.count = 1;
    if (all.hibernate_after_ms == 0)
        all.hibernate_after_ms = 10000;
    ASSERT(all.count <= WORLD_SHARDS_MAX);
    world->sim = sim_os_create(1);
    world->store = fake_store_create(all.count);
    all.os = sim_os_base(world->sim);
    all.store = world->store;
    world->shard_count = all.count;
    world->group = shard_group_create(&all);
    world->class = (struct class){.name = "Test", .ops = &ops, .data = world};
    ASSERT(namespace_create(&world->ns, world->store, "worker-Test", "Test", 0) == 0);
    for (unsigned i = 0; i < all.count; i++) {
        world->shards[i] = shard_create(world->group, i, wake, &world->woken[i]);
        shard_set_class(world->shards[i], world->ns, &world->class);
    }
    return world;
}

void world_destroy(struct world *world)
{
    for (unsigned i = 0; i < world->shard_count; i++)
        shard_destroy(world->shards[i]);
    shard_group_destroy(world->group);
    namespace_destroy(world->ns);
    fake_store_destroy(world->store);
    sim_os_destroy(world->sim);
    failure_unref(world->construct_failure);
    buf_fini(&world->log);
    mem_free(world);
}

void world_run(struct world *world)
{
    bool again = true;

    for (unsigned round = 0; again; round++) {
        ASSERT(round < 100000);
        again = false;
        for (unsigned i = 0; i < world->shard_count; i++) {
            world->woken[i] = false;
            if (shard_turn(world->shards[i]) == 0)
                again = true;
        }
        for (unsigned i = 0; i < world->shard_count; i++)
            again |= world->woken[i];
    }
}

void world_pass_ms(struct world *world, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms;

        world_run(world);
        for (unsigned i = 0; i < world->shard_count; i++) {
            int64_t next_ms = shard_turn(world->shards[i]);

            if (next_ms >= 0 && next_ms < step)
                step = next_ms > 0 ? next_ms : 1;
        }
        sim_os_advance(world->sim, (uint64_t)step * NS_PER_MS);
        ms -= step;
    }
    world_run(world);
}

void world_note(struct world *world, const char *format, ...)
{
    char text[256];
    va_list args;

    if (world->quiet)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (world->log.len > 0)
        buf_append_byte(&world->log, ' ');
    buf_append_string(&world->log, text);
}

const char *world_log(struct world *world)
{
    static char text[4096];

    snprintf(text, sizeof text, "%s", buf_string(&world->log));
    buf_clear(&world->log);
    return text;
}

void world_id(struct world *world, const char *name, struct object_id *id)
{
    object_id_from_name(world->ns, bytes_of_string(name), id);
}

/* ---- calls ---- */

static void replied(struct event *event, struct event_result *result)
{
    struct world *world = event->reply_data;
    struct bytes value = blob_bytes(result->value);

    if (result->failure != NULL)
        world_note(world, "%s!%s", event->call.method, result->failure->message);
    else
        world_note(world, "%s=%.*s", event->call.method, (int)value.len,
                   value.data != NULL ? (const char *)value.data : "");
    event_result_fini(result);
}

void world_call_from(struct world *world, unsigned shard, const char *name, const char *method)
{
    struct event *event = event_create(EVENT_CALL);
    struct object_id id;

    world_id(world, name, &id);
    event->call.method = mem_strdup(method);
    event->reply = replied;
    event->reply_data = world;
    shard_send(world->shards[shard], world->ns, &id, name, event);
}

void world_call(struct world *world, const char *name, const char *method)
{
    world_call_from(world, 0, name, method);
}

void world_answer(struct event *event, const char *value)
{
    struct event_result result = {0};

    if (value != NULL && event->kind == EVENT_CALL)
        result.value = blob_create(value, strlen(value));
    event_finish(event, &result);
}

void world_fail(struct event *event, struct failure *failure)
{
    event_finish(event, &(struct event_result){.failure = failure});
}

void actor_hold(struct actor *actor, struct event *event)
{
    ASSERT(actor->held_count < sizeof actor->held / sizeof actor->held[0]);
    actor->held[actor->held_count++] = event;
}

/* ---- storage ---- */

static struct database *database(struct actor *actor)
{
    struct database *db;
    struct err_text why;

    ASSERT(object_database(actor->object, &db, &why) == 0);
    return db;
}

void actor_put(struct actor *actor, int64_t value)
{
    fake_database_put(database(actor), value);
}

int64_t actor_get(struct actor *actor)
{
    return fake_database_get(database(actor));
}

int64_t world_value(struct world *world, const char *name)
{
    struct object_id id;

    world_id(world, name, &id);
    return fake_store_value(world->store, namespace_number(world->ns), id.bytes);
}
