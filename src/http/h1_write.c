#include "http/h1_write.h"

#include <errno.h>
#include <time.h>

#include "base/assert.h"
#include "base/err.h"

/* clang-format off */
static const struct {
    uint16_t status;
    const char *reason;
} reasons[] = {
    {100, "Continue"}, {101, "Switching Protocols"}, {102, "Processing"}, {103, "Early Hints"},
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {203, "Non-Authoritative Information"},
    {204, "No Content"}, {205, "Reset Content"}, {206, "Partial Content"}, {207, "Multi-Status"},
    {208, "Already Reported"}, {226, "IM Used"},
    {300, "Multiple Choices"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
    {304, "Not Modified"}, {305, "Use Proxy"}, {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"}, {408, "Request Timeout"}, {409, "Conflict"},
    {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
    {413, "Payload Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"}, {417, "Expectation Failed"}, {418, "I'm a teapot"},
    {421, "Misdirected Request"}, {422, "Unprocessable Entity"}, {423, "Locked"},
    {424, "Failed Dependency"}, {426, "Upgrade Required"},
    {428, "Precondition Required"}, {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"}, {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"}, {507, "Insufficient Storage"}, {508, "Loop Detected"},
    {510, "Not Extended"}, {511, "Network Authentication Required"},
};

/* clang-format on */

const char *h1_reason(unsigned status)
{
    static const char *const classes[] = {"Unknown",     "Informational", "Successful",
                                          "Redirection", "Client Error",  "Server Error"};

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return status < 600 ? classes[status / 100] : "Unknown";
}

bool h1_status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void h1_date_update(struct h1_date *date, int64_t now)
{
    time_t second = (time_t)now;
    struct tm t;

    if (date->second == now && date->text[0] != '\0')
        return;
    date->second = now;
    if (gmtime_r(&second, &t) == NULL)
        t = (struct tm){.tm_mday = 1, .tm_year = 70};
    if (strftime(date->text, sizeof date->text, "%a, %d %b %Y %H:%M:%S GMT", &t) == 0)
        date->text[0] = '\0';
}

bool h1_headers_close(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_nocase(headers[i].name, BYTES("connection")) &&
            h1_list_has(headers[i].value, "close"))
            return true;
    }
    return false;
}

int h1_write_header(struct buf *out, const struct http_header *header)
{
    if (!h1_token_valid(header->name) || !h1_value_valid(header->value))
        return err_raise(-EINVAL);
    buf_append_bytes(out, header->name);
    buf_append(out, ": ", 2);
    buf_append_bytes(out, header->value);
    buf_append(out, "\r\n", 2);
    return 0;
}

/* Which of the embedder's headers are not passed on as they are. */
enum header_role {
    HEADER_PLAIN,
    HEADER_FRAMING, /* ours to write */
    HEADER_LENGTH,  /* ours, unless the answer has no body of its own */
    HEADER_DATE,
};

static enum header_role header_role(struct bytes name)
{
    switch (name.len) {
    case 4: return bytes_equal_nocase(name, BYTES("date")) ? HEADER_DATE : HEADER_PLAIN;
    case 7: return bytes_equal_nocase(name, BYTES("upgrade")) ? HEADER_FRAMING : HEADER_PLAIN;
    case 10:
        return bytes_equal_nocase(name, BYTES("connection")) ||
                       bytes_equal_nocase(name, BYTES("keep-alive"))
                   ? HEADER_FRAMING
                   : HEADER_PLAIN;
    case 14:
        return bytes_equal_nocase(name, BYTES("content-length")) ? HEADER_LENGTH : HEADER_PLAIN;
    case 17:
        return bytes_equal_nocase(name, BYTES("transfer-encoding")) ? HEADER_FRAMING : HEADER_PLAIN;
    default: return HEADER_PLAIN;
    }
}

bool h1_header_framing(struct bytes name)
{
    enum header_role role = header_role(name);

    return role == HEADER_FRAMING || role == HEADER_LENGTH;
}

static void write_decimal(struct buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_append(out, digits + at, sizeof digits - at);
}

static int write_status_line(struct buf *out, const struct h1_response_head *head)
{
    ASSERT(head->status >= 100 && head->status <= 999);
    buf_append(out, "HTTP/1.1 ", 9);
    write_decimal(out, head->status);
    buf_append_byte(out, ' ');
    if (head->reason.len == 0)
        buf_append_string(out, h1_reason(head->status));
    else if (h1_value_valid(head->reason))
        buf_append_bytes(out, head->reason);
    else
        return err_raise(-EINVAL);
    buf_append(out, "\r\n", 2);
    return 0;
}

static int write_headers(struct buf *out, const struct h1_response_head *head, bool *has_date,
                         bool *has_length)
{
    bool own_body = h1_status_has_body(head->status) && !head->head_request;
    uint64_t length;
    int r;

    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        enum header_role role = header_role(header->name);

        if (role == HEADER_FRAMING)
            continue;
        if (role == HEADER_LENGTH) {
            if (own_body || head->status < 200 || head->status == 204 || *has_length ||
                !bytes_parse_u64(header->value, &length))
                continue;
            *has_length = true;
        }
        if (role == HEADER_DATE)
            *has_date = true;
        r = h1_write_header(out, header);
        if (r < 0)
            return err_pass(r);
    }
    return 0;
}

/* What the client must know to find the end of the body. */
static void write_framing(struct buf *out, const struct h1_response_head *head, bool has_length)
{
    bool has_body = h1_status_has_body(head->status);

    if (has_body && head->body_kind == HTTP_BODY_CHUNKED && head->version_minor > 0) {
        if (!has_length)
            buf_append_string(out, "Transfer-Encoding: chunked\r\n");
    } else if (has_body && head->body_kind == HTTP_BODY_LENGTH && !has_length) {
        buf_append_string(out, "Content-Length: ");
        write_decimal(out, head->body_length);
        buf_append(out, "\r\n", 2);
    } else if (has_body && head->body_kind == HTTP_BODY_NONE && !has_length) {
        if (!head->head_request)
            buf_append_string(out, "Content-Length: 0\r\n");
    }
    if (head->status < 200)
        return;
    if (!head->keep_alive)
        buf_append_string(out, "Connection: close\r\n");
    else if (head->version_minor == 0)
        buf_append_string(out, "Connection: keep-alive\r\n");
}

int h1_write_response(struct buf *out, const struct h1_response_head *head)
{
    size_t start = out->len;
    bool has_date = false;
    bool has_length = false;
    int r;

    buf_reserve(out, 256);
    r = write_status_line(out, head);
    if (r == 0)
        r = write_headers(out, head, &has_date, &has_length);
    if (r < 0) {
        buf_truncate(out, start);
        return err_pass(r);
    }

    write_framing(out, head, has_length);
    if (head->date != NULL && !has_date) {
        buf_append(out, "Date: ", 6);
        buf_append_string(out, head->date->text);
        buf_append(out, "\r\n", 2);
    }
    buf_append(out, "\r\n", 2);
    return 0;
}
