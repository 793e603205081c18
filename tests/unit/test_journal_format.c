#include <string.h>

#include "base/buf.h"
#include "store/journal_format.h"
#include "test.h"

static struct batch sample(void)
{
    return (struct batch){
        .kind = BATCH_RECORDS,
        .journal_id = 0x1122334455667788,
        .segment = 42,
        .first_lsn = 1000,
        .needed_lsn = 900,
        .written_ms = 1767225600000,
        .record_count = 3,
        .previous_crc = 0xdeadbeef,
        .records = BYTES("three records, to be imagined"),
    };
}

static void encode(struct buf *out, struct batch *batch)
{
    uint8_t header[BATCH_HEADER_BYTES];

    batch_encode(batch, header);
    buf_append(out, header, sizeof header);
    buf_append_bytes(out, batch->records);
    buf_append_zeros(out, batch_bytes(batch->records.len) - out->len);
}

TEST(a_batch_says_what_was_put_into_it)
{
    struct batch batch = sample();
    struct batch parsed;
    struct buf out = {0};
    uint64_t bytes;

    encode(&out, &batch);
    CHECK_EQ(out.len, 512);
    CHECK_EQ(batch_parse_length(bytes_of(out.data, BATCH_HEADER_BYTES), &bytes), 0);
    CHECK_EQ(bytes, 512);
    CHECK_EQ(batch_parse(buf_bytes(&out), &parsed), 0);
    CHECK_EQ(parsed.kind, BATCH_RECORDS);
    CHECK_EQ(parsed.journal_id, batch.journal_id);
    CHECK_EQ(parsed.segment, 42);
    CHECK_EQ(parsed.first_lsn, 1000);
    CHECK_EQ(parsed.needed_lsn, 900);
    CHECK_EQ(parsed.written_ms, 1767225600000);
    CHECK_EQ(parsed.record_count, 3);
    CHECK_EQ(parsed.previous_crc, 0xdeadbeef);
    CHECK_EQ(parsed.crc, batch.crc);
    CHECK_BYTES_EQ(parsed.records, batch.records);
    buf_fini(&out);
}

TEST(no_byte_can_be_changed_or_missing)
{
    struct batch batch = sample();
    struct batch parsed;
    struct buf out = {0};

    encode(&out, &batch);
    for (size_t i = 0; i < BATCH_HEADER_BYTES + batch.records.len; i++) {
        out.data[i] ^= 0x40;
        CHECK_EQ(batch_parse(buf_bytes(&out), &parsed), BATCH_NONE);
        out.data[i] ^= 0x40;
        CHECK_EQ(batch_parse(bytes_of(out.data, i), &parsed), BATCH_NONE);
    }
    CHECK_EQ(batch_parse(buf_bytes(&out), &parsed), 0);
    buf_fini(&out);
}
