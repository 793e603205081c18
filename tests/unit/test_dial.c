#include <errno.h>

#include "base/err.h"
#include "loopback.h"
#include "net/dial.h"
#include "net/listener.h"

static struct loop *loop;
static int dialed;
static int dials_done;
static int accepted;

static void on_accept(void *ctx, int fd)
{
    (void)ctx;
    accepted++;
    close(fd);
}

static void on_dialed(void *ctx, int fd)
{
    (void)ctx;
    dialed = fd;
    dials_done++;
}

static bool is_done(void *ctx)
{
    (void)ctx;
    return dials_done > 0;
}

static struct listener *begin(void)
{
    struct listener *listener = NULL;

    dials_done = accepted = 0;
    dialed = -1;
    CHECK_EQ(loop_create(&loop), 0);
    CHECK_EQ(listener_open(&listener, loop, "127.0.0.1", 0, LISTENER_ALONE, on_accept, NULL, NULL),
             0);
    return listener;
}

static void finish(struct listener *listener)
{
    if (dialed >= 0)
        close(dialed);
    listener_close(listener);
    loop_destroy(loop);
}

TEST(an_address_is_dialed_from_the_loop)
{
    struct listener *listener = begin();

    dial_start(loop, "127.0.0.1", listener_port(listener), 1000, on_dialed, NULL);
    CHECK_EQ(dials_done, 0);
    CHECK(loopback_until(loop, is_done, NULL, 2000));
    CHECK(dialed >= 0);
    CHECK((fcntl(dialed, F_GETFL) & O_NONBLOCK) != 0);
    finish(listener);
}

TEST(a_name_is_looked_up)
{
    struct listener *listener = begin();

    dial_start(loop, "localhost", listener_port(listener), 3000, on_dialed, NULL);
    CHECK(loopback_until(loop, is_done, NULL, 4000));
    CHECK(dialed >= 0);
    finish(listener);
}

TEST(where_nobody_listens_the_dial_is_refused)
{
    struct listener *listener = begin();
    uint16_t port = listener_port(listener);

    listener_close(listener);
    loopback_settle(loop);
    dial_start(loop, "127.0.0.1", port, 1000, on_dialed, NULL);
    CHECK(loopback_until(loop, is_done, NULL, 2000));
    CHECK_EQ(dialed, -ECONNREFUSED);
    finish(NULL);
}

TEST(a_name_that_nobody_knows_is_a_fault)
{
    struct listener *listener = begin();

    dial_start(loop, "no-such-host.invalid", 7, 3000, on_dialed, NULL);
    CHECK(loopback_until(loop, is_done, NULL, 5000));
    CHECK(dialed == -ENOENT || dialed == -ETIMEDOUT);
    finish(listener);
}

TEST(an_aborted_dial_is_silent)
{
    struct listener *listener = begin();

    dial_abort(dial_start(loop, "127.0.0.1", listener_port(listener), 1000, on_dialed, NULL));
    dial_abort(dial_start(loop, "localhost", listener_port(listener), 1000, on_dialed, NULL));
    CHECK(!loopback_until(loop, is_done, NULL, 50));
    finish(listener);
}
