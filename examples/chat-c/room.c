/*
 * A chat room: one object
 *
 * It talks to its visitors through hibernating WebSockets: while nobody speaks, the object leaves
 * memory and the sockets stay open. So what it must know about a socket is in the socket's
 * attachment, rate limit included, and what it must know about the room is in storage.
 *
 * Who is here is known from the sockets. `p:<user>` notes who was announced, because sockets that
 * are lost with the machine say no goodbye: the alarm finds who is announced and not here.
 *
 *     fetch(): a WebSocket, of whom X-User-* says     history(before or null, limit)
 */

#include <stdio.h>
#include <stdlib.h>

#include "messages.h"
#include "protocol.h"
#include "visitors.h"

#define PAGE_MAX     100
#define CATCH_UP_MAX 500
/* Who goes on after that many refusals in a row is not a person who types fast. */
#define REFUSALS_MAX   20
#define PRUNE_AGAIN_MS 1000
#define PRESENCE_SIZE  (2 + NAME_SIZE)

struct room {
    struct messages messages;
};

static int construct(struct dm_object *object, void **instance)
{
    *instance = calloc(1, sizeof(struct room));
    if (*instance == NULL)
        return dm->error(object, "Out of memory.");
    return dm->set_auto_response(object, PING, PONG);
}

/* ---- telling ---- */

static int send(struct dm_object *object, struct dm_socket *socket, const struct dm_value *value)
{
    struct dm_bytes text;
    int r = dm->json_write(object, value, &text);

    if (r == 0)
        dm->send(socket, text, true); /* if it is closing, its own event takes it off the list */
    return r;
}

static int broadcast(struct dm_object *object, const struct dm_value *value,
                     struct dm_socket *except)
{
    struct dm_bytes text;
    int r = dm->json_write(object, value, &text);

    if (r == 0)
        r = dm->broadcast(object, NULL, except, text, true);
    return r < 0 ? r : 0;
}

static int tell_count(struct dm_object *object, const struct people *people,
                      struct dm_socket *except)
{
    struct dm_member members[] = {
        {dm_str("type"), dm_string("userCount")},
        {dm_str("userCount"), dm_number((double)people->count)},
        {dm_str("people"), dm_array(people->names, people->count)},
    };
    struct dm_value count = dm_record(members, sizeof members / sizeof *members);

    return broadcast(object, &count, except);
}

static int tell_error(struct dm_object *object, struct dm_socket *socket, const char *code,
                      struct dm_bytes id, const char *words, int64_t retry_ms)
{
    struct dm_member members[] = {
        {dm_str("type"), dm_string("error")},
        {dm_str("code"), dm_string(code)},
        {dm_str("id"), dm_string("")},
        {dm_str("text"), dm_string(words)},
        {dm_str("retryMs"), retry_ms > 0 ? dm_number((double)retry_ms) : dm_undefined()},
    };
    struct dm_value error = dm_record(members, sizeof members / sizeof *members);

    members[2].value.bytes = id;
    return send(object, socket, &error);
}

/* A message of the room itself: kept, and told to all but one. */
static int announce(struct room *room, struct dm_object *object, const char *event,
                    const char *name, struct dm_socket *except)
{
    struct message message;
    int r;

    message_of_system(&message, event, name);
    r = messages_add(&room->messages, object, &message);
    return r == 0 ? broadcast(object, &message.value, except) : r;
}

/* There is something for the alarm to do, some time. */
static int tidy_later(struct dm_object *object)
{
    int64_t prune_ms, set;
    int r = dm->alarm(object, &set);

    if (r != DM_NONE)
        return r;
    r = web_variable(object, "PRUNE_MS", &prune_ms);
    return r == 0 ? dm->set_alarm(object, dm->now_ms(object) + prune_ms) : r;
}

/* `p:<user>` */
static struct dm_bytes presence_of(char text[PRESENCE_SIZE], const char *user)
{
    snprintf(text, PRESENCE_SIZE, "p:%s", user);
    return dm_str(text);
}

/* ---- coming and going ---- */

/* What a visitor reads first: what was missed, or the last page if that is too much. */
static int history_of(struct dm_object *object, struct dm_event *event, struct dm_bytes after,
                      struct dm_value *messages, bool *complete)
{
    int r = 0;

    *complete = false;
    if (after.data != NULL) {
        r = messages_after(object, event, after, CATCH_UP_MAX + 1, messages);
        *complete = r == 0 && messages->array.count <= CATCH_UP_MAX;
    }
    if (r == 0 && !*complete)
        r = messages_before(object, event, dm_bytes(NULL, 0), PAGE_MAX, messages);
    return r;
}

static int write_welcome(struct dm_object *object, const struct visitor *visitor,
                         const struct people *people, const struct dm_value *messages,
                         bool complete, struct dm_bytes *text)
{
    struct dm_member members[] = {
        {dm_str("type"), dm_string("welcome")},
        {dm_str("name"), dm_string(visitor->name)},
        {dm_str("userCount"), dm_number((double)people->count)},
        {dm_str("people"), dm_array(people->names, people->count)},
        {dm_str("messages"), *messages},
        {dm_str("isComplete"), dm_boolean(complete)},
    };
    struct dm_value welcome = dm_record(members, sizeof members / sizeof *members);

    return dm->json_write(object, &welcome, text);
}

