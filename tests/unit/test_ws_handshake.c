#include "base/buf.h"
#include "base/limits.h"
#include "http/ws_handshake.h"
#include "test.h"

static struct http_header headers[LIMIT_HTTP_HEADERS];
static struct h1_request request;
static struct h1_refusal refusal;
static struct bytes key;

#define HEAD   "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define SOCKET "Upgrade: WebSocket\r\n"
#define V13    "Sec-WebSocket-Version: 13\r\n"

static enum ws_request asked(const char *text)
{
    CHECK(h1_parse_request(bytes_of_string(text), 0, &request, headers, &refusal) == 0);
    return ws_handshake_request(&request, headers, &key);
}

static bool offers(const char *value)
{
    struct http_header header = {BYTES("Sec-WebSocket-Extensions"), bytes_of_string(value)};

    return ws_handshake_offers_deflate(&header, 1);
}

TEST(the_key_of_the_standard_gives_the_accept_of_the_standard)
{
    char accept[WS_ACCEPT_SIZE];

    ws_handshake_accept(BYTES("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    CHECK_STR_EQ(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(an_upgrade_has_everything_once)
{
    CHECK(asked(HEAD SOCKET KEY V13 "\r\n") == WS_REQUEST_VALID);
    CHECK_BYTES_EQ(key, BYTES("dGhlIHNhbXBsZSBub25jZQ=="));
    CHECK(asked(HEAD SOCKET KEY "\r\n") == WS_REQUEST_VERSION);
    CHECK(asked(HEAD SOCKET KEY "Sec-WebSocket-Version: 8\r\n\r\n") == WS_REQUEST_VERSION);
    CHECK(asked(HEAD SOCKET V13 "\r\n") == WS_REQUEST_KEY);
    CHECK(asked(HEAD SOCKET KEY KEY V13 "\r\n") == WS_REQUEST_KEY);
    CHECK(asked(HEAD SOCKET "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n" V13 "\r\n") ==
          WS_REQUEST_KEY);
    CHECK(asked(HEAD KEY V13 "\r\n") == WS_REQUEST_NONE);
    CHECK(asked(HEAD "Upgrade: h2c\r\n" KEY V13 "\r\n") == WS_REQUEST_NONE);
    CHECK(asked(HEAD SOCKET KEY V13 "Content-Length: 1\r\n\r\n") == WS_REQUEST_NONE);
}

TEST(deflate_is_taken_if_it_can_be_had_without_state)
{
    CHECK(offers("permessage-deflate"));
    CHECK(offers("permessage-deflate; client_max_window_bits"));
    CHECK(offers("foo, permessage-deflate; server_max_window_bits=15"));
    CHECK(offers("permessage-deflate; server_max_window_bits=10, permessage-deflate"));
    CHECK(offers("permessage-deflate;client_max_window_bits=\"9\";server_no_context_takeover"));
    CHECK(!offers("permessage-deflate; server_max_window_bits=10"));
    CHECK(!offers("permessage-deflate; server_max_window_bits"));
    CHECK(!offers("permessage-deflate; client_max_window_bits=16"));
    CHECK(!offers("permessage-deflate; client_max_window_bits=09"));
    CHECK(!offers("permessage-deflate; unknown"));
    CHECK(!offers("permessage-deflate; client_no_context_takeover; client_no_context_takeover"));
    CHECK(!offers("x-webkit-deflate-frame"));
    CHECK(!offers(""));
}

TEST(a_subprotocol_is_matched_as_it_is_written)
{
    struct http_header header = {BYTES("sec-websocket-protocol"), BYTES("chat, superchat")};

    CHECK(ws_handshake_offers_protocol(&header, 1, BYTES("superchat")));
    CHECK(!ws_handshake_offers_protocol(&header, 1, BYTES("Chat")));
}

TEST(the_answer_must_fit_the_key)
{
    static const char head[] = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    struct h1_response answer;
    struct buf text = {0};
    bool deflate;

    buf_append_format(&text, "%sSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", head);
    CHECK_EQ(h1_parse_response(buf_bytes(&text), 0, &answer, headers, &refusal), 0);
    CHECK(ws_handshake_answer(&answer, headers, "dGhlIHNhbXBsZSBub25jZQ==", true, &deflate) ==
          NULL);
    CHECK(!deflate);
    CHECK(ws_handshake_answer(&answer, headers, "eGhlIHNhbXBsZSBub25jZQ==", true, &deflate) !=
          NULL);
    buf_fini(&text);
}
