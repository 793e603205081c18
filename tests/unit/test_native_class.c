#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/socket_far.h"
#include "base/arena.h"
#include "base/limits.h"
#include "test_native_world.h"

/* ---- a class: its methods are the tests' ---- */

struct instance {
    int count;
    struct dm_event *held;
};

static int construct(struct dm_object *object, void **out)
{
    const char *name = dm->name(object);

    if (name != NULL && strcmp(name, "refused") == 0)
        return dm->error(object, "no room for %s", name);
    *out = mem_new(struct instance);
    note("made");
    return dm->sql_exec(object, "CREATE TABLE IF NOT EXISTS t (n INTEGER)", NULL, 0);
}

static void destroy(void *instance)
{
    note("gone");
    mem_free(instance);
}

static int number(struct dm_event *event, double value)
{
    struct dm_value answer = dm_number(value);

    return dm->answer(event, &answer);
}

static int sum(struct dm_object *object, double *result)
{
    struct dm_rows *rows;
    int r = dm->sql_query(object, &rows, "SELECT coalesce(sum(n), 0) FROM t", NULL, 0);

    if (r == 0)
        r = dm->sql_step(rows);
    if (r == 0)
        *result = dm->sql_real(rows, 0);
    return r;
}

static int add(struct dm_object *object, struct dm_event *event)
{
    double result;
    int r = dm->sql_exec(object, "INSERT INTO t VALUES (1)", NULL, 0);

    if (r == 0)
        r = sum(object, &result);
    return r == 0 ? number(event, result) : r;
}

static void rang(void *instance, struct dm_object *object, void *data)
{
    (void)object;
    note("rang");
    number(data, ((struct instance *)instance)->count);
}

static int add_and_refuse(struct dm_object *object, void *data)
{
    (void)data;
    dm->sql_exec(object, "INSERT INTO t VALUES (100)", NULL, 0);
    return dm->error(object, "second thoughts");
}

static void in_section(void *instance, struct dm_object *object, struct dm_section *section,
                       void *data)
{
    struct instance *self = instance;

    (void)object;
    note("section");
    self->held = data;
    if (self->count == 0)
        dm->section_end(section, NULL);
}

static void transaction_ends(void *instance, struct dm_object *object, void *data)
{
    struct instance *self = instance;
    double n = -1;

    dm->sql_exec(object, "INSERT INTO t VALUES (20)", NULL, 0);
    if (self->count == 'k')
        CHECK_EQ(dm->section_end(data, NULL), 0);
    else if (self->count == 'd')
        CHECK_EQ(dm->transact_undo(data), 0);
    else
        CHECK_EQ(dm->section_end(data, "torn"), DM_RESET);
    if (self->count != 't')
        CHECK_EQ(sum(object, &n), 0);
    number(self->held, n);
}

static void in_transaction(void *instance, struct dm_object *object, struct dm_section *section,
                           void *data)
{
    (void)instance, (void)data;
    note("begun");
    dm->sql_exec(object, "INSERT INTO t VALUES (10)", NULL, 0);
    CHECK_EQ(dm->delete_all(object), DM_ERROR);
    CHECK(dm->timer(object, 500, transaction_ends, section) != NULL);
}

static void replied(void *instance, struct dm_object *object, void *data,
                    const struct dm_reply *reply)
{
    (void)instance, (void)object;
    if (reply->error != NULL)
        dm->fail(data, reply->error);
    else
        dm->answer(data, reply->value);
}

static int call_other(struct dm_object *object, struct dm_event *event, const char *method)
{
    struct dm_ns *ns;
    struct dm_id id;
    int r = dm->ns(object, "Other", &ns);

    if (r < 0)
        return r;
    dm->id_from_name(ns, "x", &id);
    r = dm->stub_call(object, ns, &id, "x", method, NULL, 0, replied, event);
    return r == 0 ? DM_LATER : r;
}

static int noted_key(void *data, struct dm_bytes key, const struct dm_value *value)
{
    (void)data;
    note("%.*s=%.0f", (int)key.len, (const char *)key.data, value->number);
    return 0;
}

