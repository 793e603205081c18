/*
 * The front of the chat: who somebody is, and which room they are led to.
 *
 *     GET  /  /NAME                            the page, in the room NAME, or "lobby"
 *     GET  /api/chat?room=NAME&after=KEY       a WebSocket to the room; 426 without an Upgrade
 *     GET  /api/chat/messages?room=&before=&limit=    history, newest page first
 *     POST /api/auth/register  {name, password}       a new account; signed in by a cookie
 *     POST /api/auth/login     {name, password}
 *     POST /api/auth/logout
 *     GET  /api/auth/me                        {name}, or 401
 *
 * A room believes what the headers X-User-* say, because only this front sets them: those that a
 * client sends are taken away first.
 */

#include <stdlib.h>
#include <strings.h>

#include "messages.h"
#include "page.h"
#include "sessions.h"

#define ROOM_SIZE     65
#define LIMIT_DEFAULT 50
#define LIMIT_MAX     100

/* Small letters, digits and hyphens, of which none comes first: takes it off the left. */
static bool take_room(struct dm_bytes *text, char room[ROOM_SIZE])
{
    return web_take_word(text, WEB_LOWER WEB_DIGITS "-", room, ROOM_SIZE) && room[0] != '-';
}

static int not_allowed(struct ask *ask, const char *allow)
{
    struct dm_header header = {"Allow", allow};

    return ask_refuse(ask, 405, "Method not allowed", &header);
}

/* ---- rooms ---- */

static bool room_of(const struct ask *ask, char room[ROOM_SIZE])
{
    struct dm_bytes name = dm->query(ask->front, ask->request->url, "room");

    if (name.data == NULL)
        name = dm_str("lobby");
    return take_room(&name, room) && name.len == 0;
}

/* The request as a room may see it: who it is from is what we know, not what the client says. */
static struct dm_request identified(const struct ask *ask)
{
    const struct dm_request *from = ask->request;
    struct dm_header *headers = dm->alloc(ask->event, (from->header_count + 2) * sizeof *headers);
    struct dm_request as = {.headers = headers};

    for (size_t i = 0; i < from->header_count; i++)
        if (strncasecmp(from->headers[i].name, "x-user-", 7) != 0 &&
            strcasecmp(from->headers[i].name, "cookie") != 0)
            headers[as.header_count++] = from->headers[i];
    headers[as.header_count++] = (struct dm_header){"X-User-Id", ask->user};
    headers[as.header_count++] = (struct dm_header){"X-User-Name", ask->name};
    return as;
}

/* The room was lost, or has too much to do. */
static void turned_away(void *instance, struct dm_object *front, void *data,
                        const struct dm_reply *reply)
{
    (void)instance, (void)front;
    ask_failed(data, reply);
}

static int enter(struct ask *ask)
{
    struct dm_bytes after = dm->query(ask->front, ask->request->url, "after");
    struct dm_request as;
    char room[ROOM_SIZE];
    struct dm_ns *rooms;
    struct dm_id id;
    int r;

    if (ask->user[0] == '\0')
        return ask_refuse(ask, 401, "Sign in first", NULL);
    if (after.data != NULL && !message_is_key(after))
        return ask_refuse(ask, 400, "Invalid key", NULL);
    r = dm->ns(ask->front, "ChatRoom", &rooms);
    if (r < 0)
        return r;
    as = identified(ask);
    room_of(ask, room);
    dm->id_from_name(rooms, room, &id);
    return dm->try_forward(ask->event, rooms, &id, room, &as, turned_away, ask);
}

static void listed(void *instance, struct dm_object *front, void *data,
                   const struct dm_reply *reply)
{
    static const struct dm_header fresh = {"Cache-Control", "no-store"};
    static const struct dm_response head = {.status = 200, .headers = &fresh, .header_count = 1};
    struct ask *ask = data;
    (void)instance;

    if (reply->error != NULL)
        ask_failed(ask, reply);
    else
        web_settle(front, ask->event, ask_answer(ask, &head, reply->value));
}

