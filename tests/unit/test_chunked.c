#include "base/buf.h"
#include "base/limits.h"
#include "http/chunked.h"
#include "test.h"

/* Decode `text` in pieces of `size` bytes; the body ends up in `out`. Returns the last result. */
static int decode(struct bytes text, size_t size, struct buf *out, size_t *left)
{
    struct chunked_decoder decoder = {0};
    int r = CHUNKED_MORE;

    buf_clear(out);
    while (text.len > 0 && r == CHUNKED_MORE) {
        struct bytes input = bytes_slice(text, 0, size);
        struct bytes data;

        text = bytes_slice(text, size, text.len);
        while ((r = chunked_decode(&decoder, &input, &data)) == CHUNKED_DATA)
            buf_append_bytes(out, data);
        *left = input.len + text.len;
    }
    return r;
}

static int result_of(const char *text)
{
    struct buf out = {0};
    size_t left;
    int r = decode(bytes_of_string(text), SIZE_MAX / 2, &out, &left);

    buf_fini(&out);
    return r;
}

TEST(chunks_are_joined_however_they_arrive)
{
    const size_t longest = 64;
    struct buf out = {0};
    size_t left;

    for (size_t size = 1; size < longest; size++) {
        CHECK_EQ(
            decode(BYTES("5\r\nhello\r\n00A;a=b;c=\"d\"\r\n, you all!\r\n0\r\nT: v\r\n\r\nrest"),
                   size, &out, &left),
            CHUNKED_END);
        CHECK_BYTES_EQ(buf_bytes(&out), BYTES("hello, you all!"));
        CHECK_EQ(left, 4);
    }
    buf_fini(&out);
}

TEST(anything_else_is_broken)
{
    CHECK_EQ(result_of("\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("x\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("-1\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("0x1\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of(" 1\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("1 \r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("1\na"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("1;a\nb\r\na"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("1\r\nab"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("1\r\na\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("0\r\n\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("0\r\nno colon\r\n\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("0\r\na: b\nc: d\r\n\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("0\r\n a: b\r\n\r\n"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("0000000000000001\r\na"), CHUNKED_BROKEN);
    CHECK_EQ(result_of("fffffffffffffff\r\na"), CHUNKED_MORE);
}

TEST(extensions_and_trailers_are_bounded_over_the_whole_body)
{
    struct buf text = {0};

    for (int i = 0; i <= LIMIT_HTTP_CHUNK_EXTRA_BYTES / 8; i++)
        buf_append_string(&text, "1;23456789\r\na\r\n");
    CHECK_EQ(result_of(buf_string(&text)), CHUNKED_BROKEN);
    buf_clear(&text);
    buf_append_string(&text, "0\r\na: ");
    for (int i = 0; i < LIMIT_HTTP_CHUNK_EXTRA_BYTES; i++)
        buf_append_byte(&text, 'b');
    CHECK_EQ(result_of(buf_string(&text)), CHUNKED_BROKEN);
    buf_fini(&text);
}

TEST(a_chunk_head_is_the_size_in_hex)
{
    char line[CHUNKED_HEAD_MAX];

    CHECK_BYTES_EQ(bytes_of(line, chunked_head(line, 1)), BYTES("1\r\n"));
    CHECK_BYTES_EQ(bytes_of(line, chunked_head(line, 255)), BYTES("ff\r\n"));
    CHECK_BYTES_EQ(bytes_of(line, chunked_head(line, 4096)), BYTES("1000\r\n"));
    CHECK_EQ(chunked_head(line, SIZE_MAX), 18);
}
