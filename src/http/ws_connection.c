#include "http/ws_connection.h"

#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/ws_deflate.h"
#include "http/ws_message.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"

/*
 * The close handshake has two halves, and the connection ends when both are done, or when it is
 * lost:
 *
 *                ws_close()                      Close received
 *   OPEN -------------------> close_sent ---------------------------+
 *     |                                                             v
 *     +--------------------> close_received ------------------> ending --task--> dead
 *        Close received                        ws_close()           ^
 *                                              (or auto_close)      |
 *   any state: connection lost, protocol broken, reader too slow, closing takes too long
 *
 * `told`    on_close() or on_error() has been called.
 * `ending`  the task is queued that says goodbye to the stream, calls on_end() and frees. Every
 *           end goes through it, so that no call of the embedder calls back.
 * `dead`    after ws_abort(), ws_detach() or on_end(): only the task still knows the memory.
 *
 * Input is parsed straight from the loop's buffer. Only what arrives while reading is paused is
 * kept, in `input`. Once our Close is out a pause no longer holds anything back, because the peer's
 * Close, behind whatever it sent before, must be found.
 */

static const char lost_reason[] = "WebSocket disconnected without sending Close frame.";

/* Only while we wait for the answer to our Close. */
struct closing {
    struct timer timer;
    struct ws_connection *ws; /* borrowed: owns us */
};

/* What moves with the connection from loop to loop. */
struct ws_state {
    struct ws_message parser;
    struct buf input; /* unread bytes, while paused */
    uint64_t auto_response_time_ms;
    uint16_t error_code; /* of our Close after a failure; 0: none was sent */
    bool client;
    bool manual_close; /* the embedder answers the peer's Close */
    bool close_sent;
    bool close_received;
    bool told;
    bool ending;
    bool reset;          /* end with a reset, not politely */
    bool peer_gone;      /* while reading was paused: told when it is resumed */
    const char *failure; /* for on_error(), told by the task; static text */
};

struct ws_connection {
    struct ws_state state;
    struct stream *stream;                        /* owned; NULL once dead */
    const struct ws_handler *handler;             /* borrowed; NULL until set */
    void *ctx;                                    /* borrowed */
    const struct ws_auto_response *auto_response; /* borrowed */
    struct closing *closing;                      /* owned; NULL unless waiting */
    struct loop_task task;
    bool paused;
    bool dead;
    bool parsing; /* inside parse(): its buffer is lent */
};

struct ws_parcel {
    struct stream_parcel stream;
    struct ws_state state;
};

_Static_assert(sizeof(struct ws_connection) <= 320, "a sleeping connection is small");

static void parse(struct ws_connection *ws, uint8_t *data, size_t len);

static bool holds_back(const struct ws_connection *ws)
{
    return ws->paused && !ws->state.close_sent;
}

/* Let go of everything but the struct itself, which the task frees. */
static void die(struct ws_connection *ws)
{
    struct loop *loop = ws_loop(ws);

    ws->dead = true;
    ws->stream = NULL;
    if (ws->closing != NULL) {
        timer_stop(&ws->closing->timer);
        mem_free(ws->closing);
        ws->closing = NULL;
    }
    ws_message_fini(&ws->state.parser);
    buf_fini(&ws->state.input);
    loop_defer(loop, &ws->task);
}

static void end_later(struct ws_connection *ws)
{
    ws->state.ending = true;
    stream_read_pause(ws->stream);
    loop_defer(ws_loop(ws), &ws->task);
}

/* The embedder learns the outcome once. Called from the loop. */
static void tell_close(struct ws_connection *ws, uint16_t code, struct bytes reason, bool clean)
{
    if (ws->state.told)
        return;
    ws->state.told = true;
    ws->handler->on_close(ws->ctx, ws, code, reason, clean);
}

static void tell_error(struct ws_connection *ws, const char *what)
{
    if (ws->state.told)
        return;
    ws->state.told = true;
    ws->handler->on_error(ws->ctx, ws, what);
}

static void lose(struct ws_connection *ws)
{
    tell_close(ws, 1006, bytes_of_string(lost_reason), false);
    if (!ws->dead && !ws->state.ending)
        end_later(ws);
}

static void goodbye(struct ws_connection *ws)
{
    struct stream *stream = ws->stream;

    if (ws->state.failure != NULL)
        tell_error(ws, ws->state.failure);
    if (ws->dead) /* the handler has used ws_abort() */
        return;
    if (ws->state.reset)
        stream_reset(stream);
    else
        stream_finish(stream);
    ws->handler->on_end(ws->ctx, ws);
    die(ws);
}

