/*
 * Jobs over HTTP.
 *
 *     GET    /api/schedules/NAME                 all jobs, the next first
 *     PUT    /api/schedules/NAME/jobs/JOB        {cron | at | delayMs, inbox, payload?,
 *                                                 attemptsMax?}
 *     GET    /api/schedules/NAME/jobs/JOB        one job
 *     DELETE /api/schedules/NAME/jobs/JOB
 *     GET    /api/schedules/NAME/history?job=    what was run, newest first
 *     GET    /api/cron?expression=&after=&count= when an expression is due
 *     GET    /api/inboxes/NAME                   what was delivered
 *     POST   /api/inboxes/NAME/fail {times}      refuse so many deliveries, to see retries
 */

#include <stdio.h>
#include <stdlib.h>

#include "cron.h"
#include "scheduler.h"

#define PAYLOAD_LENGTH_MAX (64 * 1024)
#define DELAY_MS_MAX       (INT64_C(366) * 24 * 3600 * 1000)
#define ATTEMPTS_MAX       20
#define ATTEMPTS_DEFAULT   5
#define TIME_MAX           INT64_C(8000000000000000)
#define TIMES_MAX          100
#define WHY_SIZE           120

/* What was asked; lives as long as its event. */
struct ask {
    struct dm_event *event;
    const struct dm_request *request;
    char name[NAME_SIZE];
    char job[NAME_SIZE];
};

static bool is(const struct ask *ask, const char *method)
{
    return strcmp(ask->request->method, method) == 0;
}

/* `value` NULL: `absent`, unless that is negative. */
static bool integer(const struct dm_value *value, const char *name, int64_t least, int64_t most,
                    int64_t absent, int64_t *out, char why[WHY_SIZE])
{
    if (value == NULL && absent >= 0) {
        *out = absent;
        return true;
    }
    if (web_integer(value, least, most, out))
        return true;
    snprintf(why, WHY_SIZE, "%s must be an integer from %lld to %lld", name, (long long)least,
             (long long)most);
    return false;
}

static bool refuse(char why[WHY_SIZE], const char *words)
{
    snprintf(why, WHY_SIZE, "%s", words);
    return false;
}

/* The body as a JSON object; otherwise the event is answered. */
static const struct dm_value *body_of(struct dm_object *front, const struct ask *ask, int result,
                                      struct dm_bytes text)
{
    const struct dm_value *body;

    if (result == 0 && dm->json_read(front, text, &body) == 0 && body->type == DM_OBJECT)
        return body;
    web_settle(front, ask->event, web_error(ask->event, 400, "The body must be a JSON object"));
    return NULL;
}

static int read_body(struct ask *ask, dm_bytes_fn *done)
{
    int r;

    if (ask->request->body == NULL)
        return web_error(ask->event, 400, "The body must be a JSON object");
    r = dm->body_collect(ask->request->body, WEB_BODY_MAX, done, ask);
    return r < 0 ? r : DM_LATER;
}

/* ---- schedules ---- */

/* null is 404. */
static void found(void *instance, struct dm_object *front, void *data, const struct dm_reply *reply)
{
    struct dm_event *event = data;

    if (reply->error == NULL && reply->value->type == DM_NULL)
        web_settle(front, event, web_error(event, 404, "Not found"));
    else
        web_pass_on(instance, front, event, reply);
}

static void cancelled(void *instance, struct dm_object *front, void *data,
                      const struct dm_reply *reply)
{
    struct dm_response gone = {.status = 204};
    struct dm_event *event = data;
    (void)instance;

    if (reply->error != NULL)
        web_failed(event, reply);
    else if (reply->value->boolean)
        web_settle(front, event, dm->respond(event, &gone));
    else
        web_settle(front, event, web_error(event, 404, "Not found"));
}

/* When it is first due, by exactly one of the three ways to say so. */
static bool first_time(const struct dm_value *body, int64_t now, int64_t *at, char why[WHY_SIZE])
{
    const struct dm_value *text = dm_get(body, "cron");
    const struct dm_value *time = dm_get(body, "at");
    const struct dm_value *delay = dm_get(body, "delayMs");
    struct cron cron;

    if ((text != NULL) + (time != NULL) + (delay != NULL) != 1)
        return refuse(why, "Exactly one of cron, at and delayMs says when");
    if (time != NULL)
        return integer(time, "at", 1, now + DELAY_MS_MAX, -1, at, why);
    if (delay != NULL) {
        bool valid = integer(delay, "delayMs", 0, DELAY_MS_MAX, -1, at, why);

        *at += now;
        return valid;
    }
    if (text->type != DM_STRING || text->bytes.len > CRON_LENGTH_MAX)
        return refuse(why, "Invalid cron expression");
    if (!cron_parse(&cron, text->bytes.data, why, WHY_SIZE))
        return false;
    *at = cron_next(&cron, now);
    return *at >= 0 || refuse(why, "The cron expression is never due");
}

