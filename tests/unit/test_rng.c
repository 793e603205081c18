#include "base/rng.h"
#include "test.h"

TEST(a_seed_gives_the_same_numbers_again)
{
    struct rng a;
    struct rng b;
    struct rng c;

    rng_init(&a, 7);
    rng_init(&b, 7);
    rng_init(&c, 8);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);

        CHECK(x == rng_next(&b));
        CHECK(x != rng_next(&c));
    }
}

TEST(a_bound_is_kept_and_every_value_comes)
{
    int seen[7] = {0};
    struct rng rng;

    rng_init(&rng, 0);
    for (int i = 0; i < 7000; i++)
        seen[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        CHECK(seen[i] > 800 && seen[i] < 1200);
    CHECK_EQ(rng_below(&rng, 1), 0);
}

TEST(fractions_lie_between_zero_and_one)
{
    double sum = 0;
    struct rng rng;

    rng_init(&rng, 3);
    for (int i = 0; i < 10000; i++) {
        double x = rng_double(&rng);

        CHECK(x >= 0 && x < 1);
        sum += x;
    }
    CHECK(sum > 4800 && sum < 5200);
}

TEST(any_length_is_filled)
{
    unsigned char bytes[13] = {0};
    struct rng rng;

    rng_init(&rng, 5);
    rng_fill(&rng, bytes, 12);
    CHECK(bytes[12] == 0);
    CHECK((bytes[8] | bytes[9] | bytes[10] | bytes[11]) != 0);
}
