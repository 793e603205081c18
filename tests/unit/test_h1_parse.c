#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "http/h1_parse.h"
#include "test.h"

static struct http_header headers[LIMIT_HTTP_HEADERS];
static struct h1_request request;
static struct h1_response response;
static struct h1_refusal refusal;

static int parse(const char *text)
{
    return h1_parse_request(bytes_of_string(text), 0, &request, headers, &refusal);
}

/* The status a head is refused with, 0 if it is taken, -1 if it is incomplete. */
static int refused(const char *text)
{
    int r = parse(text);

    return r == H1_PARSE_REFUSED ? (int)refusal.status : r == 0 ? 0 : -1;
}

/* As above, for a head made of a first line and Host, with `lines` added. */
static int refused_with(const char *lines)
{
    char text[4096];

    snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    return refused(text);
}

TEST(a_usual_request_is_taken_apart)
{
    CHECK_EQ(
        parse("GET /a/b?c=d HTTP/1.1\r\nHost: example.org:8787\r\nX-A:  v w \t\r\nB:\r\n\r\nrest"),
        0);
    CHECK_BYTES_EQ(request.method, BYTES("GET"));
    CHECK_BYTES_EQ(request.target, BYTES("/a/b?c=d"));
    CHECK_BYTES_EQ(request.authority, BYTES("example.org:8787"));
    CHECK_EQ(request.version_minor, 1);
    CHECK_EQ(request.header_count, 3);
    CHECK_BYTES_EQ(headers[1].name, BYTES("X-A"));
    CHECK_BYTES_EQ(headers[1].value, BYTES("v w"));
    CHECK_EQ(headers[2].value.len, 0);
    CHECK_EQ(request.body_kind, HTTP_BODY_NONE);
    CHECK(request.keep_alive && !request.upgrade && !request.expect_continue);
    CHECK_EQ(request.head_bytes, 66);
}

TEST(a_head_is_not_judged_before_its_line_is_complete)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nbad name: x\r\n\r\n";
    size_t bad_at = sizeof "GET / HTTP/1.1\r\nHost: a\r\nbad name: x\r\n" - 1;

    for (size_t len = 0; len < sizeof text; len++) {
        int r = h1_parse_request(bytes_of(text, len), len > 0 ? len - 1 : 0, &request, headers,
                                 &refusal);
        CHECK_EQ(r, len < bad_at ? H1_PARSE_MORE : H1_PARSE_REFUSED);
        if (r == H1_PARSE_REFUSED)
            break;
    }
}

