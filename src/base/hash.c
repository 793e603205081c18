#include "base/hash.h"

static uint64_t key0 = UINT64_C(0x646f726d6f757365);
static uint64_t key1 = UINT64_C(0x736c656570696e67);

static uint64_t load_le(const uint8_t *data, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)data[i] << (8 * i);
    return value;
}

void hash_set_key(const uint8_t key[16])
{
    key0 = load_le(key, 8);
    key1 = load_le(key + 8, 8);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
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

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t hash_bytes(struct bytes bytes)
{
    uint64_t v[4] = {
        key0 ^ UINT64_C(0x736f6d6570736575),
        key1 ^ UINT64_C(0x646f72616e646f6d),
        key0 ^ UINT64_C(0x6c7967656e657261),
        key1 ^ UINT64_C(0x7465646279746573),
    };
    size_t i = 0;

    for (; i + 8 <= bytes.len; i += 8)
        sip_word(v, load_le(bytes.data + i, 8));
    sip_word(v, load_le(bytes.len > i ? bytes.data + i : NULL, bytes.len - i) | (uint64_t)bytes.len
                                                                                    << 56);
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_u64(uint64_t value)
{
    uint8_t data[8];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(value >> (8 * i));
    return hash_bytes(bytes_of(data, sizeof data));
}
