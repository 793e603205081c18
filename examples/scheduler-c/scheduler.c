/*
 * A scheduler: many jobs on the one alarm of an object
 *
 * Jobs are rows, each with the time at which it is next due; the alarm is set to the first of them,
 * always in the same turn as the row, so that there is no moment at which a job is known and
 * nothing will wake us for it.
 *
 * A job is run at least once. Its row is moved on only after the delivery was acknowledged: when
 * the object dies in between, the alarm comes again and the same run is delivered again, under
 * the same id. The id is made of the job, its revision and the time for which it was planned.
 *
 * What fails is tried again after BACKOFF_MS, twice that, four times that…, each with up to 30 %
 * jitter, until attemptsMax. What a cron job missed while nothing was running is run once, not once
 * for each time.
 *
 *     plan(name, {cron, at, inbox, payload, attemptsMax})   cancel(name)   job(name)
 *     list()   history(job or null)
 */

#include "scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#include "cron.h"

#define CONCURRENCY    10
#define BACKOFF_MS_MAX (10 * 60 * 1000)
#define JITTER         0.3
#define ERROR_SIZE     500
/* If the alarm's handler dies with the machine, somebody must come back. */
#define WATCHDOG_MS 60000

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, revision INTEGER NOT NULL, cron TEXT,"
    "  at INTEGER NOT NULL, inbox TEXT NOT NULL, payload TEXT NOT NULL,"
    "  attemptsMax INTEGER NOT NULL, state TEXT NOT NULL, plannedAt INTEGER NOT NULL,"
    "  dueAt INTEGER, attempts INTEGER NOT NULL, error TEXT) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS jobsByTime ON jobs (dueAt) WHERE dueAt IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY AUTOINCREMENT, runId TEXT NOT NULL,"
    "  job TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL, ok INTEGER NOT NULL,"
    "  error TEXT);"
    "CREATE INDEX IF NOT EXISTS runsByJob ON runs (job, id);"
    "CREATE TABLE IF NOT EXISTS revisions (one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  last INTEGER NOT NULL)";

#define JOB_JSON                                                                                   \
    "json_object('name', name, 'state', state, 'cron', cron, 'inbox', inbox, 'payload',"           \
    " json(payload), 'plannedAt', plannedAt, 'dueAt', dueAt, 'attempts', attempts, 'attemptsMax'," \
    " attemptsMax, 'error', error)"

static int construct(struct dm_object *object, void **instance)
{
    *instance = NULL;
    return dm->sql_exec(object, schema, NULL, 0);
}

static int arm(struct dm_object *object)
{
    int64_t first;
    int r = sql_first_integer(
        object, &first, "SELECT dueAt FROM jobs WHERE dueAt IS NOT NULL ORDER BY dueAt LIMIT 1",
        NULL, 0);

    if (r == DM_NONE)
        return dm->delete_alarm(object);
    return r == 0 ? dm->set_alarm(object, first) : r;
}

/* ---- plans ---- */

/* The job, or null. */
static int show(struct dm_object *object, struct dm_event *event, struct dm_bytes name)
{
    struct dm_value job;
    int r = sql_json_list(object, event, &job, "SELECT " JOB_JSON " FROM jobs WHERE name = ?",
                          DM_VALUES(dm_text(name)));

    if (r != 0)
        return r;
    job = job.array.count > 0 ? job.array.items[0] : dm_null();
    return dm->answer(event, &job);
}

static struct dm_sql_value text_of(const struct dm_value *value)
{
    return value != NULL && value->type == DM_STRING ? dm_text(value->bytes) : dm_sql_null();
}

static int plan(struct dm_object *object, struct dm_event *event, struct dm_bytes name,
                const struct dm_value *wanted)
{
    int64_t at, attempts_max, revision;
    int r;

    if (!web_integer(dm_get(wanted, "at"), 0, INT64_C(1) << 53, &at) ||
        !web_integer(dm_get(wanted, "attemptsMax"), 1, INT32_MAX, &attempts_max))
        return dm->error(object, "A plan has at and attemptsMax");
    /* Never reused, so that a job that was deleted and made again is a different one. */
    r = sql_first_integer(object, &revision,
                          "INSERT INTO revisions VALUES (1, 1) ON CONFLICT (one) "
                          "DO UPDATE SET last = last + 1 RETURNING last",
                          NULL, 0);
    if (r == 0)
        r = dm->sql_exec(
            object,
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, 0, NULL)",
            DM_VALUES(dm_text(name), dm_integer(revision), text_of(dm_get(wanted, "cron")),
                      dm_integer(at), text_of(dm_get(wanted, "inbox")),
                      text_of(dm_get(wanted, "payload")), dm_integer(attempts_max), dm_integer(at),
                      dm_integer(at)));
    if (r == 0)
        r = arm(object);
    return r == 0 ? show(object, event, name) : r;
}

