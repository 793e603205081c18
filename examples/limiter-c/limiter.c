/*
 * The window of one name
 *
 * A sliding log: the time of every request that was let through is kept until the window has moved
 * past it. That is exact, where a counter per calendar window lets twice the limit through around a
 * boundary, and it is small, because refused requests leave nothing: at most LIMIT rows per name.
 *
 * The log is in SQLite and not in the instance. An object leaves memory whenever it is idle, and a
 * limit that is forgotten then is no limit. When the window has moved past everything, the alarm
 * deletes it all, so that a name that was seen once costs nothing for ever after.
 */

#include "limiter.h"

#include <stdlib.h>

struct limiter {
    int64_t limit;
    int64_t window_ms;
};

struct taken {
    int64_t count;
    int64_t oldest, newest; /* 0: none */
};

static int construct(struct dm_object *object, void **instance)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    int r;

    if (limiter == NULL)
        return dm->error(object, "Out of memory.");
    *instance = limiter;
    r = web_variable(object, "LIMIT", &limiter->limit);
    return r < 0 ? r : web_variable(object, "WINDOW_MS", &limiter->window_ms);
}

static int look(struct dm_object *object, struct taken *taken)
{
    struct dm_rows *rows;
    int r = sql_first(object, &rows, "SELECT count(*), min(at), max(at) FROM taken", NULL, 0);

    if (r != 0)
        return r;
    taken->count = dm->sql_integer(rows, 0);
    taken->oldest = dm->sql_integer(rows, 1);
    taken->newest = dm->sql_integer(rows, 2);
    dm->sql_close(rows);
    return 0;
}

/* Forget what the window has moved past. The time never goes back: a clock that is set back must
 * not lengthen the wait of everybody. */
static int slide(struct limiter *limiter, struct dm_object *object, int64_t *now)
{
    struct taken taken;
    /* Not in construct(): delete_all() takes the table away while the object lives on. */
    int r = dm->sql_exec(object, "CREATE TABLE IF NOT EXISTS taken (at INTEGER NOT NULL)", NULL, 0);

    if (r == 0)
        r = look(object, &taken);
    if (r != 0)
        return r;
    *now = dm->now_ms(object);
    if (*now < taken.newest)
        *now = taken.newest;
    return dm->sql_exec(object, "DELETE FROM taken WHERE at <= ?",
                        DM_VALUES(dm_integer(*now - limiter->window_ms)));
}

static int take(struct limiter *limiter, struct dm_object *object, int64_t now)
{
    int64_t alarm;
    int r = dm->sql_exec(object, "INSERT INTO taken (at) VALUES (?)", DM_VALUES(dm_integer(now)));

    if (r == 0)
        r = dm->alarm(object, &alarm);
    /* Once per window, not once per request. */
    return r == DM_NONE ? dm->set_alarm(object, now + limiter->window_ms) : r;
}

static int answer(struct limiter *limiter, struct dm_event *event, const struct taken *taken,
                  int64_t now, bool allowed)
{
    bool more = taken->count < limiter->limit;
    struct dm_member members[] = {
        {dm_str("allowed"), dm_boolean(allowed)},
        {dm_str("limit"), dm_number((double)limiter->limit)},
        {dm_str("remaining"), dm_number(more ? (double)(limiter->limit - taken->count) : 0)},
        /* How long until the next request will be let through; 0 if it would be now. */
        {dm_str("retryMs"),
         dm_number(more || taken->count == 0 ? 0
                                             : (double)(taken->oldest + limiter->window_ms - now))},
    };
    struct dm_value decision = dm_record(members, sizeof members / sizeof *members);

    return dm->answer(event, &decision);
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    struct limiter *limiter = instance;
    bool takes = strcmp(method, "take") == 0;
    struct taken taken;
    int64_t now;
    bool allowed;
    int r;
    (void)arguments, (void)count;

    if (!takes && strcmp(method, "peek") != 0)
        return dm->unknown_method(event);
    r = slide(limiter, object, &now);
    if (r == 0)
        r = look(object, &taken);
    if (r != 0)
        return r;
    allowed = taken.count < limiter->limit;
    if (takes && allowed) {
        r = take(limiter, object, now);
        if (r == 0)
            r = look(object, &taken);
        if (r != 0)
            return r;
    }
    return answer(limiter, event, &taken, now, allowed);
}

static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    struct limiter *limiter = instance;
    struct taken taken;
    int64_t now;
    int r = slide(limiter, object, &now);
    (void)event, (void)scheduled_ms, (void)retry_count;

    if (r == 0)
        r = look(object, &taken);
    if (r != 0)
        return r;
    if (taken.count == 0)
        return dm->delete_all(object);
    return dm->set_alarm(object, taken.newest + limiter->window_ms);
}

const struct dm_class limiter_class = {
    .size = sizeof(struct dm_class),
    .name = "Limiter",
    .construct = construct,
    .destroy = free,
    .call = call,
    .alarm = alarm,
};
