#include <stdio.h>
#include <string.h>

#include "actor_world.h"
#include "base/err.h"
#include "base/mem.h"
#include "test.h"

/* The date of the simulated machine. */
static int64_t now_ms(struct world *world)
{
    return os_wall_ns(sim_os_base(world->sim)) / 1000000;
}

static int64_t start_ms;

/* "set:N" sets the alarm N ms after the start of the test, "delete" removes it, "get" asks. */
static void act(struct actor *actor, const char *method)
{
    struct err_text why;
    int64_t time_ms;

    if (strncmp(method, "set:", 4) == 0) {
        long long after_ms;

        CHECK(sscanf(method + 4, "%lld", &after_ms) == 1);
        CHECK(object_set_alarm(actor->object, start_ms + after_ms, &why) == 0);
    } else if (strcmp(method, "delete") == 0) {
        CHECK(object_set_alarm(actor->object, 0, &why) == 0);
    } else if (strcmp(method, "get") == 0) {
        CHECK(object_alarm(actor->object, &time_ms, &why) == 0);
        if (time_ms == 0)
            world_note(actor->world, "null");
        else
            world_note(actor->world, "+%lld", (long long)(time_ms - start_ms));
    }
}

/* What the handler does: words as for act(), "throw", "hold", "abort", "internal", "give-up". */
static const char *script;

static void end_with(struct event *event, unsigned flags)
{
    world_fail(event, failure_create("Error", "alarm failed", NULL, flags));
}

static void run_alarm(struct actor *actor, struct event *event)
{
    char words[128];
    char *save = NULL;

    world_note(actor->world, "alarm@%lld#%u", (long long)(now_ms(actor->world) - start_ms),
               event->alarm.retry_count);
    snprintf(words, sizeof words, "%s", script);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (strcmp(word, "throw") == 0) {
            end_with(event, 0);
            return;
        }
        if (strcmp(word, "internal") == 0) {
            end_with(event, FAILURE_INTERNAL);
            return;
        }
        if (strcmp(word, "give-up") == 0) {
            end_with(event, FAILURE_NO_ALARM_RETRY);
            return;
        }
        if (strcmp(word, "hold") == 0) {
            actor_hold(actor, event);
            return;
        }
        if (strcmp(word, "abort") == 0) {
            struct failure *failure = failure_format(0, "aborted");

            object_abort(actor->object, failure);
            failure_unref(failure);
            return;
        }
        if (strcmp(word, "put") == 0)
            actor_put(actor, 42);
        act(actor, word);
    }
    world_answer(event, NULL);
}

static void obey(struct actor *actor, struct event *event)
{
    if (event->kind == EVENT_ALARM) {
        run_alarm(actor, event);
        return;
    }
    if (strcmp(event->call.method, "finish") == 0) {
        world_answer(actor->held[0], NULL);
        actor->held_count = 0;
    } else {
        act(actor, event->call.method);
    }
    world_answer(event, NULL);
}

static struct world *fresh(const char *handler)
{
    struct world *world = world_create(&(struct shard_options){0});

    world->deliver = obey;
    start_ms = now_ms(world);
    script = handler;
    return world;
}

static void call(struct world *world, const char *method)
{
    world->quiet = true;
    world_call(world, "a", method);
    world_run(world);
    world->quiet = false;
}

static void ask(struct world *world)
{
    world_call(world, "a", "get");
    world_run(world);
}

static int64_t row_of(struct world *world)
{
    struct object_id id;

    world_id(world, "a", &id);
    return fake_store_alarm(world->store, namespace_number(world->ns), id.bytes);
}

TEST(an_alarm_fires_at_its_time_and_never_early)
{
    struct world *world = fresh("");

    call(world, "set:5000");
    world_pass_ms(world, 4999);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "alarm@5000#0");
    CHECK_EQ(row_of(world), 0);
    world_pass_ms(world, 100000);
    CHECK_STR_EQ(world_log(world), "");
    world_destroy(world);
}

TEST(an_alarm_in_the_past_fires_at_once)
{
    struct world *world = fresh("");

    world_call(world, "a", "set:-1000");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "set:-1000= alarm@0#0");
    world_destroy(world);
}

TEST(setting_an_alarm_replaces_the_one_before)
{
    struct world *world = fresh("");

    call(world, "set:5000");
    call(world, "set:8000");
    world_pass_ms(world, 7999);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "alarm@8000#0");
    world_destroy(world);
}

TEST(a_deleted_alarm_does_not_fire)
{
    struct world *world = fresh("");

    call(world, "set:5000");
    call(world, "delete");
    world_pass_ms(world, 60000);
    CHECK_STR_EQ(world_log(world), "");
    world_destroy(world);
}

