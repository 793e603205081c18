/* Outgoing TCP: what connect() of cloudflare:sockets stands on (js/cf_sockets_late.js). */

#include <errno.h>
#include <stdlib.h>

#include "actor/failure.h"
#include "actor/output_gate.h"
#include "actor/pipe.h"
#include "api/body.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "js/box.h"
#include "js/promise.h"
#include "net/dial.h"
#include "net/stream.h"
#include "net/timer.h"
#include "net/tls.h"

#define LOST_TEXT "Network connection lost."

enum {
    PLAIN_BYTES = 16 * 1024, /* a record of TLS */
};

/*
 * WAITING (output gate) --> DIALING (dial) --> SECURING (stream, tls) --> OPEN (stream)
 *                              |                     ^      |              |      |
 *                              +---- plain ----------|------|--------> OPEN       |
 *                              |                     +------|-- start_tls -+      |
 *                              +--- failure, close, end of the context -----> OVER
 *
 * What arrives goes into a pipe that JavaScript reads. What is written waits at the output gate,
 * one piece at a time: JavaScript's streams see to that.
 */
enum tcp_state {
    TCP_WAITING,
    TCP_DIALING,
    TCP_SECURING,
    TCP_OPEN,
    TCP_OVER,
};

/* A promise in JavaScript's hands; while it is not settled it holds a reference to the tcp. */
struct tcp_promise {
    struct pending pending;
    struct tcp *tcp;
    struct js_deferred *deferred; /* NULL: there is none to settle */
    char *fault;                  /* NULL: it worked */
    bool ready;                   /* on its way */
};

struct tcp {
    enum tcp_state state;
    struct worker *worker;
    struct context *context;       /* borrowed; NULL once it is over */
    struct output_gate_wait begin; /* holds a reference while WAITING */
    struct tcp_promise opened;
    struct tcp_promise closed; /* keeps the object in memory until then */
    char *host;
    char *tls_host; /* whose certificate it must be; NULL: not encrypted */
    uint16_t port;
    struct dial *dial;     /* owned; while DIALING */
    struct stream *stream; /* owned; from then on until OVER */
    struct tls *tls;       /* owned */
    struct timer timer;    /* while SECURING */

    struct pipe *in; /* our reference, the writer's; NULL once finished or cancelled */
    struct pipe_watch in_watch;
    bool in_full;
    bool in_ended; /* the peer has sent everything */

    struct output_gate_wait speak; /* holds a reference while `gated` */
    struct blob *data;             /* to be written; NULL: the end */
    struct tcp_promise written;
    bool gated;
    bool blocked; /* written, and the queue is full */
    bool out_ended;
    unsigned refs; /* the box's, the connection's until OVER, and those above */
};

static _Thread_local unsigned socket_count; /* not OVER */

static void over(struct tcp *tcp, const char *fault);

static void tcp_unref(struct tcp *tcp)
{
    if (--tcp->refs > 0)
        return;
    ASSERT(tcp->state == TCP_OVER);
    blob_unref(tcp->data);
    mem_free(tcp->host);
    mem_free(tcp->tls_host);
    mem_free(tcp);
}

/* ---- promises ---- */

static void promise_done(struct tcp_promise *promise)
{
    struct tcp *tcp = promise->tcp;

    mem_free(promise->fault);
    *promise = (struct tcp_promise){0};
    tcp_unref(tcp);
}

static void promise_run(struct pending *pending)
{
    struct tcp_promise *promise = container_of(pending, struct tcp_promise, pending);

    if (promise->fault != NULL)
        js_deferred_reject_text(promise->deferred, promise->fault);
    else
        js_deferred_resolve(promise->deferred, NULL);
    promise_done(promise);
}

static void promise_drop(struct pending *pending)
{
    struct tcp_promise *promise = container_of(pending, struct tcp_promise, pending);

    js_deferred_drop(promise->deferred);
    promise->tcp->context = NULL;
    over(promise->tcp, NULL);
    promise_done(promise);
}

