#include "base/hash.h"
#include "test.h"

static void set_key(uint8_t first)
{
    uint8_t key[16];

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(first + i);
    hash_set_key(key);
}

/* From the reference implementation (SipHash-1-3, key 00..0f, message 00, 01, …). */
TEST(values_are_those_of_siphash_1_3)
{
    const uint8_t message[8] = {0, 1, 2, 3, 4, 5, 6, 7};

    set_key(0);
    CHECK(hash_bytes(bytes_of(NULL, 0)) == UINT64_C(0xabac0158050fc4dc));
    CHECK(hash_bytes(bytes_of(message, 1)) == UINT64_C(0xc9f49bf37d57ca93));
    CHECK(hash_u64(UINT64_C(0x0706050403020100)) == hash_bytes(bytes_of(message, 8)));
}

TEST(another_key_gives_other_values)
{
    uint64_t before;

    set_key(0);
    before = hash_bytes(BYTES("room"));
    set_key(1);
    CHECK(hash_bytes(BYTES("room")) != before);
}