static bool inbox_of(const struct dm_value *body, struct dm_value *inbox, char why[WHY_SIZE])
{
    const struct dm_value *value = dm_get(body, "inbox");
    char name[NAME_SIZE];
    struct dm_bytes rest;

    if (value == NULL || value->type != DM_STRING)
        return refuse(why, "Invalid inbox");
    rest = value->bytes;
    if (!web_take_word(&rest, NAME_CHARACTERS, name, sizeof name) || rest.len > 0)
        return refuse(why, "Invalid inbox");
    *inbox = *value;
    return true;
}

/* The payload travels as JSON text. */
static bool payload_of(struct dm_object *front, const struct dm_value *body,
                       struct dm_value *payload, char why[WHY_SIZE])
{
    const struct dm_value *value = dm_get(body, "payload");
    struct dm_bytes text = dm_str("null");

    if (value != NULL && dm->json_write(front, value, &text) < 0)
        return refuse(why, dm->why(front));
    if (text.len > PAYLOAD_LENGTH_MAX)
        return refuse(why, "The payload is too big");
    *payload = dm_string("");
    payload->bytes = text;
    return true;
}

static void plan_read(void *instance, struct dm_object *front, void *data, int result,
                      struct dm_bytes text)
{
    struct ask *ask = data;
    const struct dm_value *body = body_of(front, ask, result, text);
    struct dm_member plan[] = {
        {dm_str("cron"), dm_null()},
        {dm_str("at"), dm_undefined()},
        {dm_str("inbox"), dm_undefined()},
        {dm_str("payload"), dm_undefined()},
        {dm_str("attemptsMax"), dm_undefined()},
    };
    struct dm_value arguments[] = {dm_string(ask->job), dm_record(plan, 5)};
    int64_t at, attempts_max;
    char why[WHY_SIZE];
    (void)instance;

    if (body == NULL)
        return;
    if (!first_time(body, dm->now_ms(front), &at, why) || !inbox_of(body, &plan[2].value, why) ||
        !payload_of(front, body, &plan[3].value, why) ||
        !integer(dm_get(body, "attemptsMax"), "attemptsMax", 1, ATTEMPTS_MAX, ATTEMPTS_DEFAULT,
                 &attempts_max, why)) {
        web_settle(front, ask->event, web_error(ask->event, 400, why));
        return;
    }
    if (dm_get(body, "cron") != NULL)
        plan[0].value = *dm_get(body, "cron");
    plan[1].value = dm_number((double)at);
    plan[4].value = dm_number((double)attempts_max);
    web_settle(
        front, ask->event,
        web_call(front, "Scheduler", ask->name, "plan", arguments, 2, web_pass_on, ask->event));
}

static int serve_job(struct dm_object *front, struct ask *ask)
{
    struct dm_value job = dm_string(ask->job);

    if (is(ask, "GET"))
        return web_call(front, "Scheduler", ask->name, "job", &job, 1, found, ask->event);
    if (is(ask, "DELETE"))
        return web_call(front, "Scheduler", ask->name, "cancel", &job, 1, cancelled, ask->event);
    if (is(ask, "PUT"))
        return read_body(ask, plan_read);
    return web_not_allowed(ask->event, NULL);
}

static int serve_schedule(struct dm_object *front, struct ask *ask, struct dm_bytes path)
{
    struct dm_bytes job;
    struct dm_value wanted = dm_null();

    if (!web_take_word(&path, NAME_CHARACTERS, ask->name, sizeof ask->name))
        return web_error(ask->event, 404, "Not found");
    if (web_take(&path, "/jobs/")) {
        if (!web_take_word(&path, NAME_CHARACTERS, ask->job, sizeof ask->job) || path.len > 0)
            return web_error(ask->event, 404, "Not found");
        return serve_job(front, ask);
    }
    if (path.len > 0 && !dm_is(path, "/history"))
        return web_error(ask->event, 404, "Not found");
    if (!is(ask, "GET"))
        return web_not_allowed(ask->event, NULL);
    if (path.len == 0)
        return web_call(front, "Scheduler", ask->name, "list", NULL, 0, web_pass_on, ask->event);
    job = dm->query(front, ask->request->url, "job");
    if (job.data != NULL) {
        wanted = dm_string("");
        wanted.bytes = job;
    }
    return web_call(front, "Scheduler", ask->name, "history", &wanted, 1, web_pass_on, ask->event);
}