static int cancel(struct dm_object *object, struct dm_event *event, struct dm_bytes name)
{
    struct dm_value answer;
    int64_t revision;
    int found =
        sql_first_integer(object, &revision, "DELETE FROM jobs WHERE name = ? RETURNING revision",
                          DM_VALUES(dm_text(name)));
    int r = found < 0 ? found : arm(object);

    answer = dm_boolean(found == 0);
    return r == 0 ? dm->answer(event, &answer) : r;
}

/* {name: [the rows]} */
static int answer_list(struct dm_object *object, struct dm_event *event, const char *name,
                       const char *sql, const struct dm_sql_value *values, size_t count)
{
    struct dm_member list = {dm_str(name), dm_undefined()};
    struct dm_value answer = dm_record(&list, 1);
    int r = sql_json_list(object, event, &list.value, sql, values, count);

    return r == 0 ? dm->answer(event, &answer) : r;
}

static int history(struct dm_object *object, struct dm_event *event, const struct dm_value *job)
{
    return answer_list(
        object, event, "runs",
        "SELECT json_object('id', id, 'runId', runId, 'job', job, 'attempt', attempt,"
        " 'at', at, 'ok', json(iif(ok, 'true', 'false')), 'error', error)"
        " FROM runs WHERE ?1 IS NULL OR job = ?1 ORDER BY id DESC LIMIT 100",
        DM_VALUES(text_of(job)));
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    bool named = count > 0 && arguments[0].type == DM_STRING;
    (void)instance;

    if (strcmp(method, "list") == 0)
        return answer_list(object, event, "jobs",
                           "SELECT " JOB_JSON " FROM jobs ORDER BY dueAt IS NULL, dueAt, name",
                           NULL, 0);
    if (strcmp(method, "history") == 0)
        return history(object, event, count > 0 ? &arguments[0] : NULL);
    if (strcmp(method, "plan") == 0 && named && count == 2)
        return plan(object, event, arguments[0].bytes, &arguments[1]);
    if (strcmp(method, "cancel") == 0 && named)
        return cancel(object, event, arguments[0].bytes);
    if (strcmp(method, "job") == 0 && named)
        return show(object, event, arguments[0].bytes);
    return dm->unknown_method(event);
}

/* ---- runs ---- */

struct run {
    struct batch *batch;
    char name[NAME_SIZE];
    char inbox[NAME_SIZE];
    char cron[CRON_LENGTH_MAX + 1]; /* "": once */
    char run_id[NAME_SIZE + 48];
    struct dm_bytes payload;
    int64_t revision, planned_at, attempt, attempts_max;
};

/* What one alarm runs. Lives as long as its event. */
struct batch {
    struct dm_event *event;
    size_t count;
    size_t left;
    bool failed; /* something of ours, not a delivery */
    struct run runs[CONCURRENCY];
};

static int64_t backoff(int64_t base, int64_t attempt)
{
    double wait = (double)base;

    for (int64_t i = 1; i < attempt && wait < BACKOFF_MS_MAX; i++)
        wait *= 2;
    if (wait > BACKOFF_MS_MAX)
        wait = BACKOFF_MS_MAX;
    return (int64_t)(wait * (1 + JITTER * (double)random() / (double)RAND_MAX) + 0.5);
}

/* due_at -1: never. The job may have been changed or cancelled while it ran: the revision tells,
 * and then it is left alone. */
static int update(struct dm_object *object, const struct run *run, const char *state,
                  int64_t planned_at, int64_t due_at, int64_t attempts, struct dm_sql_value error)
{
    return dm->sql_exec(object,
                        "UPDATE jobs SET state = ?, plannedAt = ?, dueAt = ?, attempts = ?,"
                        " error = ? WHERE name = ? AND revision = ?",
                        DM_VALUES(dm_text(dm_str(state)), dm_integer(planned_at),
                                  due_at < 0 ? dm_sql_null() : dm_integer(due_at),
                                  dm_integer(attempts), error, dm_text(dm_str(run->name)),
                                  dm_integer(run->revision)));
}

/* The next time of a cron job; -1: none. */
static int64_t next_time(const struct run *run, int64_t now)
{
    struct cron cron;
    char why[100];

    if (run->cron[0] == '\0' || !cron_parse(&cron, run->cron, why, sizeof why))
        return -1;
    return cron_next(&cron, now > run->planned_at ? now : run->planned_at);
}

