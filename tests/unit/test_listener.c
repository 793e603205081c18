#include <sys/resource.h>

#include "base/err.h"
#include "loopback.h"
#include "net/listener.h"

static struct loop *loop;
static int accepted[64];
static int accepted_count;

static void on_accept(void *ctx, int fd)
{
    (void)ctx;
    accepted[accepted_count++ % 64] = fd;
}

static bool has_accepted(void *ctx)
{
    return accepted_count >= *(int *)ctx;
}

static struct listener *begin(enum listener_sharing sharing, uint16_t port)
{
    struct listener *listener = NULL;
    struct err_text why;

    accepted_count = 0;
    if (loop == NULL)
        CHECK_EQ(loop_create(&loop), 0);
    CHECK_EQ(listener_open(&listener, loop, "127.0.0.1", port, sharing, on_accept, NULL, &why), 0);
    return listener;
}

static void finish(void)
{
    for (int i = 0; i < accepted_count; i++)
        close(accepted[i]);
    loop_destroy(loop);
    loop = NULL;
}

TEST(port_0_is_a_real_port_and_accepts)
{
    struct listener *listener = begin(LISTENER_ALONE, 0);
    struct loopback peer;
    int one = 1;

    CHECK(listener_port(listener) != 0);
    loopback_open(&peer, loop, listener_port(listener));
    CHECK(loopback_until(loop, has_accepted, &one, 1000));
    loopback_close(&peer);
    listener_close(listener);
    finish();
}

TEST(several_share_an_address_but_not_with_strangers)
{
    struct listener *first = begin(LISTENER_FIRST, 0);
    struct listener *second = begin(LISTENER_JOIN, listener_port(first));
    struct listener *third = NULL;
    struct err_text why;

    CHECK_EQ(listener_open(&third, loop, "127.0.0.1", listener_port(first), LISTENER_FIRST,
                           on_accept, NULL, &why),
             -EADDRINUSE);
    CHECK(strstr(why.text, "already in use") != NULL);
    CHECK_EQ(listener_open(&third, loop, "192.0.2.1", 0, LISTENER_ALONE, on_accept, NULL, &why),
             -EADDRNOTAVAIL);
    listener_close(first);
    listener_close(second);
    finish();
}

TEST(a_paused_listener_leaves_clients_waiting)
{
    struct listener *listener = begin(LISTENER_ALONE, 0);
    struct loopback peer;
    int one = 1;

    listener_pause(listener);
    loopback_open(&peer, loop, listener_port(listener));
    loopback_settle(loop);
    CHECK_EQ(accepted_count, 0);
    listener_resume(listener);
    CHECK(loopback_until(loop, has_accepted, &one, 1000));
    loopback_close(&peer);
    listener_close(listener);
    finish();
}

TEST(running_out_of_descriptors_passes)
{
    struct listener *listener = begin(LISTENER_ALONE, 0);
    struct loopback peers[3];
    struct rlimit old;
    struct rlimit few;
    int two = 2;

    for (int i = 0; i < 3; i++)
        loopback_open(&peers[i], loop, listener_port(listener));
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 3; /* every new descriptor is too many */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    loopback_settle(loop);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_EQ(accepted_count, 0);
    CHECK(loopback_until(loop, has_accepted, &two, 2000));
    for (int i = 0; i < 3; i++)
        loopback_close(&peers[i]);
    listener_close(listener);
    finish();
}

TEST(some_descriptors_are_kept_from_clients)
{
    struct loopback peers[3];
    struct listener *listener;
    struct rlimit old;
    struct rlimit few;
    int taken[64];
    int count = 0;
    int three = 3;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 64; /* 56 for clients */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    listener = begin(LISTENER_ALONE, 0);
    for (int i = 0; i < 3; i++)
        loopback_open(&peers[i], loop, listener_port(listener));
    do
        taken[count] = dup(0);
    while (taken[count++] < 56);
    close(taken[--count]);

    loopback_settle(loop);
    CHECK_EQ(accepted_count, 1); /* how else could it have known? */
    close(taken[--count]);
    close(taken[--count]);
    CHECK(loopback_until(loop, has_accepted, &three, 2000));
    while (count > 0)
        close(taken[--count]);
    for (int i = 0; i < 3; i++)
        loopback_close(&peers[i]);
    listener_close(listener);
    finish();
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
}
