#include "base/crc.h"
#include "base/rng.h"
#include "test.h"

TEST(values_are_those_of_rfc_3720)
{
    uint8_t data[32] = {0};

    CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_EQ(crc32c(0, data, 32), 0x8a9136aa);
    for (int i = 0; i < 32; i++)
        data[i] = 0xff;
    CHECK_EQ(crc32c(0, data, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        data[i] = (uint8_t)i;
    CHECK_EQ(crc32c(0, data, 32), 0x46dd794e);
    CHECK_EQ(crc32c(0, data, 0), 0);
}

TEST(the_instruction_and_the_tables_agree_in_any_pieces)
{
    uint8_t data[600];
    struct rng rng;

    rng_init(&rng, 11);
    rng_fill(&rng, data, sizeof data);
    for (int i = 0; i < 3000; i++) {
        size_t from = rng_below(&rng, 16);
        size_t len = rng_below(&rng, sizeof data - from);
        size_t cut = rng_below(&rng, len + 1);
        uint32_t whole = crc32c(0, data + from, len);

        CHECK_EQ(whole, crc32c_portable(0, data + from, len));
        CHECK_EQ(whole, crc32c(crc32c(0, data + from, cut), data + from + cut, len - cut));
        CHECK_EQ(whole, crc32c(crc32c_portable(0, data + from, cut), data + from + cut, len - cut));
    }
}
