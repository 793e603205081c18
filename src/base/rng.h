#pragma once

/*
 * Random numbers that can be had again: xoshiro256** from a seed, for tests, jitter and
 * sampling. Not for secrets: those come from os_random().
 */

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* Any seed will do, 0 too. */
void rng_init(struct rng *rng, uint64_t seed);

uint64_t rng_next(struct rng *rng);

/* 0 to bound - 1, without bias. `bound` is not 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* At least 0, less than 1. */
double rng_double(struct rng *rng);

void rng_fill(struct rng *rng, void *out, size_t len);