static int keys(struct dm_object *object, struct dm_event *event)
{
    struct dm_range range = {.prefix = dm_str("k"), .reverse = true, .limit = 2};
    const struct dm_value *value;

    for (int i = 0; i < 4; i++) {
        char key[3] = {'k', (char)('a' + i), '\0'};
        struct dm_value n = dm_number(i);

        CHECK_EQ(dm->kv_put(object, dm_str(key), &n), 0);
    }
    CHECK_EQ(dm->kv_get(object, dm_str("kb"), &value), 0);
    CHECK(value->number == 1);
    CHECK_EQ(dm->kv_get(object, dm_str("none"), &value), DM_NONE);
    CHECK_EQ(dm->kv_delete(object, dm_str("kd")), 0);
    CHECK_EQ(dm->kv_list(object, &range, noted_key, NULL), 0);
    return number(event, 0);
}

static int too_many_timers(struct dm_object *object, struct dm_event *event)
{
    for (int i = 0; i < LIMIT_TIMERS; i++)
        CHECK(dm->timer(object, 60000, rang, NULL) != NULL);
    CHECK(dm->timer(object, 60000, rang, NULL) == NULL);
    return dm->fail(event, dm->why(object));
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    struct instance *self = instance;
    double result;

    (void)arguments, (void)count;
    self->count++;
    if (strcmp(method, "add") == 0)
        return add(object, event);
    if (strcmp(method, "sum") == 0)
        return sum(object, &result) == 0 ? number(event, result) : DM_ERROR;
    if (strcmp(method, "count") == 0)
        return number(event, self->count);
    if (strcmp(method, "silent") == 0)
        return 0;
    if (strcmp(method, "twice") == 0) {
        number(event, 1);
        note("%s", number(event, 2) == DM_ERROR ? dm->why(object) : "answered twice");
        return 0;
    }
    if (strcmp(method, "wait") == 0)
        return dm->timer(object, 500, rang, event) != NULL ? DM_LATER : DM_ERROR;
    if (strcmp(method, "never") == 0)
        return DM_LATER;
    if (strcmp(method, "undo") == 0) {
        note("%d:%s", dm->transaction(object, add_and_refuse, NULL), dm->why(object));
        return sum(object, &result) == 0 ? number(event, result) : DM_ERROR;
    }
    if (strcmp(method, "block") == 0 || strcmp(method, "hang") == 0) {
        self->count = method[0] == 'h';
        if (dm->block(object, in_section, event) < 0)
            return DM_ERROR;
        return method[0] == 'h' ? DM_LATER : number(event, 0);
    }
    if (strcmp(method, "keep") == 0 || strcmp(method, "drop") == 0 || strcmp(method, "torn") == 0) {
        self->held = event;
        self->count = method[0];
        return dm->transact(object, in_transaction, NULL) < 0 ? DM_ERROR : DM_LATER;
    }
    if (strcmp(method, "abort") == 0) {
        dm->sql_exec(object, "INSERT INTO t VALUES (1000)", NULL, 0);
        return dm->abort(object, "enough");
    }
    if (strcmp(method, "remind") == 0) {
        dm->set_alarm(object, dm->now_ms(object) + 1000);
        return dm->answer(event, NULL);
    }
    if (strcmp(method, "other") == 0)
        return call_other(object, event, "add");
    if (strcmp(method, "otherfails") == 0)
        return call_other(object, event, "silent");
    if (strcmp(method, "othernever") == 0)
        return call_other(object, event, "never");
    if (strcmp(method, "keys") == 0)
        return keys(object, event);
    if (strcmp(method, "timers") == 0)
        return too_many_timers(object, event);
    return dm->unknown_method(event);
}

static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    (void)instance, (void)scheduled_ms;
    note("alarm%u", retry_count);
    if (retry_count < 2)
        return dm->error(object, "not yet");
    return dm->done(event);
}

static int noted_socket(void *data, struct dm_socket *socket)
{
    const struct dm_value *value = NULL;
    struct dm_bytes tag = dm->tag(socket, 0);

    CHECK_EQ(dm->tag_count(socket), 1);
    CHECK_EQ(dm->attachment(data, socket, &value), 0);
    note("%.*s:%.0f:%s", (int)tag.len, (const char *)tag.data, value->number,
         dm->socket_data(socket) != NULL ? "known" : "new");
    dm->set_socket_data(socket, &notes);
    return 0;
}

