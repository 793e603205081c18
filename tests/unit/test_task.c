#include <string.h>

#include "actor/object.h"
#include "actor_world.h"
#include "base/mem.h"
#include "test.h"

/* A task that notes its letter. */
struct note {
    struct task task;
    struct world *world;
    char letter;
};

static void run_note(struct task *task)
{
    const struct note *note = container_of(task, struct note, task);

    world_note(note->world, "run-%c", note->letter);
}

static void drop_note(struct task *task)
{
    const struct note *note = container_of(task, struct note, task);

    world_note(note->world, "drop-%c", note->letter);
}

static struct note notes[8];
static struct section *sections[8];
static unsigned next_note;

static struct note *make_note(struct world *world, char letter)
{
    struct note *note = &notes[next_note++];

    *note = (struct note){.world = world, .letter = letter};
    note->task.run = run_note;
    note->task.drop = drop_note;
    return note;
}

static enum hold_reason hold_as;

/* Binds a task of the method's letter: upper case is ready at once. */
static void bind(struct actor *actor, struct event *event)
{
    char letter = event->call.method[0];
    struct note *note = make_note(actor->world, letter);

    task_bind(&note->task, actor->object, hold_as);
    if (letter >= 'A' && letter <= 'Z')
        task_ready(&note->task);
    world_answer(event, NULL);
}

static struct world *fresh(void)
{
    struct world *world = world_create(&(struct shard_options){0});

    next_note = 0;
    hold_as = HOLD_TIMER;
    memset(sections, 0, sizeof sections);
    world->deliver = bind;
    return world;
}

TEST(a_ready_task_runs_in_a_turn_of_its_own)
{
    struct world *world = fresh();

    world_call(world, "a", "A");
    world_call(world, "a", "B");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "A= B= run-A run-B");
    world_destroy(world);
}

TEST(a_bound_task_keeps_the_object_in_memory_until_it_has_run)
{
    struct world *world = fresh();

    world_call(world, "a", "t");
    world_pass_ms(world, 60000);
    CHECK_EQ(world->destroyed, 0);
    task_ready(&notes[0].task);
    world_pass_ms(world, 10000);
    CHECK_STR_EQ(world_log(world), "t= run-t");
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(an_unbound_task_is_forgotten_and_holds_nothing)
{
    struct world *world = fresh();

    world_call(world, "a", "t");
    world_run(world);
    task_unbind(&notes[0].task);
    task_unbind(&notes[0].task);
    world_pass_ms(world, 10000);
    CHECK_STR_EQ(world_log(world), "t=");
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(a_ready_task_can_still_be_unbound)
{
    struct world *world = fresh();

    world_call(world, "a", "t");
    world_run(world);
    task_ready(&notes[0].task);
    task_unbind(&notes[0].task);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "t=");
    world_destroy(world);
}

TEST(pending_work_without_any_event_holds_the_object_for_15_minutes)
{
    struct world *world = fresh();

    hold_as = HOLD_IO;
    world_call(world, "a", "t");
    world_pass_ms(world, 15 * 60 * 1000 - 1);
    CHECK_EQ(world->destroyed, 0);
    world_pass_ms(world, 1);
    CHECK_EQ(world->destroyed, 1);
    CHECK_STR_EQ(world_log(world), "t= drop-t");
    world_destroy(world);
}

TEST(the_tasks_of_a_broken_object_are_dropped)
{
    struct world *world = fresh();
    struct failure *failure = failure_format(0, "gone");

    world_call(world, "a", "t");
    world_call(world, "a", "u");
    world_run(world);
    task_ready(&notes[1].task);
    object_abort(world->last->object, failure);
    failure_unref(failure);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "t= u= drop-t drop-u");
    world_destroy(world);
}

/* ---- sections ---- */

/* "s": opens a section with a task. "e": ends the oldest. "f": fails it. Others as bind(). */
static void critical(struct actor *actor, struct event *event)
{
    static unsigned opened;
    static unsigned ended;
    struct note *note;

    switch (event->call.method[0]) {
    case 's':
        if (sections[0] == NULL)
            opened = ended = 0;
        note = make_note(actor->world, (char)('1' + opened));
        sections[opened++] = object_section_begin(actor->object, &note->task);
        break;
    case 'e': object_section_end(actor->object, sections[ended++], NULL); break;
    default: world_note(actor->world, "<%s>", event->call.method);
    }
    world_answer(event, NULL);
}