TEST(an_alarm_wakes_an_object_that_has_gone_with_its_name)
{
    struct world *world = fresh("");

    call(world, "set:300000");
    world_pass_ms(world, 299999);
    CHECK_EQ(world->destroyed, 1);
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "alarm@300000#0");
    CHECK_EQ(world->constructed, 2);
    CHECK_STR_EQ(object_name(world->last->object), "a");
    world_destroy(world);
}

TEST(while_the_handler_runs_there_is_no_alarm_unless_a_new_one_was_set)
{
    struct world *world = fresh("get set:9000 get");

    call(world, "set:1000");
    ask(world);
    CHECK_STR_EQ(world_log(world), "+1000 get=");
    world_pass_ms(world, 1000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0 null +9000");
    script = "";
    world_pass_ms(world, 8000);
    CHECK_STR_EQ(world_log(world), "alarm@9000#0");
    world_destroy(world);
}

TEST(the_row_is_removed_together_with_what_the_handler_wrote)
{
    struct world *world = fresh("put");
    struct object_id id;

    call(world, "set:1000");
    fake_store_set_manual(world->store, true);
    world_pass_ms(world, 1000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(row_of(world), 0);
    CHECK_EQ(world_value(world, "a"), 42);
    CHECK_EQ(fake_store_last_lsn(world->store), 2);
    world_id(world, "a", &id);
    CHECK_EQ(fake_store_run_ms(world->store, namespace_number(world->ns), id.bytes), -1);
    fake_store_flush(world->store);
    world_run(world);
    CHECK_EQ(fake_store_run_ms(world->store, namespace_number(world->ns), id.bytes), -1);
    world_destroy(world);
}

TEST(a_handler_that_throws_is_run_again_after_2_seconds_then_4_with_what_it_wrote)
{
    struct world *world = fresh("put throw");
    struct object_id id;

    world_id(world, "a", &id);
    call(world, "set:1000");
    world_pass_ms(world, 1000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(world_value(world, "a"), 42);
    ask(world);
    CHECK_STR_EQ(world_log(world), "+1000 get=");
    CHECK_EQ(fake_store_retries(world->store, namespace_number(world->ns), id.bytes), 1);
    world_pass_ms(world, 1999);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 501);
    CHECK(strstr(world_log(world), "#1") != NULL);
    world_pass_ms(world, 3490);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 2000);
    CHECK(strstr(world_log(world), "#2") != NULL);
    script = "";
    world_pass_ms(world, 10000);
    CHECK(strstr(world_log(world), "#3") != NULL);
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(after_7_runs_that_failed_the_alarm_is_dropped)
{
    struct world *world = fresh("throw");
    const char *log;

    call(world, "set:1000");
    world_pass_ms(world, 400000);
    log = world_log(world);
    CHECK(strstr(log, "#6") != NULL);
    CHECK(strstr(log, "#7") == NULL);
    CHECK_EQ(row_of(world), 0);
    ask(world);
    CHECK_STR_EQ(world_log(world), "null get=");
    world_destroy(world);
}

TEST(failures_of_ours_do_not_count_and_go_on)
{
    struct world *world = fresh("internal");
    const char *log;
    unsigned runs = 0;

    call(world, "set:1000");
    world_pass_ms(world, 4 * 3600 * 1000);
    log = world_log(world);
    for (const char *at = log; (at = strstr(at, "#0")) != NULL; at++)
        runs++;
    CHECK(runs > 15);
    CHECK(strstr(log, "#1") == NULL);
    CHECK(row_of(world) != 0);
    world_destroy(world);
}

TEST(an_alarm_set_in_a_handler_that_throws_takes_the_place_of_the_retry)
{
    struct world *world = fresh("set:9000 throw");

    call(world, "set:1000");
    world_pass_ms(world, 1000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    script = "";
    world_pass_ms(world, 7999);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "alarm@9000#0");
    world_destroy(world);
}

TEST(a_deletion_in_a_handler_that_throws_prevents_the_retry)
{
    struct world *world = fresh("delete throw");

    call(world, "set:1000");
    world_pass_ms(world, 60000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(the_same_time_set_again_while_the_handler_runs_is_a_new_alarm)
{
    struct world *world = fresh("set:1000 get");

    call(world, "set:1000");
    world_pass_ms(world, 999);
    sim_os_advance(world->sim, 1000000);
    shard_turn(world->shards[0]);
    script = "";
    world_pass_ms(world, 10);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0 +1000 alarm@1000#0");
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(other_events_run_beside_the_handler_but_no_second_alarm)
{
    struct world *world = fresh("hold");

    call(world, "set:1000");
    world_pass_ms(world, 1000);
    call(world, "set:2000");
    ask(world);
    world_pass_ms(world, 5000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0 +2000 get=");
    script = "";
    call(world, "finish");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "alarm@6000#0");
    world_destroy(world);
}

TEST(a_handler_that_aborts_is_run_again_in_a_fresh_instance)
{
    struct world *world = fresh("put abort");

    call(world, "set:1000");
    world_pass_ms(world, 1000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(world->destroyed, 1);
    CHECK_EQ(world_value(world, "a"), 0);
    script = "";
    world_pass_ms(world, 2500);
    CHECK(strstr(world_log(world), "#1") != NULL);
    CHECK_EQ(world->constructed, 2);
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(a_handler_whose_last_commit_fails_is_run_again)
{
    struct world *world = fresh("put");

    call(world, "set:1000");
    fake_store_fail_commits(world->store, 1, 2, "constraints were violated");
    world_pass_ms(world, 1000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(world_value(world, "a"), 0);
    world_pass_ms(world, 2500);
    CHECK(strstr(world_log(world), "#1") != NULL);
    CHECK_EQ(world_value(world, "a"), 42);
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(a_handler_that_always_aborts_is_dropped_after_7_runs)
{
    struct world *world = fresh("abort");
    const char *log;

    call(world, "set:1000");
    world_pass_ms(world, 400000);
    log = world_log(world);
    CHECK(strstr(log, "#6") != NULL);
    CHECK(strstr(log, "#7") == NULL);
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(an_abort_that_forbids_the_retry_drops_the_alarm)
{
    struct world *world = fresh("hold");
    struct failure *failure = failure_format(FAILURE_NO_ALARM_RETRY, "enough");

    call(world, "set:1000");
    world_pass_ms(world, 1000);
    object_abort(world->last->object, failure);
    failure_unref(failure);
    world_pass_ms(world, 60000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(a_class_without_a_handler_ends_the_alarm)
{
    struct world *world = fresh("give-up");

    call(world, "set:1000");
    world_pass_ms(world, 60000);
    CHECK_STR_EQ(world_log(world), "alarm@1000#0");
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(a_handler_may_take_15_minutes_and_no_longer)
{
    struct world *world = fresh("hold");

    call(world, "set:1000");
    world_pass_ms(world, 1000 + 15 * 60 * 1000 - 1);
    CHECK_EQ(world->destroyed, 0);
    script = "";
    world_pass_ms(world, 1);
    CHECK_EQ(world->destroyed, 1);
    world_pass_ms(world, 2500);
    CHECK(strstr(world_log(world), "#1") != NULL);
    world_destroy(world);
}

TEST(a_constructor_that_throws_counts_as_a_run)
{
    struct world *world = fresh("");

    call(world, "set:300000");
    world_pass_ms(world, 299999);
    world->construct_failure = failure_create("Error", "no", NULL, 0);
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 2500);
    CHECK(strstr(world_log(world), "#1") != NULL);
    world_destroy(world);
}

TEST(an_alarm_whose_row_has_changed_meanwhile_is_not_run)
{
    struct world *world = fresh("");

    call(world, "set:1000");
    fake_store_set_manual(world->store, true);
    world->quiet = true;
    world_call(world, "a", "set:5000");
    world_run(world);
    world->quiet = false;
    world_pass_ms(world, 2000);
    CHECK_STR_EQ(world_log(world), "");
    fake_store_flush(world->store);
    world_pass_ms(world, 2999);
    CHECK_STR_EQ(world_log(world), "set:5000=");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "alarm@5000#0");
    world_destroy(world);
}

TEST(an_alarm_that_cannot_open_its_database_is_tried_again_without_counting)
{
    struct world *world = fresh("");

    call(world, "set:300000");
    world_pass_ms(world, 299999);
    fake_store_fail_opens(world->store, 2, -5);
    world_pass_ms(world, 10000);
    CHECK(strstr(world_log(world), "#0") != NULL);
    CHECK_EQ(row_of(world), 0);
    world_destroy(world);
}

TEST(an_alarm_that_waits_for_its_class_when_the_shard_ends_is_given_up_unsettled)
{
    struct world *world = fresh("");

    call(world, "set:1000");
    shard_set_class(world->shards[0], world->ns, NULL);
    world_pass_ms(world, 60000);
    world_destroy(world);
}

TEST(an_alarm_whose_class_is_missing_waits_for_it)
{
    struct world *world = fresh("");

    call(world, "set:1000");
    world_pass_ms(world, 500);
    shard_set_class(world->shards[0], world->ns, NULL);
    world_pass_ms(world, 60000);
    CHECK_STR_EQ(world_log(world), "");
    shard_set_class(world->shards[0], world->ns, &world->class);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "alarm@60500#0");
    world_destroy(world);
}