/* Who was cut off a moment ago is announced already. */
static int announce_once(struct room *room, struct dm_object *object, const struct visitor *visitor)
{
    char text[PRESENCE_SIZE];
    struct dm_bytes presence = presence_of(text, visitor->user);
    struct dm_value name = dm_string(visitor->name);
    const struct dm_value *announced;
    int r = dm->kv_get(object, presence, &announced);

    if (r != DM_NONE)
        return r;
    r = dm->kv_put(object, presence, &name);
    return r == 0 ? announce(room, object, "joined", visitor->name, NULL) : r;
}

/* The others hear of it before the socket is one of theirs. */
static int enter(struct room *room, struct dm_object *object, struct dm_event *event,
                 const struct visitor *visitor, struct dm_bytes after)
{
    const char *tag = visitor->user;
    struct dm_accept options = {.tags = &tag, .tag_count = 1};
    struct dm_bytes welcome = {NULL, 0};
    struct people people = {.count = 0};
    struct dm_socket *socket;
    struct dm_value messages;
    bool complete;
    int r = announce_once(room, object, visitor);

    if (r == 0)
        r = history_of(object, event, after, &messages, &complete);
    if (r == 0)
        r = people_here(object, NULL, visitor, &people);
    if (r == 0)
        r = write_welcome(object, visitor, &people, &messages, complete, &welcome);
    if (r == 0)
        r = tell_count(object, &people, NULL);
    people_fini(&people);
    if (r == 0)
        r = tidy_later(object);
    if (r == 0)
        r = dm->accept(event, &options, &socket);
    if (r == 0)
        r = visitor_write(object, socket, visitor);
    if (r == 0)
        dm->send(socket, welcome, true);
    return r;
}

/* The front has seen to it that X-User-* are true. */
static int fetch(void *instance, struct dm_object *object, struct dm_event *event,
                 const struct dm_request *request)
{
    const char *user = dm->header(request, "X-User-Id");
    const char *name = dm->header(request, "X-User-Name");
    struct dm_bytes after = dm->query(object, request->url, "after");
    struct visitor visitor = {.said_count = 0};

    if (user == NULL || name == NULL || strlen(user) >= NAME_SIZE || strlen(name) >= NAME_SIZE)
        return web_error(event, 401, "Sign in first");
    if (after.data != NULL && !message_is_key(after))
        return web_error(event, 400, "Invalid key");
    snprintf(visitor.user, sizeof visitor.user, "%s", user);
    snprintf(visitor.name, sizeof visitor.name, "%s", name);
    return enter(instance, object, event, &visitor, after);
}

/* The last tab of somebody was closed. */
static int leave(struct room *room, struct dm_object *object, struct dm_socket *socket)
{
    struct people people = {.count = 0};
    char presence[PRESENCE_SIZE];
    struct visitor visitor;
    int r = visitor_read(object, socket, &visitor);

    if (r != 0)
        return r < 0 ? r : 0;
    r = people_here(object, socket, NULL, &people);
    if (r == 0 && !people_have(&people, dm_str(visitor.user))) {
        r = dm->kv_delete(object, presence_of(presence, visitor.user));
        if (r == 0)
            r = announce(room, object, "left", visitor.name, socket);
        if (r >= 0)
            r = tell_count(object, &people, socket);
        if (r == 0)
            r = tidy_later(object);
    }
    people_fini(&people);
    return r;
}

/* Its Close is answered when this has returned. */
static int closed(void *instance, struct dm_object *object, struct dm_socket *socket, uint16_t code,
                  struct dm_bytes reason, bool clean)
{
    (void)code, (void)reason, (void)clean;
    return leave(instance, object, socket);
}

static int broke(void *instance, struct dm_object *object, struct dm_socket *socket,
                 const char *words)
{
    (void)words;
    return leave(instance, object, socket);
}

/* ---- speaking ---- */

static int say(struct room *room, struct dm_object *object, struct dm_socket *socket,
               const struct visitor *visitor, const struct say *said)
{
    const struct dm_value *known;
    struct message message;
    int r;

    message_of_user(&message, visitor->name, said->text, said->id);
    r = messages_add_once(&room->messages, object, visitor->user, &message);
    if (r == DM_NONE) {
        /* Said before the connection broke; only the sender does not know yet. */
        r = messages_known(object, visitor->user, said->id, &known);
        return r == 0 ? send(object, socket, known) : r < 0 ? r : 0;
    }
    if (r == 0)
        r = broadcast(object, &message.value, NULL);
    return r == 0 ? tidy_later(object) : r;
}

static int speak(struct room *room, struct dm_object *object, struct dm_socket *socket,
                 struct visitor *visitor, const struct say *said)
{
    int64_t retry_ms = 0;
    bool allowed = visitor_may_speak(visitor, dm->now_ms(object), &retry_ms);
    int r = visitor_write(object, socket, visitor);

