/*
 * The front of the music sessions.
 *
 *     GET  /  /s/ID                    the page
 *     GET  /api/sessions               the newest sessions, from KV
 *     POST /api/sessions               {state?}: a new session
 *     GET  /api/sessions/ID            the session
 *     PUT  /api/sessions/ID            {state}: another state for it
 *     POST /api/sessions/ID/remix      a copy, with an id of its own
 *     POST /api/sessions/ID/publish    from now on nothing changes it
 *     GET  /api/sessions/ID/ws?name=&player=&after=   play along
 *     GET  /api/sessions/ID/debug
 *
 * No object is woken for an id that is malformed or unknown: KV knows all there are.
 */

#include "page.h"
#include "session.h"
#include "state.h"
#include "text.h"

#define BODY_UNITS_MAX (64 * 1024)
#define LIST_MAX       50
#define UUID_LEN       36
#define ARGUMENTS_MAX  2

/* What was asked; lives as long as its event. */
struct ask {
    struct dm_event *event;
    const struct dm_request *request;
    struct dm_kv *kv;
    struct dm_bytes action; /* remix, publish, ws, debug or "" */
    char id[DM_UUID_TEXT];
    unsigned status; /* of the answer, if all goes well */

    /* The call that is under way. */
    char callee[DM_UUID_TEXT];
    const char *method;
    struct dm_value arguments[ARGUMENTS_MAX]; /* in the event's memory */
    size_t argument_count;
    dm_reply_fn *then;
    bool repeated;
};

static bool is(const struct ask *ask, const char *method)
{
    return strcmp(ask->request->method, method) == 0;
}

/* A plain text; `name` NULL, or a header more. */
static int failure(struct dm_event *event, unsigned status, const char *words, const char *name,
                   const char *value)
{
    struct dm_header headers[] = {{"Content-Type", "text/plain;charset=UTF-8"}, {name, value}};
    struct dm_response response = {.status = status,
                                   .headers = headers,
                                   .header_count = name != NULL ? 2 : 1,
                                   .content = dm_str(words)};

    return dm->respond(event, &response);
}

/* ---- calling a session ----
 *
 * An overloaded object is never asked again: that would be more of what it has too much of. When it
 * was lost, one more try is worth making. Everything that is called here may safely be done twice.
 */

static void called(void *instance, struct dm_object *front, void *data,
                   const struct dm_reply *reply);

static int call_once(struct dm_object *front, struct ask *ask)
{
    return web_call(front, "Session", ask->callee, ask->method, ask->arguments, ask->argument_count,
                    called, ask);
}

static int call(struct dm_object *front, struct ask *ask, const char *id, const char *method,
                size_t argument_count, dm_reply_fn *then)
{
    memcpy(ask->callee, id, sizeof ask->callee);
    ask->method = method;
    ask->argument_count = argument_count;
    ask->then = then;
    ask->repeated = false;
    return call_once(front, ask);
}

/* What to do about a failure; `again` asks once more. */
static int handle(struct dm_object *front, struct ask *ask, const struct dm_reply *reply,
                  int (*again)(struct dm_object *front, struct ask *ask))
{
    if (reply->overloaded)
        return failure(ask->event, 503, "Session overloaded", "Retry-After", "5");
    if (!reply->retryable || ask->repeated)
        return dm->fail(ask->event, reply->error);
    ask->repeated = true;
    return again(front, ask);
}

static void called(void *instance, struct dm_object *front, void *data,
                   const struct dm_reply *reply)
{
    struct ask *ask = data;

    if (reply->error == NULL)
        ask->then(instance, front, ask, reply);
    else
        web_settle(front, ask->event, handle(front, ask, reply, call_once));
}

static int respond(struct ask *ask, const struct dm_value *value)
{
    struct dm_response head = {.status = ask->status};

    return dm->respond_json(ask->event, &head, value);
}

