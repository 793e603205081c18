#pragma once

/*
 * What the two halves of store_world.h share: the one takes steps, the other judges disks.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store_world.h"

struct err_text;

int world_open(struct world *world, struct err_text *why);

/* Nothing stands against it, but for the one call that was made to fail: then once more. */
void world_open_surely(struct world *world);
void world_close(struct world *world);
int64_t world_now_ms(struct world *world);
bool world_open_object(struct world *world, struct world_object *object);

void world_close_object(struct world_object *object);
bool world_commit(struct world *world, struct world_object *object);
bool world_write(struct world *world, struct world_object *object);

/* A session of the object begins, unless it has: what was ordered is carried out, or it fails. */
bool world_begin(struct world *world, struct world_object *object);

/* Takes a bookmark; orders that one is gone back to. */
void world_mark(struct world *world, struct world_object *object);
void world_order(struct world *world, struct world_object *object);

/* Begins sessions where something is ordered, twice. */
void world_check_sessions(struct world *world);

/* A clean stop, and what comes up after it. */
void world_restart(struct world *world);

/* Which object an alarm is of. */
unsigned world_find(const struct world *world, const struct alarm *alarm);

/* Hands out what is due by then: sets `running` and `alarm` of the objects. */
void world_take_alarms(struct world *world, int64_t now_ms);

/* What is in a database, committed or not. False: it could not be read. */
bool world_describe(struct database *db, struct world_version *version);

bool world_same(const struct world_version *a, const struct world_version *b);
struct world_version world_newest(const struct world_object *object);

/* Whether this is what the last commit left. */
bool world_is_newest(const struct world_object *object, const struct world_version *now);
