/*
 * Values of objects in C: bytes are refused, or read as a value that is written as bytes which are
 * read as the same value, that is, written as the same bytes again.
 */

#include "base/arena.h"
#include "base/assert.h"
#include "base/err.h"
#include "native/value.h"

#define BYTES_MAX (UINT32_C(1) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct err_text why = {""};
    const struct dm_value *value = NULL;
    const struct dm_value *again = NULL;
    struct buf first = {0};
    struct buf second = {0};
    int r;

    arena_init(&arena);
    r = value_read(bytes_of(data, size), &arena, &value, &why);
    ASSERT(r == 0 || (r == VALUE_REFUSED && why.text[0] != '\0'));
    if (r == 0 && value_write(&first, value, BYTES_MAX, &why) == 0) {
        ASSERT(value_read(buf_bytes(&first), &arena, &again, &why) == 0);
        ASSERT(value_write(&second, again, BYTES_MAX, &why) == 0);
        ASSERT(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    }
    buf_fini(&first);
    buf_fini(&second);
    arena_fini(&arena);
    return 0;
}
