#pragma once

/*
 * Loopback
 *
 * A raw TCP client inside the test's own thread: it and the loop under test take turns, so a test
 * reads like a conversation. Every wait is bounded; a test that waits in vain fails.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/loop.h"
#include "test.h"

struct loopback {
    struct loop *loop; /* borrowed */
    int fd;            /* owned */
    struct buf got;    /* received, not yet taken */
    bool ended;        /* the other side has closed, one way or another */
    bool reset;        /* by a reset */
};

static inline uint64_t loopback_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline bool loopback_never(void *ctx)
{
    (void)ctx;
    return false;
}

/* Let the loop run until `done(ctx)` or for `limit_ms`, and ten times as long for what must come:
 * the machine may have other things to do. */
static inline bool loopback_until(struct loop *loop, bool (*done)(void *ctx), void *ctx,
                                  uint64_t limit_ms)
{
    const struct timespec nap = {.tv_nsec = 200000};
    uint64_t end = loopback_now_ms() + (done == loopback_never ? 1 : 10) * limit_ms;

    while (!done(ctx)) {
        if (loopback_now_ms() > end)
            return false;
        loop_turn(loop, false);
        nanosleep(&nap, NULL);
    }
    return true;
}

/* A few turns, for what must not happen to have its chance. */
static inline void loopback_settle(struct loop *loop)
{
    (void)loopback_until(loop, loopback_never, NULL, 20);
}

static inline void loopback_open(struct loopback *peer, struct loop *loop, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int on = 1;

    *peer = (struct loopback){.loop = loop, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(connect(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
    (void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

static inline void loopback_close(struct loopback *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    buf_fini(&peer->got);
}

static inline void loopback_send(struct loopback *peer, struct bytes data)
{
    while (data.len > 0) {
        ssize_t sent = send(peer->fd, data.data, data.len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN)
            loop_turn(peer->loop, false);
        else if (sent < 0)
            return;
        else
            data = bytes_slice(data, (size_t)sent, data.len);
    }
}

static inline void loopback_send_text(struct loopback *peer, const char *text)
{
    loopback_send(peer, bytes_of_string(text));
}

/* Take in what has arrived. */
static inline void loopback_receive(struct loopback *peer)
{
    uint8_t bytes[16384];
    ssize_t got;

    while (!peer->ended && (got = recv(peer->fd, bytes, sizeof bytes, 0)) != -1) {
        if (got == 0)
            peer->ended = true;
        buf_append(&peer->got, bytes, (size_t)got);
    }
    if (!peer->ended && errno != EAGAIN) {
        peer->ended = true;
        peer->reset = true;
    }
}

struct loopback_wish {
    struct loopback *peer;
    struct bytes text;
};

static inline bool loopback_has(void *ctx)
{
    struct loopback_wish *wish = ctx;

    loopback_receive(wish->peer);
    return wish->peer->ended ||
           (wish->text.data != NULL &&
            bytes_find(buf_bytes(&wish->peer->got), wish->text, 0) < wish->peer->got.len);
}

/* Wait for `text` to arrive, and take everything up to its end. */
static inline void loopback_expect_bytes(struct loopback *peer, struct bytes text, const char *file,
                                         int line)
{
    struct loopback_wish wish = {peer, text};
    size_t at;

    (void)loopback_until(peer->loop, loopback_has, &wish, 3000);
    at = bytes_find(buf_bytes(&peer->got), text, 0);
    if (at >= peer->got.len)
        test_fail(file, line, "waited for \"%.*s\", have %zu bytes: \"%s\"", (int)text.len,
                  (const char *)text.data, peer->got.len, buf_string(&peer->got));
    buf_consume(&peer->got, at + text.len);
}

#define EXPECT(peer, literal) loopback_expect_bytes((peer), BYTES(literal), __FILE__, __LINE__)

/* Wait for the other side to close; what came before stays in `got`. */
static inline void loopback_expect_end(struct loopback *peer)
{
    struct loopback_wish wish = {peer, {0}};

    CHECK(loopback_until(peer->loop, loopback_has, &wish, 8000));
}
