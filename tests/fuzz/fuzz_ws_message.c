/*
 * WebSocket messages: the events, in order, do not depend on how the bytes arrive; text is UTF-8;
 * no message is longer than the bound; nothing is held after the last message.
 */

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/ws_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MESSAGE_MAX = 4096,
};

static void note(struct buf *story, int kind, const struct ws_event *event)
{
    ASSERT(kind != WS_MESSAGE_TEXT || utf8_valid(event->data));
    ASSERT(event->data.len <= MESSAGE_MAX);
    ASSERT(kind != WS_MESSAGE_CLOSE || event->code == 1005 || ws_close_code_valid(event->code));
    buf_append_u16be(story, (uint16_t)kind);
    buf_append_u16be(story, event->code);
    buf_append_u32be(story, (uint32_t)event->data.len);
    buf_append_bytes(story, event->data);
}

/* Tell the story of the input in pieces of `step` bytes, each in memory of its own size. */
static void read_in_steps(struct bytes input, size_t step, unsigned variant, struct buf *story)
{
    struct ws_message message;
    bool over = false;

    ws_message_init(&message, (variant & 1) != 0 ? WS_FROM_SERVER : WS_FROM_CLIENT,
                    (variant & 2) != 0, MESSAGE_MAX);
    for (size_t from = 0; from < input.len && !over; from += step) {
        struct bytes piece = bytes_slice(input, from, from + step);
        uint8_t *copy = mem_dup(piece.data, piece.len);
        uint8_t *at = copy;
        size_t len = piece.len;
        struct ws_event event;
        int kind;

        while (!over && (kind = ws_message_next(&message, &at, &len, &event)) != WS_MESSAGE_MORE) {
            note(story, kind, &event);
            over = kind == WS_MESSAGE_BROKEN;
        }
        ASSERT(over || len == 0);
        mem_free(copy);
    }
    ASSERT(message.head_len > 0 || message.in_frame || message.kind != 0 || over ||
           ws_message_idle(&message));
    ws_message_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_slice(bytes_of(data, size), 1, size);
    unsigned variant = size > 0 ? data[0] : 0;
    struct buf whole = {0};
    struct buf pieces = {0};

    read_in_steps(input, size + 1, variant, &whole);
    for (size_t step = 1; step <= 7; step += 3) {
        buf_clear(&pieces);
        read_in_steps(input, step, variant, &pieces);
        ASSERT(bytes_equal(buf_bytes(&whole), buf_bytes(&pieces)));
    }
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
