/*
 * Journal records: any bytes as a row of records. What parses must stay within the input, and its
 * pages must apply within a page.
 */

#include <string.h>

#include "base/assert.h"
#include "store/page_diff.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct record record;
    struct record_page page;
    uint8_t image[PAGE_BYTES + 16];

    memset(image, 0x5a, sizeof image);
    while (in.len > 0) {
        size_t before = in.len;

        if (record_parse(&in, &record) != 0)
            break;
        ASSERT(in.len < before);
        while (record_next_page(&record.pages, &page)) {
            ASSERT(page.number >= 1 && page.number <= record.size_pages);
            record_page_apply(&page, image);
            ASSERT(page_diff_changed(page.diff) <= PAGE_BYTES);
        }
        ASSERT(record.pages.len == 0);
    }
    for (unsigned i = 0; i < 16; i++)
        ASSERT(image[PAGE_BYTES + i] == 0x5a);
    return 0;
}
