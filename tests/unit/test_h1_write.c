#include <errno.h>

#include "http/h1_write.h"
#include "test.h"

static struct buf out;

static const char *write(struct h1_response_head head)
{
    buf_clear(&out);
    head.version_minor = 1;
    if (h1_write_response(&out, &head) < 0)
        return "refused";
    return buf_string(&out);
}

TEST(a_head_says_how_long_the_body_is)
{
    CHECK_STR_EQ(write((struct h1_response_head){.status = 200,
                                                 .body_kind = HTTP_BODY_LENGTH,
                                                 .body_length = 12345678901,
                                                 .keep_alive = true}),
                 "HTTP/1.1 200 OK\r\nContent-Length: 12345678901\r\n\r\n");
    CHECK_STR_EQ(
        write((struct h1_response_head){.status = 404, .body_kind = HTTP_BODY_CHUNKED}),
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    CHECK_STR_EQ(write((struct h1_response_head){.status = 204, .keep_alive = true}),
                 "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK_STR_EQ(write((struct h1_response_head){
                     .status = 299, .reason = BYTES("Fine"), .keep_alive = true}),
                 "HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n");
}

TEST(framing_headers_of_the_embedder_are_replaced)
{
    struct http_header list[] = {
        {BYTES("content-LENGTH"), BYTES("7")},
        {BYTES("Transfer-Encoding"), BYTES("chunked")},
        {BYTES("Connection"), BYTES("upgrade")},
        {BYTES("X"), BYTES("y")},
    };

    CHECK_STR_EQ(write((struct h1_response_head){.status = 200,
                                                 .headers = list,
                                                 .header_count = 4,
                                                 .body_kind = HTTP_BODY_LENGTH,
                                                 .body_length = 3,
                                                 .keep_alive = true}),
                 "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\n");
    CHECK_STR_EQ(write((struct h1_response_head){.status = 200,
                                                 .headers = list,
                                                 .header_count = 4,
                                                 .head_request = true,
                                                 .keep_alive = true}),
                 "HTTP/1.1 200 OK\r\ncontent-LENGTH: 7\r\nX: y\r\n\r\n");
    CHECK(!h1_headers_close(list, 4));
}

TEST(a_header_that_would_split_the_answer_is_refused)
{
    struct http_header bad[] = {
        {BYTES("A"), BYTES("b\r\nC: d")},
        {BYTES("A"), BYTES("b\0")},
        {BYTES("A b"), BYTES("c")},
        {BYTES(""), BYTES("c")},
    };

    for (size_t i = 0; i < 4; i++)
        CHECK_STR_EQ(
            write((struct h1_response_head){.status = 200, .headers = &bad[i], .header_count = 1}),
            "refused");
    CHECK_EQ(out.len, 0);
    CHECK_STR_EQ(write((struct h1_response_head){.status = 200, .reason = BYTES("a\nb")}),
                 "refused");
}

TEST(the_date_is_made_once_a_second)
{
    struct h1_date date = {0};

    h1_date_update(&date, 784111777);
    CHECK_STR_EQ(date.text, "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK_STR_EQ(write((struct h1_response_head){.status = 304, .keep_alive = true, .date = &date}),
                 "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    buf_fini(&out);
}