static void on_task(struct loop_task *task)
{
    struct ws_connection *ws = container_of(task, struct ws_connection, task);

    if (ws->dead) {
        mem_free(ws);
        return;
    }
    if (!holds_back(ws) && !ws->state.ending && ws->state.input.len > 0) {
        struct buf input = ws->state.input;

        ws->state.input = (struct buf){0};
        parse(ws, input.data, input.len);
        buf_fini(&input);
    }
    if (!ws->dead && ws->state.peer_gone && !holds_back(ws) && !ws->state.ending)
        lose(ws);
    if (!ws->dead && ws->state.ending)
        goodbye(ws);
}

/* Send */

static bool send_masked(struct ws_connection *ws, enum ws_opcode opcode, bool compressed,
                        struct bytes payload)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    uint8_t mask[4];
    uint8_t *copy;
    bool full;

    arc4random_buf(mask, sizeof mask);
    stream_write(ws->stream,
                 bytes_of(head, ws_frame_head(head, opcode, compressed, payload.len, mask)));
    copy = mem_dup(payload.data, payload.len);
    ws_frame_mask(copy, payload.len, mask, 0);
    full = stream_write(ws->stream, bytes_of(copy, payload.len));
    mem_free(copy);
    return full;
}

static bool send_frame(struct ws_connection *ws, enum ws_opcode opcode, bool compressed,
                       struct bytes payload)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    bool full;

    if (ws->state.client)
        return send_masked(ws, opcode, compressed, payload);
    full = stream_write(ws->stream,
                        bytes_of(head, ws_frame_head(head, opcode, compressed, payload.len, NULL)));
    full |= stream_write(ws->stream, payload);
    return full;
}

static bool may_send(const struct ws_connection *ws)
{
    ASSERT(!ws->dead);
    return !ws->state.close_sent && !ws->state.ending;
}

/* Also looks at what is still unsent: one long message passes, a slow reader does not. */
static bool may_send_message(struct ws_connection *ws)
{
    if (!may_send(ws))
        return false;
    if (stream_queued_bytes(ws->stream) <= LIMIT_WS_OUT_QUEUE_BYTES)
        return true;
    ws->state.failure = "The WebSocket's peer reads too slowly: too much is waiting to be sent.";
    ws->state.reset = true;
    end_later(ws);
    return false;
}

static bool send_message(struct ws_connection *ws, enum ws_opcode opcode, struct bytes payload)
{
    struct buf packed = {0};
    bool full;

    if (!may_send_message(ws))
        return false;
    if (!ws->state.parser.deflate || payload.len < WS_DEFLATE_MIN)
        return send_frame(ws, opcode, false, payload);

    ws_deflate_compress(payload, &packed);
    if (packed.len < payload.len)
        full = send_frame(ws, opcode, true, buf_bytes(&packed));
    else
        full = send_frame(ws, opcode, false, payload);
    buf_fini(&packed);
    return full;
}

bool ws_send_text(struct ws_connection *ws, struct bytes text)
{
    return send_message(ws, WS_TEXT, text);
}

bool ws_send_binary(struct ws_connection *ws, struct bytes data)
{
    return send_message(ws, WS_BINARY, data);
}

bool ws_send_ping(struct ws_connection *ws, struct bytes data)
{
    ASSERT(data.len <= LIMIT_WS_CONTROL_BYTES);
    return may_send_message(ws) && send_frame(ws, WS_PING, false, data);
}

bool ws_send_part(struct ws_connection *ws, struct blob *blob, size_t at, size_t len)
{
    struct bytes bytes = bytes_slice(blob_bytes(blob), at, at + len);
    struct ws_frame frame;
    const char *what;
    int r;

    if (!may_send_message(ws))
        return false;
    if (!ws->state.client)
        return stream_write_part(ws->stream, blob, at, len);

    r = ws_frame_parse(bytes, WS_FROM_SERVER, false, &frame, &what);
    ASSERT(r == 0 && frame.head_bytes + frame.length == bytes.len);
    return send_masked(ws, (enum ws_opcode)frame.opcode, false,
                       bytes_slice(bytes, frame.head_bytes, bytes.len));
}

bool ws_send_blob(struct ws_connection *ws, struct blob *blob)
{
    return ws_send_part(ws, blob, 0, blob_bytes(blob).len);
}

size_t ws_queued_bytes(const struct ws_connection *ws)
{
    return stream_queued_bytes(ws->stream);
}

/* Close */

static void on_closing(struct timer *timer)
{
    struct ws_connection *ws = container_of(timer, struct closing, timer)->ws;

    ws->state.reset = true;
    if (!ws->state.ending)
        lose(ws);
}

/* Nothing is held back any more. */
static void read_on(struct ws_connection *ws)
{
    stream_read_resume(ws->stream);
    if (ws->state.input.len > 0 || ws->state.peer_gone)
        loop_defer(ws_loop(ws), &ws->task);
}

