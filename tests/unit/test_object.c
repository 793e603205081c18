#include <stdio.h>
#include <string.h>

#include "actor/object.h"
#include "actor_world.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/database.h"
#include "test.h"

static struct world *fresh(void)
{
    return world_create(&(struct shard_options){0});
}

static struct shard_counts counts_of(struct world *world)
{
    struct shard_counts counts;

    shard_counts(world->shards[0], &counts);
    return counts;
}

static bool asks(const struct event *event, const char *method)
{
    return event->kind == EVENT_CALL && strcmp(event->call.method, method) == 0;
}

/* What the instance of these tests does with a call. */
static void obey(struct actor *actor, struct event *event)
{
    struct world *world = actor->world;
    char text[32];

    if (asks(event, "put")) {
        actor_put(actor, 7);
        world_answer(event, "stored");
    } else if (asks(event, "get")) {
        snprintf(text, sizeof text, "%lld", (long long)actor_get(actor));
        world_answer(event, text);
    } else if (asks(event, "hold")) {
        actor_hold(actor, event);
    } else if (asks(event, "throw")) {
        world_fail(event, failure_create("TypeError", "no", NULL, 0));
    } else if (asks(event, "abort")) {
        struct failure *failure = failure_format(0, "enough");

        actor_put(actor, 99);
        object_abort(actor->object, failure);
        failure_unref(failure);
        CHECK(object_broken(actor->object));
        world_answer(event, "never");
    } else {
        world_note(world, "<%s>", event->call.method);
        world_answer(event, "ok");
    }
}

static struct world *obedient(void)
{
    struct world *world = fresh();

    world->deliver = obey;
    return world;
}

/* ---- construction ---- */

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

TEST(events_of_one_sender_are_delivered_in_the_order_sent)
{
    struct world *world = obedient();

    for (int i = 0; i < 5; i++)
        world_call(world, "a", (const char *[]){"1", "2", "3", "4", "5"}[i]);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "<1> 1=ok <2> 2=ok <3> 3=ok <4> 4=ok <5> 5=ok");
    world_destroy(world);
}

TEST(a_constructor_that_throws_fails_everybody_who_waits_and_is_tried_again_later)
{
    struct world *world = obedient();

    world->construct_failure = failure_create("RangeError", "no constructor", NULL, 0);
    world_call(world, "a", "one");
    world_call(world, "a", "two");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "one!no constructor two!no constructor");
    CHECK_EQ(world->constructed, 1);
    world_call(world, "a", "three");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "<three> three=ok");
    CHECK_EQ(world->constructed, 2);
    world_destroy(world);
}

static void put_one(struct actor *actor)
{
    actor_put(actor, 1);
}

TEST(what_a_constructor_writes_is_committed_before_the_event_comes)
{
    struct world *world = obedient();

    world->construct = put_one;
    world_call(world, "a", "get");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "get=1");
    CHECK_EQ(world_value(world, "a"), 1);
    world_destroy(world);
}

TEST(a_name_is_kept_by_the_object_it_reached)
{
    struct world *world = obedient();

    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(object_name(world->last->object), "a");
    world_destroy(world);
}

TEST(an_object_without_a_class_is_refused)
{
    struct world *world = obedient();

    shard_set_class(world->shards[0], world->ns, NULL);
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world),
                 "x!Worker does not export a Durable Object class named \"Test\".");
    world_destroy(world);
}

/* ---- the output gate ---- */

TEST(an_answer_waits_until_what_was_written_before_it_is_durable)
{
    struct world *world = obedient();

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "");
    CHECK_EQ(world_value(world, "a"), 7);
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored");
    world_destroy(world);
}

TEST(a_later_write_does_not_delay_an_earlier_answer)
{
    struct world *world = obedient();

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    world_call(world, "a", "put");
    world_run(world);
    CHECK_EQ(fake_store_last_lsn(world->store), 2);
    fake_store_flush_to(world->store, 1);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored");
    world_destroy(world);
}

TEST(an_error_thrown_out_of_a_handler_waits_too_and_resets_nothing)
{
    struct world *world = obedient();

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_call(world, "a", "throw");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored throw!no");
    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(world->constructed, 1);
    world_destroy(world);
}

TEST(reading_what_is_not_yet_durable_delays_the_answer)
{
    struct world *world = obedient();

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_call(world, "a", "get");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored get=7");
    world_destroy(world);
}

