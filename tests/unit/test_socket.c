#include <stdio.h>
#include <string.h>

#include "actor/socket.h"
#include "actor_world.h"
#include "base/blob.h"
#include "base/mem.h"
#include "test.h"

/* A connection that writes down what it is told to do. */
struct connection {
    struct socket_wire wire;
    struct world *world;
    char name;
    bool released;
    bool full;
};

static void note_bytes(struct connection *connection, const char *what, struct bytes bytes)
{
    world_note(connection->world, "%c:%s%.*s", connection->name, what, (int)bytes.len,
               bytes.data != NULL ? (const char *)bytes.data : "");
}

static void wire_send(struct socket_wire *wire, struct blob *data, bool text)
{
    note_bytes(container_of(wire, struct connection, wire),
               text ? "" : "binary:", blob_bytes(data));
}

static void wire_close(struct socket_wire *wire, uint16_t code, struct bytes reason)
{
    struct connection *connection = container_of(wire, struct connection, wire);

    world_note(connection->world, "%c:close:%u:%.*s", connection->name, code, (int)reason.len,
               reason.data != NULL ? (const char *)reason.data : "");
}

static void wire_release(struct socket_wire *wire)
{
    struct connection *connection = container_of(wire, struct connection, wire);

    connection->released = true;
    world_note(connection->world, "%c:gone", connection->name);
}

static void wire_auto(struct socket_wire *wire, struct blob *request, struct blob *response)
{
    struct connection *connection = container_of(wire, struct connection, wire);

    (void)response;
    note_bytes(connection, "auto:", blob_bytes(request));
}

static void wire_pause(struct socket_wire *wire, bool paused)
{
    struct connection *connection = container_of(wire, struct connection, wire);

    world_note(connection->world, "%c:%s", connection->name, paused ? "pause" : "go-on");
}

static bool wire_full(struct socket_wire *wire)
{
    return container_of(wire, struct connection, wire)->full;
}

static const struct socket_wire_ops wire_ops = {.send = wire_send,
                                                .close = wire_close,
                                                .release = wire_release,
                                                .set_auto_response = wire_auto,
                                                .pause = wire_pause,
                                                .full = wire_full};

static struct connection connections[4];
static unsigned connection_count;

static struct connection *connect_to(struct world *world, struct socket_far *far)
{
    struct connection *connection = &connections[connection_count];

    *connection = (struct connection){.world = world};
    connection->name = (char)('A' + connection_count++);
    connection->wire.ops = &wire_ops;
    if (far != NULL)
        socket_far_attach(far, &connection->wire);
    return connection;
}

/* ---- objects with sockets ---- */

static struct socket *kept; /* the end that the object keeps; borrowed */
static struct socket_far *sent;
static struct socket *all[8];
static unsigned all_count;
static const char *on_message;
static const char *on_close;

static void collect(void *data, struct socket *socket)
{
    (void)data;
    all[all_count++] = socket;
}

static void accept_one(struct actor *actor, const char *tag_text)
{
    struct socket *ends[2];
    struct bytes tags[2] = {bytes_of_string(tag_text), BYTES("all")};

    socket_pair(object_shard(actor->object), ends);
    CHECK(socket_accept_hibernatable(ends[1], actor->object, tags, 2) == 0);
    sent = socket_send_away(ends[0]);
    kept = ends[1];
    socket_unref(ends[0]);
    socket_unref(ends[1]);
}

static void say(struct socket *socket, const char *text)
{
    struct blob *blob = blob_create(text, strlen(text));

    socket_send(socket, blob, true);
    blob_unref(blob);
}

static void list_sockets(struct actor *actor, const struct bytes *tag)
{
    char text[64] = "";

    all_count = 0;
    object_sockets(actor->object, tag, collect, NULL);
    for (unsigned i = 0; i < all_count; i++) {
        struct bytes first = socket_tag(all[i], 0);

        strncat(text, (const char *)first.data, first.len);
    }
    world_note(actor->world, "[%s]", text);
}