static int fetch(void *instance, struct dm_object *object, struct dm_event *event,
                 const struct dm_request *request)
{
    static const char *const tags[] = {"red", "red"};
    struct dm_accept options = {.tags = tags, .tag_count = 2};
    struct dm_value seven = dm_number(7);
    struct dm_socket *socket;

    (void)instance;
    if (request->upgrade) {
        int r = dm->accept(event, &options, &socket);

        return r < 0 ? r : dm->set_attachment(object, socket, &seven);
    }
    note("red:%d all:%d", dm->broadcast(object, "red", NULL, dm_str("x"), true),
         dm->broadcast(object, NULL, NULL, dm_str("x"), true));
    CHECK_EQ(dm->sockets(object, "red", noted_socket, object), 0);
    CHECK_EQ(dm->broadcast(object, NULL, NULL, dm_str("\xff"), true), DM_ERROR);
    return dm->respond_text(event, 200, "fine");
}

static int closed(void *instance, struct dm_object *object, struct dm_socket *socket, uint16_t code,
                  struct dm_bytes reason, bool clean)
{
    (void)instance, (void)object, (void)socket, (void)reason;
    note("closed%u%s", code, clean ? "" : "!");
    return 0;
}

static const struct dm_class test_class = {
    .size = sizeof(struct dm_class),
    .name = "Test",
    .construct = construct,
    .destroy = destroy,
    .call = call,
    .alarm = alarm,
    .fetch = fetch,
    .close = closed,
};

static struct dm_class other_class;

/* ---- a front ---- */

static unsigned tries;

static void not_forwarded(void *instance, struct dm_object *front, void *data,
                          const struct dm_reply *reply);

static int try_forward(struct dm_object *front, struct dm_event *event, const char *name)
{
    struct dm_ns *ns;
    struct dm_id id;

    CHECK_EQ(dm->ns(front, "Test", &ns), 0);
    dm->id_from_name(ns, name, &id);
    return dm->try_forward(event, ns, &id, name, NULL, not_forwarded, event);
}

static void not_forwarded(void *instance, struct dm_object *front, void *data,
                          const struct dm_reply *reply)
{
    (void)instance;
    note("?%s", reply->error);
    if (tries++ == 0)
        CHECK_EQ(try_forward(front, data, "refused"), 0);
    else
        CHECK_EQ(dm->respond_text(data, 503, reply->error), 0);
}

static int front_fetch(void *instance, struct dm_object *front, struct dm_event *event,
                       const struct dm_request *request)
{
    struct dm_ns *ns;
    struct dm_id id;

    (void)instance;
    CHECK(dm->name(front) == NULL);
    CHECK_EQ(dm->sql_exec(front, "SELECT 1", NULL, 0), DM_ERROR);
    if (strstr(request->url, "/never") != NULL)
        return DM_LATER;
    if (strstr(request->url, "/here") != NULL)
        return dm->respond_text(event, 201, request->url);
    if (strstr(request->url, "/try/") != NULL)
        return try_forward(front, event, strrchr(request->url, '/') + 1);
    if (dm->ns(front, "Test", &ns) < 0)
        return DM_ERROR;
    dm->id_from_name(ns, "a", &id);
    return dm->forward(event, ns, &id, "a", NULL);
}

static const struct dm_front test_front = {.size = sizeof(struct dm_front), .fetch = front_fetch};

/* ---- the world ---- */

static void answered(struct event *event, struct event_result *result);

static void begin(void)
{
    static const struct dm_class *const classes[] = {&test_class, &other_class};

    other_class = test_class;
    other_class.name = "Other";
    world_setting = (struct world_setting){
        .keys = {"w-Test", "w-Other"},
        .names = {"Test", "Other"},
        .program = {classes, 2, &test_front},
        .segment_size_bytes = 256 * 1024,
        .answered = answered,
    };
    world_begin();
}

/* ---- asking ---- */

static void answered(struct event *event, struct event_result *result)
{
    const struct dm_value *value = NULL;
    struct arena arena = {0};
    struct err_text why = {0};

    (void)event;
    if (result->failure != NULL) {
        note("!%s", result->failure->message);
    } else if (result->response != NULL) {
        note("%u", result->response->status);
    } else if (result->value != NULL) {
        CHECK_EQ(value_read(blob_bytes(result->value), &arena, &value, &why), 0);
        if (value->type == DM_NUMBER)
            note("=%.0f", value->number);
        else
            note("=undefined");
    }
    arena_fini(&arena);
    event_result_fini(result);
}

/* ---- events ---- */

