#include "http/ws_frame.h"

#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"

static int broken(const char **what, const char *text)
{
    *what = text;
    return WS_FRAME_BROKEN;
}

static bool is_control(uint8_t opcode)
{
    return (opcode & 8) != 0;
}

/* RFC 6455 keeps the others for later. */
static bool opcode_known(uint8_t opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

static int broken_opcode(const char **what, uint8_t opcode)
{
    static const char *const texts[16] = {
        [3] = "Unknown opcode 3",   [4] = "Unknown opcode 4",   [5] = "Unknown opcode 5",
        [6] = "Unknown opcode 6",   [7] = "Unknown opcode 7",   [11] = "Unknown opcode 11",
        [12] = "Unknown opcode 12", [13] = "Unknown opcode 13", [14] = "Unknown opcode 14",
        [15] = "Unknown opcode 15",
    };

    ASSERT(opcode < 16 && texts[opcode] != NULL);
    return broken(what, texts[opcode]);
}

/* FIN, reserved bits, opcode. */
static int parse_first_byte(uint8_t byte, bool deflate, struct ws_frame *out, const char **what)
{
    out->fin = (byte & 0x80) != 0;
    out->compressed = (byte & 0x40) != 0;
    out->opcode = byte & 0x0f;

    if ((byte & 0x30) != 0)
        return broken(what, "Received frame had RSV bits 2 or 3 set");
    if (out->compressed && !deflate)
        return broken(what, "Received a WebSocket frame whose compression bit was set, but the "
                            "compression extension was not negotiated for this connection.");
    if (!opcode_known(out->opcode))
        return broken_opcode(what, out->opcode);
    if (out->compressed && (is_control(out->opcode) || out->opcode == WS_CONTINUATION))
        return broken(what, "The compression bit is set where it must not be");
    if (is_control(out->opcode) && !out->fin)
        return broken(what, "Received fragmented control frame");
    return 0;
}

/* MASK and the short length. */
static int parse_second_byte(uint8_t byte, enum ws_sender sender, struct ws_frame *out,
                             const char **what)
{
    out->masked = (byte & 0x80) != 0;
    out->length = byte & 0x7f;

    if (out->masked != (sender == WS_FROM_CLIENT))
        return broken(what, out->masked ? "Received a masked frame from a server"
                                        : "Received an unmasked frame from a client");
    if (is_control(out->opcode) && out->length > 125)
        return broken(what, "Received a control frame that is too long");
    return 0;
}

static int parse_long_length(struct bytes input, struct ws_frame *out, const char **what)
{
    size_t width = out->length == 126 ? 2 : 8;
    uint64_t length = 0;

    if (width == 8 && input.len > 2 && (input.data[2] & 0x80) != 0)
        return broken(what, "Received a length beyond 63 bits");
    if (input.len < 2 + width)
        return WS_FRAME_MORE;
    for (size_t i = 0; i < width; i++)
        length = length << 8 | input.data[2 + i];
    if (length < (width == 2 ? 126U : 65536U))
        return broken(what, "Received a length that is not in its shortest form");
    out->length = length;
    out->head_bytes = (uint8_t)(2 + width);
    return 0;
}

int ws_frame_parse(struct bytes input, enum ws_sender sender, bool deflate, struct ws_frame *out,
                   const char **what)
{
    int r;

    *out = (struct ws_frame){.head_bytes = 2};
    if (input.len < 1)
        return WS_FRAME_MORE;
    r = parse_first_byte(input.data[0], deflate, out, what);
    if (r != 0)
        return r;
    if (input.len < 2)
        return WS_FRAME_MORE;
    r = parse_second_byte(input.data[1], sender, out, what);
    if (r != 0)
        return r;
    if (out->length >= 126) {
        r = parse_long_length(input, out, what);
        if (r != 0)
            return r;
    }
    if (out->masked) {
        if (input.len < out->head_bytes + 4U)
            return WS_FRAME_MORE;
        memcpy(out->mask, input.data + out->head_bytes, 4);
        out->head_bytes = (uint8_t)(out->head_bytes + 4);
    }
    return 0;
}

void ws_frame_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset)
{
    uint8_t turned[4];
    uint32_t word32;
    uint64_t word;
    size_t i = 0;

    for (size_t k = 0; k < 4; k++)
        turned[k] = mask[(offset + k) & 3];
    memcpy(&word32, turned, 4);
    word = (uint64_t)word32 << 32 | word32;

    for (; i + 32 <= len; i += 32) { /* in a shape compilers turn into vector instructions */
        uint64_t block[4];

        memcpy(block, data + i, 32);
        for (size_t k = 0; k < 4; k++)
            block[k] ^= word;
        memcpy(data + i, block, 32);
    }
    for (; i + 8 <= len; i += 8) {
        uint64_t block;

        memcpy(&block, data + i, 8);
        block ^= word;
        memcpy(data + i, &block, 8);
    }
    for (; i < len; i++)
        data[i] ^= turned[i & 3];
}

size_t ws_frame_head(uint8_t head[WS_FRAME_HEAD_MAX], enum ws_opcode opcode, bool compressed,
                     uint64_t length, const uint8_t mask[4])
{
    size_t at = 2;
    size_t width = length < 126 ? 0 : length < 65536 ? 2 : 8;

    ASSERT(opcode < WS_CLOSE || length <= 125);
    head[0] = (uint8_t)(0x80 | (compressed ? 0x40 : 0) | opcode);
    head[1] = (uint8_t)(width == 0 ? length : width == 2 ? 126 : 127);
    for (size_t i = 0; i < width; i++)
        head[at++] = (uint8_t)(length >> (8 * (width - 1 - i)));
    if (mask != NULL) {
        head[1] |= 0x80;
        memcpy(head + at, mask, 4);
        at += 4;
    }
    return at;
}

static struct blob *frame_blob(enum ws_opcode opcode, struct bytes payload)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    size_t head_bytes = ws_frame_head(head, opcode, false, payload.len, NULL);
    uint8_t *frame = mem_alloc(head_bytes + payload.len);

    memcpy(frame, head, head_bytes);
    if (payload.len > 0)
        memcpy(frame + head_bytes, payload.data, payload.len);
    return blob_take(frame, head_bytes + payload.len);
}

struct blob *ws_frame_text_blob(struct bytes text)
{
    return frame_blob(WS_TEXT, text);
}

struct blob *ws_frame_binary_blob(struct bytes data)
{
    return frame_blob(WS_BINARY, data);
}
