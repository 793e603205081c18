#include <stdlib.h>

#include "base/blob.h"
#include "base/limits.h"
#include "loopback.h"
#include "net/stream.h"

static struct loop *loop;
static struct stream *stream;
static struct buf got;
static int ended;
static int fault;
static int drained;
static int reads;

static void on_read(void *ctx, uint8_t *data, size_t len)
{
    (void)ctx;
    reads++;
    buf_append(&got, data, len);
}

static void on_end(void *ctx)
{
    (void)ctx;
    ended++;
}

static void on_fault(void *ctx, int why)
{
    (void)ctx;
    fault = why;
}

static void on_drain(void *ctx)
{
    (void)ctx;
    drained++;
}

static const struct stream_handler handler = {
    .on_read = on_read,
    .on_end = on_end,
    .on_fault = on_fault,
    .on_drain = on_drain,
};

static void begin(struct loopback *peer)
{
    int pair[2];

    buf_clear(&got);
    ended = fault = drained = reads = 0;
    CHECK_EQ(loop_create(&loop), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    stream = stream_open(loop, pair[0], &handler, NULL);
    *peer = (struct loopback){.loop = loop, .fd = pair[1]};
}

static void finish(struct loopback *peer)
{
    stream_close(stream);
    stream = NULL;
    loopback_close(peer);
    loop_destroy(loop);
    buf_fini(&got);
}

static bool is_set(void *ctx)
{
    return *(int *)ctx != 0;
}

TEST(what_is_written_in_a_turn_leaves_together)
{
    struct loopback peer;
    struct blob *blob = blob_create(" shared ", 8);
    char text[64];

    begin(&peer);
    stream_write(stream, BYTES("one"));
    stream_write_blob(stream, blob);
    stream_write(stream, BYTES("two"));
    CHECK_EQ(recv(peer.fd, text, sizeof text, 0), -1);
    loop_turn(loop, false);
    CHECK_EQ(recv(peer.fd, text, sizeof text, 0), 14);
    CHECK_BYTES_EQ(bytes_of(text, 14), BYTES("one shared two"));
    stream_write(stream, BYTES("now"));
    stream_flush(stream);
    CHECK_EQ(recv(peer.fd, text, sizeof text, 0), 3);
    CHECK_EQ(stream_sent_bytes(stream), 17);
    blob_unref(blob);
    finish(&peer);
}

TEST(parts_of_a_blob_that_follow_each_other_leave_as_one)
{
    struct loopback peer;
    uint8_t *room;
    struct blob *blob = blob_create_room(12, &room);

    begin(&peer);
    memcpy(room, "one two", 7);
    stream_write_part(stream, blob, 0, 3);
    stream_write_part(stream, blob, 3, 4);
    loop_turn(loop, false);
    memcpy(room + 7, "three", 5);
    stream_write_part(stream, blob, 7, 5);
    stream_write_part(stream, blob, 0, 3);
    CHECK_EQ(stream_queued_bytes(stream), 8);
    EXPECT(&peer, "one twothreeone");
    blob_unref(blob);
    finish(&peer);
}

TEST(what_is_said_while_others_are_flushed_goes_with_the_rest)
{
    enum {
        COUNT = 2 * LIMIT_LOOP_FLUSHES
    };
    struct loopback peer;
    struct stream *streams[COUNT];
    int fds[COUNT];
    char text[16];

    begin(&peer);
    for (size_t i = 0; i < COUNT; i++) {
        int pair[2];

        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        streams[i] = stream_open(loop, pair[0], &handler, NULL);
        fds[i] = pair[1];
        stream_write(streams[i], BYTES("first"));
    }
    loop_turn(loop, false);
    CHECK_EQ(recv(fds[0], text, sizeof text, 0), 5);
    CHECK_EQ(recv(fds[COUNT - 1], text, sizeof text, 0), -1);
    for (size_t i = 0; i < COUNT; i++)
        stream_write(streams[i], BYTES("+more"));
    loop_turn(loop, false);
    CHECK_EQ(recv(fds[COUNT - 1], text, sizeof text, 0), 10);
    CHECK_EQ(recv(fds[0], text, sizeof text, 0), -1);
    loop_turn(loop, false);
    CHECK_EQ(recv(fds[0], text, sizeof text, 0), 5);
    for (size_t i = 0; i < COUNT; i++) {
        stream_close(streams[i]);
        close(fds[i]);
    }
    finish(&peer);
}

TEST(a_full_queue_drains_and_says_so)
{
    struct loopback peer;
    uint8_t *block = calloc(1, 4 * 1024 * 1024);
    struct buf expected = {0};

    begin(&peer);
    for (size_t i = 0; i < 4 * 1024 * 1024; i++)
        block[i] = (uint8_t)(i / 3);
    CHECK(stream_write(stream, bytes_of(block, 4 * 1024 * 1024)));
    CHECK(stream_write(stream, BYTES("tail")));
    CHECK(stream_full(stream) && stream_queued_bytes(stream) > LIMIT_STREAM_HIGH_BYTES);
    EXPECT(&peer, "tail");
    CHECK_EQ(drained, 1);
    CHECK(!stream_full(stream) && stream_queued_bytes(stream) == 0);
    CHECK_EQ(stream_sent_bytes(stream), 4 * 1024 * 1024 + 4);
    free(block);
    buf_fini(&expected);
    finish(&peer);
}

TEST(reading_pauses_and_resumes)
{
    struct loopback peer;

    begin(&peer);
    stream_read_pause(stream);
    loopback_send_text(&peer, "hello");
    loopback_settle(loop);
    CHECK_EQ(got.len, 0);
    stream_read_resume(stream);
    CHECK(loopback_until(loop, is_set, &reads, 1000));
    CHECK_BYTES_EQ(buf_bytes(&got), BYTES("hello"));
    finish(&peer);
}

TEST(the_end_and_a_reset_are_told_once)
{
    struct loopback peer;

    begin(&peer);
    (void)shutdown(peer.fd, SHUT_WR);
    CHECK(loopback_until(loop, is_set, &ended, 1000));
    loopback_settle(loop);
    CHECK_EQ(ended, 1);
    stream_write(stream, BYTES("still"));
    EXPECT(&peer, "still");
    close(peer.fd);
    peer.fd = -1;
    stream_write(stream, BYTES("lost"));
    CHECK(loopback_until(loop, is_set, &fault, 1000));
    CHECK_EQ(fault, -EPIPE);
    finish(&peer);
}

TEST(finishing_sends_everything_and_waits_for_the_peer)
{
    struct loopback peer;
    uint8_t *block = calloc(1, 2 * 1024 * 1024);

    begin(&peer);
    stream_write(stream, bytes_of(block, 2 * 1024 * 1024));
    stream_write(stream, BYTES("end"));
    stream_finish(stream);
    stream = NULL;
    CHECK_EQ(loop->stream_count, 1);
    loopback_expect_end(&peer);
    CHECK_EQ(peer.got.len, 2 * 1024 * 1024 + 3);
    CHECK_EQ(loop->stream_count, 1);
    close(peer.fd);
    peer.fd = -1;
    loopback_settle(loop);
    CHECK_EQ(loop->stream_count, 0);
    free(block);
    finish(&peer);
}

TEST(an_ended_stream_sends_everything_and_reads_on)
{
    struct loopback peer;
    uint8_t *block = calloc(1, 2 * 1024 * 1024);

    begin(&peer);
    stream_write(stream, bytes_of(block, 2 * 1024 * 1024));
    stream_write(stream, BYTES("end"));
    stream_end(stream);
    loopback_expect_end(&peer);
    CHECK_EQ(peer.got.len, 2 * 1024 * 1024 + 3);
    loopback_send_text(&peer, "answer");
    CHECK(loopback_until(loop, is_set, &reads, 1000));
    CHECK_BYTES_EQ(buf_bytes(&got), BYTES("answer"));
    free(block);
    finish(&peer);
}

TEST(a_parcel_carries_unsent_bytes_to_another_loop)
{
    struct loopback peer;
    struct stream_parcel parcel;
    struct loop *other;
    uint8_t *block = calloc(1, 2 * 1024 * 1024);

    begin(&peer);
    CHECK_EQ(loop_create(&other), 0);
    stream_write(stream, bytes_of(block, 2 * 1024 * 1024));
    stream_write(stream, BYTES("end"));
    stream_detach(stream, &parcel);
    stream = stream_attach(other, &parcel, &handler, NULL);
    peer.loop = other;
    EXPECT(&peer, "end");
    loopback_send_text(&peer, "hi");
    CHECK(loopback_until(other, is_set, &reads, 1000));
    stream_close(stream);
    stream = NULL;
    loop_destroy(other);
    free(block);
    finish(&peer);
}

TEST(a_bad_descriptor_is_a_fault)
{
    struct loopback peer;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    begin(&peer);
    stream_close(stream);
    stream = stream_open(loop, fd, &handler, NULL);
    stream_write(stream, BYTES("x"));
    CHECK(loopback_until(loop, is_set, &fault, 1000));
    stream_close(stream);
    stream = NULL;
    finish(&peer);
}
