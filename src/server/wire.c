#include "server/wire.h"

#include <errno.h>
#include <string.h>

#include "actor/failure.h"
#include "actor/shard.h"
#include "actor/socket.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/connection.h"
#include "http/ws_connection.h"
#include "http/ws_frame.h"

/* An auto-response as the connection wants it, shared by all sockets of an object. */
struct auto_pair {
    unsigned refs;
    struct ws_auto_response answer; /* .response: the frame, one reference */
    struct blob *request;           /* one reference */
    struct blob *response;          /* one reference: unframed, to know it again */
};

/*
 * A wire is between two others that come and go: the socket (set by attaching, cleared by
 * release(), which frees the wire) and the connection (`ws`, NULL once it is gone). Whichever goes
 * first, the other is told exactly once.
 */
struct wire {
    struct socket_wire base;
    struct ws_connection *ws;
    struct wires *wires;
    struct auto_pair *pair; /* one reference; NULL: none */
    struct list link;       /* wires.open, while ws is there */
    bool told;              /* the socket knows of the end */
};

/* ---- frames and auto-responses that are shared ---- */

static void forget(struct loop_task *task)
{
    struct wires *wires = container_of(task, struct wires, forget);

    blob_unref(wires->sent);
    blob_unref(wires->frame);
    wires->sent = NULL;
    wires->frame = NULL;
}

enum {
    RUN_BYTES = 16 * 1024,
    RUN_PAYLOAD_MAX = 2048,
};

/* Frames of small messages stand one after the other in one blob: several messages that wait for
 * one connection are then one piece of memory, and one reference. */
static void frame_make(struct wires *wires, struct bytes payload, bool text)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    size_t head_len;

    if (payload.len > RUN_PAYLOAD_MAX) {
        wires->frame = text ? ws_frame_text_blob(payload) : ws_frame_binary_blob(payload);
        wires->frame_at = 0;
        wires->frame_len = blob_bytes(wires->frame).len;
        return;
    }
    head_len = ws_frame_head(head, text ? WS_TEXT : WS_BINARY, false, payload.len, NULL);
    if (wires->run == NULL || RUN_BYTES - wires->run_len < head_len + payload.len) {
        blob_unref(wires->run);
        wires->run = blob_create_room(RUN_BYTES, &wires->run_data);
        wires->run_len = 0;
    }
    wires->frame = blob_ref(wires->run);
    wires->frame_at = wires->run_len;
    wires->frame_len = head_len + payload.len;
    memcpy(wires->run_data + wires->run_len, head, head_len);
    if (payload.len > 0)
        memcpy(wires->run_data + wires->run_len + head_len, payload.data, payload.len);
    wires->run_len += wires->frame_len;
}

/* The frame for `data` if it is worth one: from the second time in a row. NULL: send it as is. */
static struct blob *frame_for(struct wires *wires, struct blob *data, bool text)
{
    if (wires->sent != data || wires->sent_text != text) {
        forget(&wires->forget);
        wires->sent = blob_ref(data);
        wires->sent_text = text;
        loop_defer(wires->loop, &wires->forget);
        return NULL;
    }
    if (wires->frame == NULL)
        frame_make(wires, blob_bytes(data), text);
    return wires->frame;
}

static void pair_unref(struct auto_pair *pair)
{
    if (pair == NULL || --pair->refs > 0)
        return;
    blob_unref(pair->answer.response);
    blob_unref(pair->request);
    blob_unref(pair->response);
    mem_free(pair);
}

/* A reference for the caller. */
static struct auto_pair *pair_for(struct wires *wires, struct blob *request, struct blob *response)
{
    struct auto_pair *pair = wires->pair;

    if (pair == NULL || pair->request != request || pair->response != response) {
        pair = mem_new(struct auto_pair);
        pair->refs = 1;
        pair->request = blob_ref(request);
        pair->response = blob_ref(response);
        pair->answer.request = blob_bytes(request);
        pair->answer.response = ws_frame_text_blob(blob_bytes(response));
        pair_unref(wires->pair);
        wires->pair = pair;
    }
    pair->refs++;
    return pair;
}

/* ---- what the socket says ---- */

static struct wire *wire_of(struct socket_wire *base)
{
    return container_of(base, struct wire, base);
}

