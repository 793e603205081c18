#include "net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/limits.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"

/*
 *   LOOKING (lookup) --addresses--> TRYING (attempt, one address after the other) --> done(), freed
 *      |                              |
 *      +------- abort, time up -------+--> freed; a lookup under way cannot be stopped and frees it
 *
 * A numeric address is known at once; the task then begins the first attempt from the loop.
 */
struct dial {
    uv_getaddrinfo_t lookup;
    struct loop *loop; /* borrowed */
    dial_done *done;   /* NULL once it was called, or must not be */
    void *ctx;         /* borrowed */
    struct loop_task task;
    struct timer timer;
    struct addrinfo *addresses;  /* owned */
    const struct addrinfo *next; /* of them, not tried yet */
    struct attempt *attempt;     /* owned; NULL: none under way */
    uint64_t deadline_ms;
    int fault; /* why the last attempt failed */
    bool looking;
};

struct attempt {
    uv_poll_t poll;
    struct dial *dial; /* borrowed; owns us */
    int fd;            /* owned until `done` */
};

static void try_next(struct dial *dial);

static void on_attempt_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct attempt, poll));
}

/* Ends the attempt; the descriptor is the caller's now. -1: there was none. */
static int attempt_end(struct dial *dial)
{
    struct attempt *attempt = dial->attempt;

    if (attempt == NULL)
        return -1;
    dial->attempt = NULL;
    uv_close((uv_handle_t *)&attempt->poll, on_attempt_closed);
    return attempt->fd;
}

static void attempt_drop(struct dial *dial)
{
    int fd = attempt_end(dial);

    if (fd >= 0)
        close(fd);
}

static void dial_free(struct dial *dial)
{
    attempt_drop(dial);
    timer_stop(&dial->timer);
    loop_task_cancel(&dial->task);
    if (dial->looking) { /* on_looked_up() comes back here */
        dial->done = NULL;
        (void)uv_cancel((uv_req_t *)&dial->lookup);
        return;
    }
    uv_freeaddrinfo(dial->addresses);
    mem_free(dial);
}

static void finish(struct dial *dial, int fd)
{
    dial_done *done = dial->done;
    void *ctx = dial->ctx;

    dial_free(dial);
    done(ctx, fd);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct dial *dial = container_of(poll, struct attempt, poll)->dial;
    const int on = 1;
    int error = 0;
    socklen_t len = sizeof error;
    int fd;

    (void)events;
    if (getsockopt(dial->attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0 && status < 0)
        error = -status;
    if (error != 0) {
        dial->fault = -error;
        attempt_drop(dial);
        try_next(dial);
        return;
    }
    fd = attempt_end(dial);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    finish(dial, fd);
}

/* 0: under way; else a fault. */
static int attempt_start(struct dial *dial, const struct addrinfo *address)
{
    struct attempt *attempt;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS) {
        r = -errno;
        close(fd);
        return r;
    }
    attempt = mem_new(struct attempt);
    r = uv_poll_init_socket(&dial->loop->uv, &attempt->poll, fd);
    if (r < 0) {
        close(fd);
        mem_free(attempt);
        return r;
    }
    attempt->dial = dial;
    attempt->fd = fd;
    dial->attempt = attempt;
    return uv_poll_start(&attempt->poll, UV_WRITABLE, on_poll);
}

static void try_next(struct dial *dial)
{
    uint64_t now = loop_now_ms(dial->loop);

    while (dial->next != NULL && now < dial->deadline_ms) {
        uint64_t left = dial->deadline_ms - now;
        int r = attempt_start(dial, dial->next);

        dial->next = dial->next->ai_next;
        if (r == 0) {
            if (dial->next != NULL && left > LIMIT_DIAL_ATTEMPT_MS)
                left = LIMIT_DIAL_ATTEMPT_MS;
            timer_start(&dial->timer, dial->loop, left);
            return;
        }
        attempt_drop(dial);
        dial->fault = r;
    }
    finish(dial, dial->fault);
}

static void on_timer(struct timer *timer)
{
    struct dial *dial = container_of(timer, struct dial, timer);

    attempt_drop(dial);
    dial->fault = -ETIMEDOUT;
    try_next(dial);
}

static void on_task(struct loop_task *task)
{
    try_next(container_of(task, struct dial, task));
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    struct dial *dial = container_of(lookup, struct dial, lookup);

    dial->looking = false;
    dial->addresses = addresses;
    dial->next = addresses;
    if (dial->done == NULL) {
        dial_free(dial);
        return;
    }
    if (status < 0)
        dial->fault = status == UV_ENOMEM ? status : -ENOENT;
    try_next(dial);
}

static void look_up(struct dial *dial, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    int r = getaddrinfo(host, port, &hints, &dial->addresses);

    if (r == 0) {
        dial->next = dial->addresses;
        loop_defer(dial->loop, &dial->task);
        return;
    }
    dial->addresses = NULL;
    hints.ai_flags = AI_ADDRCONFIG;
    r = uv_getaddrinfo(&dial->loop->uv, &dial->lookup, on_looked_up, host, port, &hints);
    dial->looking = r == 0;
    if (r < 0) {
        dial->fault = r;
        loop_defer(dial->loop, &dial->task);
    }
}

struct dial *dial_start(struct loop *loop, const char *host, uint16_t port, uint32_t timeout_ms,
                        dial_done *done, void *ctx)
{
    struct dial *dial = mem_new(struct dial);
    char digits[8];

    dial->loop = loop;
    dial->done = done;
    dial->ctx = ctx;
    dial->task.cb = on_task;
    dial->timer.cb = on_timer;
    dial->fault = -ETIMEDOUT;
    dial->deadline_ms = loop_now_ms(loop) + timeout_ms;
    timer_start(&dial->timer, loop, timeout_ms);
    snprintf(digits, sizeof digits, "%u", port);
    look_up(dial, host, digits);
    return dial;
}

void dial_abort(struct dial *dial)
{
    dial_free(dial);
}
