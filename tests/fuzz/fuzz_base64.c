/*
 * Base64: whatever strict decoding accepts, encoding writes back exactly; forgiving decoding
 * accepts all that strict decoding does, with the same result.
 */

#include "base/assert.h"
#include "base/base64.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_strict(struct bytes text, unsigned flags)
{
    uint8_t *out = mem_alloc(base64_decoded_len_max(text.len));
    uint8_t *same = mem_alloc(base64_decoded_len_max(text.len));
    size_t len = 0;
    size_t same_len = 0;

    if (base64_decode(text, flags, out, &len) == 0) {
        char *back = mem_alloc(base64_encoded_len(len, flags));

        ASSERT(len <= base64_decoded_len_max(text.len));
        ASSERT(base64_encode(bytes_of(out, len), flags, back) == text.len);
        ASSERT(bytes_equal(bytes_of(back, text.len), text));
        ASSERT(base64_decode(text, flags | BASE64_FORGIVING, same, &same_len) == 0);
        ASSERT(bytes_equal(bytes_of(out, len), bytes_of(same, same_len)));
        mem_free(back);
    }
    mem_free(same);
    mem_free(out);
}

static void check_round_trip(struct bytes data, unsigned flags)
{
    char *text = mem_alloc(base64_encoded_len(data.len, flags));
    size_t text_len = base64_encode(data, flags, text);
    uint8_t *back = mem_alloc(base64_decoded_len_max(text_len));
    size_t len = 0;

    ASSERT(base64_decode(bytes_of(text, text_len), flags, back, &len) == 0);
    ASSERT(bytes_equal(bytes_of(back, len), data));
    mem_free(back);
    mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (unsigned flags = 0; flags < 4; flags++) { /* URL and NO_PAD in every combination */
        check_strict(bytes_of(data, size), flags);
        check_round_trip(bytes_of(data, size), flags);
    }
    return 0;
}
