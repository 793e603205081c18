#include "base/blob.h"
#include "http/ws_frame.h"
#include "test.h"

static struct ws_frame frame;
static const char *what;

static int parse_client(struct bytes input)
{
    return ws_frame_parse(input, WS_FROM_CLIENT, false, &frame, &what);
}

static int parse_server(struct bytes input)
{
    return ws_frame_parse(input, WS_FROM_SERVER, false, &frame, &what);
}

TEST(a_header_gives_opcode_length_and_mask)
{
    CHECK_EQ(parse_client(BYTES("\x81\x85\x01\x02\x03\x04")), 0);
    CHECK(frame.fin && frame.masked && frame.opcode == WS_TEXT && frame.length == 5);
    CHECK_EQ(frame.head_bytes, 6);
    CHECK_BYTES_EQ(bytes_of(frame.mask, 4), BYTES("\x01\x02\x03\x04"));
    CHECK_EQ(parse_server(BYTES("\x02\x7e\x01\x00")), 0);
    CHECK(!frame.fin && frame.opcode == WS_BINARY && frame.length == 256);
    CHECK_EQ(parse_server(BYTES("\x82\x7f\0\0\0\0\0\x01\0\0")), 0);
    CHECK_EQ(frame.length, 65536);
    CHECK_EQ(parse_client(BYTES("\x81\xfe\x01\x00\x01\x02\x03")), WS_FRAME_MORE);
}

TEST(what_the_protocol_forbids_is_broken)
{
    CHECK_EQ(parse_client(BYTES("\x81\x05")), WS_FRAME_BROKEN); /* not masked */
    CHECK_EQ(parse_server(BYTES("\x81\x85")), WS_FRAME_BROKEN); /* masked */
    CHECK_EQ(parse_client(BYTES("\x91")), WS_FRAME_BROKEN);     /* RSV3 */
    CHECK_EQ(parse_client(BYTES("\xa1")), WS_FRAME_BROKEN);     /* RSV2 */
    CHECK_EQ(parse_client(BYTES("\xc1")), WS_FRAME_BROKEN);     /* RSV1 */
    CHECK_EQ(parse_client(BYTES("\x83")), WS_FRAME_BROKEN);     /* opcode 3 */
    CHECK_STR_EQ(what, "Unknown opcode 3");
    CHECK_EQ(parse_client(BYTES("\x8f")), WS_FRAME_BROKEN); /* opcode 15 */
    CHECK_STR_EQ(what, "Unknown opcode 15");
    CHECK_EQ(parse_client(BYTES("\x09\x80")), WS_FRAME_BROKEN);         /* ping, not fin */
    CHECK_EQ(parse_client(BYTES("\x89\xfe")), WS_FRAME_BROKEN);         /* ping, long */
    CHECK_EQ(parse_client(BYTES("\x81\xfe\x00\x7d")), WS_FRAME_BROKEN); /* 125 in 16 bits */
    CHECK_EQ(parse_client(BYTES("\x81\xff\0\0\0\0\0\0\xff\xff")), WS_FRAME_BROKEN); /* in 64 */
    CHECK_EQ(parse_client(BYTES("\x81\xff\x80")), WS_FRAME_BROKEN);                 /* 64 bits */
}

TEST(compression_is_marked_on_the_first_data_frame_only)
{
    CHECK_EQ(ws_frame_parse(BYTES("\xc1\x00"), WS_FROM_SERVER, true, &frame, &what), 0);
    CHECK(frame.compressed);
    CHECK_EQ(ws_frame_parse(BYTES("\xc0"), WS_FROM_SERVER, true, &frame, &what), WS_FRAME_BROKEN);
    CHECK_EQ(ws_frame_parse(BYTES("\xc9"), WS_FROM_SERVER, true, &frame, &what), WS_FRAME_BROKEN);
}

TEST(masking_is_the_same_from_any_offset)
{
    uint8_t plain[200];
    uint8_t masked[200];
    const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};

    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 7);
    for (size_t cut = 0; cut <= sizeof plain; cut++) {
        memcpy(masked, plain, sizeof plain);
        ws_frame_mask(masked, cut, mask, 0);
        ws_frame_mask(masked + cut, sizeof masked - cut, mask, cut);
        for (size_t i = 0; i < sizeof plain; i++)
            CHECK_EQ(masked[i], plain[i] ^ mask[i & 3]);
    }
}

TEST(a_written_header_reads_the_same)
{
    static const uint64_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, UINT64_C(1) << 40};
    const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t head[WS_FRAME_HEAD_MAX];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t len = ws_frame_head(head, WS_BINARY, false, lengths[i], mask);

        CHECK_EQ(parse_client(bytes_of(head, len)), 0);
        CHECK_EQ(frame.length, lengths[i]);
        CHECK_EQ(frame.head_bytes, len);
        len = ws_frame_head(head, WS_TEXT, false, lengths[i], NULL);
        CHECK_EQ(parse_server(bytes_of(head, len)), 0);
        CHECK_EQ(frame.length, lengths[i]);
    }
}

TEST(a_blob_is_one_whole_frame)
{
    struct blob *blob = ws_frame_text_blob(BYTES("hi"));

    CHECK_BYTES_EQ(blob_bytes(blob), BYTES("\x81\x02hi"));
    blob_unref(blob);
    blob = ws_frame_binary_blob((struct bytes){0});
    CHECK_BYTES_EQ(blob_bytes(blob), BYTES("\x82\x00"));
    blob_unref(blob);
}