/* ---- inboxes ---- */

static void failing(void *instance, struct dm_object *front, void *data,
                    const struct dm_reply *reply)
{
    struct dm_response done = {.status = 204};
    struct dm_event *event = data;
    (void)instance;

    if (reply->error != NULL)
        web_failed(event, reply);
    else
        web_settle(front, event, dm->respond(event, &done));
}

static void times_read(void *instance, struct dm_object *front, void *data, int result,
                       struct dm_bytes text)
{
    struct ask *ask = data;
    const struct dm_value *body = body_of(front, ask, result, text);
    struct dm_value argument;
    char why[WHY_SIZE];
    int64_t times;
    int r;
    (void)instance;

    if (body == NULL)
        return;
    if (integer(dm_get(body, "times"), "times", 0, 1000, -1, &times, why)) {
        argument = dm_number((double)times);
        r = web_call(front, "Inbox", ask->name, "fail", &argument, 1, failing, ask->event);
    } else {
        r = web_error(ask->event, 400, why);
    }
    web_settle(front, ask->event, r);
}

static int serve_inbox(struct dm_object *front, struct ask *ask, struct dm_bytes path)
{
    bool fails;

    if (!web_take_word(&path, NAME_CHARACTERS, ask->name, sizeof ask->name))
        return web_error(ask->event, 404, "Not found");
    fails = web_take(&path, "/fail");
    if (path.len > 0)
        return web_error(ask->event, 404, "Not found");
    if (!fails && is(ask, "GET"))
        return web_call(front, "Inbox", ask->name, "look", NULL, 0, web_pass_on, ask->event);
    return fails && is(ask, "POST") ? read_body(ask, times_read)
                                    : web_not_allowed(ask->event, NULL);
}

/* ---- cron ---- */

/* A number in the query; false if it is there and is none. */
static bool query_integer(struct dm_object *front, const char *url, const char *name, int64_t least,
                          int64_t most, int64_t *out, char why[WHY_SIZE])
{
    struct dm_bytes text = dm->query(front, url, name);
    struct dm_value number;
    char *end;

    if (text.data == NULL)
        return true;
    number = dm_number(strtod(text.data, &end));
    if (end == text.data || *end != '\0')
        number = dm_null();
    return integer(&number, name, least, most, -1, out, why);
}

static int serve_cron(struct dm_object *front, struct ask *ask)
{
    const char *url = ask->request->url;
    struct dm_bytes expression = dm->query(front, url, "expression");
    struct dm_value times[TIMES_MAX];
    struct dm_member member = {dm_str("times"), dm_undefined()};
    struct dm_value answer = dm_record(&member, 1);
    int64_t at = dm->now_ms(front);
    int64_t count = 5;
    size_t found_count = 0;
    struct cron cron;
    char why[WHY_SIZE];

    if (!cron_parse(&cron, expression.data != NULL ? expression.data : "", why, sizeof why) ||
        !query_integer(front, url, "count", 1, TIMES_MAX, &count, why) ||
        !query_integer(front, url, "after", 0, TIME_MAX, &at, why))
        return web_error(ask->event, 400, why);
    while (found_count < (size_t)count && (at = cron_next(&cron, at)) >= 0)
        times[found_count++] = dm_date((double)at);
    member.value = dm_array(times, found_count);
    return dm->respond_json(ask->event, NULL, &answer);
}

/* ---- the front ---- */

static int fetch(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request)
{
    struct dm_bytes path = dm_path(request->url);
    struct ask *ask = dm->alloc(event, sizeof *ask);
    (void)instance;

    ask->event = event;
    ask->request = request;
    if (web_take(&path, "/api/schedules/"))
        return serve_schedule(front, ask, path);
    if (web_take(&path, "/api/inboxes/"))
        return serve_inbox(front, ask, path);
    if (dm_is(path, "/api/cron"))
        return serve_cron(front, ask);
    return web_error(event, 404, "Not found");
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = fetch};

int dm_library_init(const struct dm_api *api, uint32_t version, struct dm_library *library)
{
    dm = api;
    if (version < DM_VERSION || dm->register_class(library, &scheduler_class) < 0 ||
        dm->register_class(library, &inbox_class) < 0)
        return DM_ERROR;
    return dm->register_front(library, &front);
}
