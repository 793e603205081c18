#pragma once

/*
 * Fleet
 *
 * The shard threads of a process as one: start them, give all of them the same order, and wait
 * until every one has answered. Control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/shard_thread.h"

struct fleet;
struct loop;
struct native;
struct store;
struct worker_bundle;

struct fleet_options {
    struct loop *loop;         /* borrowed: the control thread's */
    struct shard_group *group; /* borrowed */
    unsigned count;
    int64_t cpu_limit_ms;
    bool proxied;  /* clients come through a proxy that is to be believed */
    bool scripted; /* there is JavaScript, or may be */
};

/* Starts the threads; they get ready as far as they can without settings and a store. */
int fleet_start(struct fleet **out, const struct fleet_options *options);

/* Once: the settings of the first deploy's bundle, borrowed until then. NULL: no preparing. */
void fleet_prepare(struct fleet *fleet, const char *settings);

/* The group has its store. Returns when all are ready. */
int fleet_go(struct fleet *fleet);

/* Instead of fleet_go(), after fleet_prepare(): no store. Ends the threads and frees them. */
void fleet_call_off(struct fleet *fleet);

/* A Worker of `bundle`, and the classes of `native` (NULL: none) in C, on every shard; then, if
 * that worked on all, in place of the old one. An outcome > 0 with words in `why` if the code is
 * not good; the old one goes on then. */
int fleet_deploy(struct fleet *fleet, const struct worker_bundle *bundle,
                 const struct native *native, struct err_text *why);

/* All shards on one port; *port 0 takes any, and is then the one taken. */
int fleet_listen(struct fleet *fleet, const char *host, uint16_t *port, struct err_text *why);

/* Until nothing is under way and all is durable; at most grace_ms for what a Worker still does. */
void fleet_drain(struct fleet *fleet, int64_t grace_ms);

/* Ends the threads and frees them. NULL is allowed. */
void fleet_stop(struct fleet *fleet);
