#include "actor/alarm.h"

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/output_gate.h"
#include "actor/parcel.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_index.h"
#include "store/database.h"

/*
 * One run of an alarm:
 *
 *     index ──due──► event in the mailbox ──admitted──► begin: is the row still this alarm's?
 *                                                         │ yes                      │ no
 *                                                     handler runs                   │
 *                                                         │ finished                 │
 *           end: in the handler's last turn, one commit with its writes:             │
 *           remove the row, unless the handler set another time or is to run again   │
 *                                                         │ through the output gate  │
 *                                                     replied: settle with the index ◄
 *
 * A run that ends with the object broken has had no last turn, and what it wrote in the turn that
 * broke is undone. Then a turn of its own, without an instance, looks at the row and decides.
 *
 * The index hands an alarm out once until it is settled; that is why two never run at once.
 */

enum verdict {
    VERDICT_NONE, /* the handler has not come to its end */
    VERDICT_DONE, /* the row is gone, or is another alarm's */
    VERDICT_AGAIN,
};

struct alarm_run {
    struct alarm alarm; /* its name is owned */
    char *name;
    struct namespace *ns;
    struct shard *shard;
    enum verdict verdict;
    bool outdated;     /* the row was another alarm's at the beginning */
    bool was_set;      /* the handler called setAlarm() or deleteAlarm() */
    int64_t set_ms;    /* with this time */
    struct life *life; /* while the handler runs */
    struct shard_timer limit;
    struct output_gate_wait wait;
    struct failure *failure; /* owned: how it broke its object */
    struct message message;  /* under way from then until decide_after_reset() */
    struct list link;        /* shard->stranded */
};

static void run_free(struct alarm_run *run)
{
    shard_timer_clear(run->shard, &run->limit);
    failure_unref(run->failure);
    mem_free(run->name);
    mem_free(run);
}

static void settle_done(struct alarm_run *run)
{
    alarm_index_finish(run->shard->store, &run->alarm);
    shard_poke(run->shard);
    run_free(run);
}

/* Up to a quarter more, so that what failed together is not tried again together. */
static int64_t jittered(struct shard *shard, int64_t delay_ms)
{
    return delay_ms + (int64_t)rng_below(&shard->rng, (uint64_t)delay_ms / 4 + 1);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}

/* Failures of the author's count, and the time doubles with each. Failures of ours do not, and
 * go on for ever: the time that has passed since the alarm was due doubles by itself. */
static void settle_again(struct alarm_run *run, bool counted)
{
    int64_t now_ms = os_wall_ns(run->shard->group->options.os) / 1000000;
    unsigned count = run->alarm.retry_count;
    int64_t delay_ms;

    if (counted)
        delay_ms = (int64_t)LIMIT_ALARM_RETRY_MS << count;
    else
        delay_ms = now_ms - run->alarm.scheduled_ms;
    delay_ms = clamp(delay_ms, LIMIT_ALARM_RETRY_MS, LIMIT_ALARM_RETRY_MAX_MS);
    alarm_index_retry(run->shard->store, &run->alarm, now_ms + jittered(run->shard, delay_ms),
                      counted ? count + 1 : count);
    shard_poke(run->shard);
    run_free(run);
}

static bool counts(const struct failure *failure)
{
    return (failure->flags & FAILURE_INTERNAL) == 0;
}

static bool gives_up(const struct alarm_run *run, const struct failure *failure)
{
    if ((failure->flags & FAILURE_NO_ALARM_RETRY) != 0)
        return true;
    return counts(failure) && run->alarm.retry_count >= LIMIT_ALARM_RETRIES;
}

/* ---- a run that broke its object ---- */

static void removal_settled(struct output_gate_wait *wait, enum output_gate_verdict verdict)
{
    struct alarm_run *run = container_of(wait, struct alarm_run, wait);

    if (verdict == OUTPUT_GATE_GO)
        settle_done(run);
    else
        settle_again(run, false);
}

static int remove_row_of(struct object *object, const struct alarm_run *run, bool give_up,
                         enum verdict *verdict)
{
    struct database *db;
    int64_t row_ms;
    int r;

