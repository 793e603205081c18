/*
 * The actor core by itself: events through mailbox, gates and a class that does nothing, on one
 * thread and across two; a broadcast; the weight of what sleeps. One line per number.
 */

#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "actor/class.h"
#include "actor/event.h"
#include "actor/life.h"
#include "actor/object_state.h"
#include "actor/socket.h"
#include "actor/socket_state.h"
#include "actor_world.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"
#include "shard_threads.h"

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void report(const char *what, double value, const char *unit)
{
    printf("%-44s %12.1f %s\n", what, value, unit);
}

/* ---- events ---- */

static void *construct(struct class *class, struct object *object, struct failure **failure)
{
    (void)class;
    (void)failure;
    return object;
}

static struct socket *accepted;
static struct socket_far *travelling;

static void deliver(void *instance, struct event *event)
{
    struct socket *ends[2];

    if (event->kind == EVENT_FETCH) {
        socket_pair(object_shard(instance), ends);
        ASSERT(socket_accept_hibernatable(ends[1], instance, NULL, 0) == 0);
        accepted = ends[1];
        travelling = socket_send_away(ends[0]);
        socket_unref(ends[0]);
        socket_unref(ends[1]);
    }
    event_finish(event, &(struct event_result){0});
}

static void destroy(void *instance)
{
    (void)instance;
}

static const struct class_ops ops = {construct, deliver, destroy};

struct caller {
    struct message start;
    struct shard *shard;
    struct namespace *ns;
    struct object_id ids[64];
    unsigned sent;
    unsigned answered;
    unsigned count;
};

static void send_next(struct caller *caller);

static void answered(struct event *event, struct event_result *result)
{
    struct caller *caller = event->reply_data;

    event_result_fini(result);
    caller->answered++;
    if (caller->sent < caller->count)
        send_next(caller);
    else if (caller->answered == caller->count)
        shard_threads_done();
}

static void send_next(struct caller *caller)
{
    struct event *event = event_create(EVENT_CALL);

    event->reply = answered;
    event->reply_data = caller;
    shard_send(caller->shard, caller->ns, &caller->ids[caller->sent++ % 64], NULL, event);
}

static void start(struct message *message)
{
    struct caller *caller = container_of(message, struct caller, start);

    for (int i = 0; i < 64; i++)
        send_next(caller);
}

/* Ids that live on the shard wanted. */
static void pick_ids(struct caller *caller, struct shard *on)
{
    unsigned found = 0;

    for (unsigned i = 0; found < 64; i++) {
        char name[16];

        snprintf(name, sizeof name, "o%u", i);
        object_id_from_name(caller->ns, bytes_of_string(name), &caller->ids[found]);
        if (shard_of(shard_group_of(on), &caller->ids[found]) == on)
            found++;
    }
}

static void bench_events(const char *what, unsigned shards, unsigned to)
{
    struct class class = {.name = "Nothing", .ops = &ops};
    struct shard_threads *threads = shard_threads_create(shards, &class);
    struct caller caller = {.start.run = start, .count = 1000000};
    double begin;

    caller.shard = shard_threads_shard(threads, 0);
    caller.ns = shard_threads_namespace(threads);
    pick_ids(&caller, shard_threads_shard(threads, to));
    begin = now_s();
    shard_post(caller.shard, &caller.start);
    shard_threads_wait(threads);
    report(what, caller.count / (now_s() - begin), "events/s");
    shard_threads_destroy(threads);
}

/* ---- sockets ---- */

static uint64_t frames;

static void count_frame(struct socket_wire *wire, struct blob *data, bool text)
{
    (void)wire;
    (void)data;
    (void)text;
    frames++;
}

static void no_close(struct socket_wire *wire, uint16_t code, struct bytes reason)
{
    (void)wire;
    (void)code;
    (void)reason;
}

static void free_wire(struct socket_wire *wire)
{
    mem_free(wire);
}

static void no_auto(struct socket_wire *wire, struct blob *request, struct blob *response)
{
    (void)wire;
    (void)request;
    (void)response;
}

static void no_pause(struct socket_wire *wire, bool paused)
{
    (void)wire;
    (void)paused;
}

static const struct socket_wire_ops wire_ops = {count_frame, no_close, free_wire,
                                                no_auto,     no_pause, NULL};

static void accept_one(struct world *world, const char *name)
{
    struct event *event = event_create(EVENT_FETCH);
    struct socket_wire *wire = mem_new(struct socket_wire);
    struct object_id id;

    world_id(world, name, &id);
    shard_send(world->shards[0], world->ns, &id, name, event);
    world_run(world);
    wire->ops = &wire_ops;
    socket_far_attach(travelling, wire);
}

static struct blob *payload;

static void send_to(void *data, struct socket *socket)
{
    (void)data;
    socket_send(socket, payload, true);
}

static void broadcast(void *instance, struct event *event)
{
    if (event->kind == EVENT_FETCH) {
        deliver(instance, event);
        return;
    }
    object_sockets(instance, NULL, send_to, NULL);
    event_finish(event, &(struct event_result){0});
}

static const struct class_ops broadcast_ops = {construct, broadcast, destroy};

static struct world *world_of(struct class *class)
{
    struct world *world = world_create(&(struct shard_options){0});

    world->quiet = true;
    shard_set_class(world->shards[0], world->ns, class);
    return world;
}

static void bench_broadcast(void)
{
    struct class class = {.name = "Room", .ops = &broadcast_ops};
    struct world *world = world_of(&class);
    double begin;

    for (int i = 0; i < 1000; i++)
        accept_one(world, "room");
    payload = blob_create("hello", 5);
    begin = now_s();
    for (int i = 0; i < 1000; i++) {
        world_call(world, "room", "x");
        world_run(world);
    }
    report("frames of broadcasts to 1,000 sockets", (double)frames / (now_s() - begin), "frames/s");
    blob_unref(payload);
    world_destroy(world);
}

/* ---- weight ---- */

static void weigh(void)
{
    struct class class = {.name = "Room", .ops = &broadcast_ops};
    struct world *world = world_of(&class);
    size_t before = mallinfo2().uordblks;
    char name[32];

    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%d", i);
        accept_one(world, name);
    }
    world_pass_ms(world, 10000);
    report("a resting object with one socket", (double)(mallinfo2().uordblks - before) / 10000,
           "bytes of heap");
    report("struct object", sizeof(struct object), "bytes");
    report("struct socket", sizeof(struct socket), "bytes");
    report("struct life", sizeof(struct life), "bytes");
    world_destroy(world);
}

int main(void)
{
    bench_events("events on one shard", 1, 0);
    bench_events("events to another shard and back", 2, 1);
    bench_broadcast();
    weigh();
    return 0;
}