static JSValueRef promise_begin(struct js_call *call, struct tcp *tcp, struct tcp_promise *promise)
{
    JSValueRef value;

    ASSERT(promise->deferred == NULL);
    promise->tcp = tcp;
    promise->deferred = js_deferred_create(call->realm, &value);
    promise->pending.run = promise_run;
    promise->pending.drop = promise_drop;
    tcp->refs++;
    pending_bind(&promise->pending, tcp->context, HOLD_IO);
    return value;
}

/* Harmless if there is nothing to settle. */
static void promise_settle(struct tcp_promise *promise, const char *fault)
{
    if (promise->deferred == NULL || promise->ready || promise->tcp->context == NULL)
        return;
    promise->ready = true;
    promise->fault = fault != NULL ? mem_strdup(fault) : NULL;
    pending_ready(&promise->pending);
}

/* ---- the end ---- */

static void leave_pipe(struct tcp *tcp, const char *fault)
{
    struct pipe *pipe = tcp->in;

    if (pipe == NULL)
        return;
    tcp->in = NULL;
    if (fault != NULL) {
        struct failure *failure = failure_format(FAILURE_RETRYABLE, "%s", fault);

        pipe_fail(pipe, failure);
        failure_unref(failure);
    } else {
        pipe_finish(pipe);
    }
    pipe_leave_writer(pipe);
}

/* Sends what TLS has for the peer. True: the queue is full. */
static bool flush_tls(struct tcp *tcp)
{
    bool full = stream_write(tcp->stream, tls_output(tcp->tls));

    tls_output_sent(tcp->tls);
    return full;
}

static void leave_stream(struct tcp *tcp, const char *fault)
{
    if (tcp->stream == NULL)
        return;
    if (tcp->tls != NULL && !tcp->out_ended)
        tls_end(tcp->tls);
    if (tcp->tls != NULL)
        flush_tls(tcp);
    tls_destroy(tcp->tls);
    tcp->tls = NULL;
    if (fault != NULL && stream_queued_bytes(tcp->stream) == 0)
        stream_close(tcp->stream);
    else
        stream_finish(tcp->stream);
    tcp->stream = NULL;
}

/* The connection is no more, or never came to be. May free the tcp unless the caller holds it. */
static void over(struct tcp *tcp, const char *fault)
{
    const char *why = fault != NULL ? fault : LOST_TEXT;

    if (tcp->state == TCP_OVER)
        return;
    tcp->state = TCP_OVER;
    socket_count--;
    timer_stop(&tcp->timer);
    if (tcp->dial != NULL)
        dial_abort(tcp->dial);
    tcp->dial = NULL;
    leave_stream(tcp, fault);
    leave_pipe(tcp, fault);
    promise_settle(&tcp->opened, why);
    promise_settle(&tcp->written, why);
    promise_settle(&tcp->closed, fault);
    tcp_unref(tcp);
}

static void over_if_both_ended(struct tcp *tcp)
{
    if (tcp->in_ended && tcp->out_ended)
        over(tcp, NULL);
}

/* ---- reading ---- */

static void in_news(struct pipe_watch *watch)
{
    struct tcp *tcp = container_of(watch, struct tcp, in_watch);

    if (tcp->in == NULL || tcp->stream == NULL)
        return;
    if (pipe_cancelled(tcp->in)) {
        struct pipe *pipe = tcp->in;

        tcp->in = NULL;
        stream_read_pause(tcp->stream); /* the peer is to notice */
        pipe_leave_writer(pipe);
    } else if (tcp->in_full && pipe_room(tcp->in) > 0) {
        tcp->in_full = false;
        stream_read_resume(tcp->stream);
    }
}

static void in_begin(struct tcp *tcp)
{
    tcp->in = pipe_create(LIMIT_PIPE_BYTES);
    tcp->in_full = false;
    tcp->in_watch = (struct pipe_watch){in_news, tcp->worker->shard};
    pipe_watch_writer(tcp->in, &tcp->in_watch);
}

