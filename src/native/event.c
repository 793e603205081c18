/* Answers that are no response, and the words of errors. */

#include <stdio.h>

#include "actor/failure.h"
#include "actor/namespace.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/log.h"
#include "native/host.h"
#include "native/value.h"

static int unanswered(struct dm_event *event)
{
    return event->answered ? host_error(event->host, "The event has been answered.") : 0;
}

int native_answer(struct dm_event *event, const struct dm_value *value)
{
    struct event_result result = {0};
    struct buf bytes = {0};
    int r = unanswered(event);

    if (r == 0 && event->kind != EVENT_CALL)
        r = host_error(event->host, "The event is no call and wants another answer.");
    if (r == 0 && value_write(&bytes, value, LIMIT_CALL_BYTES, &event->host->why) != 0)
        r = DM_ERROR;
    if (r < 0) {
        buf_fini(&bytes);
        return r;
    }
    result.value = blob_take_buf(&bytes);
    event_answer(event, &result);
    return 0;
}

int native_done(struct dm_event *event)
{
    struct event_result result = {0};
    int r = unanswered(event);

    if (r == 0 && event->kind != EVENT_ALARM)
        r = host_error(event->host, "The event is no alarm and wants another answer.");
    if (r == 0)
        event_answer(event, &result);
    return r;
}

int native_fail(struct dm_event *event, const char *message)
{
    struct event_result result = {0};
    int r = unanswered(event);

    if (r < 0)
        return r;
    result.failure = failure_create("Error", message, NULL, 0);
    event_answer(event, &result);
    return 0;
}

int native_unknown_method(struct dm_event *event)
{
    struct event_result result = {0};
    int r = unanswered(event);

    if (r < 0)
        return r;
    if (event->kind != EVENT_CALL)
        return host_error(event->host, "The event is no call.");
    host_error(event->host, "The RPC receiver does not implement the method \"%s\".",
               event->event->call.method);
    result.failure = failure_create("TypeError", event->host->why.text, NULL, 0);
    event_answer(event, &result);
    return 0;
}

/* ---- words ---- */

const char *native_why(struct dm_object *host)
{
    return host->why.text;
}

int native_error(struct dm_object *host, const char *format, ...)
{
    char text[sizeof host->why.text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args); /* `why` may be among the arguments */
    va_end(args);
    return host_error(host, "%s", text);
}

int native_abort(struct dm_object *host, const char *message)
{
    struct failure *failure;
    int r;

    if (!host_usable(host, &r))
        return r;
    failure = failure_create("Error", message, NULL, FAILURE_RESET);
    object_abort(host->object, failure);
    failure_unref(failure);
    err_text_set(&host->why, "%s", message);
    return DM_RESET;
}

void native_log(struct dm_object *host, enum dm_log_level level, const char *format, ...)
{
    static const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
    enum log_level at = (unsigned)level < 4 ? levels[level] : LOG_INFO;
    char text[4096];
    va_list args;

    if (!log_wants(at))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line(at, "%s: %s", host->class != NULL ? host->class->name : "front", text);
}

/* ---- who and when ---- */

int native_id(struct dm_object *host, struct dm_id *id)
{
    if (host->object == NULL)
        return host_error(host, "A front has no id.");
    memcpy(id->bytes, object_id(host->object)->bytes, sizeof id->bytes);
    return 0;
}

const char *native_name(struct dm_object *host)
{
    return host->object != NULL ? object_name(host->object) : NULL;
}

int64_t native_now_ms(struct dm_object *host)
{
    return shard_now_ms(host->home->options.shard);
}
