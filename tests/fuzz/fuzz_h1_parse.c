/*
 * HTTP heads: a head cut anywhere gives the same result as in one piece; slices lie in the input;
 * whatever is taken consists of lines that end in CRLF and has no control characters.
 */

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/h1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int r;
    struct h1_request request;
    struct h1_refusal refusal;
    struct http_header headers[LIMIT_HTTP_HEADERS];
};

static bool inside(struct bytes slice, struct bytes input)
{
    return slice.len == 0 ||
           (slice.data >= input.data && slice.data + slice.len <= input.data + input.len);
}

static void check_accepted(const struct outcome *o, struct bytes input)
{
    struct bytes head = bytes_slice(input, 0, o->request.head_bytes);

    ASSERT(head.len == o->request.head_bytes && head.len >= 4);
    ASSERT(memcmp(head.data + head.len - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < head.len; i++) {
        ASSERT(head.data[i] != '\r' || head.data[i + 1] == '\n');
        ASSERT(head.data[i] != '\n' || (i > 0 && head.data[i - 1] == '\r'));
        ASSERT(head.data[i] >= 0x20 || memchr("\r\n\t", head.data[i], 3) != NULL);
    }
    ASSERT(inside(o->request.method, head) && h1_token_valid(o->request.method));
    ASSERT(inside(o->request.authority, head));
    ASSERT(inside(o->request.target, head) || bytes_equal(o->request.target, BYTES("/")));
    for (size_t i = 0; i < o->request.header_count; i++) {
        ASSERT(inside(o->headers[i].name, head) && h1_token_valid(o->headers[i].name));
        ASSERT(inside(o->headers[i].value, head) && h1_value_valid(o->headers[i].value));
    }
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    ASSERT(a->r == b->r);
    if (a->r == H1_PARSE_REFUSED)
        ASSERT(a->refusal.status == b->refusal.status && a->refusal.what == b->refusal.what);
    if (a->r == 0)
        ASSERT(a->request.head_bytes == b->request.head_bytes &&
               a->request.body_kind == b->request.body_kind &&
               a->request.body_length == b->request.body_length &&
               a->request.header_count == b->request.header_count);
}

/* Growing by `step` bytes at a time, as a connection does it. */
static void parse_in_steps(struct bytes input, size_t step, struct outcome *out)
{
    size_t seen = 0;

    for (size_t len = step < input.len ? step : input.len;; len += step) {
        if (len > input.len)
            len = input.len;
        out->r = h1_parse_request(bytes_slice(input, 0, len), seen, &out->request, out->headers,
                                  &out->refusal);
        if (out->r != H1_PARSE_MORE || len == input.len)
            return;
        seen = len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole;
    static struct outcome stepped;
    struct bytes input = bytes_of(data, size);

    whole.r = h1_parse_request(input, 0, &whole.request, whole.headers, &whole.refusal);
    if (whole.r == 0)
        check_accepted(&whole, input);
    if (size == 0)
        return 0;
    parse_in_steps(input, 1, &stepped);
    check_same(&whole, &stepped);
    parse_in_steps(input, 1 + data[size - 1] % 16, &stepped);
    check_same(&whole, &stepped);
    {
        struct h1_response response;

        (void)h1_parse_response(input, 0, &response, stepped.headers, &stepped.refusal);
    }
    return 0;
}
