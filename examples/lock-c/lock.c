/*
 * A lock: a lease with a fencing token, and a queue
 *
 * Whoever acquires the lock has it for a while, the lease, and loses it when the lease is neither
 * renewed nor released: a holder that died blocks nobody for ever. The price is that a holder that
 * was merely asleep may believe that it still has the lock. Hence the fencing token, a number that
 * rises with every grant and never comes twice: what the lock protects keeps the highest token it
 * has seen and refuses lower ones. The counter survives everything; it is why this object never
 * deletes itself.
 *
 * Owners name themselves, uniquely. Asking again under the same name is how one repeats a request
 * whose answer was lost: it gets the lease it has, or the place in the queue it had.
 *
 * The queue is first come, first served, and is in the database, while the calls that wait are in
 * memory. When the object is lost, the calls are lost with it, and places are kept for those who
 * ask again until their time is up.
 *
 *     acquire(owner, leaseMs, waitMs)   renew(token, leaseMs)   release(token)   status()
 */

#include "lock.h"

#include <stdlib.h>

#define QUEUE_MAX 1000

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS fence (one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  token INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS lease (one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  owner TEXT NOT NULL, token INTEGER NOT NULL, expiresAt INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS waiters (place INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  owner TEXT NOT NULL UNIQUE, leaseMs INTEGER NOT NULL, until INTEGER NOT NULL)";

struct lock {
    struct waiter *waiters; /* newest first */
};

/* A call that waits; lives as long as its event. */
struct waiter {
    struct lock *lock;
    struct waiter *next;
    struct dm_event *event;
    struct dm_timer *timer;
    char owner[OWNER_SIZE];
    bool repeated; /* the owner has asked again: the later one gets the lease */
};

struct lease {
    char owner[OWNER_SIZE];
    int64_t token;
    int64_t expires_at;
};

static int construct(struct dm_object *object, void **instance)
{
    *instance = calloc(1, sizeof(struct lock));
    if (*instance == NULL)
        return dm->error(object, "Out of memory.");
    return dm->sql_exec(object, schema, NULL, 0);
}

/* ---- what it answers ---- */

static int answer_lease(struct dm_event *event, const struct lease *lease)
{
    struct dm_member members[] = {
        {dm_str("ok"), dm_boolean(true)},
        {dm_str("owner"), dm_string(lease->owner)},
        {dm_str("token"), dm_number((double)lease->token)},
        {dm_str("expiresAt"), dm_number((double)lease->expires_at)},
    };
    struct dm_value grant = dm_record(members, sizeof members / sizeof *members);

    return dm->answer(event, &grant);
}

/* expires_at 0: is not said. */
static int answer_refusal(struct dm_event *event, const char *error, int64_t expires_at)
{
    struct dm_member members[] = {
        {dm_str("ok"), dm_boolean(false)},
        {dm_str("error"), dm_string(error)},
        {dm_str("expiresAt"), dm_number((double)expires_at)},
    };
    struct dm_value refusal = dm_record(members, expires_at > 0 ? 3 : 2);

    return dm->answer(event, &refusal);
}

/* ---- the lease ---- */

static void copy_owner(char owner[OWNER_SIZE], struct dm_bytes from)
{
    size_t len = from.len < OWNER_SIZE ? from.len : OWNER_SIZE - 1;

    memcpy(owner, from.data, len);
    owner[len] = '\0';
}

/* DM_NONE: nobody has it. */
static int read_lease(struct dm_object *object, struct lease *lease)
{
    struct dm_rows *rows;
    int r = sql_first(object, &rows, "SELECT owner, token, expiresAt FROM lease", NULL, 0);

    if (r != 0)
        return r;
    copy_owner(lease->owner, dm_str(dm->sql_text(rows, 0)));
    lease->token = dm->sql_integer(rows, 1);
    lease->expires_at = dm->sql_integer(rows, 2);
    dm->sql_close(rows);
    return 0;
}

static int grant(struct dm_object *object, const char *owner, int64_t lease_ms, struct lease *lease)
{
    struct dm_sql_value name = dm_text(dm_str(owner));
    int r = dm->sql_exec(object, "DELETE FROM waiters WHERE owner = ?", DM_VALUES(name));

    copy_owner(lease->owner, dm_str(owner));
    lease->expires_at = dm->now_ms(object) + lease_ms;
    if (r == 0)
        r = sql_first_integer(object, &lease->token,
                              "INSERT INTO fence VALUES (1, 1) ON CONFLICT (one) "
                              "DO UPDATE SET token = token + 1 RETURNING token",
                              NULL, 0);
    if (r == 0)
        r = dm->sql_exec(object, "INSERT INTO lease VALUES (1, ?, ?, ?)",
                         DM_VALUES(name, dm_integer(lease->token), dm_integer(lease->expires_at)));
    return r == 0 ? dm->set_alarm(object, lease->expires_at) : r;
}

/* ---- those who wait ---- */

static struct waiter *waiter_find(struct lock *lock, const char *owner)
{
    struct waiter *waiter = lock->waiters;

    while (waiter != NULL && (waiter->repeated || strcmp(waiter->owner, owner) != 0))
        waiter = waiter->next;
    return waiter;
}

/* Before its event is answered: then it is gone. */
static void waiter_leave(struct waiter *waiter)
{
    struct waiter **at = &waiter->lock->waiters;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
}

/* First in the queue of whom the time is not up. */
static int next_in_queue(struct dm_object *object, char owner[OWNER_SIZE], int64_t *lease_ms)
{
    struct dm_rows *rows;
    int r = sql_first(object, &rows, "SELECT owner, leaseMs FROM waiters ORDER BY place LIMIT 1",
                      NULL, 0);

    if (r != 0)
        return r;
    copy_owner(owner, dm_str(dm->sql_text(rows, 0)));
    *lease_ms = dm->sql_integer(rows, 1);
    dm->sql_close(rows);
    return 0;
}

/* If nobody has a valid lease, the first in the queue gets one. Every entry point calls this first,
 * because an alarm may be late, and a lease that has ended must not count until then. Returns as
 * read_lease() does. */
static int pass_on(struct lock *lock, struct dm_object *object, struct lease *held)
{
    struct dm_sql_value now = dm_integer(dm->now_ms(object));
    struct waiter *waiter;
    char owner[OWNER_SIZE];
    int64_t lease_ms;
    int r = dm->sql_exec(object, "DELETE FROM lease WHERE expiresAt <= ?", DM_VALUES(now));

    if (r == 0)
        r = dm->sql_exec(object, "DELETE FROM waiters WHERE until <= ?", DM_VALUES(now));
    if (r == 0)
        r = read_lease(object, held);
    if (r != DM_NONE)
        return r;
    r = next_in_queue(object, owner, &lease_ms);
    if (r == DM_NONE) {
        r = dm->delete_alarm(object);
        return r < 0 ? r : DM_NONE;
    }
    if (r == 0)
        r = grant(object, owner, lease_ms, held);
    waiter = waiter_find(lock, owner);
    if (r != 0 || waiter == NULL)
        return r;
    dm->timer_cancel(waiter->timer);
    waiter_leave(waiter);
    return answer_lease(waiter->event, held);
}

static void waited_in_vain(void *instance, struct dm_object *object, void *data)
{
    struct waiter *waiter = data;
    struct dm_event *event = waiter->event;
    struct lease held = {.expires_at = 0};
    int r = 0;
    (void)instance;

    waiter_leave(waiter);
    if (waiter->repeated) {
        web_settle(object, event, answer_refusal(event, "The owner has asked again", 0));
        return;
    }
    r = dm->sql_exec(object, "DELETE FROM waiters WHERE owner = ?",
                     DM_VALUES(dm_text(dm_str(waiter->owner))));
    if (r == 0)
        r = read_lease(object, &held);
    if (r >= 0)
        r = answer_refusal(event, "The lock is held", held.expires_at);
    web_settle(object, event, r);
}

static int wait_for_it(struct lock *lock, struct dm_object *object, struct dm_event *event,
                       const char *owner, int64_t lease_ms, int64_t wait_ms)
{
    struct waiter *waiter = dm->alloc(event, sizeof *waiter);
    struct waiter *earlier = waiter_find(lock, owner);
    int64_t length;
    int r = sql_first_integer(object, &length, "SELECT count(*) FROM waiters", NULL, 0);

    if (r == 0 && length >= QUEUE_MAX)
        return answer_refusal(event, "Too many wait for the lock", 0);
    if (r == 0)
        r = dm->sql_exec(object,
                         "INSERT INTO waiters (owner, leaseMs, until) VALUES (?, ?, ?) "
                         "ON CONFLICT (owner) DO UPDATE SET "
                         "leaseMs = excluded.leaseMs, until = excluded.until",
                         DM_VALUES(dm_text(dm_str(owner)), dm_integer(lease_ms),
                                   dm_integer(dm->now_ms(object) + wait_ms)));
    if (r != 0)
        return r;
    /* A timer and not the alarm: it serves a call that is in memory anyway. */
    waiter->timer = dm->timer(object, wait_ms, waited_in_vain, waiter);
    if (waiter->timer == NULL)
        return DM_ERROR;
    if (earlier != NULL)
        earlier->repeated = true;
    waiter->lock = lock;
    waiter->event = event;
    copy_owner(waiter->owner, dm_str(owner));
    waiter->next = lock->waiters;
    lock->waiters = waiter;
    return DM_LATER;
}

/* ---- what can be asked ---- */

static int acquire(struct lock *lock, struct dm_object *object, struct dm_event *event,
                   const struct dm_value *arguments)
{
    char owner[OWNER_SIZE];
    int64_t lease_ms, wait_ms;
    struct lease held;
    int r;

    if (arguments[0].type != DM_STRING || arguments[0].bytes.len >= sizeof owner ||
        !web_integer(&arguments[1], 1, INT32_MAX, &lease_ms) ||
        !web_integer(&arguments[2], 0, INT32_MAX, &wait_ms))
        return dm->error(object, "acquire() takes owner, leaseMs and waitMs");
    copy_owner(owner, arguments[0].bytes);
    r = pass_on(lock, object, &held);
    if (r == DM_NONE)
        r = grant(object, owner, lease_ms, &held);
    if (r != 0)
        return r;
    if (strcmp(held.owner, owner) == 0)
        return answer_lease(event, &held);
    if (wait_ms == 0)
        return answer_refusal(event, "The lock is held", held.expires_at);
    return wait_for_it(lock, object, event, owner, lease_ms, wait_ms);
}

/* The lease that the token stands for; DM_NONE: it has been lost. */
static int held_by(struct lock *lock, struct dm_object *object, const struct dm_value *token,
                   struct lease *held)
{
    int r = pass_on(lock, object, held);

    return r == 0 && !(token->type == DM_NUMBER && token->number == (double)held->token) ? DM_NONE
                                                                                         : r;
}

static int renew(struct lock *lock, struct dm_object *object, struct dm_event *event,
                 const struct dm_value *arguments)
{
    struct lease held;
    int64_t lease_ms;
    int r;

    if (!web_integer(&arguments[1], 1, INT32_MAX, &lease_ms))
        return dm->error(object, "renew() takes a token and leaseMs");
    r = held_by(lock, object, &arguments[0], &held);
    if (r == DM_NONE)
        return answer_refusal(event, "The lease has been lost", 0);
    held.expires_at = dm->now_ms(object) + lease_ms;
    if (r == 0)
        r = dm->sql_exec(object, "UPDATE lease SET expiresAt = ?",
                         DM_VALUES(dm_integer(held.expires_at)));
    if (r == 0)
        r = dm->set_alarm(object, held.expires_at);
    return r == 0 ? answer_lease(event, &held) : r;
}

static int release(struct lock *lock, struct dm_object *object, struct dm_event *event,
                   const struct dm_value *arguments)
{
    struct dm_member ok = {dm_str("ok"), dm_boolean(true)};
    struct dm_value released = dm_record(&ok, 1);
    struct lease held;
    int r = held_by(lock, object, &arguments[0], &held);

    if (r == DM_NONE)
        return answer_refusal(event, "The lease has been lost", 0);
    if (r == 0)
        r = dm->sql_exec(object, "DELETE FROM lease", NULL, 0);
    if (r == 0)
        r = pass_on(lock, object, &held);
    return r < 0 ? r : dm->answer(event, &released);
}

static int status(struct lock *lock, struct dm_object *object, struct dm_event *event)
{
    struct lease held;
    struct dm_member holder[] = {
        {dm_str("owner"), dm_string("")},
        {dm_str("token"), dm_number(0)},
        {dm_str("expiresAt"), dm_number(0)},
    };
    struct dm_member members[] = {
        {dm_str("holder"), dm_null()},
        {dm_str("waiting"), dm_undefined()},
    };
    struct dm_value whole = dm_record(members, 2);
    int r = pass_on(lock, object, &held);

    if (r == 0) {
        holder[0].value = dm_string(held.owner);
        holder[1].value = dm_number((double)held.token);
        holder[2].value = dm_number((double)held.expires_at);
        members[0].value = dm_record(holder, 3);
    }
    if (r >= 0)
        r = sql_json_list(object, event, &members[1].value,
                          "SELECT json_quote(owner) FROM waiters ORDER BY place", NULL, 0);
    return r < 0 ? r : dm->answer(event, &whole);
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    struct lock *lock = instance;

    if (strcmp(method, "acquire") == 0 && count == 3)
        return acquire(lock, object, event, arguments);
    if (strcmp(method, "renew") == 0 && count == 2)
        return renew(lock, object, event, arguments);
    if (strcmp(method, "release") == 0 && count == 1)
        return release(lock, object, event, arguments);
    if (strcmp(method, "status") == 0)
        return status(lock, object, event);
    return dm->unknown_method(event);
}

static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    struct lease held;
    int r = pass_on(instance, object, &held);
    (void)event, (void)scheduled_ms, (void)retry_count;

    /* Early, or renewed meanwhile: come back when the lease ends. */
    if (r == 0)
        r = dm->set_alarm(object, held.expires_at);
    return r < 0 ? r : 0;
}

const struct dm_class lock_class = {
    .size = sizeof(struct dm_class),
    .name = "Lock",
    .construct = construct,
    .destroy = free,
    .call = call,
    .alarm = alarm,
};