static void do_word(struct actor *actor, const char *word, struct socket *socket)
{
    struct bytes tag = bytes_of_string(word + 1);

    if (strncmp(word, "accept:", 7) == 0) {
        accept_one(actor, word + 7);
    } else if (strncmp(word, "say:", 4) == 0) {
        say(socket, word + 4);
    } else if (strcmp(word, "put") == 0) {
        actor_put(actor, 1);
    } else if (strcmp(word, "close") == 0) {
        socket_close(socket, 4001, BYTES("bye"));
    } else if (strcmp(word, "list") == 0) {
        list_sockets(actor, NULL);
    } else if (word[0] == '#') {
        list_sockets(actor, &tag);
    } else if (strcmp(word, "broadcast") == 0) {
        all_count = 0;
        object_sockets(actor->object, NULL, collect, NULL);
        for (unsigned i = 0; i < all_count; i++)
            say(all[i], "all");
    } else if (strcmp(word, "abort") == 0) {
        struct failure *failure = failure_format(0, "aborted");

        object_abort(actor->object, failure);
        failure_unref(failure);
    } else if (strcmp(word, "auto") == 0) {
        struct blob *ping = blob_create("ping", 4);
        struct blob *pong = blob_create("pong", 4);

        object_set_auto_response(actor->object, ping, pong);
        blob_unref(ping);
        blob_unref(pong);
    } else {
        world_note(actor->world, "?%s", word);
    }
}

static void do_words(struct actor *actor, const char *words, struct socket *socket)
{
    char copy[256];
    char *save = NULL;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        do_word(actor, word, socket);
}

static bool holding;

static void obey(struct actor *actor, struct event *event)
{
    struct bytes data;

    switch (event->kind) {
    case EVENT_CALL: do_words(actor, event->call.method, kept); break;
    case EVENT_MESSAGE:
        data = blob_bytes(event->socket.data);
        world_note(actor->world, "<%.*s>", (int)data.len, (const char *)data.data);
        do_words(actor, on_message, event->socket.socket);
        break;
    case EVENT_CLOSE:
        world_note(actor->world, "<close:%u:%s:%s>", event->socket.code, event->socket.reason,
                   event->socket.clean ? "clean" : "lost");
        do_words(actor, on_close, event->socket.socket);
        break;
    case EVENT_ERROR: world_note(actor->world, "<error:%s>", event->socket.failure->message); break;
    case EVENT_FETCH:
    case EVENT_ALARM: break;
    }
    if (holding) {
        actor_hold(actor, event);
        return;
    }
    world_answer(event, NULL);
}

static struct world *fresh_with(const struct shard_options *options)
{
    struct world *world = world_create(options);

    world->deliver = obey;
    connection_count = 0;
    on_message = "";
    on_close = "";
    holding = false;
    kept = NULL;
    sent = NULL;
    return world;
}

static struct world *fresh(void)
{
    return fresh_with(&(struct shard_options){0});
}

static void call(struct world *world, const char *words)
{
    bool quiet = world->quiet;

    world->quiet = true;
    world_call(world, "a", words);
    shard_turn(world->shards[0]);
    world->quiet = quiet;
    world_run(world);
}

/* A connection that the object has accepted with this tag. */
static struct connection *accepted(struct world *world, const char *tag)
{
    struct connection *connection;
    char words[64];

    snprintf(words, sizeof words, "accept:%s", tag);
    call(world, words);
    connection = connect_to(world, sent);
    world_run(world);
    world_log(world);
    return connection;
}

static void receive(struct connection *connection, const char *text)
{
    struct blob *blob = blob_create(text, strlen(text));

    socket_receive(connection->wire.socket, blob, true);
    blob_unref(blob);
}

static const char *after(struct world *world)
{
    world_run(world);
    return world_log(world);
}

static struct shard_counts counts_of(struct world *world)
{
    struct shard_counts counts;

    shard_counts(world->shards[0], &counts);
    return counts;
}

/* ---- */

TEST(what_is_said_before_the_connection_is_attached_leaves_with_it)
{
    struct world *world = fresh();

    world->quiet = true;
    world_call(world, "a", "accept:x");
    world_run(world);
    world_call(world, "a", "say:one say:two");
    world_run(world);
    world->quiet = false;
    connect_to(world, sent);
    CHECK_STR_EQ(after(world), "A:one A:two");
    call(world, "say:three");
    CHECK_STR_EQ(after(world), "");
    world_call(world, "a", "say:four");
    CHECK_STR_EQ(after(world), "A:four say:four=");
    world_destroy(world);
}