/* The run and what follows from it, in one turn: both or neither. */
static int finish(struct dm_object *object, const struct run *run, const char *words)
{
    struct dm_sql_value error = words != NULL ? dm_text(dm_str(words)) : dm_sql_null();
    int64_t now = dm->now_ms(object);
    int64_t next = next_time(run, now);
    int64_t backoff_ms, history_max;
    int r = web_variable(object, "BACKOFF_MS", &backoff_ms);

    if (r == 0)
        r = web_variable(object, "HISTORY_MAX", &history_max);
    if (r == 0)
        r = dm->sql_exec(
            object,
            "INSERT INTO runs (runId, job, attempt, at, ok, error) VALUES (?, ?, ?, ?, ?, ?)",
            DM_VALUES(dm_text(dm_str(run->run_id)), dm_text(dm_str(run->name)),
                      dm_integer(run->attempt), dm_integer(now), dm_integer(words == NULL), error));
    if (r == 0)
        r = dm->sql_exec(object, "DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?",
                         DM_VALUES(dm_integer(history_max)));
    if (r != 0)
        return r;
    if (words != NULL && run->attempt < run->attempts_max)
        return update(object, run, "waiting", run->planned_at,
                      now + backoff(backoff_ms, run->attempt), run->attempt, error);
    if (next >= 0)
        return update(object, run, "waiting", next, next, 0, error);
    return update(object, run, words == NULL ? "done" : "failed", run->planned_at, -1, run->attempt,
                  error);
}

/* If there were more, the alarm comes again at once, and requests get a turn in between. */
static void batch_end(struct dm_object *object, struct batch *batch)
{
    if (batch->failed)
        dm->fail(batch->event, dm->why(object));
    else if (arm(object) < 0)
        web_settle(object, batch->event, DM_ERROR);
    else
        dm->done(batch->event);
}

static void delivered(void *instance, struct dm_object *object, void *data,
                      const struct dm_reply *reply)
{
    struct run *run = data;
    struct batch *batch = run->batch;
    char words[ERROR_SIZE];
    (void)instance;

    if (reply->error != NULL)
        snprintf(words, sizeof words, "%s", reply->error);
    if (finish(object, run, reply->error != NULL ? words : NULL) < 0)
        batch->failed = true;
    if (--batch->left == 0)
        batch_end(object, batch);
}

static int deliver(struct dm_object *object, struct run *run)
{
    struct dm_member members[] = {
        {dm_str("runId"), dm_string(run->run_id)},
        {dm_str("job"), dm_string(run->name)},
        {dm_str("payload"), dm_string("")},
        {dm_str("attempt"), dm_number((double)run->attempt)},
    };
    struct dm_value delivery = dm_record(members, sizeof members / sizeof *members);

    members[2].value.bytes = run->payload;
    return web_call(object, "Inbox", run->inbox, "deliver", &delivery, 1, delivered, run);
}

static void run_read(struct dm_rows *rows, struct batch *batch)
{
    struct run *run = &batch->runs[batch->count++];
    const char *payload = dm->sql_text(rows, 4);
    size_t len = strlen(payload);
    char *copy = dm->alloc(batch->event, len + 1);

    run->batch = batch;
    snprintf(run->name, sizeof run->name, "%s", dm->sql_text(rows, 0));
    run->revision = dm->sql_integer(rows, 1);
    snprintf(run->cron, sizeof run->cron, "%s", dm->sql_text(rows, 2));
    snprintf(run->inbox, sizeof run->inbox, "%s", dm->sql_text(rows, 3));
    memcpy(copy, payload, len);
    run->payload = dm_bytes(copy, len);
    run->attempts_max = dm->sql_integer(rows, 5);
    run->planned_at = dm->sql_integer(rows, 6);
    run->attempt = dm->sql_integer(rows, 7) + 1;
    snprintf(run->run_id, sizeof run->run_id, "%s/%lld/%lld", dm->sql_text(rows, 0),
             (long long)run->revision, (long long)run->planned_at);
}

static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    struct batch *batch = dm->alloc(event, sizeof *batch);
    int64_t now = dm->now_ms(object);
    struct dm_rows *rows;
    int r = dm->set_alarm(object, now + WATCHDOG_MS);
    (void)instance, (void)scheduled_ms, (void)retry_count;

    batch->event = event;
    if (r == 0)
        r = dm->sql_query(object, &rows,
                          "SELECT name, revision, cron, inbox, payload, attemptsMax, plannedAt,"
                          " attempts FROM jobs WHERE dueAt <= ? ORDER BY dueAt LIMIT ?",
                          DM_VALUES(dm_integer(now), dm_integer(CONCURRENCY)));
    while (r == 0 && (r = dm->sql_step(rows)) == 0)
        run_read(rows, batch);
    if (r < 0)
        return r;
    for (size_t i = 0; i < batch->count && !batch->failed; i++) {
        batch->failed = deliver(object, &batch->runs[i]) < 0;
        if (!batch->failed)
            batch->left++;
    }
    if (batch->left > 0)
        return DM_LATER; /* also when one has failed: others hold the batch */
    return batch->failed ? DM_ERROR : arm(object);
}

const struct dm_class scheduler_class = {
    .size = sizeof(struct dm_class),
    .name = "Scheduler",
    .construct = construct,
    .call = call,
    .alarm = alarm,
};
