#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "test.h"

TEST(an_empty_buffer_owns_nothing)
{
    struct buf buf;

    buf_init(&buf);
    CHECK(buf.data == NULL && buf.len == 0);
    buf_consume(&buf, 0);
    buf_clear(&buf);
    buf_append(&buf, NULL, 0);
    CHECK(buf.data == NULL);
    buf_fini(&buf);
}

TEST(what_goes_in_comes_out_in_order)
{
    struct buf buf = {0};

    buf_append_string(&buf, "ab");
    buf_append_byte(&buf, 'c');
    buf_append_bytes(&buf, BYTES("de"));
    buf_append_format(&buf, "%d-%s", 12, "x");
    buf_append_zeros(&buf, 2);
    CHECK_BYTES_EQ(buf_bytes(&buf), BYTES("abcde12-x\0\0"));
    buf_consume(&buf, 3);
    CHECK_BYTES_EQ(buf_bytes(&buf), BYTES("de12-x\0\0"));
    buf_truncate(&buf, 2);
    CHECK_STR_EQ(buf_string(&buf), "de");
    CHECK_EQ(buf.len, 2);
    buf_fini(&buf);
}

TEST(numbers_have_the_order_their_name_says)
{
    struct buf buf = {0};

    buf_append_u16be(&buf, 0x0102);
    buf_append_u32be(&buf, 0x03040506);
    buf_append_u64be(&buf, UINT64_C(0x0708090a0b0c0d0e));
    CHECK_BYTES_EQ(buf_bytes(&buf), BYTES("\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe"));
    buf_clear(&buf);
    buf_append_u16le(&buf, 0x0102);
    buf_append_u32le(&buf, 0x03040506);
    buf_append_u64le(&buf, UINT64_C(0x0708090a0b0c0d0e));
    CHECK_BYTES_EQ(buf_bytes(&buf), BYTES("\2\1\6\5\4\3\xe\xd\xc\xb\xa\x9\x8\7"));
    buf_clear(&buf);
    buf_append_varint(&buf, 0);
    buf_append_varint(&buf, 127);
    buf_append_varint(&buf, 128);
    buf_append_varint(&buf, UINT64_MAX);
    CHECK_BYTES_EQ(buf_bytes(&buf), BYTES("\0\x7f\x80\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
    buf_fini(&buf);
}

TEST(a_long_format_makes_its_room)
{
    struct buf buf = {0};

    buf_append_format(&buf, "%0300d", 5);
    CHECK_EQ(buf.len, 300);
    CHECK_EQ(buf.data[299], '5');
    buf_fini(&buf);
}

TEST(a_stream_that_is_consumed_as_it_grows_stays_small)
{
    struct buf buf = {0};
    uint8_t out = 0;
    uint8_t in = 0;
    struct rng rng;

    rng_init(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        for (uint64_t n = rng_below(&rng, 40); n > 0; n--)
            buf_append_byte(&buf, in++);
        while (buf.len > 100 || (buf.len > 0 && rng_below(&rng, 8) > 0)) {
            CHECK_EQ(buf.data[0], out);
            out++;
            buf_consume(&buf, 1);
        }
    }
    CHECK(buf.cap + buf.gap <= 1024);
    buf_fini(&buf);
}

TEST(stealing_leaves_an_empty_buffer)
{
    struct buf buf = {0};
    uint8_t *data;
    size_t len;

    buf_append_string(&buf, "hello");
    buf_consume(&buf, 1);
    data = buf_steal(&buf, &len);
    CHECK_BYTES_EQ(bytes_of(data, len), BYTES("ello"));
    CHECK(buf.data == NULL && buf.len == 0);
    mem_free(data);
    data = buf_steal(&buf, &len);
    CHECK(data != NULL && len == 0);
    mem_free(data);
}

TEST(reserved_room_is_written_in_place)
{
    struct buf buf = {0};

    memcpy(buf_reserve(&buf, 1000), "xyz", 3);
    buf_added(&buf, 3);
    CHECK_BYTES_EQ(buf_bytes(&buf), BYTES("xyz"));
    buf_fini(&buf);
}