TEST(messages_of_a_connection_are_events_of_the_object)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    receive(a, "hello");
    receive(a, "again");
    CHECK_STR_EQ(after(world), "<hello> <again>");
    world_destroy(world);
}

TEST(what_is_sent_waits_for_the_writes_before_it)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    on_message = "say:before put say:after";
    fake_store_set_manual(world->store, true);
    receive(a, "m");
    CHECK_STR_EQ(after(world), "<m> A:before");
    fake_store_flush(world->store);
    CHECK_STR_EQ(after(world), "A:after");
    world_destroy(world);
}

TEST(frames_closes_and_answers_of_an_object_leave_in_order)
{
    struct world *world = fresh();

    accepted(world, "x");
    fake_store_set_manual(world->store, true);
    world_call(world, "a", "put say:1");
    world_call(world, "a", "say:2 close");
    CHECK_STR_EQ(after(world), "");
    fake_store_flush(world->store);
    CHECK_STR_EQ(after(world), "A:1 put say:1= A:2 A:close:4001:bye say:2 close=");
    world_destroy(world);
}

TEST(frames_of_a_commit_that_failed_are_never_seen)
{
    struct world *world = fresh();

    accepted(world, "x");
    fake_store_fail_commits(world->store, 1, 2, "disk is full");
    world_call(world, "a", "put say:lost");
    CHECK_STR_EQ(after(world), "put say:lost!disk is full A:gone");
    world_destroy(world);
}

TEST(a_sleeping_object_keeps_its_connections_and_is_woken_by_a_message)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    CHECK_EQ(counts_of(world).objects, 1);
    CHECK_EQ(counts_of(world).sockets, 1);
    CHECK(!a->released);
    on_message = "list say:hi";
    receive(a, "wake");
    CHECK_STR_EQ(after(world), "<wake> [x] A:hi");
    CHECK_EQ(world->constructed, 2);
    world_destroy(world);
}

TEST(tags_and_attachment_outlive_the_instance_and_the_wrapper_does_not)
{
    struct world *world = fresh();
    struct blob *attachment = blob_create("data", 4);

    accepted(world, "x");
    socket_set_attachment(kept, attachment);
    socket_set_wrapper(kept, world);
    socket_set_protocol(kept, "chat", "");
    blob_unref(attachment);
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    CHECK(socket_wrapper(kept) == NULL);
    CHECK_BYTES_EQ(blob_bytes(socket_attachment(kept)), BYTES("data"));
    CHECK_EQ(socket_tag_count(kept), 2);
    CHECK_BYTES_EQ(socket_tag(kept, 1), BYTES("all"));
    CHECK_STR_EQ(socket_protocol(kept), "chat");
    world_destroy(world);
}

TEST(sockets_are_listed_newest_first_and_by_tag_in_the_order_of_acceptance)
{
    struct world *world = fresh();

    accepted(world, "1");
    accepted(world, "2");
    accepted(world, "3");
    call(world, "list #all #2 #none");
    world_log(world);
    world_call(world, "a", "list #all #2 #none");
    CHECK_STR_EQ(after(world), "[321] [123] [2] [] list #all #2 #none=");
    world_destroy(world);
}

TEST(one_broadcast_reaches_every_socket)
{
    struct world *world = fresh();

    accepted(world, "1");
    accepted(world, "2");
    accepted(world, "3");
    world_call(world, "a", "broadcast");
    CHECK_STR_EQ(after(world), "C:all B:all A:all broadcast=");
    world_destroy(world);
}

TEST(a_socket_leaves_the_set_when_its_close_event_is_over)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    on_close = "list say:still close";
    socket_receive_close(a->wire.socket, 3001, BYTES("client bye"), true);
    CHECK_STR_EQ(after(world), "<close:3001:client bye:clean> [x] A:still A:close:4001:bye A:gone");
    CHECK(a->released);
    world_call(world, "a", "list");
    CHECK_STR_EQ(after(world), "[] list=");
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

TEST(a_close_that_wakes_the_object_is_about_a_socket_it_does_not_see_any_more)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    accepted(world, "y");
    world_pass_ms(world, 10000);
    on_close = "list";
    socket_receive_close(a->wire.socket, 1005, BYTES(""), true);
    CHECK_STR_EQ(after(world), "<close:1005::clean> [y] A:gone");
    world_destroy(world);
}

