/*
 * Journal format: any bytes as a batch. What parses must be within the input and encode to the same
 * bytes again. The checksum is put right first, so that what is behind it is reached.
 */

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc.h"
#include "store/journal_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t header[BATCH_HEADER_BYTES];
    uint8_t *copy;
    struct batch batch;
    uint64_t bytes;
    uint32_t len;
    uint32_t crc;

    if (size < BATCH_HEADER_BYTES) {
        ASSERT(batch_parse(bytes_of(data, size), &batch) == BATCH_NONE);
        return 0;
    }
    copy = malloc(size);
    memcpy(copy, data, size);
    memcpy(copy, "DMJ1", 4);
    memcpy(&len, copy + 12, 4);
    if (len <= size - BATCH_HEADER_BYTES) {
        crc = crc32c(crc32c(0, copy + 8, BATCH_HEADER_BYTES - 8), copy + BATCH_HEADER_BYTES, len);
        memcpy(copy + 4, &crc, 4);
    }
    if (batch_parse(bytes_of(copy, size), &batch) == 0) {
        ASSERT(batch.records.len == len);
        ASSERT(len == 0 || batch.records.data == copy + BATCH_HEADER_BYTES);
        ASSERT(batch_parse_length(bytes_of(copy, size), &bytes) == 0);
        ASSERT(bytes >= BATCH_HEADER_BYTES + (uint64_t)len);
        if ((batch.record_count == 0) == (len == 0) &&
            memcmp(copy + 32, "\0\0\0\0\0\0\0", 8) == 0 &&
            memcmp(copy + 72, "\0\0\0\0\0\0\0", 8) == 0 && copy[8] == 1 && copy[9] == 0) {
            batch_encode(&batch, header);
            ASSERT(memcmp(header, copy, BATCH_HEADER_BYTES) == 0);
        }
    }
    free(copy);
    return 0;
}
