#include <stdlib.h>

#include "base/blob.h"
#include "base/err.h"
#include "http/connection.h"
#include "http/server.h"
#include "loopback.h"

/*
 * An embedder that answers by target:
 *   /hello   at once            /echo    the body, piece by piece, chunked
 *   /hold    not by itself      /big     chunked, 8 MB, waiting for on_drain()
 *   /whole   with the whole body if it is there, "no" otherwise
 */
static struct loop *loop;
static struct http_server *server;
static struct http_request *held;
static int aborted;
static int requests;
static size_t big_left;
static bool drained;

static void pump_big(struct http_request *req)
{
    struct bytes chunk = bytes_of(calloc(1, 65536), 65536);

    while (big_left > 0) {
        big_left -= chunk.len;
        if (http_response_write(req, chunk))
            break;
    }
    free((void *)(uintptr_t)chunk.data);
    if (big_left == 0)
        http_response_end(req);
}

static void answer(struct http_request *req, unsigned status, struct bytes body)
{
    (void)http_response_send(req, status, (struct bytes){0}, NULL, 0, body);
}

static void on_request(void *ctx, struct http_request *req)
{
    struct bytes body;

    (void)ctx;
    requests++;
    if (bytes_equal(req->target, BYTES("/hello"))) {
        answer(req, 200, BYTES("hello"));
    } else if (bytes_equal(req->target, BYTES("/whole"))) {
        bool whole = http_request_body_whole(req, &body);
        answer(req, 200, whole ? body : BYTES("no"));
    } else if (bytes_equal(req->target, BYTES("/echo"))) {
        (void)http_response_head(req, 200, BYTES("Echoed"), NULL, 0, HTTP_BODY_CHUNKED, 0);
        http_request_read_more(req);
    } else if (bytes_equal(req->target, BYTES("/big"))) {
        (void)http_response_head(req, 200, (struct bytes){0}, NULL, 0, HTTP_BODY_CHUNKED, 0);
        big_left = 8 * 1024 * 1024;
        pump_big(req);
    } else {
        held = req;
    }
}

static void on_body(struct http_request *req, struct bytes piece, bool last)
{
    http_response_write(req, piece);
    if (last)
        http_response_end(req);
    else
        http_request_read_more(req);
}

static void on_drain(struct http_request *req)
{
    drained = true;
    pump_big(req);
}

static void on_abort(struct http_request *req)
{
    aborted++;
    if (held == req)
        held = NULL;
}

static const struct http_handler handler = {
    .on_request = on_request,
    .on_body = on_body,
    .on_drain = on_drain,
    .on_abort = on_abort,
};

static void begin_with(const struct http_server_options *options)
{
    struct err_text why;

    held = NULL;
    aborted = 0;
    requests = 0;
    drained = false;
    CHECK_EQ(loop_create(&loop), 0);
    server = http_server_create(loop, &handler, NULL, options);
    CHECK_EQ(http_server_listen(server, "127.0.0.1", 0, LISTENER_ALONE, &why), 0);
}

static void begin(struct loopback *peer)
{
    begin_with(NULL);
    loopback_open(peer, loop, http_server_port(server));
}

static void finish(struct loopback *peer)
{
    loopback_close(peer);
    http_server_destroy(server);
    loop_destroy(loop);
}

static bool is_held(void *ctx)
{
    (void)ctx;
    return held != NULL;
}

static bool is_aborted(void *ctx)
{
    (void)ctx;
    return aborted > 0;
}

static void wait_held(void)
{
    CHECK(loopback_until(loop, is_held, NULL, 3000));
}

TEST(a_request_is_answered_and_the_connection_kept)
{
    struct loopback peer;

    begin(&peer);
    for (int i = 0; i < 3; i++) {
        loopback_send_text(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: ");
        EXPECT(&peer, "GMT\r\n\r\nhello");
    }
    CHECK_EQ(http_server_connections(server), 1);
    finish(&peer);
}

TEST(a_head_may_come_byte_by_byte)
{
    struct loopback peer;
    static const char text[] = "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";

    begin(&peer);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        loopback_send(&peer, bytes_of(text + i, 1));
        loop_turn(loop, false);
    }
    EXPECT(&peer, "no");
    loopback_send_text(&peer, "abcGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&peer, "hello");
    finish(&peer);
}

TEST(pipelined_requests_are_answered_in_order)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer,
                       "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                       "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
                       "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nwhole"
                       "POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "4\r\nchun\r\n2\r\nks\r\n0\r\n\r\n"
                       "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_held();
    CHECK_EQ(requests, 2);
    loopback_settle(loop);
    CHECK_EQ(requests, 2);
    answer(held, 201, BYTES("held"));
    EXPECT(&peer, "\r\n\r\nhelloHTTP/1.1 201 Created");
    EXPECT(&peer, "\r\n\r\nheldHTTP/1.1 200 OK");
    EXPECT(&peer, "\r\n\r\nwholeHTTP/1.1 200 OK");
    EXPECT(&peer, "\r\n\r\nchunksHTTP/1.1 200 OK");
    EXPECT(&peer, "\r\n\r\nhello");
    finish(&peer);
}

