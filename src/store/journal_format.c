#include "store/journal_format.h"

#include "base/assert.h"
#include "base/crc.h"
#include "store/rule.h"
#include "store/varint.h"

/*
 * Header, little-endian:
 *
 *      0  magic "DMJ1"            40  LSN of the first record
 *      4  CRC32C of the rest      48  needed LSN
 *      8  format number, 2        56  written at, ms since 1970
 *     10  kind, 2                 64  number of records, 4
 *     12  length of records, 4    68  CRC32C of the batch before, 4
 *     16  journal id              72  zero, 8
 *     24  segment number
 *     32  zero
 */

#define MAGIC       UINT32_C(0x314a4d44)
#define CRC_END     8
#define RECORDS_MAX (UINT32_C(1) << 30)

void batch_encode(struct batch *batch, uint8_t header[BATCH_HEADER_BYTES])
{
    ASSERT(batch->records.len < RECORDS_MAX);
    ASSERT((batch->record_count == 0) == (batch->records.len == 0));
    for (unsigned i = 0; i < BATCH_HEADER_BYTES; i++)
        header[i] = 0;
    fixed_put(header, 4, MAGIC);
    fixed_put(header + 8, 2, JOURNAL_FORMAT_NUMBER);
    fixed_put(header + 10, 2, (uint64_t)batch->kind);
    fixed_put(header + 12, 4, batch->records.len);
    fixed_put(header + 16, 8, batch->journal_id);
    fixed_put(header + 24, 8, batch->segment);
    fixed_put(header + 40, 8, batch->first_lsn);
    fixed_put(header + 48, 8, batch->needed_lsn);
    fixed_put(header + 56, 8, (uint64_t)batch->written_ms);
    fixed_put(header + 64, 4, batch->record_count);
    fixed_put(header + 68, 4, batch->previous_crc);
    batch->crc = crc32c(crc32c(0, header + CRC_END, BATCH_HEADER_BYTES - CRC_END),
                        batch->records.data, batch->records.len);
    fixed_put(header + 4, 4, batch->crc);
}

int batch_parse_length(struct bytes in, uint64_t *bytes)
{
    uint64_t records;

    if (in.len < BATCH_HEADER_BYTES || fixed_get(in.data, 4) != MAGIC)
        return BATCH_NONE;
    records = fixed_get(in.data + 12, 4);
    if (records >= RECORDS_MAX)
        return BATCH_NONE;
    *bytes = batch_bytes(records);
    return 0;
}

int batch_parse(struct bytes in, struct batch *batch)
{
    struct bytes records;
    uint64_t bytes;
    uint64_t kind;

    if (batch_parse_length(in, &bytes) != 0)
        return BATCH_NONE;
    records = bytes_slice(in, BATCH_HEADER_BYTES, in.len);
    if (records.len < fixed_get(in.data + 12, 4))
        return BATCH_NONE;
    records = bytes_slice(records, 0, fixed_get(in.data + 12, 4));
    if (!MUTANT(5) && fixed_get(in.data + 4, 4) !=
                          crc32c(crc32c(0, in.data + CRC_END, BATCH_HEADER_BYTES - CRC_END),
                                 records.data, records.len))
        return BATCH_NONE;
    if (fixed_get(in.data + 8, 2) > JOURNAL_FORMAT_NUMBER)
        return BATCH_NEWER;

    kind = fixed_get(in.data + 10, 2);
    if (kind < BATCH_RECORDS || kind > BATCH_STOP)
        return BATCH_NONE;
    *batch = (struct batch){
        .kind = (enum batch_kind)kind,
        .journal_id = fixed_get(in.data + 16, 8),
        .segment = fixed_get(in.data + 24, 8),
        .first_lsn = fixed_get(in.data + 40, 8),
        .needed_lsn = fixed_get(in.data + 48, 8),
        .written_ms = (int64_t)fixed_get(in.data + 56, 8),
        .record_count = (uint32_t)fixed_get(in.data + 64, 4),
        .previous_crc = (uint32_t)fixed_get(in.data + 68, 4),
        .crc = (uint32_t)fixed_get(in.data + 4, 4),
        .records = records,
    };
    return 0;
}
