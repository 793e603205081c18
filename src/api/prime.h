#pragma once

/*
 * Prime
 *
 * Large numbers as bytes, big endian: primes, and Diffie-Hellman modulo one. Appends to `out`.
 */

#include <stdbool.h>

#include "base/bytes.h"

struct buf;

enum {
    PRIME_BITS_MAX = 16384,
};

/* What the functions below can find out. */
enum prime_result {
    PRIME_FAILED = 1, /* not these numbers */
};

/* `add` and `rem` may be empty: else the prime is `rem` modulo `add`. The search is given up after
 * 30 seconds of processor time. */
int prime_generate(int bits, bool safe, struct bytes add, struct bytes rem, struct buf *out);

/* As sure as OpenSSL is of its own primes. */
bool prime_check(struct bytes number);

/* A prime and a generator that the RFCs 2409, 3526 know as "modp14" and so on. */
int prime_group(const char *name, struct buf *prime);

/* A private number for this group. */
int prime_private(struct bytes prime, struct buf *out);

/* base ^ exponent mod prime, padded to the length of the prime. */
int prime_power(struct bytes base, struct bytes exponent, struct bytes prime, struct buf *out);

/* Is 1 < number < prime - 1? */
bool prime_is_public(struct bytes number, struct bytes prime);

/* OpenSSL's DH_CHECK_… bits: 0 if all is well. */
int prime_verify(struct bytes prime, struct bytes generator);
