#pragma once

/*
 * Alarms of a shard
 *
 * The part of the alarm index that one shard has in memory (alarm_index.h): what is due soon, what
 * is being run, and what has changed and is not yet in the table. Own thread, but for delivery.
 *
 * Knowledge comes from two sides. The shard's own commits, once durable, are news and always right.
 * Rows of the table are delivered by the keeper ahead of their time and may be older than news; so
 * an object that is known already ignores them, and an object with news stays known until the table
 * has said that it has applied them. Both travel through one queue, in the order the keeper did
 * them.
 */

#include <stdint.h>

#include "store/alarm_note.h"

struct alarm_shard;
struct store_shard;

struct alarm_shard *alarm_shard_create(struct store_shard *shard);
void alarm_shard_destroy(struct alarm_shard *alarms);

/* A record of this shard with `note` (taken over) was appended as `lsn`. */
void alarm_shard_expect(struct alarm_shard *alarms, struct alarm_note *note, uint64_t lsn);

/* Takes what was delivered, and what became durable up to `durable_lsn`. */
void alarm_shard_poll(struct alarm_shard *alarms, uint64_t durable_lsn);

/* What the keeper delivers. Any thread; the shard must be woken. */
void alarm_shard_deliver_row(struct alarm_shard *alarms, struct alarm_note *row);
/* News up to `applied_lsn` are in the table; rows before `horizon_ms` have been delivered. */
void alarm_shard_deliver_marks(struct alarm_shard *alarms, uint64_t applied_lsn,
                               int64_t horizon_ms);

/* Alarms in memory that came from the table; the keeper holds back more. Any thread. */
unsigned alarm_shard_loaded(const struct alarm_shard *alarms);
