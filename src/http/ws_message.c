#include "http/ws_message.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/ws_deflate.h"

/*
 * ws_message_next() goes round this loop, each step taking something off the input:
 *
 *   HEAD     gather a header (at most 14 bytes) and judge the frame against the message
 *   PAYLOAD  data frames: unmask, check, append; or hand out in place if all of it is here.
 *            control frames: gather up to 125 bytes; they leave the message around them alone
 *   END      the frame is complete: an event, or the next fragment
 */

void ws_message_init(struct ws_message *message, enum ws_sender sender, bool deflate,
                     size_t bytes_max)
{
    *message = (struct ws_message){
        .from_server = sender == WS_FROM_SERVER,
        .deflate = deflate,
        .bytes_max = bytes_max,
    };
}

void ws_message_fini(struct ws_message *message)
{
    buf_fini(&message->payload);
    mem_free(message->control);
    message->control = NULL;
}

bool ws_message_idle(const struct ws_message *message)
{
    return message->head_len == 0 && !message->in_frame && message->kind == 0 &&
           message->payload.data == NULL && message->control == NULL;
}

bool ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int broken(struct ws_message *message, struct ws_event *event, uint16_t code,
                  const char *what)
{
    message->broken = true;
    event->data = (struct bytes){0};
    event->code = code;
    event->what = what;
    return WS_MESSAGE_BROKEN;
}

/* Words that are read before the thread makes others. */
static int too_large(struct ws_message *message, struct ws_event *event, uint64_t bytes)
{
    static _Thread_local char words[80];

    snprintf(words, sizeof words, "Message is too large: %" PRIu64 " > %zu", bytes,
             message->bytes_max);
    return broken(message, event, 1009, words);
}

/* The frame's place in the message. */
static int judge_frame(struct ws_message *message, const struct ws_frame *frame,
                       struct ws_event *event)
{
    if (frame->opcode >= WS_CLOSE)
        return 0;
    if (frame->opcode == WS_CONTINUATION && message->kind == 0)
        return broken(message, event, 1002, "Unexpected continuation frame");
    if (frame->opcode != WS_CONTINUATION && message->kind != 0)
        return broken(message, event, 1002, "Missing continuation frame");

    if (frame->opcode != WS_CONTINUATION) {
        message->kind = frame->opcode;
        message->compressed = frame->compressed;
        message->fragments = 0;
        message->utf8 = (struct utf8_check){0};
    }
    if (frame->length > message->bytes_max ||
        message->payload.len > message->bytes_max - frame->length)
        return too_large(message, event, message->payload.len + frame->length);
    if (++message->fragments > LIMIT_WS_FRAGMENTS)
        return broken(message, event, 1009, "Message has too many fragments");
    return 0;
}

/* 0: a frame has begun. */
static int take_head(struct ws_message *message, uint8_t **at, size_t *len, struct ws_event *event)
{
    enum ws_sender sender = message->from_server ? WS_FROM_SERVER : WS_FROM_CLIENT;
    struct bytes head = bytes_of(*at, *len);
    struct ws_frame frame;
    size_t had = message->head_len;
    const char *what;
    int r;

    if (had > 0) { /* join with what an earlier piece of input had of this header */
        size_t more = *len < WS_FRAME_HEAD_MAX - had ? *len : WS_FRAME_HEAD_MAX - had;

        memcpy(message->head + had, *at, more);
        head = bytes_of(message->head, had + more);
    }
    r = ws_frame_parse(head, sender, message->deflate, &frame, &what);
    if (r == WS_FRAME_BROKEN)
        return broken(message, event, 1002, what);
    if (r == WS_FRAME_MORE) {
        ASSERT(head.len < WS_FRAME_HEAD_MAX);
        if (had == 0 && head.len > 0)
            memcpy(message->head, head.data, head.len);
        message->head_len = (uint8_t)head.len;
        *at += *len;
        *len = 0;
        return WS_MESSAGE_MORE;
    }

    message->head_len = 0;
    *at += frame.head_bytes - had;
    *len -= frame.head_bytes - had;
    message->in_frame = true;
    message->opcode = frame.opcode;
    message->fin = frame.fin;
    message->frame_left = frame.length;
    message->frame_at = 0;
    memcpy(message->mask, frame.mask, 4);
    return judge_frame(message, &frame, event);
}

/* Unmask as much of the frame's payload as is here and take it off the input. */
static struct bytes take_payload(struct ws_message *message, uint8_t **at, size_t *len)
{
    size_t count = message->frame_left < *len ? (size_t)message->frame_left : *len;
    struct bytes part = bytes_of(*at, count);