static void pass_on(void *instance, struct dm_object *front, void *data,
                    const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    web_settle(front, ask->event, respond(ask, reply->value));
}

/* ---- bodies ---- */

enum body_result {
    BODY_STATE,
    BODY_NO_STATE,
    BODY_INVALID
};

/* The state in a body, as a value that lives as long as the event. */
static enum body_result state_in(struct dm_object *front, struct ask *ask, struct dm_bytes text,
                                 struct dm_value *state)
{
    const struct dm_value *body;
    const struct dm_value *given;
    struct state_view *view = dm->alloc(ask->event, sizeof *view);
    struct state *checked = dm->alloc(ask->event, sizeof *checked);
    struct dm_member members[4];
    struct dm_value whole = dm_record(members, 4);
    struct repairs repairs;
    const char *const names[] = {"tracks", "tempo", "swing"};

    if (text.len == 0)
        return BODY_NO_STATE;
    if (text_units(text) > BODY_UNITS_MAX || dm->json_read(front, text, &body) != 0 ||
        body->type == DM_NULL)
        return BODY_INVALID;
    given = dm_get(body, "state");
    if (given == NULL)
        return BODY_NO_STATE;
    for (size_t i = 0; i < 3; i++) {
        const struct dm_value *value = dm_get(given, names[i]);

        members[i] = (struct dm_member){dm_str(names[i]), value != NULL ? *value : dm_null()};
    }
    members[3] = (struct dm_member){dm_str("version"), dm_number(0)};
    if (dm_get(given, "version") != NULL)
        members[3].value = *dm_get(given, "version");
    state_repair(&whole, checked, &repairs);
    if (repairs.count > 0)
        return BODY_INVALID;
    *state = state_show(checked, view);
    return BODY_STATE;
}

static int read_body(struct ask *ask, dm_bytes_fn *done)
{
    int r = dm->body_collect(ask->request->body, WEB_BODY_MAX, done, ask);
    return r < 0 ? r : DM_LATER;
}

static int refuse_state(struct ask *ask)
{
    return failure(ask->event, 400, "Invalid session state", NULL, NULL);
}

/* ---- all sessions ---- */

static int create(struct dm_object *front, struct ask *ask, const struct dm_value *state,
                  const char *remixed_from)
{
    char id[DM_UUID_TEXT];

    dm->uuid(id);
    ask->status = 201;
    ask->arguments[0] = state != NULL ? *state : dm_undefined();
    ask->arguments[1] = remixed_from != NULL ? dm_string(remixed_from) : dm_null();
    return call(front, ask, id, "create", 2, pass_on);
}

static void create_with(void *instance, struct dm_object *front, void *data, int result,
                        struct dm_bytes text)
{
    struct ask *ask = data;
    struct dm_value state;
    enum body_result found = result == DM_OK ? state_in(front, ask, text, &state) : BODY_INVALID;
    (void)instance;

    web_settle(front, ask->event,
               found == BODY_INVALID
                   ? refuse_state(ask)
                   : create(front, ask, found == BODY_STATE ? &state : NULL, NULL));
}

/* Each key with its metadata. */
static struct dm_value listed(struct dm_event *event, const struct dm_value *key)
{
    const struct dm_value *metadata = dm_get(key, "metadata");
    size_t count = metadata != NULL && metadata->type == DM_OBJECT ? metadata->record.count : 0;
    struct dm_member *members = dm->alloc(event, (count + 1) * sizeof *members);

    members[0] = (struct dm_member){dm_str("id"), *dm_get(key, "name")};
    if (count > 0)
        memcpy(members + 1, metadata->record.members, count * sizeof *members);
    return dm_record(members, count + 1);
}