TEST(a_lost_connection_is_an_unclean_close)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    on_close = "say:nobody";
    socket_receive_close(a->wire.socket, 1006, BYTES("lost"), false);
    CHECK_STR_EQ(after(world), "<close:1006:lost:lost> A:gone");
    world_destroy(world);
}

TEST(other_failures_are_error_events)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");
    struct failure *failure = failure_format(0, "protocol error");

    socket_receive_error(a->wire.socket, failure);
    failure_unref(failure);
    CHECK_STR_EQ(after(world), "<error:protocol error> A:gone");
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

TEST(a_socket_that_the_object_closed_leaves_when_the_peer_has_answered)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    world_call(world, "a", "close say:late list");
    CHECK_STR_EQ(after(world), "[x] A:close:4001:bye close say:late list=");
    socket_receive_close(a->wire.socket, 4001, BYTES("bye"), true);
    CHECK_STR_EQ(after(world), "<close:4001:bye:clean> A:gone");
    world_destroy(world);
}

TEST(nothing_arrives_after_a_close)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");
    struct socket_wire *wire = &a->wire;

    socket_receive_close(wire->socket, 1000, BYTES(""), true);
    receive(a, "late");
    CHECK_STR_EQ(after(world), "<close:1000::clean> A:gone");
    world_destroy(world);
}

TEST(a_broken_object_loses_all_its_connections_without_a_word)
{
    struct world *world = fresh();

    accepted(world, "1");
    accepted(world, "2");
    world_call(world, "a", "say:x abort");
    CHECK_STR_EQ(after(world), "B:x A:gone B:gone say:x abort!aborted");
    CHECK_EQ(counts_of(world).sockets, 0);
    CHECK_EQ(counts_of(world).objects, 0);
    world_destroy(world);
}

TEST(a_new_class_keeps_the_connections)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");
    struct class class = world->class;

    shard_set_class(world->shards[0], world->ns, &class);
    world_run(world);
    CHECK_EQ(world->destroyed, 1);
    on_message = "say:new";
    receive(a, "m");
    CHECK_STR_EQ(after(world), "<m> A:new");
    world_destroy(world);
}

TEST(auto_responses_are_passed_on_to_every_wire_now_and_later)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "1");

    world_call(world, "a", "auto");
    CHECK_STR_EQ(after(world), "A:auto:ping auto=");
    call(world, "accept:2");
    connect_to(world, sent);
    CHECK_STR_EQ(after(world), "B:auto:ping");
    CHECK_EQ(socket_auto_response_time_ms(a->wire.socket), 0);
    socket_auto_responded(a->wire.socket, 1234);
    CHECK_EQ(socket_auto_response_time_ms(a->wire.socket), 1234);
    world_destroy(world);
}

TEST(an_event_that_exceeds_the_event_timeout_disconnects_the_object)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    object_set_socket_event_timeout(world->last->object, 500);
    CHECK_EQ(object_socket_event_timeout(world->last->object), 500);
    holding = true;
    receive(a, "slow");
    world_pass_ms(world, 499);
    CHECK_STR_EQ(world_log(world), "<slow>");
    world_pass_ms(world, 1);
    CHECK_STR_EQ(world_log(world), "A:gone");
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(a_connection_is_told_to_hold_on_when_events_pile_up)
{
    struct world *world = fresh();
    struct connection *a = accepted(world, "x");

    world->quiet = true;
    for (int i = 0; i < 63; i++)
        receive(a, "m");
    world->quiet = false;
    receive(a, "m");
    CHECK_STR_EQ(world_log(world), "A:pause");
    receive(a, "more");
    world_run(world);
    CHECK(strstr(world_log(world), "A:go-on") != NULL);
    CHECK_EQ(counts_of(world).events, 66);
    world_destroy(world);
}

/* ---- the standard way ---- */

static struct world *heard_in;

static void hear_message(void *data, struct blob *payload, bool text)
{
    struct bytes bytes = blob_bytes(payload);

    (void)text;
    world_note(heard_in, "%s(%.*s)", (const char *)data, (int)bytes.len, (const char *)bytes.data);
}

static void hear_close(void *data, uint16_t code, const char *reason, bool clean)
{
    world_note(heard_in, "%s(close:%u:%s:%s)", (const char *)data, code, reason,
               clean ? "clean" : "lost");
}