/* 1 to LIMIT_MAX, or 0. */
static long limit_of(struct dm_bytes text)
{
    char digits[4];
    long limit = LIMIT_DEFAULT;

    if (text.data != NULL)
        limit = web_take_word(&text, WEB_DIGITS, digits, sizeof digits) && text.len == 0
                    ? strtol(digits, NULL, 10)
                    : 0;
    return limit <= LIMIT_MAX ? limit : 0;
}

static int list(struct ask *ask)
{
    struct dm_bytes before = dm->query(ask->front, ask->request->url, "before");
    long limit = limit_of(dm->query(ask->front, ask->request->url, "limit"));
    struct dm_value arguments[2] = {dm_null(), dm_number((double)limit)};
    char room[ROOM_SIZE];

    if (ask->user[0] == '\0')
        return ask_refuse(ask, 401, "Sign in first", NULL);
    if (before.data != NULL && !message_is_key(before))
        return ask_refuse(ask, 400, "Invalid key", NULL);
    if (limit == 0)
        return ask_refuse(ask, 400, "limit must be from 1 to 100", NULL);
    if (before.data != NULL) {
        arguments[0] = dm_string("");
        arguments[0].bytes = before;
    }
    room_of(ask, room);
    return web_call(ask->front, "ChatRoom", room, "history", arguments, 2, listed, ask);
}

static int chat(struct ask *ask, bool is_socket)
{
    static const struct dm_header upgrade = {"Upgrade", "websocket"};
    char room[ROOM_SIZE];

    if (!ask_is(ask, "GET"))
        return not_allowed(ask, "GET");
    if (is_socket && !ask->request->upgrade)
        return ask_refuse(ask, 426, "Expected Upgrade: websocket", &upgrade);
    if (!room_of(ask, room))
        return ask_refuse(ask, 400, "Invalid room name", NULL);
    return sessions_identify(ask, is_socket ? enter : list);
}

/* ---- accounts ---- */

static int me(struct ask *ask)
{
    struct dm_member name = {dm_str("name"), dm_string(ask->name)};
    struct dm_value body = dm_record(&name, 1);

    if (ask->user[0] == '\0')
        return ask_refuse(ask, 401, "Sign in first", NULL);
    return ask_answer(ask, NULL, &body);
}

static int authenticate(struct ask *ask, struct dm_bytes path)
{
    int (*action)(struct ask * ask) = dm_is(path, "register") ? sessions_register
                                      : dm_is(path, "login")  ? sessions_login
                                      : dm_is(path, "logout") ? sessions_logout
                                                              : NULL;

    if (dm_is(path, "me"))
        return sessions_identify(ask, me);
    if (action == NULL)
        return ask_refuse(ask, 404, "Not found", NULL);
    return ask_is(ask, "POST") ? action(ask) : not_allowed(ask, "POST");
}

static int serve_api(struct dm_object *front, struct dm_event *event,
                     const struct dm_request *request, struct dm_bytes path)
{
    struct ask *ask = ask_open(front, event, request);

    if (ask == NULL)
        return web_error(event, 403, "This origin is not allowed");
    if (ask_is(ask, "OPTIONS"))
        return ask_preflight(ask);
    if (dm_is(path, "chat"))
        return chat(ask, true);
    if (dm_is(path, "chat/messages"))
        return chat(ask, false);
    if (web_take(&path, "auth/"))
        return authenticate(ask, path);
    return ask_refuse(ask, 404, "Not found", NULL);
}

/* ---- the page ---- */

static int serve_page(struct dm_event *event, const struct dm_request *request,
                      struct dm_bytes path)
{
    char room[ROOM_SIZE];

    if (!web_take(&path, "/") || (path.len > 0 && (!take_room(&path, room) || path.len > 0)))
        return dm->respond_text(event, 404, "There is no such page.\n");
    return web_page(event, request, dm_bytes(page, page_size));
}

static int fetch(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_bytes path = dm_path(request->url);
    (void)instance;

    if (web_take(&path, "/api/"))
        return serve_api(front, event, request, path);
    return serve_page(event, request, path);
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &room_class) < 0 ||
        dm->register_class(library, &account_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