static void list(void *instance, struct dm_object *front, void *data, const struct dm_reply *reply)
{
    struct ask *ask = data;
    struct dm_value items[LIST_MAX];
    struct dm_member member = {dm_str("sessions"), dm_array(items, 0)};
    struct dm_value body = dm_record(&member, 1);
    const struct dm_array *keys;
    (void)instance;

    if (reply->error != NULL) {
        web_failed(ask->event, reply);
        return;
    }
    keys = &dm_get(reply->value, "keys")->array;
    for (size_t i = 0; i < keys->count; i++)
        items[member.value.array.count++] = listed(ask->event, &keys->items[i]);
    web_settle(front, ask->event, respond(ask, &body));
}

static int serve_sessions(struct dm_object *front, struct ask *ask)
{
    struct dm_kv_page page_of_keys = {.limit = LIST_MAX};
    int r;

    if (is(ask, "GET")) {
        r = dm->kv_keys(front, ask->kv, &page_of_keys, list, ask);
        return r < 0 ? r : DM_LATER;
    }
    if (!is(ask, "POST"))
        return failure(ask->event, 405, "Method not allowed", "Allow", "GET, POST");
    if (ask->request->body == NULL)
        return create(front, ask, NULL, NULL);
    return read_body(ask, create_with);
}

/* ---- one session ---- */

static void replaced(void *instance, struct dm_object *front, void *data,
                     const struct dm_reply *reply)
{
    struct ask *ask = data;

    if (reply->value->type == DM_STRING)
        failure(ask->event, 403, "Session is published", NULL, NULL);
    else
        pass_on(instance, front, ask, reply);
}

static void replace_with(void *instance, struct dm_object *front, void *data, int result,
                         struct dm_bytes text)
{
    struct ask *ask = data;
    int r;
    (void)instance;

    if (result != DM_OK || state_in(front, ask, text, &ask->arguments[0]) != BODY_STATE)
        r = refuse_state(ask);
    else
        r = call(front, ask, ask->id, "replace", 1, replaced);
    web_settle(front, ask->event, r);
}

/* A copy of the state in a snapshot, in the event's memory. */
static int remix_of(struct dm_object *front, struct ask *ask, const struct dm_value *snapshot)
{
    struct state *state = dm->alloc(ask->event, sizeof *state);
    struct state_view *view = dm->alloc(ask->event, sizeof *view);
    struct repairs repairs;
    struct dm_value shown;

    state_repair(dm_get(snapshot, "state"), state, &repairs);
    shown = state_show(state, view);
    return create(front, ask, &shown, ask->id);
}

static void remix(void *instance, struct dm_object *front, void *data, const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    web_settle(front, ask->event, remix_of(front, ask, reply->value));
}

static void not_connected(void *instance, struct dm_object *front, void *data,
                          const struct dm_reply *reply);

static int connect_once(struct dm_object *front, struct ask *ask)
{
    struct dm_ns *sessions;
    struct dm_id id;
    int r = dm->ns(front, "Session", &sessions);

    if (r < 0)
        return r;
    dm->id_from_name(sessions, ask->id, &id);
    return dm->try_forward(ask->event, sessions, &id, ask->id, NULL, not_connected, ask);
}

static void not_connected(void *instance, struct dm_object *front, void *data,
                          const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    web_settle(front, ask->event, handle(front, ask, reply, connect_once));
}

static int play_along(struct dm_object *front, struct ask *ask)
{
    if (!ask->request->upgrade)
        return failure(ask->event, 426, "Expected Upgrade: websocket", "Upgrade", "websocket");
    return connect_once(front, ask);
}

