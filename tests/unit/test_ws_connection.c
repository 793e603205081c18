#include <pthread.h>
#include <stdlib.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "http/connection.h"
#include "http/server.h"
#include "http/ws_connection.h"
#include "http/ws_frame.h"
#include "loopback.h"
#include "net/wake.h"

/* Every upgrade is accepted; what the connection hears is written into `story`. */
static struct loop *loop;
static struct http_server *server;
static struct ws_connection *ws;
static struct buf story;
static bool echoes;
static bool offers_deflate;

static void ws_message(void *ctx, struct ws_connection *from, bool text, struct bytes data)
{
    (void)ctx;
    if (echoes && text)
        ws_send_text(from, data);
    else if (echoes)
        ws_send_binary(from, data);
    buf_append_string(&story, text ? "text:" : "binary:");
    buf_append_bytes(&story, bytes_slice(data, 0, 20));
    buf_append_byte(&story, ' ');
}

static void ws_closed(void *ctx, struct ws_connection *from, uint16_t code, struct bytes reason,
                      bool clean)
{
    (void)ctx;
    (void)from;
    buf_append_format(&story, "close:%u:%.*s:%s ", code, (int)reason.len, (const char *)reason.data,
                      clean ? "clean" : "lost");
}

static void ws_failed(void *ctx, struct ws_connection *from, const char *what)
{
    (void)ctx;
    (void)from;
    buf_append_format(&story, "error:%s ", what);
}

static void ws_drained(void *ctx, struct ws_connection *from)
{
    (void)ctx;
    (void)from;
    buf_append_string(&story, "drain ");
}

static void ws_ended(void *ctx, struct ws_connection *from)
{
    (void)ctx;
    if (from == ws)
        ws = NULL;
    buf_append_string(&story, "end");
}

static const struct ws_handler ws_events = {
    .on_message = ws_message,
    .on_close = ws_closed,
    .on_error = ws_failed,
    .on_drain = ws_drained,
    .on_end = ws_ended,
};

static void on_request(void *ctx, struct http_request *req)
{
    struct http_header header = {BYTES("X-Room"), BYTES("7")};
    struct http_upgrade upgrade = {
        .headers = &header, .header_count = 1, .deflate = offers_deflate};

    (void)ctx;
    if (!req->websocket)
        (void)http_response_send(req, 426, (struct bytes){0}, NULL, 0, BYTES("no"));
    else
        (void)http_request_upgrade_websocket(req, &upgrade, &ws_events, NULL, &ws);
}

static void on_body(struct http_request *req, struct bytes piece, bool last)
{
    (void)req;
    (void)piece;
    (void)last;
}

static void on_request_event(struct http_request *req)
{
    (void)req;
}

static const struct http_handler handler = {
    .on_request = on_request,
    .on_body = on_body,
    .on_drain = on_request_event,
    .on_abort = on_request_event,
};

static const char upgrade_text[] = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                                   "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

