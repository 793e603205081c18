/*
 * A rate limiter.
 *
 *     POST /api/limits/NAME   takes one request out of NAME's window: 200, or 429 with Retry-After
 *     GET  /api/limits/NAME   the same answer without taking anything
 *
 * A name is whatever is limited: an account, an address, a token. Each has an object of its own, so
 * that one busy name slows down nobody else.
 */

#include <stdio.h>

#include "limiter.h"

#define NAME_SIZE 129

static double number_of(const struct dm_value *decision, const char *name)
{
    const struct dm_value *value = dm_get(decision, name);

    return value != NULL && value->type == DM_NUMBER ? value->number : 0;
}

static void decided(void *instance, struct dm_object *front, void *data,
                    const struct dm_reply *reply)
{
    struct dm_event *event = data;
    const struct dm_value *allowed = dm_get(reply->value, "allowed");
    char limit[24], remaining[24], seconds[24];
    struct dm_header headers[] = {
        {"Cache-Control", "no-store"},
        {"RateLimit-Limit", limit},
        {"RateLimit-Remaining", remaining},
        {"Retry-After", seconds},
    };
    struct dm_response head = {.status = 200, .headers = headers, .header_count = 3};
    int64_t retry_ms = (int64_t)number_of(reply->value, "retryMs");
    (void)instance;

    if (reply->error != NULL) {
        web_failed(event, reply);
        return;
    }
    snprintf(limit, sizeof limit, "%.0f", number_of(reply->value, "limit"));
    snprintf(remaining, sizeof remaining, "%.0f", number_of(reply->value, "remaining"));
    snprintf(seconds, sizeof seconds, "%lld",
             retry_ms > 1000 ? (long long)(retry_ms + 999) / 1000 : 1);
    if (allowed == NULL || !allowed->boolean) {
        head.status = 429;
        head.header_count = 4;
    }
    web_settle(front, event, dm->respond_json(event, &head, reply->value));
}

static int fetch(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_bytes path = dm_path(request->url);
    char name[NAME_SIZE];
    (void)instance;

    /* Refused here, a malformed name costs no object. */
    if (!web_take(&path, "/api/limits/") ||
        !web_take_word(&path, WEB_WORD "._:@-", name, sizeof name) || path.len > 0)
        return web_error(event, 404, "Not found");
    if (strcmp(request->method, "POST") == 0)
        return web_call(front, "Limiter", name, "take", NULL, 0, decided, event);
    if (strcmp(request->method, "GET") == 0)
        return web_call(front, "Limiter", name, "peek", NULL, 0, decided, event);
    return web_not_allowed(event, "GET, POST");
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &limiter_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
