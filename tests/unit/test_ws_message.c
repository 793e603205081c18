#include <stdlib.h>

#include "http/ws_deflate.h"
#include "http/ws_message.h"
#include "test.h"

/* Frames as a client sends them, and what is told about them: "text:hi ping: close:1000:bye". */
static struct buf input;
static struct buf story;

static void add_frame(uint8_t first, struct bytes payload)
{
    static const uint8_t mask[4] = {0xa1, 0x5b, 0x00, 0xff};
    uint8_t head[WS_FRAME_HEAD_MAX];
    size_t at;

    buf_append(&input, head, ws_frame_head(head, WS_BINARY, false, payload.len, mask));
    at = input.len - (payload.len < 126 ? 6 : payload.len < 65536 ? 8 : 14);
    input.data[at] = first;
    at = input.len;
    buf_append_bytes(&input, payload);
    ws_frame_mask(input.data + at, payload.len, mask, 0);
}

static void tell(const char *name, struct bytes data)
{
    buf_append_string(&story, name);
    buf_append_bytes(&story, data);
    buf_append_byte(&story, ' ');
}

static void tell_event(int kind, const struct ws_event *event)
{
    switch ((enum ws_message_result)kind) {
    case WS_MESSAGE_TEXT: tell("text:", event->data); break;
    case WS_MESSAGE_BINARY: tell("binary:", event->data); break;
    case WS_MESSAGE_PING: tell("ping:", event->data); break;
    case WS_MESSAGE_PONG: tell("pong:", event->data); break;
    case WS_MESSAGE_CLOSE:
        buf_append_format(&story, "%u-", event->code);
        tell("close:", event->data);
        break;
    case WS_MESSAGE_BROKEN: buf_append_format(&story, "%u!", event->code); break;
    case WS_MESSAGE_MORE:
    default: break;
    }
}

/* The story of the input in pieces of `size` bytes. */
static const char *read_in_pieces(size_t size, size_t bytes_max, bool deflate)
{
    struct ws_message message;
    uint8_t *copy = input.len > 0 ? malloc(input.len) : NULL; /* exact, for ASan; it is unmasked */
    bool over = false;

    buf_clear(&story);
    ws_message_init(&message, WS_FROM_CLIENT, deflate, bytes_max);
    if (copy != NULL)
        memcpy(copy, input.data, input.len);
    for (size_t at = 0; at < input.len && !over; at += size) {
        uint8_t *data = copy + at;
        size_t len = input.len - at < size ? input.len - at : size;
        struct ws_event event;
        int kind;

        while (!over &&
               (kind = ws_message_next(&message, &data, &len, &event)) != WS_MESSAGE_MORE) {
            tell_event(kind, &event);
            over = kind == WS_MESSAGE_BROKEN;
        }
    }
    if (!over && ws_message_idle(&message))
        buf_append_byte(&story, '.');
    ws_message_fini(&message);
    free(copy);
    return buf_string(&story);
}

/* The story, which must be the same in one piece and in pieces of every size. */
static void check_story_max(const char *expected, size_t bytes_max, bool deflate)
{
    for (size_t size = 1; size <= input.len; size++)
        CHECK_STR_EQ(read_in_pieces(size, bytes_max, deflate), expected);
    buf_fini(&input);
    buf_fini(&story);
}

static void check_story(const char *expected)
{
    check_story_max(expected, 1000, false);
}

TEST(messages_and_control_frames_are_told_in_order)
{
    add_frame(0x81, BYTES("hello"));
    add_frame(0x89, BYTES("p"));
    add_frame(0x82, (struct bytes){0});
    add_frame(0x8a, (struct bytes){0});
    add_frame(0x88, BYTES("\x03\xe8"
                          "bye"));
    check_story("text:hello ping:p binary: pong: 1000-close:bye .");
}

TEST(fragments_are_joined_around_control_frames)
{
    add_frame(0x01, BYTES("he"));
    add_frame(0x89, BYTES("now"));
    add_frame(0x00, (struct bytes){0});
    add_frame(0x80, BYTES("llo"));
    add_frame(0x81, BYTES("x"));
    check_story("ping:now text:hello text:x .");
}

TEST(fragments_follow_rules)
{
    add_frame(0x80, BYTES("x"));
    check_story("1002!");
    add_frame(0x01, BYTES("a"));
    add_frame(0x81, BYTES("b"));
    check_story("1002!");
}

TEST(text_is_utf8_across_fragments)
{
    add_frame(0x01, BYTES("\xe2\x82"));
    add_frame(0x80, BYTES("\xac"));
    check_story("text:\xe2\x82\xac .");
    add_frame(0x01, BYTES("\xe2\x82"));
    add_frame(0x80, BYTES("x"));
    check_story("1007!");
    add_frame(0x81, BYTES("ab\xff"));
    check_story("1007!");
    add_frame(0x81, BYTES("\xed\xa0\x80"));
    check_story("1007!");
    add_frame(0x81, BYTES("\xe2\x82"));
    check_story("1007!");
}

TEST(close_frames_are_checked)
{
    add_frame(0x88, (struct bytes){0});
    check_story("1005-close: .");
    add_frame(0x88, BYTES("\x03"));
    check_story("1002!");
    add_frame(0x88, BYTES("\x03\xed")); /* 1005 */
    check_story("1002!");
    add_frame(0x88, BYTES("\x03\xe8\xff"));
    check_story("1007!");
    CHECK(ws_close_code_valid(1000) && ws_close_code_valid(1011) && ws_close_code_valid(3000) &&
          ws_close_code_valid(4999));
    CHECK(!ws_close_code_valid(999) && !ws_close_code_valid(1004) && !ws_close_code_valid(1006) &&
          !ws_close_code_valid(1015) && !ws_close_code_valid(2999) && !ws_close_code_valid(5000));
}

TEST(a_message_beyond_the_bound_is_refused_at_its_header)
{
    add_frame(0x82, BYTES("12345"));
    check_story_max("binary:12345 .", 5, false);
    add_frame(0x82, BYTES("123456"));
    check_story_max("1009!", 5, false);
    add_frame(0x02, BYTES("123"));
    add_frame(0x80, BYTES("456"));
    check_story_max("1009!", 5, false);
}

TEST(compressed_messages_come_out_plain_and_bounded)
{
    struct buf packed = {0};

    ws_deflate_compress(BYTES("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &packed);
    add_frame(0xc1, buf_bytes(&packed));
    add_frame(0x41, bytes_slice(buf_bytes(&packed), 0, 2));
    add_frame(0x80, bytes_slice(buf_bytes(&packed), 2, packed.len));
    check_story_max("text:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                    "text:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa .",
                    40, true);
    add_frame(0xc1, buf_bytes(&packed));
    check_story_max("1009!", 39, true);
    add_frame(0xc2, BYTES("\xff\xff\xff"));
    check_story_max("1007!", 39, true);
    buf_fini(&packed);
}
