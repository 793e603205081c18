#include "base/crc.h"

#include <pthread.h>
#include <string.h>

/*
 * The portable version takes eight bytes at a time ("slicing by 8"): tables[0] is the plain
 * table, tables[k] what a byte does to the checksum k bytes later. The polynomial is 0x1edc6f41,
 * reflected.
 */

static uint32_t tables[8][256];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int k = 1; k < 8; k++)
            tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xff];
    }
}

uint32_t crc32c_portable(uint32_t seed, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint32_t crc = ~seed;

    pthread_once(&tables_made, make_tables);
    for (; len >= 8; len -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = tables[7][crc & 0xff] ^ tables[6][(crc >> 8) & 0xff] ^ tables[5][(crc >> 16) & 0xff] ^
              tables[4][crc >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
              tables[0][p[7]];
    }
    for (; len > 0; len--)
        crc = (crc >> 8) ^ tables[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t seed, const void *data,
                                                               size_t len)
{
    const uint8_t *p = data;
    uint64_t crc = (uint32_t)~seed;

    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;

        memcpy(&word, p, sizeof word);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    for (; len > 0; len--)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *p++);
    return ~(uint32_t)crc;
}

uint32_t crc32c(uint32_t seed, const void *data, size_t len)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(seed, data, len)
                                            : crc32c_portable(seed, data, len);
}

#else

uint32_t crc32c(uint32_t seed, const void *data, size_t len)
{
    return crc32c_portable(seed, data, len);
}

#endif
