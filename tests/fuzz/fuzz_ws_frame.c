/*
 * WebSocket frame headers: a longer input never changes what a shorter one has decided, and a
 * header written from what was read is the header that was read.
 */

#include "base/assert.h"
#include "http/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct ws_frame *frame, struct bytes input)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    size_t len;

    if (!frame->fin)
        return;
    len = ws_frame_head(head, (enum ws_opcode)frame->opcode, frame->compressed, frame->length,
                        frame->masked ? frame->mask : NULL);
    ASSERT(len == frame->head_bytes && memcmp(head, input.data, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int variant = 0; variant < 4; variant++) {
        enum ws_sender sender = variant % 2 == 0 ? WS_FROM_CLIENT : WS_FROM_SERVER;
        bool deflate = variant >= 2;
        struct ws_frame whole;
        const char *what;
        int r = ws_frame_parse(bytes_of(data, size), sender, deflate, &whole, &what);

        for (size_t len = 0; len < size && len <= WS_FRAME_HEAD_MAX; len++) {
            struct ws_frame part;
            int early = ws_frame_parse(bytes_of(data, len), sender, deflate, &part, &what);

            ASSERT(early == WS_FRAME_MORE || early == r);
            ASSERT(early != 0 || part.head_bytes == whole.head_bytes);
        }
        if (r == 0)
            check_written(&whole, bytes_of(data, size));
    }
    return 0;
}
