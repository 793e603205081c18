/*
 * Locks over HTTP.
 *
 *     GET    /api/locks/NAME                             who has it, who waits
 *     POST   /api/locks/NAME  {owner, leaseMs, waitMs}   acquire: 200 with a lease, 409: it is held
 *     PUT    /api/locks/NAME  {token, leaseMs}           renew: 200, 409 if the lease has been lost
 *     DELETE /api/locks/NAME  {token}                    release: 200, 409 likewise
 *
 * Everything is checked here, before an object is woken.
 */

#include <stdio.h>

#include "lock.h"

#define NAME_SIZE        129
#define LEASE_MS_MIN     100
#define LEASE_MS_MAX     600000
#define LEASE_MS_DEFAULT 30000
#define WAIT_MS_MAX      60000
#define TOKEN_MAX        ((INT64_C(1) << 53) - 1)

/* A request whose body is being read. */
struct ask {
    struct dm_event *event;
    char name[NAME_SIZE];
    char verb; /* of the method: P(O)ST, P(U)T, (D)ELETE */
};

static void granted(void *instance, struct dm_object *front, void *data,
                    const struct dm_reply *reply)
{
    struct dm_event *event = data;
    const struct dm_value *ok = dm_get(reply->value, "ok");
    struct dm_response head = {.status = ok != NULL && ok->boolean ? 200 : 409};
    (void)instance;

    if (reply->error != NULL)
        web_failed(event, reply);
    else
        web_settle(front, event, dm->respond_json(event, &head, reply->value));
}

/* False, with words in `why`: it is not from least to most. `absent` -1: it may not be missing. */
static bool integer(const struct dm_value *body, const char *name, const int64_t range[2],
                    int64_t absent, struct dm_value *out, char why[100])
{
    const struct dm_value *value = dm_get(body, name);
    int64_t number = absent;

    if (((value == NULL || value->type == DM_NULL) && absent >= 0) ||
        web_integer(value, range[0], range[1], &number)) {
        *out = dm_number((double)number);
        return true;
    }
    snprintf(why, 100, "%s must be an integer from %lld to %lld", name, (long long)range[0],
             (long long)range[1]);
    return false;
}

static bool owner(const struct dm_value *body, struct dm_value *out, char why[100])
{
    const struct dm_value *value = dm_get(body, "owner");
    bool valid = value != NULL && value->type == DM_STRING && value->bytes.len > 0 &&
                 value->bytes.len < OWNER_SIZE;

    for (size_t i = 0; valid && i < value->bytes.len; i++) {
        char byte = ((const char *)value->bytes.data)[i];
        valid = byte > ' ' && byte <= '~';
    }
    if (valid)
        *out = *value;
    else
        snprintf(why, 100, "owner must be 1 to %d printable ASCII characters", OWNER_SIZE - 1);
    return valid;
}

/* The call that the body asks for; NULL, with words, if it asks for nothing. */
static const char *plan(const struct ask *ask, const struct dm_value *body,
                        struct dm_value arguments[3], size_t *count, char why[100])
{
    static const int64_t lease[] = {LEASE_MS_MIN, LEASE_MS_MAX};
    static const int64_t wait[] = {0, WAIT_MS_MAX};
    static const int64_t token[] = {1, TOKEN_MAX};

    if (ask->verb == 'O') {
        *count = 3;
        return owner(body, &arguments[0], why) &&
                       integer(body, "leaseMs", lease, LEASE_MS_DEFAULT, &arguments[1], why) &&
                       integer(body, "waitMs", wait, 0, &arguments[2], why)
                   ? "acquire"
                   : NULL;
    }
    if (!integer(body, "token", token, -1, &arguments[0], why))
        return NULL;
    *count = 1;
    if (ask->verb == 'D')
        return "release";
    *count = 2;
    return integer(body, "leaseMs", lease, LEASE_MS_DEFAULT, &arguments[1], why) ? "renew" : NULL;
}

static void body_read(void *instance, struct dm_object *front, void *data, int result,
                      struct dm_bytes text)
{
    struct ask *ask = data;
    struct dm_value arguments[3];
    const struct dm_value *body;
    const char *method;
    char why[100];
    size_t count;
    (void)instance;

    if (result != 0 || dm->json_read(front, text, &body) != 0 || body->type != DM_OBJECT) {
        web_settle(front, ask->event, web_error(ask->event, 400, "The body must be a JSON object"));
        return;
    }
    method = plan(ask, body, arguments, &count, why);
    web_settle(front, ask->event,
               method == NULL ? web_error(ask->event, 400, why)
                              : web_call(front, "Lock", ask->name, method, arguments, count,
                                         granted, ask->event));
}

static int fetch(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_bytes path = dm_path(request->url);
    const char *method = request->method;
    struct ask *ask = dm->alloc(event, sizeof *ask);
    int r;
    (void)instance;

    ask->event = event;
    if (!web_take(&path, "/api/locks/") ||
        !web_take_word(&path, WEB_WORD "._:-", ask->name, sizeof ask->name) || path.len > 0)
        return web_error(event, 404, "Not found");
    if (strcmp(method, "GET") == 0)
        return web_call(front, "Lock", ask->name, "status", NULL, 0, web_pass_on, event);
    if (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 && strcmp(method, "DELETE") != 0)
        return web_not_allowed(event, "GET, POST, PUT, DELETE");
    if (request->body == NULL)
        return web_error(event, 400, "The body must be a JSON object");
    ask->verb = method[0] == 'D' ? 'D' : method[1];
    r = dm->body_collect(request->body, WEB_BODY_MAX, body_read, ask);
    return r < 0 ? r : DM_LATER;
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &lock_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