static struct world *fresh_critical(void)
{
    struct world *world = fresh();

    world->deliver = critical;
    return world;
}

static void end_section(struct world *world, unsigned index, struct failure *failure)
{
    object_section_end(world->last->object, sections[index], failure);
    failure_unref(failure);
}

TEST(while_a_section_runs_other_events_wait)
{
    struct world *world = fresh_critical();

    world_call(world, "a", "s");
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "s= run-1");
    end_section(world, 0, NULL);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "<x> x=");
    world_destroy(world);
}

static void open_section(struct actor *actor)
{
    struct note *note = make_note(actor->world, 'c');

    sections[0] = object_section_begin(actor->object, &note->task);
}

TEST(a_section_opened_by_the_constructor_holds_back_the_first_event)
{
    struct world *world = fresh_critical();

    world->construct = open_section;
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "run-c");
    end_section(world, 0, NULL);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "<x> x=");
    world_destroy(world);
}

TEST(sections_of_one_object_run_one_after_the_other)
{
    struct world *world = fresh_critical();

    world_call(world, "a", "x");
    world_run(world);
    world->deliver = NULL;
    world_log(world);

    world->deliver = critical;
    world_call(world, "a", "s");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "s= run-1");
    end_section(world, 0, NULL);
    world_call(world, "a", "s");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "s= run-2");
    end_section(world, 1, NULL);
    world_destroy(world);
}

TEST(a_section_that_fails_resets_the_object_with_its_failure)
{
    struct world *world = fresh_critical();

    world_call(world, "a", "s");
    world_call(world, "a", "x");
    world_run(world);
    end_section(world, 0, failure_format(0, "in the section"));
    world_run(world);
    CHECK_STR_EQ(world_log(world), "s= run-1 x!in the section");
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(a_section_that_does_not_end_in_30_seconds_resets_the_object)
{
    struct world *world = fresh_critical();

    world_call(world, "a", "s");
    world_call(world, "a", "x");
    world_pass_ms(world, 29999);
    CHECK_STR_EQ(world_log(world), "s= run-1");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world),
                 "x!A call to blockConcurrencyWhile() in a Durable Object waited for too long. The "
                 "call was canceled and the Durable Object was reset.");
    world_destroy(world);
}

TEST(a_running_section_keeps_the_instance)
{
    struct world *world = fresh_critical();

    world_call(world, "a", "s");
    world_pass_ms(world, 20000);
    CHECK_EQ(world->destroyed, 0);
    end_section(world, 0, NULL);
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

/* Opens sections inside each other until it is told that it is enough. */
static unsigned depth_reached;
static struct note deep[SECTION_DEPTH_MAX + 1];

static void go_deeper(struct task *task)
{
    struct note *note;

    (void)task;
    if (depth_reached > SECTION_DEPTH_MAX)
        return;
    note = &deep[depth_reached];
    *note = (struct note){0};
    note->task.run = go_deeper;
    note->task.drop = drop_note;
    if (object_section_begin(task->object, &note->task) == NULL)
        return;
    depth_reached++;
}

static void start_diving(struct actor *actor, struct event *event)
{
    struct task task = {.object = actor->object};

    depth_reached = 0;
    go_deeper(&task);
    world_answer(event, NULL);
}

TEST(sections_nest_64_deep_and_no_deeper)
{
    struct world *world = fresh();

    world->deliver = start_diving;
    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(depth_reached, SECTION_DEPTH_MAX);
    world_destroy(world);
}

static void call_itself_in_a_section(struct task *task)
{
    const struct note *note = container_of(task, struct note, task);

    world_call(note->world, "a", "inner");
}

static void section_that_calls(struct actor *actor, struct event *event)
{
    if (strcmp(event->call.method, "start") == 0) {
        struct note *note = make_note(actor->world, 'n');

        note->task.run = call_itself_in_a_section;
        sections[0] = object_section_begin(actor->object, &note->task);
    } else {
        world_note(actor->world, "<%s>", event->call.method);
    }
    world_answer(event, NULL);
}

TEST(a_call_of_an_object_to_itself_belongs_to_the_section_that_makes_it)
{
    struct world *world = fresh();

    world->deliver = section_that_calls;
    world_call(world, "a", "start");
    world_call(world, "a", "other");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "start= <inner> inner=");
    end_section(world, 0, NULL);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "<other> other=");
    world_destroy(world);
}
