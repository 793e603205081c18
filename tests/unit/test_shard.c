#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "actor/class.h"
#include "actor/event.h"
#include "actor/object.h"
#include "actor/shard.h"
#include "actor/socket.h"
#include "actor_world.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "shard_threads.h"
#include "test.h"

/* ---- timers ---- */

struct bell {
    struct shard_timer timer;
    struct world *world;
    char letter;
    unsigned again; /* how often it sets itself once more, without delay */
};

static void ring(struct shard_timer *timer)
{
    struct bell *bell = container_of(timer, struct bell, timer);

    world_note(bell->world, "%c", bell->letter);
    if (bell->again-- > 0)
        shard_timer_set(bell->world->shards[0], timer, 0);
}

static struct world *fresh(void)
{
    return world_create(&(struct shard_options){0});
}

static struct bell bell_of(struct world *world, char letter)
{
    return (struct bell){.timer.fire = ring, .world = world, .letter = letter};
}

TEST(timers_fire_in_order_of_their_time)
{
    struct world *world = fresh();
    struct bell a = bell_of(world, 'a');
    struct bell b = bell_of(world, 'b');
    struct bell c = bell_of(world, 'c');

    shard_timer_set(world->shards[0], &a.timer, 200);
    shard_timer_set(world->shards[0], &b.timer, 100);
    shard_timer_set(world->shards[0], &c.timer, 100);
    CHECK_EQ(shard_turn(world->shards[0]), 100);
    world_pass_ms(world, 99);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "b c");
    world_pass_ms(world, 100);
    CHECK_STR_EQ(world_log(world), "a");
    CHECK_EQ(shard_turn(world->shards[0]), -1);
    world_destroy(world);
}

TEST(a_timer_can_be_moved_and_cleared)
{
    struct world *world = fresh();
    struct bell a = bell_of(world, 'a');
    struct bell b = bell_of(world, 'b');

    shard_timer_set(world->shards[0], &a.timer, 100);
    shard_timer_set(world->shards[0], &a.timer, 300);
    shard_timer_set(world->shards[0], &b.timer, 100);
    shard_timer_clear(world->shards[0], &b.timer);
    shard_timer_clear(world->shards[0], &b.timer);
    world_pass_ms(world, 299);
    CHECK_STR_EQ(world_log(world), "");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "a");
    world_destroy(world);
}

TEST(a_timer_that_sets_itself_without_delay_does_not_starve_the_loop)
{
    struct world *world = fresh();
    struct bell a = bell_of(world, 'a');

    world->quiet = true;
    a.again = 5000;
    shard_timer_set(world->shards[0], &a.timer, 0);
    CHECK_EQ(shard_turn(world->shards[0]), 0);
    CHECK(a.again > 3000);
    world_run(world);
    world_destroy(world);
}

TEST(work_from_outside_a_turn_wakes_the_shard_once)
{
    struct world *world = fresh();

    world_run(world);
    CHECK(!world->woken[0]);
    world_call(world, "a", "x");
    CHECK(world->woken[0]);
    world->woken[0] = false;
    world_call(world, "a", "y");
    CHECK(!world->woken[0]);
    world_run(world);
    CHECK_STR_EQ(world_log(world), "x=x y=y");
    world_destroy(world);
}

TEST(a_turn_does_a_bounded_amount_of_work)
{
    struct world *world = fresh();
    struct shard_counts counts;

    world->quiet = true;
    for (int i = 0; i < 1000; i++)
        world_call(world, "a", "x");
    CHECK_EQ(shard_turn(world->shards[0]), 0);
    shard_counts(world->shards[0], &counts);
    CHECK(counts.events < 1000);
    CHECK(counts.events_waiting > 0);
    world_run(world);
    shard_counts(world->shards[0], &counts);
    CHECK_EQ(counts.events, 1000);
    CHECK_EQ(counts.events_waiting, 0);
    world_destroy(world);
}

TEST(objects_take_turns)
{
    struct world *world = fresh();

    world_call(world, "a", "a1");
    world_call(world, "a", "a2");
    world_call(world, "b", "b1");
    world_run(world);
    CHECK_STR_EQ(world_log(world), "a1=a1 b1=b1 a2=a2");
    world_destroy(world);
}

TEST(a_shard_that_ends_answers_what_is_under_way)
{
    struct world *world = world_create(&(struct shard_options){.count = 2});

    fake_store_set_shard(world->store, 0);
    fake_store_set_manual(world->store, true);
    world_call_from(world, 1, "a", "x");
    shard_destroy(world->shards[0]);
    shard_turn(world->shards[1]);
    CHECK_STR_EQ(world_log(world), "x!The Durable Object's server is shutting down.");
    world_call_from(world, 1, "a", "late");
    world->shards[0] = NULL;
    world_destroy(world);
}

/* ---- across threads ---- */

#define CALLS 20000

/* Answers a call with its own arguments. */
static void *echo_construct(struct class *class, struct object *object, struct failure **failure)
{
    (void)class;
    (void)failure;
    return object;
}

static void echo_deliver(void *instance, struct event *event)
{
    struct event_result result = {.value = blob_ref(event->call.arguments)};

    (void)instance;
    event_finish(event, &result);
}

static void echo_destroy(void *instance)
{
    (void)instance;
}

static const struct class_ops echo_ops = {
    .construct = echo_construct, .deliver = echo_deliver, .destroy = echo_destroy};

