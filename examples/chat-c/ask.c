#include "ask.h"

#include <strings.h>

/* ---- where it comes from ---- */

/* The host of a URL, with its port. */
static struct dm_bytes host_of(const char *url)
{
    const char *host = strstr(url, "://");

    return host == NULL ? dm_str("") : dm_bytes(host + 3, strcspn(host + 3, "/?#"));
}

/* A proxy in front may speak TLS: only the host must be ours. */
static bool is_ours(const char *origin, const char *url)
{
    struct dm_bytes theirs = host_of(origin), ours = host_of(url);

    return theirs.len > 0 && theirs.len == ours.len &&
           strncasecmp(theirs.data, ours.data, ours.len) == 0;
}

/* Whether it is one of those that ALLOWED_ORIGINS names, with spaces between them. */
static bool is_friend(struct dm_object *front, const char *origin)
{
    const struct dm_value *allowed;
    const char *at;
    size_t len;

    if (dm->var(front, "ALLOWED_ORIGINS", &allowed) != 0 || allowed->type != DM_STRING)
        return false;
    at = allowed->bytes.data;
    for (at += strspn(at, " \t\n"); *at != '\0'; at += len, at += strspn(at, " \t\n")) {
        len = strcspn(at, " \t\n");
        if (dm_is(dm_bytes(at, len), origin))
            return true;
    }
    return false;
}

struct ask *ask_open(struct dm_object *front, struct dm_event *event,
                     const struct dm_request *request)
{
    const char *origin = dm->header(request, "Origin");
    struct ask *ask = dm->alloc(event, sizeof *ask);

    ask->front = front;
    ask->event = event;
    ask->request = request;
    if (origin == NULL || is_ours(origin, request->url))
        return ask;
    ask->friend_origin = origin;
    return is_friend(front, origin) ? ask : NULL;
}

bool ask_is(const struct ask *ask, const char *method)
{
    return strcmp(ask->request->method, method) == 0;
}

/* ---- answers ---- */

static size_t add_cors(const struct ask *ask, struct dm_header *headers, size_t count)
{
    if (ask->friend_origin == NULL)
        return count;
    headers[count++] = (struct dm_header){"Access-Control-Allow-Origin", ask->friend_origin};
    headers[count++] = (struct dm_header){"Access-Control-Allow-Credentials", "true"};
    headers[count++] = (struct dm_header){"Vary", "Origin"};
    return count;
}

int ask_answer(struct ask *ask, const struct dm_response *head, const struct dm_value *body)
{
    struct dm_header headers[ASK_HEADERS_MAX + 3];
    struct dm_response response = {.headers = headers};

    for (size_t i = 0; head != NULL && i < head->header_count && i < ASK_HEADERS_MAX; i++)
        headers[response.header_count++] = head->headers[i];
    response.header_count = add_cors(ask, headers, response.header_count);
    response.status = head != NULL ? head->status : 200;
    if (body == NULL)
        return dm->respond(ask->event, &response);
    return dm->respond_json(ask->event, &response, body);
}

int ask_refuse(struct ask *ask, unsigned status, const char *words, const struct dm_header *header)
{
    struct dm_response head = {
        .status = status, .headers = header, .header_count = header != NULL ? 1 : 0};
    struct dm_member error = {dm_str("error"), dm_string(words)};
    struct dm_value body = dm_record(&error, 1);

    return ask_answer(ask, &head, &body);
}

int ask_preflight(struct ask *ask)
{
    static const struct dm_header headers[] = {
        {"Access-Control-Allow-Methods", "GET, POST"},
        {"Access-Control-Allow-Headers", "Content-Type"},
        {"Access-Control-Max-Age", "86400"},
    };
    static const struct dm_response head = {.status = 204, .headers = headers, .header_count = 3};

    return ask_answer(ask, &head, NULL);
}

void ask_failed(struct ask *ask, const struct dm_reply *reply)
{
    static const struct dm_header soon = {"Retry-After", "1"};

    /* The page comes back by itself, with a delay of its own choice. */
    if (reply->overloaded || reply->retryable)
        web_settle(ask->front, ask->event, ask_refuse(ask, 503, "Try again later", &soon));
    else
        dm->fail(ask->event, reply->error);
}