static void deliver(struct tcp *tcp, struct bytes plain)
{
    struct blob *data;

    if (tcp->in == NULL)
        return;
    data = blob_create(plain.data, plain.len);
    if (pipe_write(tcp->in, data) == PIPE_WRITE_FULL) {
        tcp->in_full = true;
        stream_read_pause(tcp->stream);
    }
    blob_unref(data);
}

static void in_end(struct tcp *tcp)
{
    tcp->in_ended = true;
    leave_pipe(tcp, NULL);
    over_if_both_ended(tcp);
}

static void secured(struct tcp *tcp)
{
    timer_stop(&tcp->timer);
    tcp->state = TCP_OPEN;
    promise_settle(&tcp->opened, NULL);
}

/* Hands on what TLS makes of what it has received. */
static void read_tls(struct tcp *tcp, int r)
{
    uint8_t plain[PLAIN_BYTES];
    size_t got;

    if (r == 0 && tcp->state == TCP_SECURING && tls_secure(tcp->tls))
        secured(tcp);
    while (r == 0) {
        r = tls_read(tcp->tls, plain, sizeof plain, &got);
        if (r == 0)
            deliver(tcp, bytes_of(plain, got));
    }
    flush_tls(tcp);
    if (r == TLS_READ_END && !tcp->in_ended) {
        in_end(tcp);
    } else if (r < 0) {
        char *why = mem_strdup(tls_why(tcp->tls));

        over(tcp, tcp->state == TCP_SECURING ? why : LOST_TEXT);
        mem_free(why);
    }
}

static void on_read(void *ctx, uint8_t *data, size_t len)
{
    struct tcp *tcp = ctx;

    if (tcp->tls != NULL)
        read_tls(tcp, tls_receive(tcp->tls, bytes_of(data, len)));
    else
        deliver(tcp, bytes_of(data, len));
}

static void on_end(void *ctx)
{
    struct tcp *tcp = ctx;

    if (tcp->in_ended)
        return;
    if (tcp->tls != NULL) /* without a goodbye: cut off */
        over(tcp, LOST_TEXT);
    else
        in_end(tcp);
}

static void on_fault(void *ctx, int fault)
{
    (void)fault;
    over(ctx, LOST_TEXT);
}

static void write_done(struct tcp *tcp, const char *fault);

static void on_drain(void *ctx)
{
    struct tcp *tcp = ctx;

    if (tcp->blocked)
        write_done(tcp, NULL);
}

static const struct stream_handler handler = {on_read, on_end, on_fault, on_drain};

/* ---- connecting ---- */

static void on_timer(struct timer *timer)
{
    over(container_of(timer, struct tcp, timer), "The TLS handshake took too long.");
}

static void shake_hands(struct tcp *tcp)
{
    tcp->state = TCP_SECURING;
    if (tls_create(&tcp->tls, tcp->tls_host) < 0) {
        tcp->tls = NULL;
        over(tcp, "TLS cannot be used for this host.");
        return;
    }
    timer_start(&tcp->timer, tcp->worker->loop, LIMIT_HTTP_CONNECT_TIMEOUT_MS);
    flush_tls(tcp);
}

static void on_dialed(void *ctx, int fd)
{
    struct tcp *tcp = ctx;

    tcp->dial = NULL;
    if (fd < 0) {
        struct err_text why;

        if (fd == -ENOENT)
            err_text_set(&why, "ENOTFOUND: The name could not be found");
        else
            err_text_set(&why, "%s: %s", err_name(fd), err_describe(fd));
        over(tcp, why.text);
        return;
    }
    tcp->stream = stream_open(tcp->worker->loop, fd, &handler, tcp);
    if (tcp->tls_host != NULL) {
        shake_hands(tcp);
        return;
    }
    tcp->state = TCP_OPEN;
    promise_settle(&tcp->opened, NULL);
}

