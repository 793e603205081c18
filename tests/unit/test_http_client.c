#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/err.h"
#include "http/client.h"
#include "http/connection.h"
#include "http/server.h"
#include "http/ws_client.h"
#include "http/ws_connection.h"
#include "http/ws_frame.h"
#include "loopback.h"

/* The server echoes bodies (or holds, or cuts, or upgrades and echoes); the client tells a story.
 */
static struct loop *loop;
static struct http_server *server;
static struct http_client *client;
static struct buf story;
static size_t body_bytes;
static char base[64];
static bool hold_body;
static struct http_fetch *held_fetch;
static struct ws_connection *served;
static struct ws_connection *opened;

static void ws_message(void *ctx, struct ws_connection *ws, bool text, struct bytes data)
{
    (void)text;
    if (ws == served) {
        ws_send_text(ws, data);
    } else {
        buf_append_string(&story, ctx != NULL ? ctx : "");
        buf_append_bytes(&story, bytes_slice(data, 0, 20));
        buf_append_byte(&story, ' ');
    }
}

static void ws_closed(void *ctx, struct ws_connection *ws, uint16_t code, struct bytes reason,
                      bool clean)
{
    (void)ctx;
    (void)reason;
    if (ws != served)
        buf_append_format(&story, "close:%u:%d ", code, clean);
}

static void ws_failed(void *ctx, struct ws_connection *ws, const char *what)
{
    (void)ctx;
    (void)ws;
    buf_append_string(&story, what);
}

static void ws_drained(void *ctx, struct ws_connection *ws)
{
    (void)ctx;
    (void)ws;
}

static void ws_ended(void *ctx, struct ws_connection *ws)
{
    (void)ctx;
    if (ws == served)
        served = NULL;
    else
        buf_append_string(&story, "end");
    if (ws == opened)
        opened = NULL;
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
    struct http_header headers[] = {{BYTES("X-Method"), req->method},
                                    {BYTES("Set-Cookie"), BYTES("a=1")},
                                    {BYTES("Set-Cookie"), BYTES("b=2")}};
    struct http_upgrade upgrade = {.deflate = true};

    (void)ctx;
    if (req->websocket && !bytes_equal(req->target, BYTES("/no"))) {
        (void)http_request_upgrade_websocket(req, &upgrade, &ws_events, NULL, &served);
        return;
    }
    if (bytes_equal(req->target, BYTES("/hold")))
        return;
    (void)http_response_head(req, 200, BYTES("Good"), headers, 3, HTTP_BODY_CHUNKED, 0);
    if (bytes_equal(req->target, BYTES("/cut")))
        http_response_abort(req);
    else
        http_request_read_more(req);
}

static void on_body(struct http_request *req, struct bytes piece, bool last)
{
    http_response_write(req, piece);
    if (last)
        http_response_end(req);
    else
        http_request_read_more(req);
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

static void fetch_head(void *ctx, struct http_fetch *fetch, unsigned status, struct bytes reason,
                       const struct http_header *headers, size_t count)
{
    (void)ctx;
    buf_append_format(&story, "%u:%.*s ", status, (int)reason.len, (const char *)reason.data);
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(headers[i].name, BYTES("X-Method")) ||
            bytes_equal(headers[i].name, BYTES("Set-Cookie"))) {
            buf_append_bytes(&story, headers[i].value);
            buf_append_byte(&story, ' ');
        }
    }
    held_fetch = fetch;
    if (!hold_body)
        http_fetch_read_more(fetch);
}

static void fetch_body(void *ctx, struct http_fetch *fetch, struct bytes piece)
{
    (void)ctx;
    if (body_bytes == 0)
        buf_append_bytes(&story, bytes_slice(piece, 0, 20));
    body_bytes += piece.len;
    if (!hold_body)
        http_fetch_read_more(fetch);
}

static void fetch_drain(void *ctx, struct http_fetch *fetch)
{
    (void)ctx;
    http_fetch_write_end(fetch);
}

static void fetch_end(void *ctx, struct http_fetch *fetch)
{
    (void)ctx;
    (void)fetch;
    buf_append_string(&story, " end");
}

static void fetch_error(void *ctx, struct http_fetch *fetch, const char *what)
{
    (void)ctx;
    (void)fetch;
    buf_append_format(&story, " error:%s", what);
}

static const struct http_fetch_handler fetch_events = {
    .on_head = fetch_head,
    .on_body = fetch_body,
    .on_upload_drain = fetch_drain,
    .on_end = fetch_end,
    .on_error = fetch_error,
};

static void begin(void)
{
    struct err_text why;

    buf_clear(&story);
    body_bytes = 0;
    hold_body = false;
    served = NULL;
    opened = NULL;
    CHECK_EQ(loop_create(&loop), 0);
    server = http_server_create(loop, &handler, NULL, NULL);
    CHECK_EQ(http_server_listen(server, "127.0.0.1", 0, LISTENER_ALONE, &why), 0);
    CHECK_EQ(http_client_create(&client, loop), 0);
    snprintf(base, sizeof base, "127.0.0.1:%u", http_server_port(server));
}

