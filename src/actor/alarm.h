#pragma once

/*
 * Alarm
 *
 * Takes due alarms from the store's index to their objects and deals with what comes of them
 * (platform.md §4). For the files of actor/ only.
 */

#include <stdbool.h>
#include <stdint.h>

struct event_result;
struct life;
struct namespace;
struct parcel;
struct shard;

/* Delivers what is due; returns ms until there may be more, -1: none known. */
int64_t alarm_dispatch(struct shard *shard);

/* The namespace has a class now: alarms that waited for it are delivered. */
void alarm_class_set(struct shard *shard, struct namespace *ns);

/* At the end of a shard: the index still has them. */
void alarm_drop_stranded(struct shard *shard);

/* The alarm event is handed to the class in the turn that runs: false when it is out of date. */
bool alarm_begin(struct life *life, struct parcel *parcel);

/* The handler is done: in a turn, so that the removal of the row is part of its commit. */
void alarm_end(struct life *life, struct parcel *parcel, const struct event_result *result);

/* What getAlarm() says when the row says `row_ms`: nothing while the handler of that row runs. */
int64_t alarm_seen(const struct life *life, int64_t row_ms);

/* setAlarm() or deleteAlarm() was called. */
void alarm_was_set(struct life *life, int64_t time_ms);
