#include <string.h>

#include "base/buf.h"
#include "store/page_diff.h"
#include "store/record.h"
#include "test.h"

static const uint8_t id[STORE_ID_SIZE] = {1, 2, 3};

static void encode(struct buf *out, bool with_alarm)
{
    static uint8_t page[PAGE_BYTES] = {9, 8, 7};
    static uint8_t before[PAGE_BYTES] = {9, 8, 6};
    struct record record = {
        .kind = RECORD_COMMIT,
        .flags = RECORD_FIRST | (with_alarm ? RECORD_ALARM : 0),
        .namespace_number = 300,
        .partition = 511,
        .id = id,
        .previous_lsn = 1234567,
        .size_pages = 70000,
        .alarm = {.scheduled_ms = 1767225600000,
                  .run_ms = 1767225602000,
                  .retry_count = 2,
                  .name = BYTES("lobby")},
    };
    size_t start = record_begin(out, &record);

    record_add_page(out, 1, page, before);
    record_add_page(out, 69999, page, NULL);
    record_end(out, start, true);
}

TEST(a_record_says_what_was_put_into_it)
{
    struct buf out = {0};
    struct record record;
    struct record_page page;
    struct bytes in;
    uint8_t image[PAGE_BYTES] = {9, 8, 6, 5};

    encode(&out, true);
    in = buf_bytes(&out);
    CHECK_EQ(record_parse(&in, &record), 0);
    CHECK_EQ(in.len, 0);
    CHECK_EQ(record.kind, RECORD_COMMIT);
    CHECK_EQ(record.flags, RECORD_FIRST | RECORD_LAST | RECORD_ALARM);
    CHECK_EQ(record.namespace_number, 300);
    CHECK_EQ(record.partition, 511);
    CHECK(memcmp(record.id, id, STORE_ID_SIZE) == 0);
    CHECK_EQ(record.previous_lsn, 1234567);
    CHECK_EQ(record.size_pages, 70000);
    CHECK_EQ(record.alarm.scheduled_ms, 1767225600000);
    CHECK_EQ(record.alarm.run_ms, 1767225602000);
    CHECK_EQ(record.alarm.retry_count, 2);
    CHECK_BYTES_EQ(record.alarm.name, BYTES("lobby"));
    CHECK(record_next_page(&record.pages, &page));
    CHECK_EQ(page.number, 1);
    CHECK_EQ(page.base, PAGE_PREVIOUS);
    record_page_apply(&page, image);
    CHECK_EQ(image[2], 7);
    CHECK_EQ(image[3], 5);
    CHECK(record_next_page(&record.pages, &page));
    CHECK_EQ(page.number, 69999);
    CHECK_EQ(page.base, PAGE_ZEROS);
    record_page_apply(&page, image);
    CHECK_EQ(image[3], 0);
    CHECK(!record_next_page(&record.pages, &page));
    buf_fini(&out);
}

TEST(every_shorter_input_is_malformed)
{
    struct buf out = {0};
    struct record record;

    encode(&out, true);
    for (size_t len = 0; len < out.len; len++) {
        struct bytes in = bytes_of(out.data, len);

        CHECK_EQ(record_parse(&in, &record), RECORD_MALFORMED);
    }
    buf_fini(&out);
}

TEST(a_later_version_is_told_from_nonsense)
{
    struct buf out = {0};
    struct record record;
    struct bytes in;

    encode(&out, false);
    out.data[4] = 2;
    in = buf_bytes(&out);
    CHECK_EQ(record_parse(&in, &record), RECORD_NEWER);
    out.data[4] = 0;
    in = buf_bytes(&out);
    CHECK_EQ(record_parse(&in, &record), RECORD_MALFORMED);
    buf_fini(&out);
}
