#pragma once

/*
 * Alarm index
 *
 * Time → object over all objects of a data directory, so that alarms fire without opening
 * databases. Changes come from journal records only: a record of an object carries its alarm, and
 * the index is brought up to date when the record is durable (rule 4). On disk it is a
 * materialised view with the LSN up to which it is applied; in memory each shard holds only what
 * is due soon and what is being run. Own thread of the shard that holds the object's partition.
 */

#include <stdint.h>

#include "store/store.h"

struct alarm {
    uint32_t namespace_number;
    uint8_t id[STORE_ID_SIZE];
    int64_t scheduled_ms; /* as the author set it */
    int64_t run_ms;       /* when to run: scheduled_ms, or later for a retry */
    unsigned retry_count; /* counted failures so far */
    const char *name;     /* object's name or NULL; borrowed during the callback */
};

/* When alarm_index_take() is next worth calling; INT64_MAX: nothing is known. */
int64_t alarm_index_next_ms(struct store_shard *shard);

/* Hands over, oldest first and at most `count_max`, the alarms due at now_ms. Each is "running"
 * from here on and not handed over again until it is settled; a new time set meanwhile is queued
 * behind. */
unsigned alarm_index_take(struct store_shard *shard, int64_t now_ms, unsigned count_max,
                          void (*due)(void *data, const struct alarm *alarm), void *data);

/* The run is over and its writes (the removal of the alarm among them) are durable. */
void alarm_index_finish(struct store_shard *shard, const struct alarm *alarm);

/* The run failed: run again at run_ms with retry_count failures counted. Persistent. */
void alarm_index_retry(struct store_shard *shard, const struct alarm *alarm, int64_t run_ms,
                       unsigned retry_count);

/* Partition of an id, and the shard that owns it: the same on every run with as many shards. */
#define STORE_PARTITION_COUNT 512
unsigned store_partition(const uint8_t id[STORE_ID_SIZE]);
unsigned store_shard_of(const struct store *store, const uint8_t id[STORE_ID_SIZE]);