    r = object_database(object, &db, NULL);
    if (r == 0)
        r = database_alarm(db, &row_ms, NULL);
    if (r != 0)
        return r;
    *verdict = VERDICT_DONE;
    if (row_ms != run->alarm.scheduled_ms)
        return 0;
    if (!give_up) {
        *verdict = VERDICT_AGAIN;
        return 0;
    }
    return database_set_alarm(db, 0, object->name, NULL);
}

static void decide_after_reset(struct message *message)
{
    struct alarm_run *run = container_of(message, struct alarm_run, message);
    const struct failure *failure = run->failure;
    struct shard *shard = run->shard;
    struct object_id id;
    struct object *object;
    enum verdict verdict = VERDICT_AGAIN;
    bool counted;
    int r;

    if (shard->draining) {
        run_free(run); /* the index still has it: it is due again at the next start */
        return;
    }
    if (shard_class(shard, run->ns) == NULL) {
        settle_again(run, false);
        return;
    }
    counted = counts(failure);
    memcpy(id.bytes, run->alarm.id, sizeof id.bytes);
    object = registry_get_or_create(shard, run->ns, &id);
    turn_begin(object_wake(object), NULL);
    r = remove_row_of(object, run, gives_up(run, failure), &verdict);
    if (r == 0 && verdict == VERDICT_DONE) {
        run->wait.cb = removal_settled;
        object_say(object, &run->wait);
    }
    turn_end(shard);
    if (r != 0)
        settle_again(run, false);
    else if (verdict == VERDICT_AGAIN)
        settle_again(run, counted);
}

static void replied(struct event *event, struct event_result *result)
{
    struct alarm_run *run = event->reply_data;
    struct failure *failure = result->failure;

    shard_timer_clear(run->shard, &run->limit);
    if (failure != NULL &&
        (run->verdict == VERDICT_NONE || (failure->flags & FAILURE_RESET) != 0)) {
        /* Its object is being buried around us. */
        run->failure = failure_ref(failure);
        run->message.run = decide_after_reset;
        shard_post(run->shard, &run->message);
    } else if (run->verdict == VERDICT_AGAIN) {
        settle_again(run, counts(failure));
    } else {
        settle_done(run);
    }
    event_result_fini(result);
}

/* ---- in the turns of the handler ---- */

static void limit_exceeded(struct shard_timer *timer)
{
    struct alarm_run *run = container_of(timer, struct alarm_run, limit);
    struct failure *failure =
        failure_format(FAILURE_OVERLOADED, "Alarm exceeded its allowed execution time");

    object_abort(run->life->object, failure);
    failure_unref(failure);
}

static void abort_with(struct object *object, int r, const struct err_text *why)
{
    struct failure *failure =
        r > 0 ? failure_create("Error", why->text, NULL, 0) : object_internal_failure(object);

    object_abort(object, failure);
    failure_unref(failure);
}

bool alarm_begin(struct life *life, struct parcel *parcel)
{
    struct alarm_run *run = parcel->event.reply_data;
    struct err_text why = {""};
    struct database *db;
    int64_t row_ms = 0;
    int r;

    r = object_database(life->object, &db, &why);
    if (r == 0)
        r = database_alarm(db, &row_ms, &why);
    if (r != 0) {
        abort_with(life->object, -1, NULL);
        return false;
    }
    if (row_ms != run->alarm.scheduled_ms) {
        run->outdated = true;
        return false;
    }
    life->alarm = run;
    run->life = life;
    shard_timer_set(run->shard, &run->limit, LIMIT_ALARM_TIMEOUT_MS);
    return true;
}

int64_t alarm_seen(const struct life *life, int64_t row_ms)
{
    const struct alarm_run *run = life->alarm;

    if (run == NULL || row_ms != run->alarm.scheduled_ms)
        return row_ms;
    /* The row of the running alarm, unless the handler has set the very same time again. */
    return run->was_set && run->set_ms == row_ms ? row_ms : 0;
}

