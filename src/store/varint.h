#pragma once

/*
 * Variable-length integers and fixed little-endian ones, read off the front of a slice: the other
 * half of buf_append_varint() and buf_append_u32le(). Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* False at the end of the slice, or when it does not fit into 64 bits. */
static inline bool varint_parse(struct bytes *in, uint64_t *value)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 10 && i < in->len; i++) {
        uint64_t part = in->data[i] & 0x7f;

        if (i == 9 && in->data[i] > 1)
            return false;
        sum |= part << (7 * i);
        if ((in->data[i] & 0x80) == 0) {
            in->data += i + 1;
            in->len -= i + 1;
            *value = sum;
            return true;
        }
    }
    return false;
}

/* Writes at most ten bytes and returns what comes behind them: what is written once per commit asks
 * for its room in one piece. */
static inline uint8_t *varint_put(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static inline bool fixed_parse(struct bytes *in, unsigned size, uint64_t *value)
{
    uint64_t sum = 0;

    if (in->len < size)
        return false;
    for (unsigned i = 0; i < size; i++)
        sum |= (uint64_t)in->data[i] << (8 * i);
    in->data += size;
    in->len -= size;
    *value = sum;
    return true;
}

/* The same in a block of a fixed layout: `size` bytes at `to` or `from`, at most eight. */
static inline void fixed_put(uint8_t *to, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t fixed_get(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

/* Signed numbers, small ones of either sign short. */
static inline uint64_t varint_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t varint_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
