#pragma once

/*
 * Commit
 *
 * A journal record of an object that is not yet known to be durable, and what waits for that. Those
 * of a shard stand in line by LSN. For the files of actor/ only.
 */

#include <stdint.h>

#include "base/list.h"

struct life;
struct object;
struct shard;

struct commit {
    uint64_t lsn;
    int64_t since_ms;         /* monotonic */
    struct object *object;    /* stays while it has commits under way */
    struct life *life;        /* NULL: nobody waits any more */
    uint64_t ticket;          /* of life->output; 0: none */
    uint64_t unsynced_ticket; /* of life->unsynced; 0: none */
    struct list link;         /* shard->commits */
    struct list life_link;    /* life->commits */
};

/* The tickets settle when `lsn` is durable. */
void commit_wait(struct life *life, uint64_t lsn, uint64_t ticket, uint64_t unsynced_ticket);

/* The life ends: its commits go on without it. */
void commit_detach_all(struct life *life);

/* From the store. */
void commit_durable(struct shard *shard, uint64_t lsn, int fault);

/* Resets objects whose oldest commit has waited for too long. Returns ms until the next may have,
 * -1: none. */
int64_t commit_check_age(struct shard *shard, int64_t now_ms);

/* At the end of a shard. */
void commit_drop_all(struct shard *shard);