static int route(struct dm_object *front, struct ask *ask, const struct dm_value *stored)
{
    const struct dm_value *flag = dm_get(stored, "published");
    bool published = flag != NULL && flag->type == DM_BOOLEAN && flag->boolean;

    /* What is published never changes: no need to wake anybody. */
    if (is(ask, "GET") && ask->action.len == 0)
        return published ? respond(ask, stored) : call(front, ask, ask->id, "read", 0, pass_on);
    if (is(ask, "PUT") && ask->action.len == 0) {
        if (ask->request->body == NULL)
            return refuse_state(ask);
        return read_body(ask, replace_with);
    }
    if (is(ask, "POST") && dm_is(ask->action, "remix"))
        return published ? remix_of(front, ask, stored)
                         : call(front, ask, ask->id, "read", 0, remix);
    if (is(ask, "POST") && dm_is(ask->action, "publish"))
        return call(front, ask, ask->id, "publish", 0, pass_on);
    if (is(ask, "GET") && dm_is(ask->action, "debug"))
        return call(front, ask, ask->id, "debug", 0, pass_on);
    if (is(ask, "GET") && dm_is(ask->action, "ws"))
        return play_along(front, ask);
    return failure(ask->event, 405, "Method not allowed", NULL, NULL);
}

static void known(void *instance, struct dm_object *front, void *data, const struct dm_reply *reply)
{
    struct ask *ask = data;
    const struct dm_value *stored;
    int r;
    (void)instance;

    if (reply->error != NULL) {
        web_failed(ask->event, reply);
        return;
    }
    if (reply->value->type == DM_NULL) {
        failure(ask->event, 404, "Session not found", NULL, NULL);
        return;
    }
    r = dm->json_read(front, dm_get(reply->value, "value")->bytes, &stored);
    web_settle(front, ask->event, r < 0 ? r : route(front, ask, stored));
}

static bool is_uuid(struct dm_bytes text)
{
    const char *c = text.data;

    if (text.len != UUID_LEN)
        return false;
    for (size_t i = 0; i < UUID_LEN; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (hyphen ? c[i] != '-' : c[i] == '\0' || strchr(WEB_DIGITS "abcdef", c[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_action(struct dm_bytes text)
{
    return dm_is(text, "remix") || dm_is(text, "publish") || dm_is(text, "ws") ||
           dm_is(text, "debug");
}

static int serve_session(struct dm_object *front, struct ask *ask, struct dm_bytes path)
{
    const char *slash = memchr(path.data, '/', path.len);
    size_t len = slash != NULL ? (size_t)(slash - (const char *)path.data) : path.len;
    struct dm_bytes id = dm_bytes(path.data, len);
    int r;

    ask->action = slash != NULL ? dm_bytes(slash + 1, path.len - len - 1) : dm_str("");
    if (slash != NULL && !is_action(ask->action))
        return failure(ask->event, 404, "Not found", NULL, NULL);
    if (!is_uuid(id))
        return failure(ask->event, 400, "Invalid session ID format", NULL, NULL);
    memcpy(ask->id, id.data, UUID_LEN);
    r = dm->kv_read(front, ask->kv, id, known, ask);
    return r < 0 ? r : DM_LATER;
}

/* ---- the page ---- */

static bool is_page(struct dm_bytes path)
{
    const char *c;

    if (dm_is(path, "/"))
        return true;
    if (!web_take(&path, "/s/") || path.len != UUID_LEN)
        return false;
    c = path.data;
    for (size_t i = 0; i < UUID_LEN; i++)
        if (c[i] == '\0' || strchr(WEB_DIGITS "abcdef-", c[i]) == NULL)
            return false;
    return true;
}

static int fetch(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_bytes path = dm_path(request->url);
    struct ask *ask;
    int r;
    (void)instance;

    if (!web_take(&path, "/api/"))
        return is_page(path) ? web_page(event, request, dm_bytes(page, page_size))
                             : failure(event, 404, "There is no such page.\n", NULL, NULL);
    ask = dm->alloc(event, sizeof *ask);
    ask->event = event;
    ask->request = request;
    ask->status = 200;
    r = dm->kv_namespace(front, SNAPSHOTS, &ask->kv);
    if (r < 0)
        return r;
    if (dm_is(path, "sessions"))
        return serve_sessions(front, ask);
    if (web_take(&path, "sessions/"))
        return serve_session(front, ask, path);
    return failure(event, 404, "Not found", NULL, NULL);
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &session_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