static void begin(struct loopback *peer)
{
    struct err_text why;

    buf_clear(&story);
    ws = NULL;
    echoes = false;
    CHECK_EQ(loop_create(&loop), 0);
    server = http_server_create(loop, &handler, NULL, NULL);
    CHECK_EQ(http_server_listen(server, "127.0.0.1", 0, LISTENER_ALONE, &why), 0);
    loopback_open(peer, loop, http_server_port(server));
    loopback_send_text(peer, upgrade_text);
    if (offers_deflate)
        loopback_send_text(peer, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    loopback_send_text(peer, "\r\n");
    EXPECT(peer, "HTTP/1.1 101 Switching Protocols\r\n");
    EXPECT(peer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    EXPECT(peer, "X-Room: 7\r\n\r\n");
    CHECK(ws != NULL);
    CHECK_EQ(http_server_connections(server), 0);
}

static void finish(struct loopback *peer)
{
    loopback_close(peer);
    if (ws != NULL)
        ws_abort(ws);
    http_server_destroy(server);
    loop_destroy(loop);
    buf_fini(&story);
}

static void send_frame(struct loopback *peer, uint8_t first, struct bytes payload)
{
    static const uint8_t mask[4] = {9, 8, 7, 6};
    uint8_t head[WS_FRAME_HEAD_MAX];
    size_t len = ws_frame_head(head, WS_BINARY, false, payload.len, mask);
    struct buf frame = {0};

    head[0] = first;
    buf_append(&frame, head, len);
    buf_append_bytes(&frame, payload);
    ws_frame_mask(frame.data + len, payload.len, mask, 0);
    loopback_send(peer, buf_bytes(&frame));
    buf_fini(&frame);
}

static bool has_story(void *ctx)
{
    return bytes_find(buf_bytes(&story), bytes_of_string(ctx), 0) < story.len;
}

/* Wait for `text` to be part of the story. */
static void expect_story(const char *text)
{
    union {
        const char *text;
        void *ctx;
    } wish = {.text = text};

    if (!loopback_until(loop, has_story, wish.ctx, 8000))
        CHECK_STR_EQ(buf_string(&story), text);
}

TEST(messages_go_both_ways)
{
    struct loopback peer;

    begin(&peer);
    echoes = true;
    send_frame(&peer, 0x81, BYTES("hello"));
    EXPECT(&peer, "\x81\x05hello");
    send_frame(&peer, 0x01, BYTES("one "));
    send_frame(&peer, 0x89, BYTES("ping"));
    EXPECT(&peer, "\x8a\x04ping");
    send_frame(&peer, 0x80, BYTES("two"));
    EXPECT(&peer, "\x81\x07one two");
    send_frame(&peer, 0x82, BYTES("\x00\xff"));
    EXPECT(&peer, "\x82\x02\x00\xff");
    finish(&peer);
}

TEST(a_large_message_arrives_whole)
{
    struct loopback peer;
    char *block = malloc(3000000);

    memset(block, 'x', 3000000);
    begin(&peer);
    send_frame(&peer, 0x81, bytes_of(block, 3000000));
    expect_story("text:xxxxxxxxxxxxxxxxxxxx ");
    free(block);
    finish(&peer);
}

TEST(frames_right_behind_the_upgrade_are_not_lost)
{
    struct loopback peer;

    begin(&peer);
    loopback_close(&peer);
    expect_story("end");
    loopback_open(&peer, loop, http_server_port(server));
    buf_clear(&story);
    {
        struct buf all = {0};

        buf_append_format(&all, "%s\r\n", upgrade_text);
        buf_append_bytes(&all, BYTES("\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0ho"));
        loopback_send(&peer, buf_bytes(&all));
        buf_fini(&all);
    }
    expect_story("text:hi text:ho ");
    finish(&peer);
}

TEST(a_close_is_answered_and_ends_the_connection)
{
    struct loopback peer;

    begin(&peer);
    send_frame(&peer, 0x88,
               BYTES("\x03\xe8"
                     "bye"));
    EXPECT(&peer, "\x88\x02\x03\xe8");
    expect_story("close:1000:bye:clean end");
    loopback_expect_end(&peer);
    CHECK(!peer.reset);
    finish(&peer);
}

TEST(the_embedder_may_answer_a_close_itself)
{
    struct loopback peer;

    begin(&peer);
    ws_set_auto_close(ws, false);
    send_frame(&peer, 0x88, (struct bytes){0});
    expect_story("close:1005::clean ");
    CHECK(ws != NULL && ws_close_received(ws) && !ws_close_sent(ws));
    ws_send_text(ws, BYTES("still here"));
    ws_close(ws, 4000, BYTES("done"));
    EXPECT(&peer, "still here\x88\x06\x0f\xa0"
                  "done");
    expect_story("end");
    finish(&peer);
}

TEST(our_close_waits_for_the_answer)
{
    struct loopback peer;

    begin(&peer);
    ws_close(ws, 1001, BYTES("away"));
    CHECK(!ws_send_text(ws, BYTES("dropped")));
    EXPECT(&peer, "\x88\x06\x03\xe9"
                  "away");
    send_frame(&peer, 0x81, BYTES("late"));
    send_frame(&peer, 0x88, BYTES("\x03\xe9"));
    expect_story("text:late close:1001::clean end");
    finish(&peer);
}

TEST(a_close_that_is_not_answered_is_given_up)
{
    struct loopback peer;

    begin(&peer);
    ws_close(ws, 1000, (struct bytes){0});
    expect_story("close:1006:WebSocket disconnected without sending Close frame.:lost end");
    finish(&peer);
}

TEST(a_lost_connection_is_1006)
{
    struct loopback peer;

    begin(&peer);
    loopback_close(&peer);
    expect_story("close:1006:WebSocket disconnected without sending Close frame.:lost end");
    finish(&peer);
}

TEST(broken_protocol_is_an_error_with_a_code)
{
    struct loopback peer;

    begin(&peer);
    loopback_send(&peer, BYTES("\x81\x02hi"));
    EXPECT(&peer, "\x88\x2a\x03\xeaReceived an unmasked");
    expect_story("error:Received an unmasked frame from a client end");
    loopback_expect_end(&peer);
    finish(&peer);
}

TEST(the_auto_response_answers_without_a_word)
{
    struct blob *pong = ws_frame_text_blob(BYTES("pong"));
    struct ws_auto_response pair = {.request = BYTES("ping"), .response = pong};
    struct loopback peer;

    begin(&peer);
    ws_set_auto_response(ws, &pair);
    CHECK_EQ(ws_auto_response_time_ms(ws), 0);
    send_frame(&peer, 0x81, BYTES("ping"));
    EXPECT(&peer, "\x81\x04pong");
    CHECK_EQ(story.len, 0);
    CHECK(ws_auto_response_time_ms(ws) > UINT64_C(1600000000000));
    send_frame(&peer, 0x82, BYTES("ping"));
    send_frame(&peer, 0x81, BYTES("ping "));
    expect_story("binary:ping text:ping  ");
    blob_unref(pong);
    finish(&peer);
}

TEST(a_paused_connection_keeps_messages_back_even_if_the_peer_leaves)
{
    struct loopback peer;

    begin(&peer);
    ws_read_pause(ws);
    send_frame(&peer, 0x81, BYTES("one"));
    send_frame(&peer, 0x88, BYTES("\x03\xe8"));
    loopback_close(&peer);
    loopback_settle(loop);
    CHECK_EQ(story.len, 0);
    ws_read_resume(ws);
    expect_story("text:one close:1000::clean end");
    finish(&peer);
}

TEST(our_close_finds_its_answer_behind_messages_that_were_held_back)
{
    struct loopback peer;
    char *block = calloc(1, LIMIT_WS_IN_QUEUE_BYTES);

    begin(&peer);
    ws_read_pause(ws);
    send_frame(&peer, 0x81, BYTES("held back"));
    loopback_settle(loop);
    send_frame(&peer, 0x82, bytes_of(block, LIMIT_WS_IN_QUEUE_BYTES));
    loopback_settle(loop);
    CHECK_EQ(story.len, 0);
    ws_close(ws, 1000, (struct bytes){0});
    EXPECT(&peer, "\x88\x02\x03\xe8");
    send_frame(&peer, 0x81, BYTES("late"));
    send_frame(&peer, 0x88, BYTES("\x03\xe8"));
    expect_story("text:held back binary:");
    expect_story(" text:late close:1000::clean end");
    loopback_expect_end(&peer);
    free(block);
    finish(&peer);
}

TEST(a_reader_that_never_reads_is_dropped)
{
    struct loopback peer;
    uint8_t *block = calloc(1, 1024 * 1024);
    struct blob *blob = ws_frame_binary_blob(bytes_of(block, 1024 * 1024));
    bool full = false;

    begin(&peer);
    for (int i = 0; i < 90; i++)
        full |= ws_send_blob(ws, blob);
    CHECK(full);
    expect_story("error:The WebSocket's peer reads too slowly");
    expect_story("end");
    blob_unref(blob);
    free(block);
    finish(&peer);
}

TEST(long_messages_are_compressed_if_agreed)
{
    struct loopback peer;
    char text[1000];

    memset(text, 'a', sizeof text);
    offers_deflate = true;
    begin(&peer);
    offers_deflate = false;
    CHECK(ws_deflate_agreed(ws));
    ws_send_text(ws, bytes_of(text, sizeof text));
    loopback_settle(loop);
    loopback_receive(&peer);
    CHECK(peer.got.len < 40 && peer.got.data[0] == 0xc1);
    send_frame(&peer, 0xc1, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"));
    expect_story("text:Hello ");
    finish(&peer);
}

/* Another shard: a loop in a thread of its own that takes parcels over. */
struct shard {
    pthread_t thread;
    struct loop *loop;
    struct wake *wake;
    pthread_mutex_t lock;
    struct ws_parcel *parcel; /* under lock */
    bool stop;                /* under lock */
    struct ws_connection *ws;
};

static void shard_message(void *ctx, struct ws_connection *from, bool text, struct bytes data)
{
    struct buf reply = {0};

    (void)ctx;
    (void)text;
    buf_append_string(&reply, "shard:");
    buf_append_bytes(&reply, data);
    ws_send_text(from, buf_bytes(&reply));
    buf_fini(&reply);
}

static void shard_close(void *ctx, struct ws_connection *from, uint16_t code, struct bytes reason,
                        bool clean)
{
    (void)ctx;
    (void)from;
    (void)code;
    (void)reason;
    (void)clean;
}

static void shard_error(void *ctx, struct ws_connection *from, const char *what)
{
    (void)ctx;
    (void)from;
    (void)what;
}

static void shard_event(void *ctx, struct ws_connection *from)
{
    (void)ctx;
    (void)from;
}

static void shard_end(void *ctx, struct ws_connection *from)
{
    struct shard *shard = ctx;

    (void)from;
    shard->ws = NULL;
}

static const struct ws_handler shard_events = {
    .on_message = shard_message,
    .on_close = shard_close,
    .on_error = shard_error,
    .on_drain = shard_event,
    .on_end = shard_end,
};

static void shard_woken(void *ctx)
{
    struct shard *shard = ctx;
    struct ws_parcel *parcel;
    bool stop;

    pthread_mutex_lock(&shard->lock);
    parcel = shard->parcel;
    shard->parcel = NULL;
    stop = shard->stop;
    pthread_mutex_unlock(&shard->lock);
    if (parcel != NULL)
        shard->ws = ws_attach(shard->loop, parcel, &shard_events, shard);
    if (stop)
        loop_stop(shard->loop);
}

static void *shard_main(void *ctx)
{
    struct shard *shard = ctx;

    loop_run(shard->loop);
    if (shard->ws != NULL)
        ws_abort(shard->ws);
    wake_close(shard->wake);
    loop_destroy(shard->loop);
    return NULL;
}

TEST(a_connection_moves_to_another_thread_with_everything_unread_and_unsent)
{
    struct shard shard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct loopback peer;
    uint8_t *block = malloc(4000000);

    memset(block, 'z', 4000000);
    begin(&peer);
    CHECK_EQ(loop_create(&shard.loop), 0);
    CHECK_EQ(wake_open(&shard.wake, shard.loop, shard_woken, &shard), 0);
    CHECK_EQ(pthread_create(&shard.thread, NULL, shard_main, &shard), 0);

    ws_read_pause(ws);
    ws_send_text(ws, bytes_of(block, 4000000)); /* more than the kernel takes */
    send_frame(&peer, 0x81, BYTES("first"));
    loopback_send(&peer, BYTES("\x81\x86\0\0\0\0sec")); /* half a frame */
    loopback_settle(loop);
    pthread_mutex_lock(&shard.lock);
    shard.parcel = ws_detach(ws);
    ws = NULL;
    pthread_mutex_unlock(&shard.lock);
    wake_signal(shard.wake);

    loopback_send(&peer, BYTES("ond"));
    EXPECT(&peer, "zzzz\x81\x0bshard:first\x81\x0cshard:second");

    pthread_mutex_lock(&shard.lock);
    shard.stop = true;
    pthread_mutex_unlock(&shard.lock);
    wake_signal(shard.wake);
    pthread_join(shard.thread, NULL);
    free(block);
    finish(&peer);
}

TEST(a_parcel_can_be_thrown_away)
{
    struct loopback peer;
    struct ws_parcel *parcel;

    begin(&peer);
    ws_send_text(ws, BYTES("unsent"));
    parcel = ws_detach(ws);
    ws = NULL;
    ws_parcel_discard(parcel);
    EXPECT(&peer, "unsent");
    loopback_expect_end(&peer);
    finish(&peer);
}
