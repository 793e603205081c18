#include "http/server.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/host.h"
#include "net/loop.h"

/* One address listened on. */
struct address {
    struct listener *listener; /* owned */
    struct list link;
};

struct http_server {
    struct http_host host;
    struct list addresses;      /* struct address, in the order of opening */
    struct loop_task done_task; /* runs `done` once the last connection has gone */
    void (*done)(void *ctx);
    void *done_ctx; /* borrowed */
    bool full;      /* at connections_max: listeners are paused */
};

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value != 0 ? value : standard;
}

static void check_done(struct http_server *server)
{
    if (server->done != NULL && server->host.connection_count == 0)
        loop_defer(server->host.loop, &server->done_task);
}

static void on_done(struct loop_task *task)
{
    struct http_server *server = container_of(task, struct http_server, done_task);
    void (*done)(void *ctx) = server->done;

    server->done = NULL;
    if (done != NULL)
        done(server->done_ctx);
}

/* Clients beyond the bound wait in the kernel's backlog. */
static void check_full(struct http_server *server)
{
    bool full = server->host.connection_count >= server->host.options.connections_max;
    struct list *it;

    if (full == server->full)
        return;
    server->full = full;
    list_for_each (it, &server->addresses) {
        struct address *address = container_of(it, struct address, link);

        if (full)
            listener_pause(address->listener);
        else
            listener_resume(address->listener);
    }
}

static void on_closed(struct http_host *host)
{
    struct http_server *server = container_of(host, struct http_server, host);

    check_full(server);
    check_done(server);
}

struct http_server *http_server_create(struct loop *loop, const struct http_handler *handler,
                                       void *ctx, const struct http_server_options *options)
{
    struct http_server *server = mem_new(struct http_server);
    struct http_host *host = &server->host;

    list_init(&server->addresses);
    list_init(&host->connections);
    host->loop = loop;
    host->handler = handler;
    host->ctx = ctx;
    host->on_closed = on_closed;
    if (options != NULL)
        host->options = *options;
    if (host->options.connections_max == 0)
        host->options.connections_max = SIZE_MAX;
    host->options.head_timeout_ms =
        or_default(host->options.head_timeout_ms, LIMIT_HTTP_HEAD_TIMEOUT_MS);
    host->options.idle_timeout_ms =
        or_default(host->options.idle_timeout_ms, LIMIT_HTTP_IDLE_TIMEOUT_MS);
    host->options.stall_timeout_ms =
        or_default(host->options.stall_timeout_ms, LIMIT_HTTP_STALL_TIMEOUT_MS);
    server->done_task.cb = on_done;
    return server;
}

static void on_accept(void *ctx, int fd)
{
    http_server_adopt(ctx, fd);
}

int http_server_listen(struct http_server *server, const char *host, uint16_t port,
                       enum listener_sharing sharing, struct err_text *why)
{
    struct address *address = mem_new(struct address);
    int r = listener_open(&address->listener, server->host.loop, host, port, sharing, on_accept,
                          server, why);

    if (r < 0) {
        mem_free(address);
        return err_pass(r);
    }
    list_push_back(&server->addresses, &address->link);
    if (server->full)
        listener_pause(address->listener);
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    struct list *first = list_first(&server->addresses);

    ASSERT(first != NULL);
    return listener_port(container_of(first, struct address, link)->listener);
}

void http_server_adopt(struct http_server *server, int fd)
{
    http_connection_open(&server->host, fd);
    check_full(server);
}

size_t http_server_connections(const struct http_server *server)
{
    return server->host.connection_count;
}

static void stop_listening(struct http_server *server)
{
    struct list *link;

    while ((link = list_pop_front(&server->addresses)) != NULL) {
        struct address *address = container_of(link, struct address, link);

        listener_close(address->listener);
        mem_free(address);
    }
}

void http_server_drain(struct http_server *server, void (*done)(void *ctx), void *ctx)
{
    struct list *it;
    struct list *tmp;

    stop_listening(server);
    server->host.draining = true;
    server->done = done;
    server->done_ctx = ctx;
    list_for_each_safe (it, tmp, &server->host.connections) {
        http_connection_drain(http_connection_of(it));
    }
    check_done(server);
}

void http_server_destroy(struct http_server *server)
{
    struct list *link;

    if (server == NULL)
        return;
    stop_listening(server);
    server->done = NULL;
    server->host.draining = true;
    while ((link = list_first(&server->host.connections)) != NULL)
        http_connection_close(http_connection_of(link));
    loop_task_cancel(&server->done_task);
    buf_fini(&server->host.scratch);
    mem_free(server);
}