TEST(targets_come_in_three_forms)
{
    CHECK_EQ(parse("GET http://b.example/p?q HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CHECK_BYTES_EQ(request.authority, BYTES("a"));
    CHECK_BYTES_EQ(request.target, BYTES("/p?q"));
    CHECK_EQ(parse("GET http://b.example/p HTTP/1.0\r\n\r\n"), 0);
    CHECK_BYTES_EQ(request.authority, BYTES("b.example"));
    CHECK_EQ(parse("GET HTTPS://b:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CHECK_BYTES_EQ(request.target, BYTES("/"));
    CHECK_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CHECK_BYTES_EQ(request.target, BYTES("*"));

    CHECK_EQ(refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET a/b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
}

TEST(the_request_line_is_exact)
{
    CHECK_EQ(refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET /\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / http/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    CHECK_EQ(refused("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505);
    CHECK_EQ(refused("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CHECK_EQ(refused("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(a_few_empty_lines_before_a_request_are_skipped)
{
    char text[256] = "";
    size_t len = 0;

    for (int i = 0; i <= LIMIT_HTTP_EMPTY_LINES; i++) {
        len = (size_t)snprintf(text, sizeof text, "%.*s", 2 * i,
                               "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
        snprintf(text + len, sizeof text - len, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK_EQ(refused(text), 0);
        CHECK_EQ(request.head_bytes, strlen(text));
    }
    CHECK_EQ(refused("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"), 400);
    CHECK_EQ(refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(refused(" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(methods_are_those_that_are_known)
{
    CHECK_EQ(refused("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CHECK_EQ(refused("UNSUBSCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    CHECK_EQ(refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    CHECK_EQ(refused("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
}

TEST(lines_end_in_crlf_and_nothing_else)
{
    CHECK_EQ(refused("GET / HTTP/1.1\nHost: a\n\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400);
    CHECK_EQ(refused_with("A: b\rc: d\r\n"), 400);
    CHECK_EQ(refused_with("A: b\r\r\n"), 400);
}

TEST(headers_are_not_folded_and_have_no_space_before_the_colon)
{
    CHECK_EQ(refused_with("A: b\r\n c\r\n"), 400);
    CHECK_EQ(refused_with("A : b\r\n"), 400);
    CHECK_EQ(refused_with("A\t: b\r\n"), 400);
    CHECK_EQ(refused_with(": b\r\n"), 400);
    CHECK_EQ(refused_with("A b\r\n"), 400);
    CHECK_EQ(refused_with("A(: b\r\n"), 400);
    CHECK_EQ(refused_with("A: b\x01\r\n"), 400);
    CHECK_EQ(refused_with("A: 12345678\x7f\r\n"), 400);
    CHECK_EQ(refused_with("A: b\tc \xc3\xa4\r\n"), 0);
    CHECK_EQ(h1_parse_request(BYTES("GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n"), 0, &request,
                              headers, &refusal),
             H1_PARSE_REFUSED);
}

TEST(there_is_one_host)
{
    CHECK_EQ(refused("GET / HTTP/1.1\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.0\r\n\r\n"), 0);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: :1\r\n\r\n"), 400);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0);
    CHECK_EQ(refused("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400);
}

TEST(a_body_has_one_plain_length_or_is_chunked)
{
    CHECK_EQ(refused_with("Content-Length: 12\r\n"), 0);
    CHECK(request.body_kind == HTTP_BODY_LENGTH && request.body_length == 12);
    CHECK_EQ(refused_with("Content-Length: 0\r\n"), 0);
    CHECK_EQ(request.body_kind, HTTP_BODY_NONE);
    CHECK_EQ(refused_with("Transfer-Encoding: Chunked\r\n"), 0);
    CHECK_EQ(request.body_kind, HTTP_BODY_CHUNKED);

    CHECK_EQ(refused_with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: 1\r\nContent-Length: 1\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: 1, 1\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: +1\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: 0x1\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: 1 1\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length:\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: 18446744073709551616\r\n"), 400);
    CHECK_EQ(refused_with("Content-Length: 9223372036854775808\r\n"), 400);
}

TEST(unknown_transfer_codings_are_not_implemented)
{
    CHECK_EQ(refused_with("Transfer-Encoding: gzip, chunked\r\n"), 501);
    CHECK_EQ(refused_with("Transfer-Encoding: gzip\r\n"), 501);
    CHECK_EQ(refused_with("Transfer-Encoding: xchunked\r\n"), 501);
    CHECK_EQ(refused_with("Transfer-Encoding: identity\r\n"), 501);
    CHECK_EQ(refused_with("Transfer-Encoding: chunked, gzip\r\n"), 400);
    CHECK_EQ(refused_with("Transfer-Encoding: chunked, chunked\r\n"), 400);
    CHECK_EQ(refused_with("Transfer-Encoding: chunked,\r\n"), 400);
    CHECK_EQ(refused_with("Transfer-Encoding:\r\n"), 400);
    CHECK_EQ(refused_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
    CHECK_EQ(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(connection_and_version_decide_about_keeping_alive)
{
    CHECK(refused_with("Connection: close\r\n") == 0 && !request.keep_alive);
    CHECK(refused_with("Connection: foo , CLOSE\r\n") == 0 && !request.keep_alive);
    CHECK(refused("GET / HTTP/1.0\r\n\r\n") == 0 && !request.keep_alive);
    CHECK(refused("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n") == 0 && request.keep_alive);
    CHECK(refused_with("Connection: upgrade\r\nUpgrade: websocket\r\n") == 0 && request.upgrade);
    CHECK(refused_with("Connection: upgrade\r\n") == 0 && !request.upgrade);
}

TEST(only_100_continue_can_be_expected)
{
    CHECK_EQ(refused_with("Expect: 100-Continue\r\nContent-Length: 1\r\n"), 0);
    CHECK(request.expect_continue);
    CHECK_EQ(refused_with("Expect: a raise\r\n"), 417);
}

TEST(what_is_too_long_is_refused)
{
    struct buf text = {0};

    buf_append_string(&text, "GET /");
    for (int i = 0; i < LIMIT_HTTP_LINE_BYTES; i++)
        buf_append_byte(&text, 'a');
    buf_append_string(&text, " HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_EQ(refused(buf_string(&text)), 414);

    buf_clear(&text);
    for (int i = 0; i < LIMIT_HTTP_HEAD_BYTES; i++)
        buf_append_byte(&text, 'a');
    CHECK_EQ(refused(buf_string(&text)), 414);

    buf_clear(&text);
    buf_append_string(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < LIMIT_HTTP_HEADERS; i++)
        buf_append_string(&text, "a: b\r\n");
    buf_append_string(&text, "\r\n");
    CHECK_EQ(refused(buf_string(&text)), 431);

    buf_clear(&text);
    buf_append_string(&text, "GET / HTTP/1.1\r\nHost: a\r\nb: ");
    for (int i = 0; i < LIMIT_HTTP_HEAD_BYTES; i++)
        buf_append_byte(&text, 'a');
    CHECK_EQ(refused(buf_string(&text)), 431);
    buf_fini(&text);
}

TEST(an_answer_is_taken_apart)
{
    CHECK_EQ(
        h1_parse_response(BYTES("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
                          0, &response, headers, &refusal),
        0);
    CHECK_EQ(response.status, 101);
    CHECK_BYTES_EQ(response.reason, BYTES("Switching Protocols"));
    CHECK_EQ(response.header_count, 1);
    CHECK_EQ(h1_parse_response(BYTES("HTTP/1.1 99 x\r\n\r\n"), 0, &response, headers, &refusal),
             H1_PARSE_REFUSED);
    CHECK_EQ(h1_parse_response(BYTES("HTTP/1.0 200 \r\n\r\n"), 0, &response, headers, &refusal), 0);
    CHECK_EQ(response.body_kind, HTTP_BODY_TO_END);
}
