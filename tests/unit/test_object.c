#include <string.h>

#include "actor_world.h"
#include "base/mem.h"
#include "test.h"

static struct world *fresh(void)
{
    return world_create(&(struct shard_options){0});
}

TEST(the_first_event_constructs_the_object_and_is_answered)
{
    struct world *world = fresh();

    world_call(world, "a", "ping");
    CHECK_EQ(world->constructed, 0);
    world_run(world);
    CHECK_EQ(world->constructed, 1);
    CHECK_STR_EQ(world_log(world), "ping=ping");
    world_destroy(world);
}

static void put_and_answer(struct actor *actor, struct event *event)
{
    actor_put(actor, 7);
    world_answer(event, "stored");
}

TEST(an_answer_waits_until_what_was_written_before_it_is_durable)
{
    struct world *world = fresh();

    fake_store_set_manual(world->store, true);
    world->deliver = put_and_answer;
    world_call(world, "a", "put");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "");
    CHECK_EQ(world_value(world, "a"), 7);
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored");
    world_destroy(world);
}