void alarm_was_set(struct life *life, int64_t time_ms)
{
    if (life->alarm == NULL)
        return;
    life->alarm->was_set = true;
    life->alarm->set_ms = time_ms;
}

void alarm_end(struct life *life, struct parcel *parcel, const struct event_result *result)
{
    struct alarm_run *run = parcel->event.reply_data;
    struct object *object = life->object;
    struct err_text why = {""};
    struct database *db;
    int64_t row_ms = 0;
    int r;

    shard_timer_clear(run->shard, &run->limit);
    run->life = NULL;
    run->verdict = VERDICT_DONE;
    if (run->outdated)
        return;
    r = object_database(object, &db, &why);
    if (r == 0)
        r = database_alarm(db, &row_ms, &why);
    if (r == 0 && row_ms == run->alarm.scheduled_ms && alarm_seen(life, row_ms) == 0) {
        if (result->failure != NULL && !gives_up(run, result->failure))
            run->verdict = VERDICT_AGAIN;
        else
            r = database_set_alarm(db, 0, object->name, &why);
    }
    life->alarm = NULL;
    if (r != 0)
        abort_with(object, r, &why);
}

/* ---- from the index ---- */

static void deliver_run(struct alarm_run *run)
{
    struct event *event = event_create(EVENT_ALARM);
    struct object_id id;

    run->shard->counts.alarms++;
    event->alarm.scheduled_ms = run->alarm.scheduled_ms;
    event->alarm.retry_count = run->alarm.retry_count;
    event->reply = replied;
    event->reply_data = run;
    memcpy(id.bytes, run->alarm.id, sizeof id.bytes);
    shard_send(run->shard, run->ns, &id, run->name, event);
}

/* Its class is not part of the program, or not yet: wait for it here as long as there is room, and
 * beyond that ask again now and then. */
static void strand(struct alarm_run *run)
{
    struct shard *shard = run->shard;

    if (shard->stranded_count < LIMIT_ALARMS_STRANDED) {
        list_push_back(&shard->stranded, &run->link);
        shard->stranded_count++;
        return;
    }
    alarm_index_retry(shard->store, &run->alarm, shard->wall_ms + LIMIT_ALARM_RETRY_MAX_MS,
                      run->alarm.retry_count);
    run_free(run);
}

void alarm_class_set(struct shard *shard, struct namespace *ns)
{
    struct list *link;
    struct list *next;

    list_for_each_safe (link, next, &shard->stranded) {
        struct alarm_run *run = container_of(link, struct alarm_run, link);

        if (run->alarm.namespace_number != namespace_number(ns))
            continue;
        list_remove(link);
        shard->stranded_count--;
        run->ns = ns;
        deliver_run(run);
    }
}

void alarm_drop_stranded(struct shard *shard)
{
    struct list *link;

    while ((link = list_pop_front(&shard->stranded)) != NULL)
        run_free(container_of(link, struct alarm_run, link));
    shard->stranded_count = 0;
}

static void due(void *data, const struct alarm *alarm)
{
    struct shard *shard = data;
    struct alarm_run *run = mem_new(struct alarm_run);

    run->alarm = *alarm;
    run->name = mem_strdup(alarm->name);
    run->alarm.name = run->name;
    run->shard = shard;
    run->limit.fire = limit_exceeded;
    list_init(&run->link);
    run->ns = shard_namespace(shard, alarm->namespace_number);
    if (run->ns != NULL)
        deliver_run(run);
    else
        strand(run);
}

int64_t alarm_dispatch(struct shard *shard)
{
    int64_t next_ms;

    if (shard->draining)
        return -1;
    next_ms = alarm_index_next_ms(shard->store);
    if (next_ms <= shard->wall_ms) {
        alarm_index_take(shard->store, shard->wall_ms, LIMIT_ALARMS_PER_TURN, due, shard);
        next_ms = alarm_index_next_ms(shard->store);
    }
    if (next_ms == INT64_MAX)
        return -1;
    return next_ms > shard->wall_ms ? next_ms - shard->wall_ms : 0;
}