static void wire_send(struct socket_wire *base, struct blob *data, bool text)
{
    struct wire *wire = wire_of(base);
    struct blob *frame;

    if (wire->ws == NULL)
        return;
    frame = frame_for(wire->wires, data, text);
    if (frame != NULL)
        ws_send_part(wire->ws, frame, wire->wires->frame_at, wire->wires->frame_len);
    else if (text)
        ws_send_text(wire->ws, blob_bytes(data));
    else
        ws_send_binary(wire->ws, blob_bytes(data));
}

static void wire_close(struct socket_wire *base, uint16_t code, struct bytes reason)
{
    struct wire *wire = wire_of(base);

    if (wire->ws != NULL)
        ws_close(wire->ws, code, reason);
}

static void wire_set_auto_response(struct socket_wire *base, struct blob *request,
                                   struct blob *response)
{
    struct wire *wire = wire_of(base);
    struct auto_pair *old = wire->pair;

    wire->pair = request != NULL ? pair_for(wire->wires, request, response) : NULL;
    if (wire->ws != NULL)
        ws_set_auto_response(wire->ws, wire->pair != NULL ? &wire->pair->answer : NULL);
    pair_unref(old);
}

static void wire_pause(struct socket_wire *base, bool paused)
{
    struct wire *wire = wire_of(base);

    if (wire->ws == NULL)
        return;
    if (paused)
        ws_read_pause(wire->ws);
    else
        ws_read_resume(wire->ws);
}

static bool wire_full(struct socket_wire *base)
{
    struct wire *wire = wire_of(base);

    return wire->ws != NULL && ws_queued_bytes(wire->ws) > LIMIT_STREAM_HIGH_BYTES;
}

/* The connection leaves the wire. */
static void wire_part(struct wire *wire)
{
    if (wire->ws == NULL)
        return;
    wire->ws = NULL;
    list_remove(&wire->link);
    wire->wires->count--;
}

static const struct ws_handler orphan_handler;

/* No socket any more. If our Close is on its way the handshake ends by itself, else the peer sees
 * the connection cut. */
static void wire_release(struct socket_wire *base)
{
    struct wire *wire = wire_of(base);
    struct ws_connection *ws = wire->ws;

    wire_part(wire);
    if (ws != NULL && ws_close_sent(ws)) {
        ws_set_auto_response(ws, NULL);
        ws_set_handler(ws, &orphan_handler, NULL);
    } else if (ws != NULL) {
        ws_abort(ws);
    }
    pair_unref(wire->pair);
    mem_free(wire);
}

static const struct socket_wire_ops wire_ops = {
    .send = wire_send,
    .close = wire_close,
    .release = wire_release,
    .set_auto_response = wire_set_auto_response,
    .pause = wire_pause,
    .full = wire_full,
};

/* ---- what the connection says ---- */

static void on_message(void *ctx, struct ws_connection *ws, bool text, struct bytes data)
{
    struct wire *wire = ctx;
    struct blob *blob = blob_create(data.data, data.len);

    (void)ws;
    socket_receive(wire->base.socket, blob, text);
    blob_unref(blob);
}

static void on_close(void *ctx, struct ws_connection *ws, uint16_t code, struct bytes reason,
                     bool clean)
{
    struct wire *wire = ctx;

    (void)ws;
    wire->told = true;
    socket_receive_close(wire->base.socket, code, reason, clean);
}

static void on_error(void *ctx, struct ws_connection *ws, const char *what)
{
    struct wire *wire = ctx;
    uint16_t code = ws_error_code(ws);
    struct failure *failure =
        code != 0 ? failure_format(0,
                                   "WebSocket protocol error; protocolError.statusCode = %u; "
                                   "protocolError.description = %s",
                                   code, what)
                  : failure_format(0, "%s", what);

    wire->told = true;
    socket_receive_error(wire->base.socket, failure);
    failure_unref(failure);
}

static void on_drain(void *ctx, struct ws_connection *ws)
{
    struct wire *wire = ctx;

    (void)ws;
    socket_drained(wire->base.socket);
}

static void on_end(void *ctx, struct ws_connection *ws)
{
    struct wire *wire = ctx;

    (void)ws;
    wire_part(wire);
    if (wire->told)
        return;
    wire->told = true;
    socket_receive_close(wire->base.socket, 1006,
                         BYTES("WebSocket disconnected without sending Close frame."), false);
}

static void on_auto_response(void *ctx, struct ws_connection *ws, uint64_t time_ms)
{
    struct wire *wire = ctx;

    (void)ws;
    socket_auto_responded(wire->base.socket, (int64_t)time_ms);
}

