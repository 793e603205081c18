/* ../room in C: every message is stored, and durable before anybody sees it. */

#include <dormouse/dormouse.h>

static const struct dm_api *dm;

static int construct(struct dm_object *room, void **instance)
{
    *instance = NULL;
    return dm->sql_exec(
        room, "CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, text TEXT)", NULL, 0);
}

static int fetch(void *instance, struct dm_object *room, struct dm_event *event,
                 const struct dm_request *request)
{
    (void)instance, (void)room, (void)request;
    return dm->accept(event, NULL, NULL);
}

static int message(void *instance, struct dm_object *room, struct dm_socket *socket,
                   struct dm_bytes data, bool text)
{
    int r = dm->sql_exec(room, "INSERT INTO message (text) VALUES (?)", DM_VALUES(dm_text(data)));
    (void)instance, (void)socket;
    return r < 0 ? r : dm->broadcast(room, NULL, NULL, data, text);
}

static const struct dm_class room_class = {
    .size = sizeof(struct dm_class),
    .name = "Room",
    .construct = construct,
    .fetch = fetch,
    .message = message,
};

static int front_fetch(void *instance, struct dm_object *front, struct dm_event *event,
                       const struct dm_request *request)
{
    const char *name = strchr(strstr(request->url, "://") + 3, '/');
    struct dm_ns *rooms;
    struct dm_id id;
    int r = dm->ns(front, "Room", &rooms);
    (void)instance;

    if (r < 0)
        return r;
    dm->id_from_name(rooms, name, &id);
    return dm->forward(event, rooms, &id, name, NULL);
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = front_fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &room_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
