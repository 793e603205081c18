/*
 * UTF-8: cutting the input anywhere changes no verdict, decoding agrees with validation, and what
 * was decoded encodes to well-formed text of the promised length.
 */

#include "base/assert.h"
#include "base/mem.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pieces(struct bytes text, size_t cut, bool is_valid)
{
    struct utf8_check check = {0};

    ASSERT((utf8_check_feed(&check, bytes_slice(text, 0, cut)) &&
            utf8_check_feed(&check, bytes_slice(text, cut, text.len)) && utf8_check_end(&check)) ==
           is_valid);
}

/* Byte by byte no character is ever seen as a whole. */
static void check_steps(struct bytes text, bool is_valid)
{
    struct utf8_check check = {0};
    bool is_good = true;

    for (size_t i = 0; i < text.len && is_good; i++)
        is_good = utf8_check_feed(&check, bytes_slice(text, i, i + 1));
    ASSERT((is_good && utf8_check_end(&check)) == is_valid);
}

static void check_round_trip(struct bytes text, bool is_valid)
{
    uint16_t *units = mem_alloc(text.len * 2);
    size_t count = utf8_to_utf16(text, units);
    uint8_t *back = mem_alloc(count * 3);
    size_t len = utf8_from_utf16(units, count, back);

    ASSERT(count == utf8_utf16_len(text));
    ASSERT(len == utf8_len_of_utf16(units, count));
    ASSERT(utf8_valid(bytes_of(back, len)));
    ASSERT(!is_valid || bytes_equal(bytes_of(back, len), text));
    mem_free(back);
    mem_free(units);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    bool is_valid = utf8_valid(text);
    size_t prefix = utf8_valid_prefix(text);

    ASSERT((prefix == size) == is_valid);
    ASSERT(utf8_valid(bytes_of(data, prefix)));
    ASSERT(utf8_tail(text) <= 3 && utf8_tail(text) <= size);
    check_pieces(text, size > 0 ? data[0] % (size + 1) : 0, is_valid);
    check_pieces(text, size / 2, is_valid);
    check_steps(text, is_valid);
    check_round_trip(text, is_valid);
    return 0;
}