static void begin_passed(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct tcp *tcp = container_of(gate, struct tcp, begin);

    if (tcp->state == TCP_WAITING) {
        if (verdict == OUTPUT_GATE_DISCARD) {
            over(tcp, NULL);
        } else {
            tcp->state = TCP_DIALING;
            tcp->dial = dial_start(tcp->worker->loop, tcp->host, tcp->port,
                                   LIMIT_HTTP_CONNECT_TIMEOUT_MS, on_dialed, tcp);
        }
    }
    tcp_unref(tcp);
}

/* Lets `gate` through when what the context has written is durable. */
static void say(struct tcp *tcp, struct output_gate_wait *gate)
{
    tcp->refs++;
    if (tcp->context->object != NULL)
        object_say(tcp->context->object, gate);
    else
        gate->cb(gate, OUTPUT_GATE_GO);
}

/* ---- writing ---- */

static void write_done(struct tcp *tcp, const char *fault)
{
    tcp->blocked = false;
    promise_settle(&tcp->written, fault);
}

/* True: the queue is full. */
static bool send_data(struct tcp *tcp, struct blob *data)
{
    if (tcp->tls == NULL)
        return stream_write_blob(tcp->stream, data);
    if (tls_write(tcp->tls, blob_bytes(data)) < 0) {
        over(tcp, LOST_TEXT);
        return false;
    }
    return flush_tls(tcp);
}

static void send_end(struct tcp *tcp)
{
    if (tcp->out_ended)
        return;
    tcp->out_ended = true;
    if (tcp->tls != NULL) {
        tls_end(tcp->tls);
        flush_tls(tcp);
    }
    stream_end(tcp->stream);
    over_if_both_ended(tcp);
}

static void speak_passed(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct tcp *tcp = container_of(gate, struct tcp, speak);
    struct blob *data = tcp->data;

    tcp->data = NULL;
    tcp->gated = false;
    if (verdict == OUTPUT_GATE_DISCARD)
        over(tcp, NULL);
    if (tcp->state == TCP_OPEN) {
        if (data == NULL)
            send_end(tcp);
        else
            tcp->blocked = send_data(tcp, data);
        if (!tcp->blocked)
            write_done(tcp, NULL);
    }
    blob_unref(data);
    tcp_unref(tcp);
}

/* Takes `data` over; NULL is the end. */
static JSValueRef speak(struct js_call *call, struct tcp *tcp, struct blob *data)
{
    if (context_require(call) == NULL)
        goto out;
    if (tcp->state != TCP_OPEN || tcp->out_ended || tcp->gated || tcp->written.deferred != NULL) {
        js_throw_error(call, LOST_TEXT);
        goto out;
    }
    tcp->data = data;
    tcp->gated = true;
    tcp->speak.cb = speak_passed;
    say(tcp, &tcp->speak);
    if (tcp->gated || tcp->blocked)
        return promise_begin(call, tcp, &tcp->written);
    return call->realm->yes;
out:
    blob_unref(data);
    return NULL;
}

/* ---- natives ---- */

static void box_bury(void *self)
{
    struct tcp *tcp = self;

    over(tcp, NULL);
    tcp_unref(tcp);
}

static const struct js_box_type box_type = {"TcpSocket", box_bury};

/* The host of TLS in argument `i`, if there is one. False: thrown. */
static bool tls_host_arg(struct js_call *call, size_t i, char **host)
{
    *host = NULL;
    if (!js_arg_given(call, i))
        return true;
    *host = js_arg_string(call, i);
    return *host != NULL;
}