TEST(a_failed_commit_resets_the_object_and_nobody_hears_that_it_worked)
{
    struct world *world = obedient();

    fake_store_fail_commits(world->store, 1, DATABASE_CRITICAL, "database or disk is full");
    world_call(world, "a", "put");
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put!database or disk is full x!database or disk is full");
    CHECK_EQ(world_value(world, "a"), 0);
    world_call(world, "a", "get");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "get=0");
    CHECK_EQ(world->constructed, 2);
    world_destroy(world);
}

TEST(a_journal_that_fails_takes_back_what_waited_for_it)
{
    struct world *world = obedient();
    const char *log;

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    fake_store_break(world->store, -5);
    world_run(world);
    log = world_log(world);
    CHECK(strncmp(log, "put!internal error; reference = ", 31) == 0);
    world_destroy(world);
}

TEST(a_write_that_takes_longer_than_30_seconds_resets_the_object)
{
    struct world *world = obedient();

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_pass_ms(world, 29999);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 2);
    CHECK_STR_EQ(world_log(world), "put!Durable Object storage operation exceeded timeout which "
                                   "caused object to be reset.");
    world_destroy(world);
}

TEST(after_a_reset_nothing_is_said_until_the_writes_of_the_life_before_are_durable)
{
    struct world *world = obedient();

    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    world_call(world, "a", "abort");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put!enough abort!enough");
    world_call(world, "a", "get");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "get=7");
    world_destroy(world);
}

/* ---- unconfirmed writes ---- */

static struct output_gate_wait sync_wait;
static struct world *sync_world;

static void synced(struct output_gate_wait *wait, enum output_gate_verdict verdict)
{
    (void)wait;
    world_note(sync_world, verdict == OUTPUT_GATE_GO ? "synced" : "lost");
}

static void write_unconfirmed(struct actor *actor, struct event *event)
{
    object_allow_unconfirmed(actor->object, true);
    actor_put(actor, 5);
    object_allow_unconfirmed(actor->object, false);
    if (asks(event, "both"))
        actor_put(actor, 6);
    if (asks(event, "sync")) {
        sync_world = actor->world;
        sync_wait.cb = synced;
        object_sync(actor->object, &sync_wait);
    }
    world_answer(event, "ok");
}

TEST(an_unconfirmed_write_does_not_delay_the_answer)
{
    struct world *world = fresh();

    world->deliver = write_unconfirmed;
    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=ok");
    CHECK_EQ(world_value(world, "a"), 5);
    world_destroy(world);
}

TEST(a_confirmed_write_after_an_unconfirmed_one_delays_the_answer)
{
    struct world *world = fresh();

    world->deliver = write_unconfirmed;
    fake_store_set_manual(world->store, true);
    world_call(world, "a", "both");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "both=ok");
    world_destroy(world);
}

TEST(sync_waits_for_unconfirmed_writes_too)
{
    struct world *world = fresh();

    world->deliver = write_unconfirmed;
    fake_store_set_manual(world->store, true);
    world_call(world, "a", "sync");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "sync=ok");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "synced");
    world_destroy(world);
}

TEST(an_unconfirmed_write_that_fails_resets_the_object_all_the_same)
{
    struct world *world = fresh();

    world->deliver = write_unconfirmed;
    fake_store_fail_commits(world->store, 1, DATABASE_CRITICAL, "disk is full");
    world_call(world, "a", "put");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put!disk is full");
    CHECK_EQ(counts_of(world).resets, 1);
    world_destroy(world);
}

/* ---- abort ---- */

TEST(abort_undoes_the_turn_and_answers_everybody_with_its_reason)
{
    struct world *world = obedient();

    world_call(world, "a", "hold");
    world_run(world);
    world_call(world, "a", "abort");
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "hold!enough abort!enough x!enough");
    CHECK_EQ(world_value(world, "a"), 0);
    CHECK_EQ(world->destroyed, 1);
    CHECK_EQ(fake_store_open_count(world->store), 0);
    CHECK_EQ(counts_of(world).objects, 0);
    world_destroy(world);
}

static unsigned seen_flags;

static void note_flags(struct event *event, struct event_result *result)
{
    (void)event;
    seen_flags = result->failure->flags;
    event_result_fini(result);
}

TEST(whoever_is_answered_by_a_reset_is_told_that_it_was_one)
{
    struct world *world = obedient();
    struct event *event = event_create(EVENT_CALL);
    struct object_id id;

    world_id(world, "a", &id);
    event->call.method = mem_strdup("abort");
    event->reply = note_flags;
    shard_send(world->shards[0], world->ns, &id, NULL, event);
    world_run(world);
    CHECK_EQ(seen_flags, FAILURE_RESET);
    world_destroy(world);
}

