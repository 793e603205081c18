#include "store/record.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "store/page_diff.h"
#include "store/varint.h"

#define RECORD_VERSION  1
#define LENGTH_BYTES    4
#define FLAGS_OFFSET    (LENGTH_BYTES + 2)
#define HEAD_MAX        (LENGTH_BYTES + 3 + STORE_ID_SIZE + 4 * 10) /* without the alarm */
#define PAGE_NUMBER_MAX UINT32_C(0xfffffffe)                        /* SQLite's own */

size_t record_begin(struct buf *out, const struct record *record)
{
    size_t start = out->len;

    uint8_t *head = buf_reserve(out, HEAD_MAX);
    uint8_t *to = head;

    ASSERT((record->flags & RECORD_LAST) == 0);
    memset(to, 0, LENGTH_BYTES); /* record_end() */
    to += LENGTH_BYTES;
    *to++ = RECORD_VERSION;
    *to++ = (uint8_t)record->kind;
    *to++ = (uint8_t)record->flags;
    to = varint_put(to, record->namespace_number);
    to = varint_put(to, record->partition);
    memcpy(to, record->id, STORE_ID_SIZE);
    to += STORE_ID_SIZE;
    to = varint_put(to, record->previous_lsn);
    to = varint_put(to, record->size_pages);
    buf_added(out, (size_t)(to - head));
    if ((record->flags & RECORD_ALARM) != 0) {
        const struct record_alarm *alarm = &record->alarm;
        bool named = alarm->name.data != NULL;

        ASSERT(alarm->name.len <= LIMIT_OBJECT_NAME_BYTES);
        buf_append_varint(out, varint_zigzag(alarm->scheduled_ms));
        buf_append_varint(out, varint_zigzag(alarm->run_ms));
        buf_append_varint(out, alarm->retry_count);
        buf_append_varint(out, named ? alarm->name.len + 1 : 0);
        if (named)
            buf_append_bytes(out, alarm->name);
    }
    return start;
}

void record_add_page(struct buf *out, uint32_t number, const uint8_t *page, const uint8_t *previous)
{
    ASSERT(number >= 1 && number <= PAGE_NUMBER_MAX);
    buf_append_varint(out, (uint64_t)number << 1 | (previous == NULL));
    page_diff_encode(out, page, previous);
}

void record_end(struct buf *out, size_t start, bool last)
{
    size_t len = out->len - start - LENGTH_BYTES;

    ASSERT(len <= UINT32_MAX);
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        out->data[start + i] = (uint8_t)(len >> (8 * i));
    if (last)
        out->data[start + FLAGS_OFFSET] |= RECORD_LAST;
}

static bool parse_alarm(struct bytes *in, struct record_alarm *alarm)
{
    uint64_t scheduled;
    uint64_t run;
    uint64_t retries;
    uint64_t name;

    if (!varint_parse(in, &scheduled) || !varint_parse(in, &run) || !varint_parse(in, &retries) ||
        !varint_parse(in, &name))
        return false;
    if (retries > UINT32_MAX || name > LIMIT_OBJECT_NAME_BYTES + 1)
        return false;
    if (name > 0 && name - 1 > in->len)
        return false;
    *alarm = (struct record_alarm){
        .scheduled_ms = varint_unzigzag(scheduled),
        .run_ms = varint_unzigzag(run),
        .retry_count = (uint32_t)retries,
    };
    if (name > 0) {
        alarm->name = bytes_slice(*in, 0, name - 1);
        *in = bytes_slice(*in, name - 1, in->len);
    }
    return true;
}

static bool parse_head(struct bytes *in, struct record *record)
{
    uint64_t number;
    uint64_t partition;
    uint64_t size;

    if (!varint_parse(in, &number) || number > UINT32_MAX || !varint_parse(in, &partition) ||
        partition > UINT16_MAX || in->len < STORE_ID_SIZE)
        return false;
    record->namespace_number = (uint32_t)number;
    record->partition = (uint16_t)partition;
    record->id = in->data;
    *in = bytes_slice(*in, STORE_ID_SIZE, in->len);
    if (!varint_parse(in, &record->previous_lsn) || !varint_parse(in, &size) ||
        size > PAGE_NUMBER_MAX)
        return false;
    record->size_pages = (uint32_t)size;
    return (record->flags & RECORD_ALARM) == 0 || parse_alarm(in, &record->alarm);
}

static bool pages_are_good(const struct record *record)
{
    struct bytes rest = record->pages;
    struct record_page page;

    while (rest.len > 0) {
        if (!record_next_page(&rest, &page))
            return false;
        if (page.number > record->size_pages)
            return false;
    }
    return true;
}

int record_parse(struct bytes *in, struct record *record)
{
    struct bytes rest = *in;
    struct bytes body;
    uint64_t len;

    if (!fixed_parse(&rest, LENGTH_BYTES, &len) || len > rest.len || len < 3)
        return RECORD_MALFORMED;
    body = bytes_slice(rest, 0, len);
    if (body.data[0] > RECORD_VERSION)
        return RECORD_NEWER;
    if (body.data[0] != RECORD_VERSION || body.data[1] < RECORD_COMMIT ||
        body.data[1] > RECORD_RETRY)
        return RECORD_MALFORMED;

    *record = (struct record){
        .kind = (enum record_kind)body.data[1],
        .flags = body.data[2],
    };
    body = bytes_slice(body, 3, body.len);
    if (!parse_head(&body, record))
        return RECORD_MALFORMED;
    record->pages = body;
    if (!pages_are_good(record))
        return RECORD_MALFORMED;
    *in = bytes_slice(rest, len, rest.len);
    return 0;
}

bool record_next_page(struct bytes *pages, struct record_page *page)
{
    struct bytes rest = *pages;
    uint64_t head;

    if (!varint_parse(&rest, &head) || head >> 1 == 0 || head >> 1 > PAGE_NUMBER_MAX)
        return false;
    if (!page_diff_parse(&rest, &page->diff))
        return false;
    page->number = (uint32_t)(head >> 1);
    page->base = (head & 1) != 0 ? PAGE_ZEROS : PAGE_PREVIOUS;
    *pages = rest;
    return true;
}

void record_page_apply(const struct record_page *page, uint8_t *image)
{
    if (page->base == PAGE_ZEROS)
        memset(image, 0, PAGE_BYTES);
    page_diff_apply(page->diff, image);
}