static void finish(void)
{
    if (opened != NULL)
        ws_abort(opened);
    if (served != NULL)
        ws_abort(served);
    http_client_destroy(client);
    http_server_destroy(server);
    loop_destroy(loop);
    buf_fini(&story);
}

static struct http_fetch *start(const char *method, const char *path,
                                struct http_fetch_options options)
{
    char url[128];

    snprintf(url, sizeof url, "http://%s%s", base, path);
    options.method = bytes_of_string(method);
    options.url = bytes_of_string(url);
    return http_fetch_start(client, &options, &fetch_events, NULL);
}

static bool has_story(void *ctx)
{
    return bytes_find(buf_bytes(&story), bytes_of_string(ctx), 0) < story.len;
}

static void expect_story(const char *text)
{
    union {
        const char *text;
        void *ctx;
    } wish = {.text = text};

    if (!loopback_until(loop, has_story, wish.ctx, 5000))
        CHECK_STR_EQ(buf_string(&story), text);
}

TEST(a_fetch_tells_head_body_and_end)
{
    begin();
    start("GET", "/a?b", (struct http_fetch_options){0});
    expect_story("200:Good GET a=1 b=2  end");
    buf_clear(&story);
    start("POST", "/",
          (struct http_fetch_options){.body_kind = HTTP_BODY_LENGTH, .body = BYTES("whole")});
    expect_story("200:Good POST a=1 b=2 whole end");
    CHECK_EQ(http_server_connections(server), 1);
    finish();
}

TEST(a_body_is_streamed_up_and_down)
{
    struct http_fetch *fetch;
    uint8_t *block = calloc(1, 1024 * 1024);

    begin();
    fetch = start("PUT", "/", (struct http_fetch_options){.body_kind = HTTP_BODY_CHUNKED});
    loopback_settle(loop);
    CHECK(!http_fetch_write(fetch, BYTES("first ")));
    expect_story("first ");
    CHECK(http_fetch_write(fetch, bytes_of(block, 1024 * 1024)));
    expect_story(" end");
    CHECK_EQ(body_bytes, 1024 * 1024 + 6);
    free(block);
    finish();
}

TEST(a_body_nobody_reads_waits)
{
    struct http_fetch *fetch;
    uint8_t *block = calloc(1, 4 * 1024 * 1024);

    begin();
    hold_body = true;
    fetch = start("POST", "/",
                  (struct http_fetch_options){.body_kind = HTTP_BODY_LENGTH,
                                              .body = bytes_of(block, 4 * 1024 * 1024)});
    expect_story("b=2 ");
    loopback_settle(loop);
    CHECK_EQ(body_bytes, 0);
    http_fetch_read_more(fetch);
    loopback_settle(loop);
    CHECK(body_bytes > 0 && body_bytes <= 65536);
    hold_body = false;
    http_fetch_read_more(fetch);
    expect_story(" end");
    CHECK_EQ(body_bytes, 4 * 1024 * 1024);
    free(block);
    finish();
}

TEST(failures_have_words)
{
    struct http_header bad = {BYTES("A"), BYTES("b\r\nc")};

    begin();
    start("GET", "/cut", (struct http_fetch_options){0});
    expect_story(" error:");
    buf_clear(&story);
    start("GET", "/", (struct http_fetch_options){.headers = &bad, .header_count = 1});
    CHECK_EQ(story.len, 0);
    expect_story(" error:A request header has a character that cannot be sent.");
    buf_clear(&story);
    snprintf(base, sizeof base, "127.0.0.1:1");
    start("GET", "/", (struct http_fetch_options){0});
    expect_story("error:Failed to connect to 127.0.0.1 port 1");
    finish();
}

TEST(an_aborted_fetch_is_never_heard_of_again)
{
    struct http_fetch *fetch;

    begin();
    fetch = start("GET", "/hold", (struct http_fetch_options){0});
    loopback_settle(loop);
    http_fetch_abort(fetch);
    fetch = start("GET", "/", (struct http_fetch_options){0});
    http_fetch_abort(fetch);
    start("GET", "/hold", (struct http_fetch_options){0}); /* goes with the client */
    loopback_settle(loop);
    CHECK_EQ(story.len, 0);
    finish();
}

static void ws_open(void *ctx, struct ws_connection *ws, const struct http_header *headers,
                    size_t count)
{
    (void)ctx;
    (void)headers;
    CHECK(count > 0);
    opened = ws;
    ws_set_handler(ws, &ws_events, NULL);
    buf_append_string(&story, "open ");
}

static void ws_refused(void *ctx, unsigned status, const char *what)
{
    (void)ctx;
    buf_append_format(&story, "refused:%u:%s", status, what);
}

static const struct ws_client_handler client_events = {.on_open = ws_open, .on_error = ws_refused};