TEST(an_abort_from_outside_a_turn_breaks_the_object_from_the_loop)
{
    struct world *world = obedient();
    struct failure *failure = failure_format(0, "killed");

    world_call(world, "a", "hold");
    world_run(world);
    object_abort(world->last->object, failure);
    CHECK_EQ(world->destroyed, 0);
    CHECK_STR_EQ(world_log(world), "");
    world_run(world);
    CHECK_EQ(world->destroyed, 1);
    CHECK_STR_EQ(world_log(world), "hold!killed");
    failure_unref(failure);
    world_destroy(world);
}

static void abort_at_once(struct actor *actor)
{
    struct failure *failure = failure_format(0, "not today");

    object_abort(actor->object, failure);
    failure_unref(failure);
}

TEST(an_abort_in_the_constructor_fails_the_event_that_woke_the_object)
{
    struct world *world = obedient();

    world->construct = abort_at_once;
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "x!not today");
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

static void use_storage_after_abort(struct actor *actor, struct event *event)
{
    struct failure *failure = failure_format(0, "gone");
    struct err_text why = {""};
    struct database *db;
    int r;

    object_abort(actor->object, failure);
    failure_unref(failure);
    r = object_database(actor->object, &db, &why);
    world_note(actor->world, "%d:%s", r, why.text);
    world_answer(event, NULL);
}

TEST(storage_is_not_accessible_after_a_reset)
{
    struct world *world = fresh();

    world->deliver = use_storage_after_abort;
    world_call(world, "a", "x");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "1:Durable Object storage is no longer accessible. x!gone");
    world_destroy(world);
}

/* ---- going to rest ---- */

TEST(an_instance_goes_after_10_idle_seconds_and_nothing_of_the_object_is_remembered)
{
    struct world *world = obedient();

    world_call(world, "a", "x");
    world_pass_ms(world, 9999);
    CHECK_EQ(world->destroyed, 0);
    world_pass_ms(world, 1);
    CHECK_EQ(world->destroyed, 1);
    CHECK_EQ(counts_of(world).objects, 0);
    CHECK_EQ(counts_of(world).evictions, 1);
    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(world->constructed, 2);
    world_destroy(world);
}