static void hear_error(void *data, struct failure *failure)
{
    world_note(heard_in, "%s(error:%s)", (const char *)data, failure->message);
}

static struct socket_listener listener(const char *name)
{
    return (struct socket_listener){.message = hear_message,
                                    .close = hear_close,
                                    .error = hear_error,
                                    .data = (void *)(uintptr_t)name};
}

TEST(two_ends_of_a_pair_talk_to_each_other)
{
    struct world *world = fresh();
    struct socket_listener left = listener("left");
    struct socket_listener right = listener("right");
    struct socket *ends[2];

    heard_in = world;
    socket_pair(world->shards[0], ends);
    socket_accept(ends[0], NULL, &left);
    say(ends[0], "early");
    socket_accept(ends[1], NULL, &right);
    say(ends[1], "back");
    CHECK_STR_EQ(world_log(world), "");
    CHECK_STR_EQ(after(world), "right(early) left(back)");
    socket_close(ends[0], 3000, BYTES("done"));
    CHECK_STR_EQ(after(world), "right(close:3000:done:clean)");
    CHECK_EQ(socket_mode(ends[1]), SOCKET_STANDARD);
    CHECK(socket_close_received(ends[1]) && !socket_close_sent(ends[1]));
    say(ends[1], "half");
    socket_close(ends[1], 3000, BYTES("done"));
    CHECK_STR_EQ(after(world), "left(half) left(close:3000:done:clean)");
    CHECK_EQ(socket_mode(ends[0]), SOCKET_CLOSED);
    CHECK_EQ(socket_mode(ends[1]), SOCKET_CLOSED);
    socket_unref(ends[0]);
    socket_unref(ends[1]);
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

TEST(an_end_whose_peer_goes_without_a_close_hears_of_a_lost_connection)
{
    struct world *world = fresh();
    struct socket_listener left = listener("left");
    struct socket *ends[2];

    heard_in = world;
    socket_pair(world->shards[0], ends);
    socket_accept(ends[0], NULL, &left);
    socket_unref(ends[1]);
    CHECK_STR_EQ(after(world),
                 "left(close:1006:WebSocket disconnected without sending Close frame.:lost)");
    CHECK_EQ(socket_mode(ends[0]), SOCKET_CLOSED);
    socket_unref(ends[0]);
    world_destroy(world);
}

static struct socket_listener standard_listener;

static void accept_standard(struct actor *actor, struct event *event)
{
    struct socket *ends[2];

    if (event->kind == EVENT_CALL && strcmp(event->call.method, "accept") == 0) {
        socket_pair(object_shard(actor->object), ends);
        socket_accept(ends[1], actor->object, &standard_listener);
        sent = socket_send_away(ends[0]);
        kept = ends[1];
        socket_unref(ends[0]);
        socket_unref(ends[1]);
    } else {
        do_words(actor, event->call.method, kept);
    }
    world_answer(event, NULL);
}

static struct world *fresh_standard(void)
{
    struct world *world = fresh();

    heard_in = world;
    standard_listener = listener("js");
    world->deliver = accept_standard;
    return world;
}

TEST(an_accepted_socket_keeps_the_object_in_memory_until_it_is_closed)
{
    struct world *world = fresh_standard();
    struct connection *a;

    world_call(world, "a", "accept");
    world_run(world);
    a = connect_to(world, sent);
    world_log(world);
    world_pass_ms(world, 3600 * 1000);
    CHECK_EQ(world->destroyed, 0);
    receive(a, "m");
    CHECK_STR_EQ(after(world), "js(m)");
    socket_receive_close(a->wire.socket, 1000, BYTES("bye"), true);
    CHECK_STR_EQ(after(world), "js(close:1000:bye:clean)");
    world_call(world, "a", "close");
    CHECK_STR_EQ(after(world), "A:close:4001:bye A:gone close=");
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(an_accepted_socket_whose_close_nobody_answers_ends_with_the_connection)
{
    struct world *world = fresh_standard();
    struct connection *a;

    world_call(world, "a", "accept");
    world_run(world);
    a = connect_to(world, sent);
    world_log(world);
    socket_receive_close(a->wire.socket, 1000, BYTES("bye"), true);
    world_run(world);
    socket_receive_close(a->wire.socket, 1006, BYTES("lost"), false);
    CHECK_STR_EQ(after(world), "js(close:1000:bye:clean) A:gone");
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    world_destroy(world);
}

TEST(a_broken_object_loses_its_accepted_sockets_unheard)
{
    struct world *world = fresh_standard();

    world_call(world, "a", "accept");
    world_run(world);
    connect_to(world, sent);
    world_log(world);
    world_call(world, "a", "abort");
    CHECK_STR_EQ(after(world), "A:gone abort!aborted");
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

/* ---- travelling ---- */

TEST(a_connection_that_comes_after_the_object_has_broken_gets_what_was_said_and_goes)
{
    struct world *world = fresh();

    call(world, "accept:x");
    call(world, "say:last");
    call(world, "abort");
    world_log(world);
    connect_to(world, sent);
    CHECK_STR_EQ(after(world), "A:last A:gone");
    world_destroy(world);
}

TEST(a_far_end_that_nobody_wants_is_a_lost_connection)
{
    struct world *world = fresh();

    call(world, "accept:x");
    world_log(world);
    socket_far_drop(sent);
    socket_far_drop(NULL);
    CHECK_STR_EQ(after(world), "<close:1006:WebSocket disconnected without sending Close "
                               "frame.:lost>");
    world_destroy(world);
}

TEST(a_far_end_opened_at_home_is_an_ordinary_socket)
{
    struct world *world = fresh();
    struct socket_listener here = listener("here");
    struct socket *socket;

    heard_in = world;
    call(world, "accept:x");
    call(world, "say:early");
    world_log(world);
    socket = socket_far_open(sent, world->shards[0]);
    socket_accept(socket, NULL, &here);
    CHECK_STR_EQ(after(world), "here(early)");
    on_message = "say:echo";
    say(socket, "hello");
    CHECK_STR_EQ(after(world), "<hello> here(echo)");
    socket_close(socket, 3000, BYTES(""));
    on_close = "close";
    CHECK_STR_EQ(after(world), "<close:3000::clean> here(close:4001:bye:clean)");
    socket_unref(socket);
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

/* A server's connection, `A`, that a Response takes to a client's, `B`. */
static void relay(struct world *world, struct connection **server, struct connection **client)
{
    struct socket *ends[2];

    connection_count = 0;
    socket_pair(world->shards[0], ends);
    *server = connect_to(world, socket_send_away(ends[1]));
    socket_unref(ends[1]);
    receive(*server, "early");
    *client = connect_to(world, socket_send_away(ends[0]));
    CHECK_EQ(socket_mode(ends[0]), SOCKET_STANDARD);
    socket_unref(ends[0]);
    CHECK_STR_EQ(after(world), "B:early");
}

TEST(a_servers_connection_is_passed_on_to_a_client)
{
    struct world *world = fresh();
    struct connection *server, *client;

    relay(world, &server, &client);
    receive(client, "to the server");
    receive(server, "to the client");
    CHECK_STR_EQ(world_log(world), "A:to the server B:to the client");
    socket_receive_close(client->wire.socket, 4001, BYTES("bye"), true);
    CHECK_STR_EQ(world_log(world), "A:close:4001:bye");
    socket_receive_close(server->wire.socket, 4001, BYTES("bye"), true);
    CHECK_STR_EQ(world_log(world), "B:close:4001:bye B:gone A:gone");
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

TEST(the_loss_of_one_side_of_a_relay_is_the_loss_of_the_other)
{
    struct world *world = fresh();
    struct connection *server, *client;

    relay(world, &server, &client);
    socket_receive_close(server->wire.socket, 1006, BYTES("lost"), false);
    CHECK_STR_EQ(world_log(world), "B:gone A:gone");
    CHECK_EQ(counts_of(world).sockets, 0);

    relay(world, &server, &client);
    socket_receive_close(server->wire.socket, 1000, BYTES(""), true);
    socket_receive_close(client->wire.socket, 1006, BYTES("lost"), false); /* and no answer */
    CHECK_STR_EQ(world_log(world), "B:close:1000: A:gone B:gone");
    CHECK_EQ(counts_of(world).sockets, 0);

    relay(world, &server, &client); /* goes with the shard */
    world_destroy(world);
}

TEST(a_relay_whose_response_nobody_takes_lets_the_server_go)
{
    struct world *world = fresh();
    struct connection *server;
    struct socket *ends[2];

    connection_count = 0;
    socket_pair(world->shards[0], ends);
    server = connect_to(world, socket_send_away(ends[1]));
    socket_unref(ends[1]);
    socket_far_drop(socket_send_away(ends[0]));
    socket_unref(ends[0]);
    CHECK_STR_EQ(after(world), "A:gone");
    CHECK(server->released);
    CHECK_EQ(counts_of(world).sockets, 0);
    world_destroy(world);
}

TEST(a_side_of_a_relay_waits_until_the_other_has_drained)
{
    struct world *world = fresh();
    struct connection *server, *client;

    relay(world, &server, &client);
    client->full = true;
    receive(server, "much");
    CHECK_STR_EQ(world_log(world), "B:much A:pause");
    client->full = false;
    socket_drained(client->wire.socket);
    CHECK_STR_EQ(world_log(world), "A:go-on");
    receive(server, "more");
    CHECK_STR_EQ(world_log(world), "B:more");
    world_destroy(world);
}

TEST(a_peer_in_this_process_is_auto_responded_to_without_waking_the_object)
{
    struct world *world = fresh();
    struct socket_listener here = listener("here");
    struct socket *socket;

    heard_in = world;
    call(world, "accept:x auto");
    socket = socket_far_open(sent, world->shards[0]);
    socket_accept(socket, NULL, &here);
    world_pass_ms(world, 10000);
    CHECK_EQ(world->destroyed, 1);
    world_log(world);
    say(socket, "ping");
    CHECK_STR_EQ(after(world), "here(pong)");
    CHECK_EQ(world->constructed, 1);
    CHECK(socket_auto_response_time_ms(kept) > 0);
    socket_drop(socket);
    socket_unref(socket);
    CHECK_STR_EQ(after(world), "<close:1006:WebSocket disconnected without sending Close "
                               "frame.:lost>");
    world_destroy(world);
}

TEST(a_far_end_opened_on_another_shard_talks_across_in_order)
{
    struct world *world = fresh_with(&(struct shard_options){.count = 2});
    struct socket_listener there = listener("there");
    struct socket *socket;

    heard_in = world;
    fake_store_set_shard(world->store, 0);
    call(world, "accept:x");
    call(world, "say:1 say:2");
    world_log(world);
    CHECK(socket_far_home(sent) == world->shards[0]);
    socket = socket_far_open(sent, world->shards[1]);
    say(socket, "eager");
    socket_accept(socket, NULL, &there);
    on_message = "say:3";
    CHECK_STR_EQ(after(world), "<eager> there(1) there(2) there(3)");
    on_close = "close";
    socket_close(socket, 3000, BYTES("over"));
    CHECK_STR_EQ(after(world), "<close:3000:over:clean> there(close:4001:bye:clean)");
    CHECK_EQ(socket_mode(socket), SOCKET_CLOSED);
    socket_unref(socket);
    world_run(world);
    world_destroy(world);
}

TEST(a_far_end_on_another_shard_hears_that_the_object_has_broken)
{
    struct world *world = fresh_with(&(struct shard_options){.count = 2});
    struct socket_listener there = listener("there");
    struct socket *socket;

    heard_in = world;
    fake_store_set_shard(world->store, 0);
    call(world, "accept:x");
    socket = socket_far_open(sent, world->shards[1]);
    socket_accept(socket, NULL, &there);
    world_run(world);
    world_log(world);
    call(world, "abort");
    CHECK_STR_EQ(after(world),
                 "there(close:1006:WebSocket disconnected without sending Close frame.:lost)");
    socket_unref(socket);
    world_destroy(world);
}

TEST(a_far_end_opened_after_the_object_has_gone_hears_it_too)
{
    struct world *world = fresh_with(&(struct shard_options){.count = 2});
    struct socket_listener there = listener("there");
    struct socket *socket;

    heard_in = world;
    fake_store_set_shard(world->store, 0);
    call(world, "accept:x");
    call(world, "abort");
    world_log(world);
    socket = socket_far_open(sent, world->shards[1]);
    socket_accept(socket, NULL, &there);
    CHECK_STR_EQ(after(world),
                 "there(close:1006:WebSocket disconnected without sending Close frame.:lost)");
    socket_unref(socket);
    world_destroy(world);
}
