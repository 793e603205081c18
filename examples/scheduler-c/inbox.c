/*
 * Where jobs deliver: a receiver that can take the same thing twice
 *
 * At least once is all that a scheduler can promise: when the answer to a delivery is lost, it must
 * deliver again. The receiver makes it once, by the run's id, in the same transaction as whatever
 * the delivery does. Replace what deliver() does with your own work, and keep the key.
 *
 *     deliver({runId, job, payload, attempt})   look()   fail(times)
 */

#include "scheduler.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS deliveries ("
    "  runId TEXT PRIMARY KEY, job TEXT NOT NULL, payload TEXT NOT NULL,"
    "  attempt INTEGER NOT NULL, at INTEGER NOT NULL, copies INTEGER NOT NULL DEFAULT 1);"
    "CREATE TABLE IF NOT EXISTS refusals (one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  times INTEGER NOT NULL)";

static int construct(struct dm_object *object, void **instance)
{
    *instance = NULL;
    return dm->sql_exec(object, schema, NULL, 0);
}

static struct dm_sql_value text_at(const struct dm_value *delivery, const char *name)
{
    const struct dm_value *value = dm_get(delivery, name);

    return value != NULL && value->type == DM_STRING ? dm_text(value->bytes) : dm_sql_null();
}

static int deliver(struct dm_object *object, struct dm_event *event,
                   const struct dm_value *delivery)
{
    int64_t attempt, left;
    int r = sql_first_integer(object, &left,
                              "UPDATE refusals SET times = times - 1 WHERE times > 0 "
                              "RETURNING times",
                              NULL, 0);

    if (r == 0)
        return dm->fail(event, "The inbox refuses");
    if (!web_integer(dm_get(delivery, "attempt"), 1, INT32_MAX, &attempt))
        return dm->error(object, "A delivery has an attempt");
    if (r == DM_NONE)
        r = dm->sql_exec(object,
                         "INSERT INTO deliveries (runId, job, payload, attempt, at) "
                         "VALUES (?, ?, ?, ?, ?) "
                         "ON CONFLICT (runId) DO UPDATE SET copies = copies + 1",
                         DM_VALUES(text_at(delivery, "runId"), text_at(delivery, "job"),
                                   text_at(delivery, "payload"), dm_integer(attempt),
                                   dm_integer(dm->now_ms(object))));
    return r == 0 ? dm->answer(event, NULL) : r;
}

static int look(struct dm_object *object, struct dm_event *event)
{
    struct dm_member deliveries = {dm_str("deliveries"), dm_undefined()};
    struct dm_value seen = dm_record(&deliveries, 1);
    int r = sql_json_list(object, event, &deliveries.value,
                          "SELECT json_object('runId', runId, 'job', job, 'payload', json(payload),"
                          " 'attempt', attempt, 'at', at, 'copies', copies)"
                          " FROM deliveries ORDER BY at, runId",
                          NULL, 0);

    return r == 0 ? dm->answer(event, &seen) : r;
}

static int refuse(struct dm_object *object, struct dm_event *event, const struct dm_value *times)
{
    int64_t count;
    int r;

    if (!web_integer(times, 0, INT32_MAX, &count))
        return dm->error(object, "fail() takes a number of times");
    r = dm->sql_exec(object, "INSERT OR REPLACE INTO refusals VALUES (1, ?)",
                     DM_VALUES(dm_integer(count)));
    return r == 0 ? dm->answer(event, NULL) : r;
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    (void)instance;
    if (strcmp(method, "deliver") == 0 && count == 1)
        return deliver(object, event, &arguments[0]);
    if (strcmp(method, "fail") == 0 && count == 1)
        return refuse(object, event, &arguments[0]);
    if (strcmp(method, "look") == 0)
        return look(object, event);
    return dm->unknown_method(event);
}

const struct dm_class inbox_class = {
    .size = sizeof(struct dm_class),
    .name = "Inbox",
    .construct = construct,
    .call = call,
};
