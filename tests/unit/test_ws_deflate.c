#include "base/rng.h"
#include "http/ws_deflate.h"
#include "test.h"

static void check_round_trip(struct bytes message)
{
    struct buf packed = {0};
    struct buf plain = {0};

    ws_deflate_compress(message, &packed);
    CHECK_EQ(ws_deflate_inflate(buf_bytes(&packed), message.len, &plain), 0);
    CHECK_EQ(plain.len, message.len);
    CHECK(bytes_equal(buf_bytes(&plain), message));
    buf_fini(&packed);
    buf_fini(&plain);
}

TEST(messages_of_all_sizes_come_back)
{
    static const size_t sizes[] = {0, 1, 100, 512, 513, 5000, 65536, 65537, 300000};
    struct rng rng;
    struct buf message = {0};

    rng_init(&rng, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        buf_clear(&message);
        while (message.len < sizes[i])
            buf_append_byte(&message, (uint8_t)rng_below(&rng, 4));
        check_round_trip(buf_bytes(&message));
        for (size_t k = 0; k < message.len; k++)
            message.data[k] = (uint8_t)rng_next(&rng);
        check_round_trip(buf_bytes(&message));
    }
    buf_fini(&message);
}

TEST(the_example_of_the_standard_is_hello)
{
    struct buf plain = {0};

    CHECK_EQ(ws_deflate_inflate(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), 100, &plain), 0);
    CHECK_BYTES_EQ(buf_bytes(&plain), BYTES("Hello"));
    buf_fini(&plain);
    /* with a final block, as §7.2.3.4 allows */
    CHECK_EQ(ws_deflate_inflate(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 100, &plain), 0);
    CHECK_BYTES_EQ(buf_bytes(&plain), BYTES("Hello"));
    buf_fini(&plain);
}

TEST(a_small_bomb_is_stopped_at_the_bound)
{
    struct buf zeros = {0};
    struct buf packed = {0};
    struct buf plain = {0};

    buf_append_zeros(&zeros, 10 * 1000 * 1000);
    ws_deflate_compress(buf_bytes(&zeros), &packed);
    CHECK(packed.len < 20000);
    CHECK_EQ(ws_deflate_inflate(buf_bytes(&packed), 1000, &plain), WS_DEFLATE_TOO_LONG);
    CHECK(plain.cap < 200000);
    buf_fini(&zeros);
    buf_fini(&packed);
    buf_fini(&plain);
    CHECK_EQ(ws_deflate_inflate(BYTES("\x07\xff\xff"), 1000, &plain), WS_DEFLATE_BROKEN);
    buf_fini(&plain);
}
