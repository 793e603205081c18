#include "http/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/transfer.h"
#include "net/loop.h"
#include "net/stream.h"

/*
 * CONNECTING --done, http--> freed
 *     |      --done, https-> TUNNEL --either side closes--> CLOSED (memory freed by on_closed)
 *     +--failed, aborted---> freed
 *
 * In the tunnel `outer` polls libcurl's socket and `inner` is our end of the pair. TLS may hold
 * decrypted bytes that no poll announces, so receiving goes on until libcurl says "again".
 */
enum {
    PUMP_BYTES = 16 * 1024,
    PUMP_ROUNDS = 16, /* per turn */
};

struct connector {
    struct transfer transfer;
    struct loop *loop; /* borrowed */
    connector_done *done;
    void *ctx; /* borrowed */
    struct loop_task task;
    uv_poll_t outer;
    curl_socket_t socket; /* libcurl's */
    struct stream *inner; /* owned */
    struct buf out;       /* plain bytes to be encrypted */
    bool encrypted;
    bool inner_ended;
    bool tunnel;
};

static void pump(struct connector *connector);

static void connector_free(struct connector *connector)
{
    loop_task_cancel(&connector->task);
    buf_fini(&connector->out);
    mem_free(connector);
}

static void on_closed(uv_handle_t *handle)
{
    connector_free(container_of(handle, struct connector, outer));
}

/* Take the tunnel down. What has been decrypted still reaches the other end. */
static void close_tunnel(struct connector *connector)
{
    if (!connector->tunnel)
        return;
    connector->tunnel = false;
    stream_finish(connector->inner);
    connector->inner = NULL;
    uv_close((uv_handle_t *)&connector->outer, on_closed);
    transfer_fini(&connector->transfer);
}

/* Decrypt. False: the other side has closed. */
static bool pump_in(struct connector *connector)
{
    uint8_t bytes[PUMP_BYTES];

    for (int i = 0; i < PUMP_ROUNDS && !stream_full(connector->inner); i++) {
        size_t got = 0;
        CURLcode r = curl_easy_recv(connector->transfer.easy, bytes, sizeof bytes, &got);

        if (r == CURLE_AGAIN)
            return true;
        if (r != CURLE_OK || got == 0)
            return false;
        stream_write(connector->inner, bytes_of(bytes, got));
    }
    if (!stream_full(connector->inner))
        loop_defer(connector->loop, &connector->task);
    return true;
}

/* Encrypt. False: the other side has closed. */
static bool pump_out(struct connector *connector)
{
    while (connector->out.len > 0) {
        size_t sent = 0;
        CURLcode r = curl_easy_send(connector->transfer.easy, connector->out.data,
                                    connector->out.len, &sent);

        if (r == CURLE_AGAIN)
            return true;
        if (r != CURLE_OK)
            return false;
        buf_consume(&connector->out, sent);
    }
    buf_fini(&connector->out);
    return !connector->inner_ended;
}

static void on_outer(uv_poll_t *poll, int status, int events)
{
    struct connector *connector = container_of(poll, struct connector, outer);

    (void)events;
    if (status < 0)
        close_tunnel(connector);
    else
        pump(connector);
}

static void pump(struct connector *connector)
{
    int events = 0;

    if (!connector->tunnel)
        return;
    if (!pump_in(connector) || !pump_out(connector)) {
        close_tunnel(connector);
        return;
    }
    if (connector->out.len < LIMIT_STREAM_LOW_BYTES)
        stream_read_resume(connector->inner);
    events |= stream_full(connector->inner) ? 0 : UV_READABLE;
    events |= connector->out.len > 0 ? UV_WRITABLE : 0;
    if (uv_poll_start(&connector->outer, events, on_outer) < 0)
        close_tunnel(connector);
}

static void on_task(struct loop_task *task)
{
    pump(container_of(task, struct connector, task));
}

static void on_inner_read(void *ctx, uint8_t *data, size_t len)
{
    struct connector *connector = ctx;

    buf_append(&connector->out, data, len);
    if (connector->out.len >= LIMIT_STREAM_HIGH_BYTES)
        stream_read_pause(connector->inner);
    loop_defer(connector->loop, &connector->task);
}

static void on_inner_end(void *ctx)
{
    struct connector *connector = ctx;

    connector->inner_ended = true;
    loop_defer(connector->loop, &connector->task);
}

static void on_inner_fault(void *ctx, int fault)
{
    (void)fault;
    close_tunnel(ctx);
}

static void on_inner_drain(void *ctx)
{
    struct connector *connector = ctx;

    loop_defer(connector->loop, &connector->task);
}

static const struct stream_handler inner_handler = {
    .on_read = on_inner_read,
    .on_end = on_inner_end,
    .on_fault = on_inner_fault,
    .on_drain = on_inner_drain,
};

/* From here on the connector is the tunnel's and belongs to nobody else. */
static int open_tunnel(struct connector *connector)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    if (uv_poll_init_socket(&connector->loop->uv, &connector->outer, connector->socket) < 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    connector->tunnel = true;
    connector->inner = stream_open(connector->loop, pair[0], &inner_handler, connector);
    loop_defer(connector->loop, &connector->task);
    return pair[1];
}

static void on_connected(struct connector *connector)
{
    const int on = 1;
    connector_done *done = connector->done;
    void *ctx = connector->ctx;
    int fd = -1;

    curl_easy_getinfo(connector->transfer.easy, CURLINFO_ACTIVESOCKET, &connector->socket);
    (void)setsockopt(connector->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connector->encrypted)
        fd = open_tunnel(connector);
    else
        fd = fcntl(connector->socket, F_DUPFD_CLOEXEC, 0);
    if (!connector->tunnel) {
        transfer_fini(&connector->transfer);
        connector_free(connector);
    }
    done(ctx, fd, fd < 0 ? "There are no file descriptors left." : NULL);
}

static void on_done(struct transfer *transfer, CURLcode result)
{
    struct connector *connector = container_of(transfer, struct connector, transfer);
    connector_done *done = connector->done;
    void *ctx = connector->ctx;
    char what[CURL_ERROR_SIZE];

    if (result == CURLE_OK) {
        on_connected(connector);
        return;
    }
    snprintf(what, sizeof what, "%s",
             transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result));
    transfer_fini(transfer);
    connector_free(connector);
    done(ctx, -1, what);
}

/* The client goes away: so does the tunnel. */
static void on_abandon(struct transfer *transfer)
{
    struct connector *connector = container_of(transfer, struct connector, transfer);

    if (connector->tunnel)
        close_tunnel(connector);
    else
        connector_abort(connector);
}

struct connector *connector_start(struct http_client *client, const char *url, uint32_t timeout_ms,
                                  connector_done *done, void *ctx)
{
    struct connector *connector = mem_new(struct connector);
    struct transfer *transfer = &connector->transfer;

    connector->done = done;
    connector->ctx = ctx;
    connector->task.cb = on_task;
    connector->encrypted = strncmp(url, "https:", 6) == 0;
    transfer->on_done = on_done;
    transfer->on_abandon = on_abandon;
    transfer_init(transfer, client);
    connector->loop = transfer_loop(transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
    if (timeout_ms > 0)
        curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    transfer_start(transfer);
    return connector;
}

void connector_abort(struct connector *connector)
{
    ASSERT(!connector->tunnel);
    transfer_fini(&connector->transfer);
    connector_free(connector);
}
