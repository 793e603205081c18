#pragma once

/*
 * Shards on threads of their own, for tests of what crosses threads. Each sleeps on a condition
 * until it is woken or something is due.
 */

#include "actor/class.h"
#include "actor/namespace.h"
#include "actor/shard.h"

struct shard_threads;

/* `class` is set on every shard if it is not NULL. */
struct shard_threads *shard_threads_create(unsigned count, struct class *class);
struct shard *shard_threads_shard(struct shard_threads *threads, unsigned index);
struct namespace *shard_threads_namespace(struct shard_threads *threads);

/* Until shard_threads_done() was called; then the threads end. */
void shard_threads_wait(struct shard_threads *threads);
/* Any thread. */
void shard_threads_done(void);
void shard_threads_destroy(struct shard_threads *threads);
