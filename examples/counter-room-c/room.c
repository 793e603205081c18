/*
 * A room that counts its messages and cleans up after itself
 *
 * Small, and full of places where the obvious code is wrong. Each is marked with the number of the
 * pitfall in the README.md of the same project in TypeScript.
 *
 *     count()   look()   fetch(): a WebSocket
 */

#include "room.h"

#include <stdio.h>

#include "timers.h"

#define SAMPLES_MAX 60

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS samples (at INTEGER PRIMARY KEY, count INTEGER NOT "
    "NULL);" TIMERS_SCHEMA;

/* Pitfall 3: this runs at every wake-up, so it makes nothing, reads nothing and waits for
 * nothing. */
static int construct(struct dm_object *room, void **instance)
{
    (void)room;
    *instance = NULL;
    return 0;
}

/* Pitfall 5: delete_all() takes the tables away while the object lives on, and construct() does not
 * run again. Whoever is about to use them makes sure that they are there. */
static int prepare(struct dm_object *room)
{
    return dm->sql_exec(room, schema, NULL, 0);
}

static int messages(struct dm_object *room, int64_t *count)
{
    int r = sql_first_integer(room, count, "SELECT value FROM counters WHERE name = 'messages'",
                              NULL, 0);

    if (r == DM_NONE)
        *count = 0;
    return r < 0 ? r : 0;
}

static int text_of(char text[40], int64_t count)
{
    return snprintf(text, 40, "{\"count\":%lld}", (long long)count);
}

static int tell(struct dm_object *room, int64_t count)
{
    char text[40];
    int len = text_of(text, count);
    int r = dm->broadcast(room, NULL, NULL, dm_bytes(text, (size_t)len), true);

    return r < 0 ? r : 0;
}

static int count_one(struct dm_object *room, int64_t *count)
{
    int64_t now = dm->now_ms(room);
    int64_t inactivity_ms, sample_ms;
    int r = prepare(room);

    /* Pitfalls 1 and 4: the count is in the database and nowhere else, and it rises in a single
     * statement, so that there is no moment between reading and writing. */
    if (r == 0)
        r = sql_first_integer(room, count,
                              "INSERT INTO counters VALUES ('messages', 1) ON CONFLICT (name) "
                              "DO UPDATE SET value = value + 1 RETURNING value",
                              NULL, 0);
    if (r == 0)
        r = web_variable(room, "INACTIVITY_MS", &inactivity_ms);
    if (r == 0)
        r = web_variable(room, "SAMPLE_MS", &sample_ms);
    if (r == 0)
        r = timers_set(room, "purge", now + inactivity_ms);
    if (r == 0)
        r = timers_set_if_unset(room, "sample", now + sample_ms);
    if (r == 0)
        r = timers_arm(room);
    return r == 0 ? tell(room, *count) : r;
}

static int look(struct dm_object *room, struct dm_event *event)
{
    struct dm_member members[] = {
        {dm_str("count"), dm_number(0)},
        {dm_str("samples"), dm_undefined()},
    };
    struct dm_value seen = dm_record(members, 2);
    int64_t count;
    int r = prepare(room);

    if (r == 0)
        r = messages(room, &count);
    if (r == 0)
        r = sql_json_list(room, event, &members[1].value,
                          "SELECT json_object('at', at, 'count', count) FROM samples ORDER BY at",
                          NULL, 0);
    if (r != 0)
        return r;
    members[0].value = dm_number((double)count);
    return dm->answer(event, &seen);
}

static int call(void *instance, struct dm_object *room, struct dm_event *event, const char *method,
                const struct dm_value *arguments, size_t argument_count)
{
    struct dm_value answer;
    int64_t count;
    int r;
    (void)instance, (void)arguments, (void)argument_count;

    if (strcmp(method, "look") == 0)
        return look(room, event);
    if (strcmp(method, "count") != 0)
        return dm->unknown_method(event);
    r = count_one(room, &count);
    if (r != 0)
        return r;
    answer = dm_number((double)count);
    return dm->answer(event, &answer);
}

/* ---- sockets ---- */

static int fetch(void *instance, struct dm_object *room, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_socket *socket;
    char text[40];
    int64_t count;
    int r = prepare(room);
    (void)instance, (void)request;

    if (r == 0)
        r = messages(room, &count);
    if (r == 0)
        r = dm->accept(event, NULL, &socket);
    return r == 0 ? dm->send(socket, dm_bytes(text, (size_t)text_of(text, count)), true) : r;
}

static int message(void *instance, struct dm_object *room, struct dm_socket *socket,
                   struct dm_bytes data, bool text)
{
    int64_t count;
    (void)instance, (void)socket, (void)data, (void)text;

    return count_one(room, &count);
}

/* ---- timers ---- */

/* Nothing may come between the decision to purge and delete_all(): a message that came in between
 * would be counted, answered and deleted. A turn has no between. */
static int purge(struct dm_object *room)
{
    int r = dm->delete_all(room);

    return r == 0 ? tell(room, 0) : r;
}

static int sample(struct dm_object *room, int64_t now)
{
    int64_t count, sample_ms;
    int r = messages(room, &count);

    if (r == 0)
        r = dm->sql_exec(room, "INSERT OR REPLACE INTO samples VALUES (?, ?)",
                         DM_VALUES(dm_integer(now), dm_integer(count)));
    if (r == 0)
        r = dm->sql_exec(room,
                         "DELETE FROM samples WHERE at NOT IN "
                         "(SELECT at FROM samples ORDER BY at DESC LIMIT ?)",
                         DM_VALUES(dm_integer(SAMPLES_MAX)));
    if (r == 0)
        r = web_variable(room, "SAMPLE_MS", &sample_ms);
    return r == 0 ? timers_set(room, "sample", now + sample_ms) : r;
}

/* Pitfall 2: a timer() would be gone with the process, and would keep the object in memory until
 * then. The alarm is in the database. */
static int alarm(void *instance, struct dm_object *room, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    int64_t now = dm->now_ms(room);
    bool due = false;
    int r = prepare(room);
    (void)instance, (void)event, (void)scheduled_ms, (void)retry_count;

    if (r == 0)
        r = timers_take_due(room, "purge", now, &due);
    if (r != 0 || due)
        return r != 0 ? r : purge(room);
    r = timers_take_due(room, "sample", now, &due);
    if (r == 0 && due)
        r = sample(room, now);
    return r == 0 ? timers_arm(room) : r;
}

const struct dm_class room_class = {
    .size = sizeof(struct dm_class),
    .name = "CounterRoom",
    .construct = construct,
    .fetch = fetch,
    .call = call,
    .alarm = alarm,
    .message = message,
};