static void wait_for_close(struct ws_connection *ws)
{
    ws->closing = mem_new(struct closing);
    ws->closing->ws = ws;
    ws->closing->timer.cb = on_closing;
    timer_start(&ws->closing->timer, ws_loop(ws), LIMIT_WS_CLOSE_TIMEOUT_MS);
}

static void send_close(struct ws_connection *ws, uint16_t code, struct bytes reason)
{
    uint8_t payload[LIMIT_WS_CONTROL_BYTES];
    size_t len = 0;

    if (code != 0 && code != 1005) {
        struct bytes cut = bytes_slice(reason, 0, LIMIT_WS_CLOSE_REASON_BYTES);

        if (cut.len < reason.len)
            cut.len = utf8_valid_prefix(cut);
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        if (cut.len > 0)
            memcpy(payload + 2, cut.data, cut.len);
        len = 2 + cut.len;
    }
    send_frame(ws, WS_CLOSE, false, bytes_of(payload, len));
    ws->state.close_sent = true;
}

void ws_close(struct ws_connection *ws, uint16_t code, struct bytes reason)
{
    if (!may_send(ws))
        return;
    send_close(ws, code, reason);
    if (ws->state.close_received) {
        end_later(ws);
    } else if (!ws->state.ending) {
        wait_for_close(ws);
        read_on(ws);
    }
}

void ws_abort(struct ws_connection *ws)
{
    struct stream *stream = ws->stream;

    ASSERT(!ws->dead);
    die(ws);
    stream_reset(stream);
}

bool ws_close_sent(const struct ws_connection *ws)
{
    return ws->state.close_sent;
}

bool ws_close_received(const struct ws_connection *ws)
{
    return ws->state.close_received;
}

/* Receive */

static bool auto_responds(struct ws_connection *ws, struct bytes text)
{
    struct timespec now;

    if (ws->auto_response == NULL || !bytes_equal(text, ws->auto_response->request))
        return false;
    if (!may_send(ws))
        return true; /* asked after our Close: nobody is told */
    ws_send_blob(ws, ws->auto_response->response);
    clock_gettime(CLOCK_REALTIME, &now);
    ws->state.auto_response_time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (ws->handler->on_auto_response != NULL)
        ws->handler->on_auto_response(ws->ctx, ws, ws->state.auto_response_time_ms);
    return true;
}

static void receive_close(struct ws_connection *ws, const struct ws_event *event)
{
    ws->state.close_received = true;
    if (!ws->state.close_sent && !ws->state.manual_close)
        send_close(ws, event->code, (struct bytes){0});
    tell_close(ws, event->code, event->data, true);
    if (!ws->dead && ws->state.close_sent && !ws->state.ending)
        end_later(ws);
}

static void receive_failure(struct ws_connection *ws, const struct ws_event *event)
{
    if (!ws->state.close_sent)
        send_close(ws, event->code, bytes_of_string(event->what));
    ws->state.error_code = event->code;
    tell_error(ws, event->what);
    if (!ws->dead)
        end_later(ws);
}

static void receive(struct ws_connection *ws, int kind, const struct ws_event *event)
{
    switch ((enum ws_message_result)kind) {
    case WS_MESSAGE_TEXT:
        if (!auto_responds(ws, event->data))
            ws->handler->on_message(ws->ctx, ws, true, event->data);
        break;
    case WS_MESSAGE_BINARY: ws->handler->on_message(ws->ctx, ws, false, event->data); break;
    case WS_MESSAGE_PING:
        /* a peer that pings without reading gets fewer pongs, not a growing queue */
        if (may_send(ws) && !stream_full(ws->stream))
            send_frame(ws, WS_PONG, false, event->data);
        break;
    case WS_MESSAGE_PONG: break;
    case WS_MESSAGE_CLOSE: receive_close(ws, event); break;
    case WS_MESSAGE_BROKEN: receive_failure(ws, event); break;
    case WS_MESSAGE_MORE:
    default: UNREACHABLE();
    }
}

static void parse(struct ws_connection *ws, uint8_t *data, size_t len)
{
    ASSERT(!ws->parsing && ws->state.input.len == 0);
    ws->parsing = true;
    while (!ws->dead && !holds_back(ws) && !ws->state.ending && !ws->state.close_received) {
        struct ws_event event;
        int kind = ws_message_next(&ws->state.parser, &data, &len, &event);

        if (kind == WS_MESSAGE_MORE)
            break;
        receive(ws, kind, &event);
    }
    ws->parsing = false;
    if (!ws->dead && holds_back(ws) && len > 0 && !ws->state.ending)
        buf_append(&ws->state.input, data, len);
}