TEST(bodies_stream_both_ways_with_back_pressure)
{
    struct loopback peer;
    char *block = calloc(1, 100000);

    begin(&peer);
    loopback_send_text(&peer,
                       "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT(&peer, "HTTP/1.1 200 Echoed\r\nTransfer-Encoding: chunked\r\n");
    loopback_send_text(&peer, "5\r\nhello\r\n");
    EXPECT(&peer, "5\r\nhello\r\n");
    for (int i = 0; i < 20; i++) {
        loopback_send_text(&peer, "186a0\r\n");
        loopback_send(&peer, bytes_of(block, 100000));
        loopback_send_text(&peer, "\r\n");
        loopback_receive(&peer);
    }
    loopback_send_text(&peer, "3\r\nend\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&peer, "end\r\n0\r\n\r\nHTTP/1.1 200 OK");
    free(block);
    finish(&peer);
}

TEST(a_slow_reader_holds_the_writer_back)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    loopback_settle(loop);
    CHECK(big_left > 0 && !drained);
    EXPECT(&peer, "\r\n0\r\n\r\n");
    CHECK(drained);
    finish(&peer);
}

TEST(unasked_input_is_kept_only_up_to_a_bound)
{
    struct loopback peer;
    char *block = calloc(1, 65536);
    ssize_t sent = 0;
    size_t all = 0;

    begin(&peer);
    loopback_send_text(&peer, "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    wait_held();
    for (int i = 0; i < 2000 && sent >= 0; i++) {
        sent = send(peer.fd, block, 65536, MSG_NOSIGNAL);
        all += sent > 0 ? (size_t)sent : 0;
        for (int k = 0; k < 4; k++)
            loop_turn(loop, false);
    }
    CHECK(all < 30 * 1000 * 1000);
    free(block);
    finish(&peer);
    CHECK_EQ(aborted, 1);
}

TEST(continue_is_said_when_the_body_is_asked_for)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(
        &peer,
        "POST /hold HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    wait_held();
    loopback_settle(loop);
    loopback_receive(&peer);
    CHECK_EQ(peer.got.len, 0);
    http_request_read_more(held);
    EXPECT(&peer, "HTTP/1.1 100 Continue\r\n\r\n");
    (void)http_response_head(held, 200, (struct bytes){0}, NULL, 0, HTTP_BODY_LENGTH, 2);
    loopback_send_text(&peer, "ok");
    EXPECT(&peer, "\r\n\r\nok");
    finish(&peer);
}

TEST(without_continue_the_connection_closes_after_the_answer)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(
        &peer,
        "POST /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT(&peer, "Connection: close\r\n");
    loopback_expect_end(&peer);
    CHECK(!peer.reset);
    finish(&peer);
}

TEST(head_and_empty_answers_have_no_body)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                              "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&peer, "Content-Length: 5\r\n");
    wait_held();
    answer(held, 304, BYTES("ignored"));
    EXPECT(&peer, "GMT\r\n\r\nHTTP/1.1 304 Not Modified\r\nDate: ");
    loopback_send_text(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&peer, "GMT\r\n\r\nHTTP/1.1 200 OK");
    finish(&peer);
}

TEST(http_1_0_gets_its_body_until_the_end)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer, "POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT(&peer, "HTTP/1.1 200 Echoed\r\nConnection: close\r\nDate: ");
    EXPECT(&peer, "GMT\r\n\r\nabc");
    loopback_expect_end(&peer);
    finish(&peer);
}

TEST(what_cannot_be_a_request_is_refused_and_closed)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    EXPECT(&peer, "helloHTTP/1.1 400 Bad Request\r\n");
    EXPECT(&peer, "Connection: close\r\n");
    loopback_expect_end(&peer);
    CHECK(!peer.reset);
    CHECK_EQ(requests, 1);
    finish(&peer);
}

TEST(a_broken_body_aborts_the_request)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(
        &peer, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc");
    loopback_expect_end(&peer);
    CHECK(peer.reset);
    CHECK_EQ(aborted, 1);
    finish(&peer);
}