/* tcp_connect(host, port, tlsHost | undefined) -> [BOX, what to read, opened, closed] */
static JSValueRef tcp_connect(struct js_call *call)
{
    struct context *context = context_require(call);
    JSValueRef parts[4];
    struct tcp *tcp;
    char *tls_host = NULL;
    char *host = NULL;
    int64_t port;

    if (context == NULL || !js_arg_integer(call, 1, 0, UINT16_MAX, &port) ||
        !tls_host_arg(call, 2, &tls_host) || (host = js_arg_string(call, 0)) == NULL) {
        mem_free(tls_host);
        return NULL;
    }
    tcp = mem_new(struct tcp);
    tcp->worker = context->worker;
    tcp->context = context;
    tcp->host = host;
    tcp->tls_host = tls_host;
    tcp->port = (uint16_t)port;
    tcp->timer.cb = on_timer;
    tcp->refs = 2; /* the box's, and the connection's */
    socket_count++;
    in_begin(tcp);
    parts[0] = js_box_make(call->realm, &box_type, tcp, NULL);
    parts[1] = body_reader_box(call->realm, pipe_ref(tcp->in));
    parts[2] = promise_begin(call, tcp, &tcp->opened);
    parts[3] = promise_begin(call, tcp, &tcp->closed);
    if (socket_count > LIMIT_HTTP_FETCHES) {
        over(tcp, "Too many sockets are open.");
    } else {
        tcp->begin.cb = begin_passed;
        say(tcp, &tcp->begin);
    }
    return js_array_make(call->realm, JS_COUNT(parts), parts);
}

/* tcp_write(BOX, BYTES) -> true | Promise: once one of them is settled, the next may come */
static JSValueRef tcp_write(struct js_call *call)
{
    struct tcp *tcp = js_arg_box(call, 0, &box_type);
    struct bytes bytes;

    if (tcp == NULL || !js_arg_bytes(call, 1, &bytes))
        return NULL;
    return speak(call, tcp, blob_create(bytes.data, bytes.len));
}

/* tcp_end(BOX) -> true | Promise: the peer is told that it was all */
static JSValueRef tcp_end(struct js_call *call)
{
    struct tcp *tcp = js_arg_box(call, 0, &box_type);

    return tcp != NULL ? speak(call, tcp, NULL) : NULL;
}

/* tcp_close(BOX): both directions, now; what was written is sent */
static JSValueRef tcp_close(struct js_call *call)
{
    struct tcp *tcp = js_arg_box(call, 0, &box_type);

    if (tcp == NULL)
        return NULL;
    over(tcp, NULL);
    return call->realm->undefined;
}

/* Pieces that arrived and were not read belong to the handshake. */
static void feed_unread(struct tcp *tcp, struct pipe *old)
{
    struct failure *failure = NULL;
    struct blob *data;
    int r;

    while (tcp->tls != NULL && (r = pipe_read(old, &data, &failure)) == 0) {
        read_tls(tcp, tls_receive(tcp->tls, blob_bytes(data)));
        blob_unref(data);
    }
    failure_unref(failure);
}

/* tcp_start_tls(BOX, host) -> [what to read, opened] */
static JSValueRef tcp_start_tls(struct js_call *call)
{
    struct tcp *tcp = js_arg_box(call, 0, &box_type);
    JSValueRef parts[2];
    struct pipe *old;

    if (tcp == NULL || context_require(call) == NULL)
        return NULL;
    if (tcp->state != TCP_OPEN || tcp->in == NULL || tcp->gated || tcp->blocked ||
        tcp->tls_host != NULL)
        return js_throw_error(call, LOST_TEXT);
    tcp->tls_host = js_arg_string(call, 1);
    if (tcp->tls_host == NULL)
        return NULL;
    old = tcp->in;
    in_begin(tcp);
    stream_read_resume(tcp->stream);
    parts[0] = body_reader_box(call->realm, pipe_ref(tcp->in));
    parts[1] = promise_begin(call, tcp, &tcp->opened);
    shake_hands(tcp);
    feed_unread(tcp, old);
    pipe_finish(old);
    pipe_leave_writer(old);
    return js_array_make(call->realm, JS_COUNT(parts), parts);
}

/* clang-format off */
#define TCP_NATIVES(X)                   \
    X("tcp_connect", tcp_connect, 2)     \
    X("tcp_write", tcp_write, 2)         \
    X("tcp_end", tcp_end, 1)             \
    X("tcp_close", tcp_close, 1)         \
    X("tcp_start_tls", tcp_start_tls, 2)
/* clang-format on */
JS_NATIVES(tcp_natives, TCP_NATIVES)

void api_tcp_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, tcp_natives, JS_COUNT(tcp_natives));
}