    if (r < 0)
        return r;
    if (allowed)
        return say(room, object, socket, visitor, said);
    if (visitor->refusals > REFUSALS_MAX) {
        dm->close(socket, 1008, "Too many messages");
        return 0;
    }
    return tell_error(object, socket, "rate", said->id, "Too many messages, wait a moment",
                      retry_ms);
}

static int message(void *instance, struct dm_object *object, struct dm_socket *socket,
                   struct dm_bytes data, bool text)
{
    struct visitor visitor;
    struct say said;
    int r = visitor_read(object, socket, &visitor);

    if (r != 0)
        return r < 0 ? r : 0;
    switch (protocol_parse(object, data, text, &said)) {
    case PROTOCOL_SAY: return speak(instance, object, socket, &visitor, &said);
    case PROTOCOL_BAD_TEXT: return tell_error(object, socket, "text", said.id, said.why, 0);
    case PROTOCOL_BROKEN: dm->close(socket, said.code, said.why);
    }
    return 0;
}

/* ---- history ---- */

static int history(struct dm_object *object, struct dm_event *event, struct dm_bytes before,
                   int64_t limit)
{
    struct dm_member members[] = {
        {dm_str("messages"), dm_undefined()},
        {dm_str("isComplete"), dm_boolean(true)},
    };
    struct dm_value answer = dm_record(members, 2);
    struct dm_array *found = &members[0].value.array;
    /* One more than asked for tells whether there is more. */
    int r = messages_before(object, event, before, (size_t)limit + 1, &members[0].value);

    if (r != 0)
        return r;
    if (found->count > (size_t)limit) {
        found->items++;
        found->count--;
        members[1].value = dm_boolean(false);
    }
    return dm->answer(event, &answer);
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    struct dm_bytes before = {NULL, 0};
    int64_t limit;
    (void)instance;

    if (strcmp(method, "history") != 0)
        return dm->unknown_method(event);
    if (count != 2 || !web_integer(&arguments[1], 1, PAGE_MAX, &limit))
        return dm->error(object, "history(before, limit)");
    if (arguments[0].type == DM_STRING)
        before = arguments[0].bytes;
    return history(object, event, before, limit);
}

/* ---- the alarm: all that nobody should wait for ---- */

/* Announced, and not here. */
struct absent {
    struct absent *next;
    char user[NAME_SIZE];
    char name[NAME_SIZE];
};

struct roll_call {
    struct dm_event *event;
    const struct people *people;
    struct absent *absent;
};

static int look_for(void *data, struct dm_bytes key, const struct dm_value *value)
{
    struct roll_call *roll_call = data;
    struct dm_bytes user = dm_bytes((const char *)key.data + 2, key.len - 2);
    struct absent *absent;

    if (people_have(roll_call->people, user))
        return 0;
    absent = dm->alloc(roll_call->event, sizeof *absent);
    snprintf(absent->user, sizeof absent->user, "%.*s", (int)user.len, (const char *)user.data);
    if (value->type == DM_STRING)
        snprintf(absent->name, sizeof absent->name, "%s", (const char *)value->bytes.data);
    absent->next = roll_call->absent;
    roll_call->absent = absent;
    return 0;
}

/* Goodbyes for those who were cut off. */
static int dismiss(struct room *room, struct dm_object *object, struct dm_event *event,
                   const struct people *people)
{
    static const struct dm_range announced = {.prefix = {"p:", 2}};
    struct roll_call roll_call = {event, people, NULL};
    char presence[PRESENCE_SIZE];
    int r = dm->kv_list(object, &announced, look_for, &roll_call);

    for (struct absent *absent = roll_call.absent; absent != NULL && r >= 0;
         absent = absent->next) {
        r = dm->kv_delete(object, presence_of(presence, absent->user));
        if (r >= 0)
            r = announce(room, object, "left", absent->name, NULL);
    }
    return r >= 0 && roll_call.absent != NULL ? tell_count(object, people, NULL) : r;
}

static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    struct people people;
    int64_t history_max;
    bool anybody, more;
    int r = people_here(object, NULL, NULL, &people);
    (void)scheduled_ms, (void)retry_count;

    anybody = people.count > 0;
    if (r == 0)
        r = dismiss(instance, object, event, &people);
    people_fini(&people);
    if (r >= 0)
        r = web_variable(object, "HISTORY_MAX", &history_max);
    if (r == 0)
        r = messages_prune(object, history_max, &more);
    if (r != 0)
        return r;
    if (more)
        return dm->set_alarm(object, dm->now_ms(object) + PRUNE_AGAIN_MS);
    return anybody ? tidy_later(object) : 0;
}

const struct dm_class room_class = {
    .size = sizeof(struct dm_class),
    .name = "ChatRoom",
    .construct = construct,
    .destroy = free,
    .fetch = fetch,
    .call = call,
    .alarm = alarm,
    .message = message,
    .close = closed,
    .error = broke,
};
