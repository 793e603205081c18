#pragma once

/*
 * WebSocket messages
 *
 * Puts frames together: fragments, control frames between them, text that must be UTF-8 across all
 * fragments, a bound on the size, decompression. Feed what arrives, in any pieces; get one
 * event at a time, so that reading can stop after each. Pure: nothing is sent from here.
 *
 * A message that lies in the input as one frame is unmasked in place and handed out without
 * being copied. Between messages no memory is held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "http/ws_frame.h"

struct ws_message {
    struct buf payload;  /* private, as all: fragments so far, or the message handed out */
    uint8_t *control;    /* owned; a control frame's payload while it is incomplete */
    uint64_t frame_left; /* payload bytes of the frame still to come */
    uint64_t frame_at;   /* and those that have come */
    size_t bytes_max;    /* of a message */
    uint32_t fragments;
    struct utf8_check utf8;
    uint8_t head[WS_FRAME_HEAD_MAX];
    uint8_t head_len;
    uint8_t mask[4];
    uint8_t opcode; /* of the frame */
    uint8_t kind;   /* of the message: WS_TEXT, WS_BINARY, 0 between messages */
    bool fin;
    bool in_frame;
    bool compressed; /* the message */
    bool deflate;    /* permessage-deflate is agreed */
    bool handed_out; /* payload was lent to the caller by the last call */
    bool broken;
    bool from_server;
};

enum ws_message_result {
    WS_MESSAGE_MORE = 1, /* the input is used up */
    WS_MESSAGE_TEXT,
    WS_MESSAGE_BINARY,
    WS_MESSAGE_PING,
    WS_MESSAGE_PONG,
    WS_MESSAGE_CLOSE,  /* `code` (1005: none) and `data`, the reason */
    WS_MESSAGE_BROKEN, /* fail the connection with `code` because of `what`; stays so */
};

struct ws_event {
    struct bytes data; /* valid until the next call; may lie in the input */
    uint16_t code;
    const char *what;
};

void ws_message_init(struct ws_message *message, enum ws_sender sender, bool deflate,
                     size_t bytes_max);
void ws_message_fini(struct ws_message *message);

/* Takes bytes off the front of `*at` (and changes them: unmasking) until there is something to
 * tell. Never 0. */
int ws_message_next(struct ws_message *message, uint8_t **at, size_t *len, struct ws_event *event);

/* True between frames with no memory held. */
bool ws_message_idle(const struct ws_message *message);

/* True for codes that may stand in a Close frame. */
bool ws_close_code_valid(unsigned code);
