/*
 * What other threads ask of a shard and wait for: a message goes there, and its answer wakes them.
 */

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "actor/failure.h"
#include "actor/object_state.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- resetting an object ---- */

struct reset {
    struct message message;
    struct shard *shard;
    struct object_key key;
    struct failure *failure; /* owned */
    sem_t *done;             /* of who waits */
};

/* A turn of the shard later: the instance is gone, who calls now finds a new one. */
static void reset_done(struct message *message)
{
    struct reset *reset = container_of(message, struct reset, message);

    failure_unref(reset->failure);
    sem_post(reset->done);
    mem_free(reset);
}

static void reset_run(struct message *message)
{
    struct reset *reset = container_of(message, struct reset, message);
    struct object *object =
        map_get(&reset->shard->objects, bytes_of(&reset->key, sizeof reset->key));

    if (object != NULL)
        object_abort(object, reset->failure);
    reset->message.run = reset_done;
    shard_post(reset->shard, &reset->message);
}

void shard_group_reset(struct shard_group *group, uint32_t namespace_number,
                       const uint8_t id[OBJECT_ID_SIZE], const char *why)
{
    struct reset *reset = mem_new(struct reset);
    sem_t done;

    sem_init(&done, 0, 0);
    reset->done = &done;
    reset->key.number = namespace_number;
    memcpy(reset->key.id.bytes, id, OBJECT_ID_SIZE);
    reset->shard = shard_of(group, &reset->key.id);
    reset->failure = failure_create("Error", why, NULL, FAILURE_RESET);
    reset->message.run = reset_run;
    shard_post(reset->shard, &reset->message);
    while (sem_wait(&done) != 0)
        continue; /* a signal */
    sem_destroy(&done);
}

/* ---- counting ---- */

/* Of the shard and of who asks, who may have given up. */
struct counting {
    struct message message;
    const struct shard *shard;
    struct shard_counts counts;
    sem_t done;
    atomic_uint refs;
};

static void counting_unref(struct counting *counting)
{
    if (atomic_fetch_sub(&counting->refs, 1) > 1)
        return;
    sem_destroy(&counting->done);
    mem_free(counting);
}

static void counting_run(struct message *message)
{
    struct counting *counting = container_of(message, struct counting, message);

    shard_counts(counting->shard, &counting->counts);
    sem_post(&counting->done);
    counting_unref(counting);
}

bool shard_group_counts(struct shard_group *group, unsigned index, struct shard_counts *counts)
{
    struct counting *counting = mem_new(struct counting);
    struct shard *shard = shard_group_shard(group, index);
    struct timespec until;
    bool counted;
    int r;

    counting->shard = shard;
    counting->message.run = counting_run;
    sem_init(&counting->done, 0, 0);
    atomic_init(&counting->refs, 2);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT_COUNTS_WAIT_S;
    shard_post(shard, &counting->message);
    do {
        r = sem_timedwait(&counting->done, &until);
    } while (r != 0 && errno == EINTR);
    counted = r == 0;
    if (counted)
        *counts = counting->counts;
    counting_unref(counting);
    return counted;
}