/* Calls from one shard to objects of both, each sent from the reply to the one before. */
struct caller {
    struct message start;
    struct shard *shard;
    struct namespace *ns;
    struct object_id ids[4];
    struct blob *argument;
    unsigned answered;
    bool right;
};

static unsigned callers_left; /* atomic */

static void call_next(struct caller *caller);

static void answered(struct event *event, struct event_result *result)
{
    struct caller *caller = event->reply_data;

    caller->right = caller->right && result->failure == NULL &&
                    bytes_equal(blob_bytes(result->value), blob_bytes(caller->argument));
    event_result_fini(result);
    if (++caller->answered < CALLS)
        call_next(caller);
    else if (__atomic_sub_fetch(&callers_left, 1, __ATOMIC_ACQ_REL) == 0)
        shard_threads_done();
}

static void call_next(struct caller *caller)
{
    struct event *event = event_create(EVENT_CALL);

    event->call.method = mem_strdup("echo");
    event->call.arguments = blob_ref(caller->argument);
    event->reply = answered;
    event->reply_data = caller;
    shard_send(caller->shard, caller->ns, &caller->ids[caller->answered % 4], "name", event);
}

static void start_calling(struct message *message)
{
    call_next(container_of(message, struct caller, start));
}

TEST(calls_between_threads_are_all_answered)
{
    struct class class = {.name = "Echo", .ops = &echo_ops};
    struct shard_threads *threads = shard_threads_create(2, &class);
    struct caller callers[2];

    callers_left = 2;
    for (unsigned i = 0; i < 2; i++) {
        callers[i] = (struct caller){.start.run = start_calling, .right = true};
        callers[i].shard = shard_threads_shard(threads, i);
        callers[i].ns = shard_threads_namespace(threads);
        callers[i].argument = blob_create(i == 0 ? "zero" : "one", i == 0 ? 4 : 3);
        for (unsigned j = 0; j < 4; j++) {
            char name[16];

            snprintf(name, sizeof name, "object-%u", j);
            object_id_from_name(callers[i].ns, bytes_of_string(name), &callers[i].ids[j]);
        }
        shard_post(callers[i].shard, &callers[i].start);
    }
    shard_threads_wait(threads);
    shard_threads_destroy(threads);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(callers[i].answered, CALLS);
        CHECK(callers[i].right);
        blob_unref(callers[i].argument);
    }
}

/* ---- a WebSocket across threads ---- */

#define FRAMES 5000

/* Two ends, each on its own thread; one sends numbers, the other sends them back. */
struct talk {
    struct message there_start;
    struct shard *home;
    struct shard *there;
    struct socket *stay;
    struct socket *came;
    struct socket_far *far;
    unsigned sent;
    unsigned back;
    bool in_order;
};

static struct talk talk;

static void send_number(struct socket *socket, unsigned number)
{
    struct blob *blob = blob_create(&number, sizeof number);

    socket_send(socket, blob, false);
    blob_unref(blob);
}

static void number_came_back(void *data, struct blob *payload, bool text)
{
    unsigned number;

    (void)data;
    (void)text;
    memcpy(&number, blob_bytes(payload).data, sizeof number);
    talk.in_order = talk.in_order && number == talk.back;
    talk.back++;
    if (talk.sent < FRAMES)
        send_number(talk.stay, talk.sent++);
    if (talk.back == FRAMES)
        socket_close(talk.stay, 1000, BYTES("enough"));
}

static void send_back(void *data, struct blob *payload, bool text)
{
    (void)data;
    socket_send(talk.came, payload, text);
}

static void close_there(void *data, uint16_t code, const char *reason, bool clean)
{
    (void)data;
    (void)clean;
    socket_close(talk.came, code, bytes_of_string(reason));
    socket_unref(talk.came);
}

static void closed_at_home(void *data, uint16_t code, const char *reason, bool clean)
{
    (void)data;
    talk.in_order = talk.in_order && code == 1000 && clean && strcmp(reason, "enough") == 0;
    socket_unref(talk.stay);
    shard_threads_done();
}

static void no_error(void *data, struct failure *failure)
{
    (void)data;
    (void)failure;
    talk.in_order = false;
}

static void open_there(struct message *message)
{
    struct socket_listener listener = {
        .message = send_back, .close = close_there, .error = no_error};

    (void)message;
    talk.came = socket_far_open(talk.far, talk.there);
    socket_accept(talk.came, NULL, &listener);
}

static void open_home(struct message *message)
{
    struct socket_listener listener = {
        .message = number_came_back, .close = closed_at_home, .error = no_error};
    struct socket *ends[2];

    (void)message;
    socket_pair(talk.home, ends);
    talk.stay = ends[0];
    socket_accept(talk.stay, NULL, &listener);
    talk.far = socket_send_away(ends[1]);
    socket_unref(ends[1]);
    for (talk.sent = 0; talk.sent < 10; talk.sent++)
        send_number(talk.stay, talk.sent);
    talk.there_start.run = open_there;
    shard_post(talk.there, &talk.there_start);
}

TEST(the_two_ends_of_a_socket_talk_across_threads_in_order)
{
    struct shard_threads *threads = shard_threads_create(2, NULL);
    struct message start = {.run = open_home};

    talk = (struct talk){.in_order = true};
    talk.home = shard_threads_shard(threads, 0);
    talk.there = shard_threads_shard(threads, 1);
    shard_post(talk.home, &start);
    shard_threads_wait(threads);
    shard_threads_destroy(threads);
    CHECK_EQ(talk.back, FRAMES);
    CHECK(talk.in_order);
}