static struct ws_client *connect_as(const struct ws_client_handler *events, const char *scheme,
                                    const char *path, bool deflate)
{
    char url[128];
    struct ws_client_options options = {.deflate = deflate};

    snprintf(url, sizeof url, "%s://%s%s", scheme, base, path);
    options.url = bytes_of_string(url);
    return ws_client_connect(client, &options, events, NULL);
}

static void connect_ws(const char *scheme, const char *path, bool deflate)
{
    connect_as(&client_events, scheme, path, deflate);
}

static void ws_answered(void *ctx, const struct h1_response *answer,
                        const struct http_header *headers)
{
    (void)ctx;
    buf_append_format(&story, "answer:%u:%.*s ", answer->status, (int)headers[0].name.len,
                      (const char *)headers[0].name.data);
}

static struct ws_client *to_abort; /* at the first piece */

static void ws_piece(void *ctx, struct bytes piece)
{
    (void)ctx;
    buf_append_format(&story, "%.*s ", (int)piece.len, (const char *)piece.data);
    if (to_abort != NULL)
        ws_client_abort(to_abort);
    to_abort = NULL;
}

static void ws_answer_end(void *ctx)
{
    (void)ctx;
    buf_append_string(&story, "end");
}

static const struct ws_client_handler answer_events = {ws_open, ws_refused, ws_answered, ws_piece,
                                                       ws_answer_end};

TEST(a_websocket_is_opened_from_our_side)
{
    char text[2000];
    struct blob *blob = ws_frame_text_blob(BYTES("blob"));

    begin();
    connect_ws("ws", "/x?y", true);
    expect_story("open ");
    CHECK(ws_deflate_agreed(opened) && ws_deflate_agreed(served));
    ws_send_text(opened, BYTES("hi"));
    expect_story("hi ");
    memset(text, 'q', sizeof text);
    ws_send_text(opened, bytes_of(text, sizeof text));
    expect_story("qqqqqqqqqqqqqqqqqqqq ");
    ws_send_blob(opened, blob);
    expect_story("blob ");
    ws_close(opened, 1000, BYTES("bye"));
    expect_story("close:1000:1 end");
    blob_unref(blob);
    finish();
}

TEST(a_websocket_that_is_refused_says_why)
{
    begin();
    connect_ws("ftp", "/", false);
    CHECK_EQ(story.len, 0);
    expect_story("refused:0:The URL is not");
    buf_clear(&story);
    snprintf(base, sizeof base, "127.0.0.1:1");
    connect_ws("ws", "/", false);
    expect_story("refused:0:Failed to connect");
    finish();
}

TEST(another_answer_to_a_handshake_is_handed_over)
{
    begin();
    connect_ws("ws", "/no", false);
    expect_story("refused:200:");
    buf_clear(&story);
    connect_as(&answer_events, "ws", "/no", false);
    expect_story("answer:200:X-Method end");
    finish();
}

/* A server that accepts one connection and writes `answer`, whatever it reads. */
static void say_once(const char *answer, bool enough)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct ws_client *attempt;
    char request[1024];
    int fd;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(listener, (struct sockaddr *)&address, len), 0);
    CHECK_EQ(listen(listener, 1), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    snprintf(base, sizeof base, "127.0.0.1:%u", ntohs(address.sin_port));
    attempt = connect_as(&answer_events, "ws", "/", false);
    to_abort = enough ? attempt : NULL;
    loopback_settle(loop);
    fd = accept(listener, NULL, NULL);
    CHECK(read(fd, request, sizeof request) > 0);
    CHECK_EQ(write(fd, answer, strlen(answer)), (ssize_t)strlen(answer));
    loopback_settle(loop);
    close(fd);
    close(listener);
    loopback_settle(loop);
}

TEST(the_body_of_such_an_answer_ends_where_its_head_says)
{
    static const struct {
        const char *answer;
        const char *story;
    } cases[] = {
        {"HTTP/1.1 403 x\r\nContent-Length: 3\r\n\r\nabcdef", "answer:403:Content-Length abc end"},
        {"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         "answer:500:Transfer-Encoding ab c end"},
        {"HTTP/1.1 200 x\r\nA: b\r\n\r\nuntil", "answer:200:A until end"},
        {"HTTP/1.1 103 x\r\nE: f\r\n\r\nHTTP/1.1 204 x\r\nA: b\r\n\r\n", "answer:204:A end"},
        {"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nabc",
         "answer:200:Content-Length abc refused:0:The server closed the connection in the middle "
         "of its answer."},
        {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nq",
         "answer:200:Transfer-Encoding refused:0:The answer's body is not what its head says."},
        {"HTTP/1.1 101 x\r\nA: b\r\n\r\n", "refused:101:missing Upgrade header"},
    };

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_clear(&story);
        say_once(cases[i].answer, false);
        expect_story(cases[i].story);
    }
    finish();
}

TEST(whoever_gets_such_an_answer_may_have_enough_of_it)
{
    begin();
    say_once("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
             true);
    expect_story("answer:200:Transfer-Encoding a ");
    finish();
}