TEST(an_event_starts_the_idle_time_anew)
{
    struct world *world = obedient();

    world_call(world, "a", "x");
    world_pass_ms(world, 9000);
    world_call(world, "a", "x");
    world_pass_ms(world, 9000);
    CHECK_EQ(world->destroyed, 0);
    world_pass_ms(world, 1000);
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(an_event_that_is_not_finished_keeps_the_instance)
{
    struct world *world = obedient();

    world_call(world, "a", "hold");
    world_pass_ms(world, 60000);
    CHECK_EQ(world->destroyed, 0);
    world_destroy(world);
}

TEST(with_evict_always_the_instance_goes_after_every_event)
{
    struct world *world = world_create(&(struct shard_options){.evict_always = true});

    world->deliver = obey;
    world_call(world, "a", "put");
    world_run(world);
    CHECK_EQ(world->destroyed, 1);
    world_call(world, "a", "get");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored get=7");
    CHECK_EQ(world->destroyed, 2);
    world_destroy(world);
}

TEST(an_instance_stays_until_what_it_said_has_left)
{
    struct world *world = world_create(&(struct shard_options){.evict_always = true});

    world->deliver = obey;
    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    CHECK_EQ(world->destroyed, 0);
    fake_store_flush(world->store);
    world_run(world);
    CHECK_EQ(world->destroyed, 1);
    CHECK_STR_EQ(world_log(world), "put=stored");
    world_destroy(world);
}

/* ---- open databases ---- */

TEST(an_object_that_does_not_touch_storage_opens_no_database)
{
    struct world *world = obedient();

    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(fake_store_open_count(world->store), 0);
    world_destroy(world);
}

TEST(a_database_stays_open_over_a_rest_and_is_closed_when_unused)
{
    struct world *world = obedient();

    world_call(world, "a", "get");
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    CHECK_EQ(counts_of(world).databases_open, 1);
    CHECK_EQ(counts_of(world).objects, 1);
    world_pass_ms(world, 50000);
    CHECK_EQ(fake_store_open_count(world->store), 0);
    CHECK_EQ(counts_of(world).objects, 0);
    world_destroy(world);
}

TEST(over_the_bound_the_database_used_least_recently_is_closed)
{
    struct world *world = world_create(&(struct shard_options){.databases_open_max = 2});

    world->deliver = obey;
    world_call(world, "a", "put");
    world_call(world, "b", "put");
    world_run(world);
    world_call(world, "a", "get");
    world_call(world, "c", "put");
    world_run(world);
    CHECK_EQ(fake_store_open_count(world->store), 2);
    world_call(world, "b", "get");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored put=stored get=7 put=stored get=7");
    CHECK_EQ(fake_store_open_count(world->store), 2);
    world_destroy(world);
}

static void get_and_keep_cursor(struct actor *actor, struct event *event)
{
    struct database *db;

    CHECK(object_database(actor->object, &db, NULL) == 0);
    fake_database_set_busy(db, true);
    world_answer(event, "ok");
}

TEST(a_database_with_an_open_cursor_is_not_closed)
{
    struct world *world = world_create(&(struct shard_options){.databases_open_max = 1});

    world->deliver = get_and_keep_cursor;
    world_call(world, "a", "x");
    world_run(world);
    world->deliver = obey;
    world_call(world, "b", "get");
    world_run(world);
    CHECK_EQ(fake_store_open_count(world->store), 2);
    world_destroy(world);
}

/* ---- a new class ---- */

static void replace_class(struct world *world, struct class *class)
{
    *class = world->class;
    shard_set_class(world->shards[0], world->ns, class);
}

TEST(a_new_class_takes_over_at_once_when_the_instance_is_idle)
{
    struct world *world = obedient();
    struct class class;

    world_call(world, "a", "x");
    world_run(world);
    replace_class(world, &class);
    world_run(world);
    CHECK_EQ(world->destroyed, 1);
    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(world->constructed, 2);
    world_destroy(world);
}

TEST(an_instance_of_the_old_class_ends_what_it_has_begun_and_takes_no_new_event_after_that)
{
    struct world *world = obedient();
    struct class class;

    world_call(world, "a", "hold");
    world_run(world);
    replace_class(world, &class);
    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(world->destroyed, 0);
    CHECK_STR_EQ(world_log(world), "<x> x=ok");
    world->last->held_count = 0;
    world_destroy(world);
}

TEST(after_5_minutes_the_new_class_takes_over_also_with_events_in_flight)
{
    struct world *world = obedient();
    struct class class;

    world_call(world, "a", "hold");
    world_run(world);
    replace_class(world, &class);
    world_pass_ms(world, 299999);
    CHECK_EQ(world->destroyed, 0);
    world_call(world, "a", "x");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world),
                 "<x> x=ok hold!Durable Object reset because its code was updated.");
    CHECK_EQ(world->destroyed, 1);
    world_call(world, "a", "x");
    world_run(world);
    CHECK_EQ(world->constructed, 2);
    world_destroy(world);
}

/* ---- overload ---- */

TEST(a_full_mailbox_refuses_what_comes)
{
    struct world *world = obedient();
    const char *log;

    for (int i = 0; i < 10001; i++) {
        world->quiet = i < 10000;
        world_call(world, "a", "x");
    }
    world->quiet = false;
    shard_turn(world->shards[0]);
    world->quiet = true;
    world_run(world);
    log = world_log(world);
    CHECK(strstr(log, "x!Durable Object is overloaded. Too many requests queued.") != NULL);
    world_destroy(world);
}

/* ---- draining ---- */

static bool drained;

static void note_drained(void *data)
{
    (void)data;
    drained = true;
}

TEST(a_shard_that_drains_lets_running_events_end_and_takes_no_new_ones)
{
    struct world *world = obedient();

    drained = false;
    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put");
    world_run(world);
    shard_drain(world->shards[0], note_drained, NULL);
    world_call(world, "b", "x");
    world_run(world);
    CHECK(!drained);
    CHECK_STR_EQ(world_log(world), "x!The Durable Object's server is shutting down.");
    fake_store_flush(world->store);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "put=stored");
    CHECK(drained);
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

/* ---- two objects of one realm ---- */

static struct event *left_by_other;

static void finish_for_the_other(struct actor *actor, struct event *event)
{
    if (asks(event, "wait")) {
        left_by_other = event;
        return;
    }
    /* Microtasks of this turn go on with code of the other object. */
    (void)actor;
    world_answer(left_by_other, "continued");
    world_answer(event, "ok");
}

TEST(an_object_whose_code_goes_on_in_the_turn_of_another_is_settled_with_it)
{
    struct world *world = fresh();

    world->deliver = finish_for_the_other;
    world_call(world, "a", "wait");
    world_run(world);
    world_call(world, "b", "go");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "wait=continued go=ok");
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 2);
    world_destroy(world);
}
