/*
 * Counted rooms.
 *
 *     POST /api/rooms/NAME       one more message: {count}
 *     GET  /api/rooms/NAME       {count, samples}, which is no activity
 *     GET  /api/rooms/NAME/ws    a WebSocket: each message counts, each change is told to all
 */

#include "room.h"

#define NAME_SIZE 65

static void counted(void *instance, struct dm_object *front, void *data,
                    const struct dm_reply *reply)
{
    struct dm_event *event = data;
    struct dm_member count;
    struct dm_value body;
    (void)instance;

    if (reply->error != NULL) {
        web_failed(event, reply);
        return;
    }
    count.name = dm_str("count");
    count.value = *reply->value;
    body = dm_record(&count, 1);
    web_settle(front, event, dm->respond_json(event, NULL, &body));
}

static int connect(struct dm_object *front, struct dm_event *event,
                   const struct dm_request *request, const char *name)
{
    static const struct dm_header upgrade = {"Upgrade", "websocket"};
    struct dm_response required = {.status = 426,
                                   .headers = &upgrade,
                                   .header_count = 1,
                                   .content = dm_str("This address speaks WebSocket.\n")};
    struct dm_ns *rooms;
    struct dm_id id;
    int r;

    if (!request->upgrade)
        return dm->respond(event, &required);
    r = dm->ns(front, "CounterRoom", &rooms);
    if (r < 0)
        return r;
    dm->id_from_name(rooms, name, &id);
    return dm->forward(event, rooms, &id, name, NULL);
}

static int fetch(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_bytes path = dm_path(request->url);
    char name[NAME_SIZE];
    (void)instance;

    if (!web_take(&path, "/api/rooms/") ||
        !web_take_word(&path, WEB_LOWER WEB_DIGITS "-", name, sizeof name) || name[0] == '-')
        return web_error(event, 404, "Not found");
    if (dm_is(path, "/ws"))
        return connect(front, event, request, name);
    if (path.len > 0)
        return web_error(event, 404, "Not found");
    if (strcmp(request->method, "POST") == 0)
        return web_call(front, "CounterRoom", name, "count", NULL, 0, counted, event);
    if (strcmp(request->method, "GET") == 0)
        return web_call(front, "CounterRoom", name, "look", NULL, 0, web_pass_on, event);
    return web_not_allowed(event, "GET, POST");
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &room_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