static const struct ws_handler wire_handler = {
    .on_message = on_message,
    .on_close = on_close,
    .on_error = on_error,
    .on_drain = on_drain,
    .on_end = on_end,
    .on_auto_response = on_auto_response,
};

/* A connection that nobody listens to any more, until its close handshake is over. */
static void orphan_message(void *ctx, struct ws_connection *ws, bool text, struct bytes data)
{
    (void)ctx;
    (void)ws;
    (void)text;
    (void)data;
}

static void orphan_close(void *ctx, struct ws_connection *ws, uint16_t code, struct bytes reason,
                         bool clean)
{
    (void)ctx;
    (void)ws;
    (void)code;
    (void)reason;
    (void)clean;
}

static void orphan_error(void *ctx, struct ws_connection *ws, const char *what)
{
    (void)ctx;
    (void)ws;
    (void)what;
}

static void orphan_news(void *ctx, struct ws_connection *ws)
{
    (void)ctx;
    (void)ws;
}

static const struct ws_handler orphan_handler = {
    .on_message = orphan_message,
    .on_close = orphan_close,
    .on_error = orphan_error,
    .on_drain = orphan_news,
    .on_end = orphan_news,
};

/* ---- coupling ---- */

static struct wire *wire_create(struct wires *wires)
{
    struct wire *wire = mem_new(struct wire);

    wire->base.ops = &wire_ops;
    wire->wires = wires;
    return wire;
}

/* Takes `far`; the wire may be gone afterwards, if nobody is at the other end. */
static void wire_couple(struct wire *wire, struct ws_connection *ws, struct socket_far *far)
{
    wire->ws = ws;
    list_push_back(&wire->wires->open, &wire->link);
    wire->wires->count++;
    ws_set_auto_close(ws, false); /* whether and how Close is answered is the socket's affair */
    socket_far_attach(far, &wire->base);
}

/* A connection on its way to another shard. */
struct handover {
    struct message message;
    struct wires *to;
    struct ws_parcel *parcel;
    struct socket_far *far;
};

static void handover_run(struct message *message)
{
    struct handover *handover = container_of(message, struct handover, message);
    struct wires *wires = handover->to;
    struct wire *wire = wire_create(wires);
    struct ws_connection *ws = ws_attach(wires->loop, handover->parcel, &wire_handler, wire);

    wire_couple(wire, ws, handover->far);
    mem_free(handover);
}

void wires_couple(struct wires *wires, struct ws_connection *ws, struct socket_far *far)
{
    struct wire *wire = wire_create(wires);

    ws_set_handler(ws, &wire_handler, wire);
    wire_couple(wire, ws, far);
}

int wires_upgrade(struct wires *wires, struct http_request *req, const struct http_upgrade *upgrade,
                  struct socket_far *far)
{
    struct shard *home = socket_far_home(far);
    struct wire *wire = wire_create(wires);
    struct ws_connection *ws;
    struct handover *handover;
    int r = http_request_upgrade_websocket(req, upgrade, &wire_handler, wire, &ws);

    if (r < 0) {
        mem_free(wire);
        socket_far_drop(far);
        return err_pass(r);
    }
    if (home == wires->shard) {
        wire_couple(wire, ws, far);
        return 0;
    }
    mem_free(wire);
    handover = mem_new(struct handover);
    handover->message.run = handover_run;
    handover->to = wires->all[shard_index(home)];
    handover->parcel = ws_detach(ws);
    handover->far = far;
    shard_post(home, &handover->message);
    return 0;
}

/* ---- all of a shard ---- */

void wires_init(struct wires *wires, struct loop *loop, struct shard *shard,
                struct wires *const *all)
{
    *wires = (struct wires){.loop = loop, .shard = shard, .all = all};
    wires->forget.cb = forget;
    list_init(&wires->open);
}

void wires_close(struct wires *wires, uint16_t code, const char *reason)
{
    struct list *at, *next;

    list_for_each_safe (at, next, &wires->open)
        ws_close(container_of(at, struct wire, link)->ws, code, bytes_of_string(reason));
}

void wires_fini(struct wires *wires)
{
    struct list *at, *next;

    list_for_each_safe (at, next, &wires->open) {
        struct wire *wire = container_of(at, struct wire, link);
        struct ws_connection *ws = wire->ws;
        wire_part(wire);
        ws_abort(ws);
    }
    ASSERT(wires->count == 0);
    loop_task_cancel(&wires->forget);
    forget(&wires->forget);
    blob_unref(wires->run);
    wires->run = NULL;
    pair_unref(wires->pair);
    wires->pair = NULL;
}
