/*
 * A chat room in C
 *
 * One object per room. A message is stored before anybody sees it: what a turn says leaves when
 * what it wrote is on disk. Rooms keep their last messages, tell newcomers, and sleep with their
 * sockets open.
 *
 *     GET /rooms/<room>/ws?name=<name>   a WebSocket
 *     GET /rooms/<room>/messages         the last messages, as JSON
 */

#include <dormouse/dormouse.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES    32
#define MESSAGE_MAX_BYTES 2000
#define KEPT_MAX          100

static const struct dm_api *dm;

/* ---- the room ---- */

static int construct(struct dm_object *room, void **instance)
{
    *instance = NULL; /* all that a room knows is in its storage and with its sockets */
    dm->set_auto_response(room, "ping", "pong");
    return dm->sql_exec(room,
                        "CREATE TABLE IF NOT EXISTS message ("
                        "  id INTEGER PRIMARY KEY, time INTEGER, who TEXT, text TEXT)",
                        NULL, 0);
}

/* The value of ?name=, or NULL: letters, digits, dashes and underscores only. */
static const char *name_in(const char *url, char name[NAME_MAX_BYTES + 1])
{
    const char *at = strstr(url, "?name=");
    size_t len;

    if (at == NULL)
        return NULL;
    at += strlen("?name=");
    len = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (len == 0 || len > NAME_MAX_BYTES || at[len] != '\0')
        return NULL;
    memcpy(name, at, len);
    name[len] = '\0';
    return name;
}

static int join(struct dm_object *room, struct dm_event *event, const struct dm_request *request)
{
    char space[NAME_MAX_BYTES + 1];
    const char *name = name_in(request->url, space);
    struct dm_accept options = {.tags = &name, .tag_count = 1};
    struct dm_socket *socket;
    struct dm_value who;
    char line[128];
    int len;
    int r;

    if (name == NULL)
        return dm->respond_text(event, 400, "Who are you? Add ?name= and a short name.\n");
    r = dm->accept(event, &options, &socket);
    if (r < 0)
        return r;
    who = dm_string(name);
    r = dm->set_attachment(room, socket, &who); /* comes back after hibernation */
    if (r < 0)
        return r;
    len = snprintf(line, sizeof line, "* %s joined", name);
    r = dm->broadcast(room, NULL, NULL, dm_bytes(line, (size_t)len), true);
    return r < 0 ? r : 0;
}

static int message(void *instance, struct dm_object *room, struct dm_socket *socket,
                   struct dm_bytes data, bool text)
{
    char line[NAME_MAX_BYTES + MESSAGE_MAX_BYTES + 8];
    const struct dm_value *who;
    int len;
    int r;
    (void)instance;

    if (!text || data.len == 0)
        return dm->close(socket, 1007, "text, please");
    if (data.len > MESSAGE_MAX_BYTES)
        return dm->close(socket, 1009, "too long");
    r = dm->attachment(room, socket, &who);
    if (r != 0)
        return r < 0 ? r : DM_ERROR;
    r = dm->sql_exec(room, "INSERT INTO message (time, who, text) VALUES (?, ?, ?)",
                     DM_VALUES(dm_integer(dm->now_ms(room)), dm_text(who->bytes), dm_text(data)));
    if (r < 0)
        return r;
    len = snprintf(line, sizeof line, "%.*s: %.*s", (int)who->bytes.len,
                   (const char *)who->bytes.data, (int)data.len, (const char *)data.data);
    r = dm->broadcast(room, NULL, NULL, dm_bytes(line, (size_t)len), true);
    return r < 0 ? r : 0;
}

static int closed(void *instance, struct dm_object *room, struct dm_socket *socket, uint16_t code,
                  struct dm_bytes reason, bool clean)
{
    const struct dm_value *who;
    char line[128];
    int len;
    (void)instance, (void)code, (void)reason, (void)clean;

    if (dm->attachment(room, socket, &who) != 0)
        return 0;
    len = snprintf(line, sizeof line, "* %.*s left", (int)who->bytes.len,
                   (const char *)who->bytes.data);
    return dm->broadcast(room, NULL, socket, dm_bytes(line, (size_t)len), true) < 0 ? DM_ERROR : 0;
}

/* SQLite writes the JSON. */
static int history(struct dm_object *room, struct dm_event *event)
{
    static const struct dm_header json = {"Content-Type", "application/json"};
    struct dm_response response = {.headers = &json, .header_count = 1};
    struct dm_rows *rows;
    int r = dm->sql_query(room, &rows,
                          "SELECT json_group_array(json_object('who', who, 'text', text)) FROM "
                          "(SELECT * FROM (SELECT * FROM message ORDER BY id DESC LIMIT ?)"
                          " ORDER BY id)",
                          DM_VALUES(dm_integer(KEPT_MAX)));

    if (r == 0)
        r = dm->sql_step(rows);
    if (r != 0)
        return r < 0 ? r : DM_ERROR;
    response.content = dm_str(dm->sql_text(rows, 0));
    return dm->respond(event, &response);
}

static int fetch(void *instance, struct dm_object *room, struct dm_event *event,
                 const struct dm_request *request)
{
    (void)instance;
    return request->upgrade ? join(room, event, request) : history(room, event);
}

/* ---- the front: which room? ---- */

static int front_fetch(void *instance, struct dm_object *front, struct dm_event *event,
                       const struct dm_request *request)
{
    const char *path = strchr(strstr(request->url, "://") + 3, '/');
    struct dm_ns *rooms;
    struct dm_id id;
    char name[65];
    int r;
    (void)instance;

    if (path == NULL || sscanf(path, "/rooms/%64[^/?]/", name) != 1)
        return dm->respond_text(event, 404, "GET /rooms/<room>/messages, or /ws?name=<you>\n");
    if (strstr(path, "/ws") != NULL && !request->upgrade)
        return dm->respond_text(event, 426, "This is a WebSocket.\n");
    r = dm->ns(front, "Room", &rooms);
    if (r < 0)
        return r;
    dm->id_from_name(rooms, name, &id);
    return dm->forward(event, rooms, &id, name, NULL);
}

/* ---- the library ---- */

static const struct dm_class room_class = {
    .size = sizeof(struct dm_class),
    .name = "Room",
    .construct = construct,
    .fetch = fetch,
    .message = message,
    .close = closed,
};

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = front_fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &room_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
