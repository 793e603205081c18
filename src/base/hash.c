#include "base/hash.h"

#include <string.h>

static uint64_t key0 = UINT64_C(0x646f726d6f757365);
static uint64_t key1 = UINT64_C(0x736c656570696e67);

static uint64_t load_word(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

void hash_set_key(const uint8_t key[16])
{
    key0 = load_word(key);
    key1 = load_word(key + 8);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static void sip_begin(uint64_t v[4])
{
    v[0] = key0 ^ UINT64_C(0x736f6d6570736575);
    v[1] = key1 ^ UINT64_C(0x646f72616e646f6d);
    v[2] = key0 ^ UINT64_C(0x6c7967656e657261);
    v[3] = key1 ^ UINT64_C(0x7465646279746573);
}

static uint64_t sip_end(uint64_t v[4], uint64_t last_word)
{
    sip_word(v, last_word);
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(struct bytes bytes)
{
    uint64_t last = (uint64_t)bytes.len << 56;
    uint64_t v[4];
    size_t i = 0;

    sip_begin(v);
    for (; i + 8 <= bytes.len; i += 8)
        sip_word(v, load_word(bytes.data + i));
    for (unsigned shift = 0; i < bytes.len; i++, shift += 8)
        last |= (uint64_t)bytes.data[i] << shift;
    return sip_end(v, last);
}

/* What hash_bytes() says of its eight bytes, little end first. */
uint64_t hash_u64(uint64_t value)
{
    uint64_t v[4];

    sip_begin(v);
    sip_word(v, value);
    return sip_end(v, UINT64_C(8) << 56);
}