TEST(a_client_that_leaves_aborts_its_request)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_held();
    loopback_close(&peer);
    CHECK(loopback_until(loop, is_aborted, NULL, 3000));
    CHECK_EQ(http_server_connections(server), 0);
    finish(&peer);
}

TEST(a_body_nobody_wants_is_skipped)
{
    struct loopback peer;
    char *block = calloc(1, 100000);

    begin(&peer);
    loopback_send_text(&peer, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    EXPECT(&peer, "hello");
    loopback_send(&peer, bytes_of(block, 100000));
    loopback_send_text(&peer, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n");
    EXPECT(&peer, "Connection: close\r\n");
    EXPECT(&peer, "hello");
    loopback_expect_end(&peer);
    free(block);
    finish(&peer);
}

TEST(an_answer_that_breaks_its_promise_is_reset)
{
    struct loopback peer;

    begin(&peer);
    loopback_send_text(&peer, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_held();
    (void)http_response_head(held, 200, (struct bytes){0}, NULL, 0, HTTP_BODY_LENGTH, 5);
    http_response_write(held, BYTES("toolong"));
    http_response_end(held);
    loopback_expect_end(&peer);
    CHECK(peer.reset);
    loopback_close(&peer);

    loopback_open(&peer, loop, http_server_port(server));
    held = NULL;
    loopback_send_text(&peer, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_held();
    http_response_abort(held);
    EXPECT(&peer, "HTTP/1.1 500 Internal Server Error\r\n");
    CHECK_EQ(aborted, 0);
    finish(&peer);
}

TEST(shared_blobs_can_be_answered)
{
    struct loopback peer;
    struct blob *blob = blob_create("shared", 6);

    begin(&peer);
    loopback_send_text(&peer, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_held();
    (void)http_response_head(held, 200, (struct bytes){0}, NULL, 0, HTTP_BODY_CHUNKED, 0);
    http_response_write_blob(held, blob);
    http_response_write_blob(held, blob);
    http_response_end(held);
    blob_unref(blob);
    EXPECT(&peer, "6\r\nshared\r\n6\r\nshared\r\n0\r\n\r\n");
    finish(&peer);
}

TEST(time_runs_out_for_heads_idleness_and_stalls)
{
    const struct http_server_options quick = {
        .head_timeout_ms = 60, .idle_timeout_ms = 60, .stall_timeout_ms = 60};
    struct loopback peer;

    begin_with(&quick);
    loopback_open(&peer, loop, http_server_port(server));
    loopback_send_text(&peer, "GET /hello HTT");
    EXPECT(&peer, "HTTP/1.1 408 Request Timeout\r\n");
    loopback_close(&peer);

    loopback_open(&peer, loop, http_server_port(server));
    loopback_send_text(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&peer, "hello");
    loopback_expect_end(&peer);
    CHECK_EQ(peer.got.len, 0);
    loopback_close(&peer);

    loopback_open(&peer, loop, http_server_port(server));
    loopback_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    CHECK(loopback_until(loop, is_aborted, NULL, 3000));
    finish(&peer);
}

TEST(clients_beyond_the_bound_wait)
{
    const struct http_server_options few = {.connections_max = 1};
    struct loopback first;
    struct loopback second;

    begin_with(&few);
    loopback_open(&first, loop, http_server_port(server));
    loopback_send_text(&first, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&first, "hello");
    loopback_open(&second, loop, http_server_port(server));
    loopback_send_text(&second, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    loopback_settle(loop);
    CHECK_EQ(requests, 1);
    loopback_close(&first);
    EXPECT(&second, "hello");
    finish(&second);
}

static void on_done(void *ctx)
{
    *(bool *)ctx = true;
}

static bool is_set(void *ctx)
{
    return *(bool *)ctx;
}

TEST(draining_lets_running_requests_finish)
{
    struct loopback idle;
    struct loopback busy;
    bool done = false;

    begin(&idle);
    loopback_send_text(&idle, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&idle, "hello");
    loopback_open(&busy, loop, http_server_port(server));
    loopback_send_text(&busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_held();
    http_server_drain(server, on_done, &done);
    loopback_expect_end(&idle);
    CHECK(!done);
    answer(held, 200, BYTES("last"));
    EXPECT(&busy, "Connection: close\r\n");
    EXPECT(&busy, "last");
    loopback_expect_end(&busy);
    CHECK(loopback_until(loop, is_set, &done, 3000));
    loopback_close(&busy);
    finish(&idle);
}
