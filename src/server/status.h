#pragma once

/*
 * Status
 *
 * What an operator wants to know of a running process, for people or for a monitor: who it is, what
 * its shards have in memory and have done, how full the journal is.
 */

#include <stdint.h>

struct buf;
struct shard_group;
struct status;
struct store;

/* Never NULL. */
struct status *status_create(void);

/* NULL is allowed. */
void status_destroy(struct status *status);

/* ---- the process's thread ---- */

void status_listening(struct status *status, const char *url);
/* Another version serves. */
void status_deployed(struct status *status);

/* ---- any thread but the shards' own ---- */

/* Lines for people. `group` may be NULL: nothing runs yet. */
void status_print(struct status *status, struct store *store, struct shard_group *group,
                  struct buf *out);

/* The same in the text format of Prometheus, version 0.0.4. */
void status_print_metrics(struct status *status, struct store *store, struct shard_group *group,
                          struct buf *out);