TEST(an_answer_waits_for_the_disk)
{
    begin();
    ask("a", "add");
    turn();
    NOTED("made");
    run();
    NOTED("=1");
    ask("a", "add");
    ask("a", "count");
    run();
    NOTED("=2 =3");
    end();
}

TEST(what_was_answered_outlives_the_power)
{
    begin();
    ask("a", "add");
    run();
    ask("a", "add");
    turn(); /* not on disk, not answered */
    NOTED("made =1");
    sim_os_crash(sim, 7);
    close_all();
    sim_os_boot(sim);
    buf_clear(&notes);
    open_all();
    ask("a", "sum");
    run();
    CHECK(strcmp(buf_string(&notes), "made =1") == 0 || strcmp(buf_string(&notes), "made =2") == 0);
    end();
}

TEST(a_disk_that_fails_answers_nobody)
{
    begin();
    ask("a", "add");
    run();
    NOTED("made =1");
    sim_os_fail_at(sim, SIM_OS_SYNC, 1, -EIO, true);
    ask("a", "add");
    run();
    CHECK(lost > 0);
    CHECK(strstr(buf_string(&notes), "=2") == NULL);
    sim_os_fail_at(sim, 0, 0, 0, false);
    end();
}

TEST(a_constructor_that_refuses_says_why_each_time)
{
    begin();
    ask("refused", "add");
    run();
    NOTED("!no room for refused");
    ask("refused", "add");
    run();
    NOTED("!no room for refused");
    end();
}

TEST(an_event_is_answered_once)
{
    begin();
    ask("a", "silent");
    run();
    NOTED("made !The class returned without an answer.");
    ask("a", "twice");
    run();
    NOTED("The event has been answered. =1");
    ask("a", "nothing");
    run();
    NOTED("!The RPC receiver does not implement the method \"nothing\".");
    end();
}

TEST(an_event_may_be_answered_in_a_later_turn)
{
    begin();
    ask("a", "wait");
    run();
    ask("a", "count");
    run();
    NOTED("made =2");
    pass_ms(600, 100);
    NOTED("rang =2");
    end();
}

TEST(an_instance_goes_when_it_is_idle_and_not_before)
{
    begin();
    ask("a", "add");
    ask("a", "never");
    run();
    pass_ms(15000, 100);
    NOTED("made =1");
    ask("b", "count");
    run();
    pass_ms(15000, 100);
    NOTED("made =1 gone");
    ask("b", "count");
    run();
    NOTED("made =1");
    end();
    /* The call that was never answered ends with its object. */
}

TEST(with_eviction_after_every_event_only_storage_is_kept)
{
    begin();
    close_all();
    world_setting.evict_always = true;
    open_all();
    ask("a", "add");
    run();
    ask("a", "add");
    run();
    ask("a", "count");
    run();
    NOTED("made =1 gone made =2 gone made =1 gone");
    end();
}

TEST(a_timer_keeps_its_instance_and_dies_with_it)
{
    begin();
    ask("a", "wait");
    run();
    ask("a", "abort");
    run();
    NOTED("made gone !enough !enough");
    pass_ms(2000, 100);
    NOTED("");
    ask("a", "sum");
    run();
    NOTED("made =0"); /* what the aborted turn wrote is undone */
    end();
}

TEST(timers_have_a_limit)
{
    begin();
    ask("a", "timers");
    run();
    NOTED("made !More than 10000 timers are pending.");
    end();
}

TEST(a_transaction_that_fails_leaves_nothing)
{
    begin();
    ask("a", "add");
    ask("a", "undo");
    run();
    NOTED("made -1:second thoughts =1 =1");
    end();
}

TEST(keys_are_put_got_listed_and_deleted)
{
    begin();
    ask("a", "keys");
    run();
    NOTED("made kc=2 kb=1 =0");
    end();
}

TEST(an_alarm_that_fails_is_tried_again)
{
    begin();
    ask("a", "remind");
    run();
    NOTED("made =undefined");
    pass_ms(20000, 100);
    CHECK(strstr(buf_string(&notes), "alarm0 alarm1 alarm2") != NULL);
    CHECK(strstr(buf_string(&notes), "alarm3") == NULL);
    end();
}

/* ---- gates ---- */

TEST(nothing_runs_beside_a_section)
{
    begin();
    ask("a", "block");
    ask("a", "count");
    run();
    NOTED("made section =0 =1");
    end();
}

