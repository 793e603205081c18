#include "base/rng.h"

#include <string.h>

#include "base/assert.h"

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

void rng_init(struct rng *rng, uint64_t seed)
{
    /* splitmix64 spreads the seed, as the authors of xoshiro recommend. */
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        rng->s[i] = z ^ z >> 31;
    }
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    uint64_t unfair;
    uint64_t x;

    ASSERT(bound > 0);
    unfair = -bound % bound; /* 2^64 mod bound: as many low values occur once too often */
    do
        x = rng_next(rng);
    while (x < unfair);
    return x % bound;
}

double rng_double(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

void rng_fill(struct rng *rng, void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        uint64_t x = rng_next(rng);
        size_t part = len < sizeof x ? len : sizeof x;

        memcpy(p, &x, part);
        p += part;
        len -= part;
    }
}
