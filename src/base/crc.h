#pragma once

/*
 * CRC32C (Castagnoli)
 *
 * The checksum of the journal: with the processor's instruction where there is one, with tables
 * elsewhere; the values are the same. Any thread.
 */

#include <stddef.h>
#include <stdint.h>

/* `seed` is 0, or the checksum of what came before: crc32c(crc32c(0, a), b) == crc32c(0, ab). */
uint32_t crc32c(uint32_t seed, const void *data, size_t len);

/* The table version, for comparison in tests. */
uint32_t crc32c_portable(uint32_t seed, const void *data, size_t len);