TEST(a_section_that_does_not_end_resets_the_object)
{
    begin();
    ask("a", "hang");
    ask("a", "count");
    run();
    NOTED("made section");
    pass_ms(31000, 100);
    CHECK(strstr(buf_string(&notes), "gone") != NULL);
    CHECK(strstr(buf_string(&notes), "=1") == NULL);
    buf_clear(&notes);
    ask("a", "count");
    run();
    NOTED("made =1");
    end();
}

TEST(a_transaction_of_several_turns_is_kept_or_not)
{
    begin();
    ask("a", "keep");
    ask("a", "sum");
    run();
    NOTED("made begun");
    pass_ms(600, 100);
    NOTED("=30 =30");
    ask("a", "drop");
    ask("a", "sum");
    pass_ms(600, 100);
    NOTED("begun =30 =30");
    ask("a", "torn");
    ask("a", "sum");
    pass_ms(600, 100);
    NOTED("begun gone !torn !torn");
    ask("a", "sum");
    run();
    NOTED("made =30");
    end();
}

TEST(half_a_transaction_does_not_outlive_the_power)
{
    begin();
    ask("a", "add");
    ask("a", "keep");
    run();
    NOTED("made begun =1");
    sim_os_crash(sim, 3);
    close_all();
    sim_os_boot(sim);
    buf_clear(&notes);
    open_all();
    ask("a", "sum");
    run();
    NOTED("made =1");
    ask("a", "keep");
    pass_ms(600, 100);
    NOTED("begun =31");
    end();
}

/* ---- others ---- */

TEST(objects_call_each_other)
{
    begin();
    ask("a", "other");
    run();
    NOTED("made made =1");
    ask("a", "otherfails");
    run();
    NOTED("!The class returned without an answer.");
    end();
}

TEST(a_reply_does_not_come_to_an_instance_that_is_gone)
{
    begin();
    ask("a", "othernever");
    run();
    ask("a", "abort");
    run();
    NOTED("made made gone !enough !enough");
    end();
    NOTED("");
}

/* ---- sockets ---- */

static struct socket_far *far;

static void upgraded(struct event *event, struct event_result *result)
{
    (void)event;
    CHECK(result->failure == NULL);
    note("%u", result->response->status);
    far = result->response->socket;
    result->response->socket = NULL;
    event_result_fini(result);
}

static void ask_fetch(const char *name, bool upgrade)
{
    struct event *event = event_create(EVENT_FETCH);

    event->fetch.request = fetch_request_create("GET", "http://x/");
    event->fetch.request->upgrade = upgrade;
    if (upgrade)
        event->reply = upgraded;
    send(name, event);
}

TEST(a_socket_keeps_tags_and_attachment_while_its_object_sleeps)
{
    begin();
    ask_fetch("a", true);
    run();
    ask_fetch("a", false);
    run();
    NOTED("made 101 red:1 all:1 red:7:new 200");
    ask_fetch("a", false);
    run();
    NOTED("red:1 all:1 red:7:known 200");
    pass_ms(11000, 100);
    NOTED("gone");
    ask_fetch("a", false);
    run();
    NOTED("made red:1 all:1 red:7:new 200");
    socket_far_drop(far);
    run();
    NOTED("closed1006!");
    end();
}

/* ---- the front ---- */

static void front_replied(void *data, struct event_result *result)
{
    (void)data;
    answered(NULL, result);
}

static void ask_front(const char *url)
{
    native_fetch(home, fetch_request_create("GET", url), front_replied, NULL);
}

TEST(a_front_answers_or_sends_on)
{
    begin();
    ask_front("http://x/here");
    NOTED(""); /* never inside the call */
    run();
    NOTED("201");
    ask_front("http://x/a");
    run();
    NOTED("made red:0 all:0 200");
    end();
}

TEST(a_front_answers_itself_what_could_not_be_sent_on)
{
    begin();
    tries = 0;
    ask_front("http://x/try/a");
    run();
    NOTED("made red:0 all:0 200");
    ask_front("http://x/try/refused");
    run();
    NOTED("?no room for refused ?no room for refused 503");
    end();
}

TEST(what_a_front_owes_is_answered_when_it_ends)
{
    begin();
    ask_front("http://x/never");
    run();
    CHECK_EQ(native_busy(home), 1);
    NOTED("");
    close_all();
    NOTED("!The server is shutting down.");
    open_all();
    end();
}
