#pragma once

/*
 * WebSocket frames (RFC 6455 §5)
 *
 * Headers read and written, payloads masked. Pure. Strict: reserved bits and opcodes, masking by
 * the right side only, lengths in their shortest form, control frames whole and at most 125 bytes.
 * Messages are put together in ws_message.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct blob;

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Room for the longest header. */
#define WS_FRAME_HEAD_MAX 14

struct ws_frame {
    uint64_t length; /* of the payload */
    uint8_t mask[4]; /* zero if not masked */
    uint8_t opcode;
    uint8_t head_bytes; /* length of the header */
    bool fin;
    bool compressed; /* RSV1 */
    bool masked;
};

/* Who has sent what is parsed. */
enum ws_sender {
    WS_FROM_CLIENT, /* masked */
    WS_FROM_SERVER, /* not masked */
};

/* What parsing a header can find. */
enum ws_frame_result {
    WS_FRAME_MORE = 1, /* the header is not complete */
    WS_FRAME_BROKEN,   /* a protocol error: `*what` says which */
};

/* `deflate`: RSV1 is allowed where permessage-deflate allows it. An error is found at the first
 * byte that shows it, so that the result is independent of how bytes arrive. */
int ws_frame_parse(struct bytes input, enum ws_sender sender, bool deflate, struct ws_frame *out,
                   const char **what);

/* XOR `data` with the mask, whose first byte belongs to payload offset 0; `offset` is where in the
 * payload `data` starts. The same operation masks and unmasks. */
void ws_frame_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset);

/* Write a header; returns its length. `mask` NULL: not masked. */
size_t ws_frame_head(uint8_t head[WS_FRAME_HEAD_MAX], enum ws_opcode opcode, bool compressed,
                     uint64_t length, const uint8_t mask[4]);

/* A whole, unmasked message as one frame, to be shared by any number of ws_send_blob() calls.
 * Never NULL. */
struct blob *ws_frame_text_blob(struct bytes text);
struct blob *ws_frame_binary_blob(struct bytes data);
