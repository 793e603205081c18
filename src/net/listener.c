#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"

struct listener {
    uv_poll_t poll;
    struct loop *loop; /* borrowed */
    listener_accept *accept;
    void *ctx;          /* borrowed */
    struct timer retry; /* runs while there are no descriptors */
    int fd;             /* owned */
    int fd_max;         /* clients' descriptors are below */
    uint16_t port;
    bool crowded; /* the last client got a descriptor beyond that */
    bool paused;  /* by the owner */
    bool closed;
};

static void watch(struct listener *listener);

/* Descriptors below this number are for clients, the rest for files and connections of our own. */
static int descriptors_for_clients(void)
{
    struct rlimit limit;
    rlim_t kept;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= INT_MAX)
        return INT_MAX;
    kept = limit.rlim_cur / 8;
    if (kept > LIMIT_DESCRIPTORS_KEPT)
        kept = LIMIT_DESCRIPTORS_KEPT;
    return (int)(limit.rlim_cur - kept);
}

/* Whether the next descriptor is one for clients. The kernel gives out the lowest that is free, so
 * its number tells; asking is worth a system call only if the last one was not. */
static bool has_room(struct listener *listener)
{
    if (listener->crowded) {
        int fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);

        listener->crowded = fd < 0 || fd >= listener->fd_max;
        if (fd >= 0)
            close(fd);
    }
    return !listener->crowded;
}

/* No descriptor for another client: leave them in the backlog for a while. */
static void rest(struct listener *listener)
{
    uv_poll_stop(&listener->poll);
    timer_start(&listener->retry, listener->loop, LIMIT_LISTENER_RETRY_MS);
}

static void on_retry(struct timer *timer)
{
    watch(container_of(timer, struct listener, retry));
}

/* Any error of accept() is a client's or a passing one; none ends the listener. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = container_of(poll, struct listener, poll);
    const int on = 1;

    (void)events;
    if (status < 0) {
        timer_start(&listener->retry, listener->loop, LIMIT_LISTENER_RETRY_MS);
        return;
    }
    for (int i = 0; i < LIMIT_LISTENER_BATCH && !listener->paused && !listener->closed; i++) {
        int fd;

        if (!has_room(listener)) {
            rest(listener);
            return;
        }
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            listener->crowded = fd >= listener->fd_max;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            listener->accept(listener->ctx, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(listener);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void watch(struct listener *listener)
{
    int r;

    if (listener->paused || listener->closed || timer_running(&listener->retry))
        return;
    r = uv_poll_start(&listener->poll, UV_READABLE, on_poll);
    ASSERT(r == 0);
}

/* Bind without SO_REUSEPORT: fails if anybody, also another process of ours, listens there. */
static int probe(const struct addrinfo *address)
{
    const int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = 0;

    if (fd < 0)
        return err_raise(-errno);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0)
        r = err_raise(-errno);
    close(fd);
    return r;
}

static int open_socket(const struct addrinfo *address, enum listener_sharing sharing, int *out)
{
    const int on = 1;
    int r = sharing == LISTENER_FIRST ? probe(address) : 0;
    int fd;

    if (r < 0)
        return err_pass(r);
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_raise(-errno);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (sharing != LISTENER_ALONE &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
        listen(fd, LIMIT_LISTENER_BACKLOG) < 0) {
        r = err_raise(-errno);
        close(fd);
        return r;
    }
    *out = fd;
    return 0;
}

static uint16_t real_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    int r = getsockname(fd, (struct sockaddr *)&address, &len);

    ASSERT(r == 0);
    return ntohs(address.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
}

/* Name to address, IPv4 before IPv6: "localhost" means 127.0.0.1 to most clients. */
static int resolve(const char *host, uint16_t port, struct addrinfo **out, struct err_text *why)
{
    static const int families[] = {AF_INET, AF_UNSPEC};
    const char *name = host != NULL && host[0] != '\0' ? host : NULL;
    char service[8];
    int r = EAI_NONAME;

    snprintf(service, sizeof service, "%u", port);
    for (size_t i = 0; i < 2; i++) {
        struct addrinfo hints = {
            .ai_family = families[i],
            .ai_socktype = SOCK_STREAM,
            .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        };

        r = getaddrinfo(name, service, &hints, out);
        if (r == 0)
            return 0;
    }
    err_text_set(why, "cannot listen on host \"%s\": %s", host, gai_strerror(r));
    return err_raise(-EADDRNOTAVAIL);
}

static void explain(struct err_text *why, const char *host, uint16_t port, int fault)
{
    const char *name = host != NULL && host[0] != '\0' ? host : "0.0.0.0";

    if (fault == -EADDRINUSE)
        err_text_set(why, "port %u on %s is already in use by another process", port, name);
    else if (fault == -EACCES)
        err_text_set(why, "port %u on %s needs more rights than this process has", port, name);
    else if (fault == -EADDRNOTAVAIL)
        err_text_set(why, "%s is not an address of this machine", name);
    else
        err_text_set(why, "cannot listen on %s port %u: %s", name, port, err_describe(fault));
}

int listener_open(struct listener **out, struct loop *loop, const char *host, uint16_t port,
                  enum listener_sharing sharing, listener_accept *accept, void *ctx,
                  struct err_text *why)
{
    struct addrinfo *address;
    struct listener *listener;
    int fd = -1;
    int r = resolve(host, port, &address, why);

    if (r < 0)
        return err_pass(r);
    r = open_socket(address, sharing, &fd);
    freeaddrinfo(address);
    if (r < 0) {
        explain(why, host, port, r);
        return err_pass(r);
    }

    listener = mem_new(struct listener);
    r = uv_poll_init_socket(&loop->uv, &listener->poll, fd);
    if (r < 0) {
        explain(why, host, port, r);
        close(fd);
        mem_free(listener);
        return err_raise(r);
    }
    listener->loop = loop;
    listener->accept = accept;
    listener->ctx = ctx;
    listener->retry.cb = on_retry;
    listener->fd = fd;
    listener->fd_max = descriptors_for_clients();
    listener->port = real_port(fd);
    watch(listener);
    *out = listener;
    return 0;
}

uint16_t listener_port(const struct listener *listener)
{
    return listener->port;
}

void listener_pause(struct listener *listener)
{
    listener->paused = true;
    uv_poll_stop(&listener->poll);
}

void listener_resume(struct listener *listener)
{
    listener->paused = false;
    watch(listener);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct listener, poll));
}

void listener_close(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener->closed = true;
    timer_stop(&listener->retry);
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    close(listener->fd);
}