static void on_read(void *ctx, uint8_t *data, size_t len)
{
    struct ws_connection *ws = ctx;

    if (ws->state.ending || ws->state.close_received)
        return;
    if (!holds_back(ws) && ws->state.input.len == 0) {
        parse(ws, data, len);
        return;
    }
    buf_append(&ws->state.input, data, len);
    if (holds_back(ws) && ws->state.input.len >= LIMIT_WS_IN_QUEUE_BYTES)
        stream_read_pause(ws->stream);
}

static void on_end(void *ctx)
{
    struct ws_connection *ws = ctx;

    if (ws->state.ending)
        return;
    ws->state.peer_gone = true;
    if (!holds_back(ws) && ws->state.input.len == 0) /* else messages wait, perhaps a Close */
        lose(ws);
}

static void on_fault(void *ctx, int fault)
{
    (void)fault;
    on_end(ctx);
}

static void on_drain(void *ctx)
{
    struct ws_connection *ws = ctx;

    if (!ws->state.ending)
        ws->handler->on_drain(ws->ctx, ws);
}

static const struct stream_handler ws_stream_handler = {
    .on_read = on_read,
    .on_end = on_end,
    .on_fault = on_fault,
    .on_drain = on_drain,
};

void ws_read_pause(struct ws_connection *ws)
{
    ASSERT(!ws->dead);
    ws->paused = true; /* the socket is read on until there is something to keep */
}

void ws_read_resume(struct ws_connection *ws)
{
    ASSERT(!ws->dead);
    ws->paused = false;
    if (!ws->state.ending)
        read_on(ws);
}

/* Life */

struct ws_connection *ws_create(struct stream *stream, bool client, bool deflate,
                                struct bytes unread, const struct ws_handler *handler, void *ctx)
{
    struct ws_connection *ws = mem_new(struct ws_connection);

    ws->stream = stream;
    ws->task.cb = on_task;
    ws->state.client = client;
    ws_message_init(&ws->state.parser, client ? WS_FROM_SERVER : WS_FROM_CLIENT, deflate,
                    LIMIT_WS_MESSAGE_BYTES);
    ws_set_handler(ws, handler, ctx);
    stream_set_handler(stream, &ws_stream_handler, ws);
    stream_read_resume(stream);
    if (unread.len > 0) {
        buf_append_bytes(&ws->state.input, unread);
        loop_defer(ws_loop(ws), &ws->task);
    }
    return ws;
}

void ws_set_handler(struct ws_connection *ws, const struct ws_handler *handler, void *ctx)
{
    ws->handler = handler;
    ws->ctx = ctx;
}

void *ws_handler_ctx(const struct ws_connection *ws)
{
    return ws->ctx;
}

struct loop *ws_loop(const struct ws_connection *ws)
{
    return stream_loop(ws->stream);
}

void ws_set_auto_response(struct ws_connection *ws, const struct ws_auto_response *pair)
{
    ws->auto_response = pair;
}

uint16_t ws_error_code(const struct ws_connection *ws)
{
    return ws->state.error_code;
}

uint64_t ws_auto_response_time_ms(const struct ws_connection *ws)
{
    return ws->state.auto_response_time_ms;
}

void ws_set_message_max(struct ws_connection *ws, size_t bytes_max)
{
    ws->state.parser.bytes_max = bytes_max;
}

void ws_set_auto_close(struct ws_connection *ws, bool on)
{
    ws->state.manual_close = !on;
}

bool ws_deflate_agreed(const struct ws_connection *ws)
{
    return ws->state.parser.deflate;
}

struct ws_parcel *ws_detach(struct ws_connection *ws)
{
    struct ws_parcel *parcel = mem_new(struct ws_parcel);
    struct stream *stream = ws->stream;

    ASSERT(!ws->dead && !ws->parsing);
    parcel->state = ws->state;
    ws->state.parser = (struct ws_message){0};
    ws->state.input = (struct buf){0};
    die(ws);
    stream_detach(stream, &parcel->stream);
    return parcel;
}

struct ws_connection *ws_attach(struct loop *loop, struct ws_parcel *parcel,
                                const struct ws_handler *handler, void *ctx)
{
    struct ws_connection *ws = mem_new(struct ws_connection);

    ws->task.cb = on_task;
    ws->state = parcel->state;
    ws->stream = stream_attach(loop, &parcel->stream, &ws_stream_handler, ws);
    ws_set_handler(ws, handler, ctx);
    mem_free(parcel);

    if (ws->state.close_sent && !ws->state.close_received && !ws->state.ending)
        wait_for_close(ws);
    if (ws->state.ending)
        end_later(ws);
    else if (ws->state.input.len > 0 || ws->state.peer_gone)
        loop_defer(loop, &ws->task);
    return ws;
}

void ws_parcel_discard(struct ws_parcel *parcel)
{
    stream_parcel_discard(&parcel->stream);
    ws_message_fini(&parcel->state.parser);
    buf_fini(&parcel->state.input);
    mem_free(parcel);
}