    if (!message->from_server)
        ws_frame_mask(*at, count, message->mask, message->frame_at);
    *at += count;
    *len -= count;
    message->frame_left -= count;
    message->frame_at += count;
    return part;
}

static int close_event(struct ws_message *message, struct bytes payload, struct ws_event *event)
{
    unsigned code;

    event->code = 1005;
    event->data = (struct bytes){0};
    if (payload.len == 0)
        return WS_MESSAGE_CLOSE;
    if (payload.len == 1)
        return broken(message, event, 1002, "Received half a close code");
    code = (unsigned)payload.data[0] << 8 | payload.data[1];
    if (!ws_close_code_valid(code))
        return broken(message, event, 1002, "Received an invalid close code");
    event->code = (uint16_t)code;
    event->data = bytes_slice(payload, 2, payload.len);
    if (!utf8_valid(event->data))
        return broken(message, event, 1007, "Received a close reason that is not UTF-8");
    return WS_MESSAGE_CLOSE;
}

static int take_control(struct ws_message *message, uint8_t **at, size_t *len,
                        struct ws_event *event)
{
    size_t had = (size_t)message->frame_at;
    struct bytes part = take_payload(message, at, len);
    struct bytes payload = part;

    ASSERT(had + part.len <= LIMIT_WS_CONTROL_BYTES);
    if (had > 0 || message->frame_left > 0) {
        if (message->control == NULL)
            message->control = mem_alloc(LIMIT_WS_CONTROL_BYTES);
        if (part.len > 0)
            memcpy(message->control + had, part.data, part.len);
        payload = bytes_of(message->control, had + part.len);
    }
    if (message->frame_left > 0)
        return WS_MESSAGE_MORE;

    message->in_frame = false;
    if (message->opcode == WS_CLOSE)
        return close_event(message, payload, event);
    event->data = payload;
    return message->opcode == WS_PING ? WS_MESSAGE_PING : WS_MESSAGE_PONG;
}

/* All fragments are here. */
static int finish_message(struct ws_message *message, struct bytes data, bool checked,
                          struct ws_event *event)
{
    bool text = message->kind == WS_TEXT;

    message->kind = 0;
    message->in_frame = false;
    if (message->compressed) {
        struct buf plain = {0};
        int r = ws_deflate_inflate(data, message->bytes_max, &plain);

        buf_fini(&message->payload);
        message->payload = plain;
        message->handed_out = true;
        if (r == WS_DEFLATE_TOO_LONG)
            return broken(message, event, 1009, "Message is too large");
        if (r == WS_DEFLATE_BROKEN)
            return broken(message, event, 1007, "Received a message that cannot be decompressed");
        data = buf_bytes(&message->payload);
        checked = false;
    }
    if (text && (checked ? !utf8_check_end(&message->utf8) : !utf8_valid(data)))
        return broken(message, event, 1007, "Received a text message that is not UTF-8");
    event->data = data;
    return text ? WS_MESSAGE_TEXT : WS_MESSAGE_BINARY;
}

/* 0: go on with the next fragment. */
static int take_data(struct ws_message *message, uint8_t **at, size_t *len, struct ws_event *event)
{
    bool alone = message->opcode != WS_CONTINUATION && message->fin && message->frame_at == 0 &&
                 message->frame_left <= *len;
    struct bytes part = take_payload(message, at, len);

    if (alone)
        return finish_message(message, part, false, event);

    if (message->kind == WS_TEXT && !message->compressed && !utf8_check_feed(&message->utf8, part))
        return broken(message, event, 1007, "Received a text message that is not UTF-8");
    buf_append_bytes(&message->payload, part);
    if (message->frame_left > 0)
        return WS_MESSAGE_MORE;
    if (!message->fin) {
        message->in_frame = false;
        return 0;
    }
    message->handed_out = true;
    return finish_message(message, buf_bytes(&message->payload), true, event);
}

int ws_message_next(struct ws_message *message, uint8_t **at, size_t *len, struct ws_event *event)
{
    int r;

    *event = (struct ws_event){0};
    if (message->handed_out) {
        buf_fini(&message->payload);
        message->handed_out = false;
    }
    if (message->control != NULL && !(message->in_frame && message->opcode >= WS_CLOSE)) {
        mem_free(message->control);
        message->control = NULL;
    }
    if (message->broken)
        return broken(message, event, 1002, "The connection has failed before");

    do {
        r = message->in_frame ? 0 : take_head(message, at, len, event);
        if (r == 0 && message->frame_left > 0 && *len == 0)
            r = WS_MESSAGE_MORE;
        if (r == 0)
            r = message->opcode >= WS_CLOSE ? take_control(message, at, len, event)
                                            : take_data(message, at, len, event);
    } while (r == 0);
    return r;
}
