#include "http/h1_parse.h"

#include "base/assert.h"
#include "base/limits.h"

/*
 * A head is read line by line, each line only once it is complete, and the first line that
 * breaks a rule decides. That is what makes the result independent of how the bytes arrive: an
 * incomplete line is never judged, unless the head has reached its largest size.
 *
 * One pass, and the bytes of names, targets and values are checked with the table below or eight
 * at a time: a typical request takes a few hundred nanoseconds.
 */

enum char_class {
    CHAR_TOKEN = 1,  /* RFC 9110 tchar */
    CHAR_TARGET = 2, /* a request target: visible ASCII but '#' */
    CHAR_VALUE = 4,  /* a header's value: also blanks and what is above ASCII */
    CHAR_HOST = 8,   /* a registered name: unreserved, sub-delims but ',', percent */
};

/* clang-format off */
static const uint8_t char_classes[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     4, 15,  6,  5, 15, 15, 15, 15, 14, 14, 15, 15,  6, 15, 15,  6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6, 14,  6, 14,  6,  6,
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  6,  7, 15,
     7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
};

/* clang-format on */

/* The lines still to be read. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    struct h1_refusal *refusal;
};

/* What the headers say about framing, gathered while they go by. */
struct framing {
    unsigned host_count;
    unsigned length_count;
    unsigned coding_count;
    struct bytes host;
    struct bytes length;
    struct bytes coding;
    struct bytes expect;
    bool has_expect;
    bool has_upgrade;
    bool close;
    bool keep_alive;
    bool upgrade;
};

static int refuse(struct h1_refusal *refusal, unsigned status, const char *what)
{
    refusal->status = status;
    refusal->what = what;
    return H1_PARSE_REFUSED;
}

static bool all_of(struct bytes b, enum char_class class)
{
    for (size_t i = 0; i < b.len; i++) {
        if ((char_classes[b.data[i]] & class) == 0)
            return false;
    }
    return true;
}

/* Every bit 7 that is set in the result marks a byte of `word` below 0x20 or equal to 0x7f; only
 * whether there is one at all is exact. */
static inline uint64_t controls_in(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t high = 0x8080808080808080ULL;
    uint64_t below = (word - ones * 0x20) & ~word;
    uint64_t del = word ^ (ones * 0x7f);

    return (below | ((del - ones) & ~del)) & high;
}

bool h1_value_valid(struct bytes value)
{
    size_t i = 0;

    for (; i + 8 <= value.len; i += 8) {
        uint64_t word;

        memcpy(&word, value.data + i, 8);
        if (controls_in(word) != 0 && !all_of(bytes_of(value.data + i, 8), CHAR_VALUE))
            return false;
    }
    return all_of(bytes_slice(value, i, value.len), CHAR_VALUE);
}

bool h1_token_valid(struct bytes name)
{
    return name.len > 0 && all_of(name, CHAR_TOKEN);
}

bool h1_list_has(struct bytes value, const char *token)
{
    struct bytes wanted = bytes_of_string(token);
    size_t at = 0;

    while (at <= value.len) {
        size_t comma = bytes_find_byte(value, ',', at);
        struct bytes item = bytes_trim(bytes_slice(value, at, comma));

        if (bytes_equal_nocase(item, wanted))
            return true;
        at = comma + 1;
    }
    return false;
}

static int take_line(struct cursor *cursor, struct bytes *line)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    const uint8_t *lf = left > 0 ? memchr(cursor->at, '\n', left) : NULL;

    if (lf == NULL)
        return H1_PARSE_MORE;
    if (lf == cursor->at || lf[-1] != '\r')
        return refuse(cursor->refusal, 400, "a line does not end in CRLF");

    *line = bytes_of(cursor->at, (size_t)(lf - 1 - cursor->at));
    cursor->at = lf + 1;
    return 0;
}

/* "name: value", the name checked as a token and the value for control characters. */
static int parse_header(struct bytes line, struct http_header *out, struct h1_refusal *refusal)
{
    size_t colon = 0;

    while (colon < line.len && (char_classes[line.data[colon]] & CHAR_TOKEN) != 0)
        colon++;
    if (colon == 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
        return refuse(refusal, 400, "a header is folded");
    if (colon == 0 || colon == line.len || line.data[colon] != ':')
        return refuse(refusal, 400, "a header's name is not a token followed by a colon");

    out->name = bytes_of(line.data, colon);
    out->value = bytes_trim(bytes_of(line.data + colon + 1, line.len - colon - 1));
    if (!h1_value_valid(out->value))
        return refuse(refusal, 400, "a header's value has a control character");
    return 0;
}

static void note_connection(struct framing *framing, struct bytes value)
{
    for (size_t at = 0; at < value.len;) {
        size_t comma = bytes_find_byte(value, ',', at);
        struct bytes item = bytes_trim(bytes_slice(value, at, comma));

        if (item.len == 5)
            framing->close |= bytes_equal_nocase(item, BYTES("close"));
        else if (item.len == 7)
            framing->upgrade |= bytes_equal_nocase(item, BYTES("upgrade"));
        else if (item.len == 10)
            framing->keep_alive |= bytes_equal_nocase(item, BYTES("keep-alive"));
        at = comma + 1;
    }
}

/* Remember the few headers that decide how the message is framed. */
static void note_header(struct framing *framing, const struct http_header *header)
{
    struct bytes name = header->name;

    switch (name.len) {
    case 4:
        if (bytes_equal_nocase(name, BYTES("host"))) {
            framing->host_count++;
            framing->host = header->value;
        }
        break;
    case 6:
        if (bytes_equal_nocase(name, BYTES("expect"))) {
            framing->has_expect = true;
            framing->expect = header->value;
        }
        break;
    case 7:
        if (bytes_equal_nocase(name, BYTES("upgrade")))
            framing->has_upgrade = true;
        break;
    case 10:
        if (bytes_equal_nocase(name, BYTES("connection")))
            note_connection(framing, header->value);
        break;
    case 14:
        if (bytes_equal_nocase(name, BYTES("content-length"))) {
            framing->length_count++;
            framing->length = header->value;
        }
        break;
    case 17:
        if (bytes_equal_nocase(name, BYTES("transfer-encoding"))) {
            framing->coding_count++;
            framing->coding = header->value;
        }
        break;
    default: break;
    }
}

static int parse_headers(struct cursor *cursor, struct http_header *headers, size_t *count,
                         struct framing *framing)
{
    struct bytes line;
    int r;

    for (*count = 0;; (*count)++) {
        r = take_line(cursor, &line);
        if (r != 0)
            return r;
        if (line.len == 0)
            return 0;
        if (*count == LIMIT_HTTP_HEADERS)
            return refuse(cursor->refusal, 431, "too many headers");
        r = parse_header(line, &headers[*count], cursor->refusal);
        if (r != 0)
            return r;
        note_header(framing, &headers[*count]);
    }
}

static int judge_coding(struct bytes coding, struct h1_refusal *refusal)
{
    struct bytes last = bytes_trim(coding);

    if (bytes_equal_nocase(last, BYTES("chunked")))
        return 0;
    for (size_t i = coding.len; i > 0; i--) {
        if (coding.data[i - 1] == ',') {
            last = bytes_trim(bytes_slice(coding, i, coding.len));
            break;
        }
    }
    if (last.len == 0)
        return refuse(refusal, 400, "Transfer-Encoding is empty or ends in a comma");
    if (h1_list_has(coding, "chunked") && !bytes_equal_nocase(last, BYTES("chunked")))
        return refuse(refusal, 400, "chunked is not the last transfer coding");
    if (h1_list_has(bytes_slice(coding, 0, (size_t)(last.data - coding.data)), "chunked"))
        return refuse(refusal, 400, "chunked is applied twice");
    return refuse(refusal, 501, "an unknown transfer coding");
}

/* Content-Length or Transfer-Encoding, never both, never twice. `kind` keeps what the caller put
 * there if neither is present. */
static int judge_body(const struct framing *framing, uint8_t version_minor,
                      enum http_body_kind *kind, uint64_t *length, struct h1_refusal *refusal)
{
    *length = 0;
    if (framing->coding_count > 0 && framing->length_count > 0)
        return refuse(refusal, 400, "both Content-Length and Transfer-Encoding");
    if (framing->coding_count > 1)
        return refuse(refusal, 400, "more than one Transfer-Encoding");
    if (framing->length_count > 1)
        return refuse(refusal, 400, "more than one Content-Length");

    if (framing->coding_count == 1) {
        int r = judge_coding(framing->coding, refusal);

        if (r != 0)
            return r;
        if (version_minor == 0)
            return refuse(refusal, 400, "Transfer-Encoding on HTTP/1.0");
        *kind = HTTP_BODY_CHUNKED;
    } else if (framing->length_count == 1) {
        if (!bytes_parse_u64(framing->length, length) || *length > INT64_MAX)
            return refuse(refusal, 400, "Content-Length is not a plain number");
        *kind = HTTP_BODY_LENGTH;
    }
    return 0;
}

/* host [":" port], the host a name, an IPv4 address or a bracketed IPv6 address. */
static bool authority_valid(struct bytes text)
{
    size_t at = 0;

    if (text.len > 0 && text.data[0] == '[') {
        size_t end = bytes_find_byte(text, ']', 0);

        if (end == text.len || end < 3)
            return false;
        for (at = 1; at < end; at++) {
            uint8_t c = text.data[at];
            if (c != ':' && c != '.' && (char_classes[c] & CHAR_HOST) == 0)
                return false;
        }
        at = end + 1;
    } else {
        while (at < text.len && (char_classes[text.data[at]] & CHAR_HOST) != 0)
            at++;
    }
    if (at == text.len)
        return true;
    if (text.data[at] != ':' || at == 0 || text.len - at > 6)
        return false;
    for (at++; at < text.len; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
    }
    return true;
}

static int parse_version(struct bytes text, uint8_t *minor, struct h1_refusal *refusal)
{
    const uint8_t *v = text.data;

    if (text.len != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' ||
        v[7] < '0' || v[7] > '9')
        return refuse(refusal, 400, "the version is not HTTP/1.1 or HTTP/1.0");
    if (v[5] != '1' || v[7] > '1')
        return refuse(refusal, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    *minor = (uint8_t)(v[7] - '0');
    return 0;
}

/* Absolute form: split "http://authority/path" in two. */
static int parse_absolute_target(struct h1_request *out, struct h1_refusal *refusal)
{
    struct bytes target = out->target;
    size_t start = 0;
    size_t path;

    if (bytes_equal_nocase(bytes_slice(target, 0, 7), BYTES("http://")))
        start = 7;
    else if (bytes_equal_nocase(bytes_slice(target, 0, 8), BYTES("https://")))
        start = 8;
    else
        return refuse(refusal, 400, "the target is neither a path nor an http URL");

    path = bytes_find_byte(target, '/', start);
    out->authority = bytes_slice(target, start, path);
    if (out->authority.len == 0 || !authority_valid(out->authority))
        return refuse(refusal, 400, "the target's authority is not a host");
    out->target = path < target.len ? bytes_slice(target, path, target.len) : BYTES("/");
    return 0;
}

static int parse_target(struct h1_request *out, struct h1_refusal *refusal)
{
    if (out->target.len > LIMIT_HTTP_LINE_BYTES)
        return refuse(refusal, 414, "the target is too long");
    if (out->target.len == 0 || !all_of(out->target, CHAR_TARGET))
        return refuse(refusal, 400, "the target has a character that must be encoded");
    if (out->target.data[0] == '/')
        return 0;
    if (bytes_equal(out->target, BYTES("*")) && bytes_equal(out->method, BYTES("OPTIONS")))
        return 0;
    if (bytes_equal(out->method, BYTES("CONNECT")))
        return refuse(refusal, 501, "CONNECT is not for this server");
    return parse_absolute_target(out, refusal);
}

/* What workerd knows: HTTP, WebDAV, Subversion, UPnP. Anything else is most likely a client that
 * has lost its place in the stream. */
static bool method_known(struct bytes method)
{
    static const char *const known[] = {
        "GET",        "POST",     "PUT",       "DELETE",  "HEAD",   "PATCH",     "OPTIONS",
        "QUERY",      "TRACE",    "PURGE",     "BAN",     "COPY",   "LOCK",      "MKCOL",
        "MOVE",       "PROPFIND", "PROPPATCH", "SEARCH",  "UNLOCK", "ACL",       "REPORT",
        "MKACTIVITY", "CHECKOUT", "MERGE",     "MSEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE",
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (bytes_equal_string(method, known[i]))
            return true;
    }
    return false;
}

static int parse_request_line(struct bytes line, struct h1_request *out, struct h1_refusal *refusal)
{
    size_t space = bytes_find_byte(line, ' ', 0);
    size_t second = space < line.len ? bytes_find_byte(line, ' ', space + 1) : line.len;
    int r;

    out->method = bytes_slice(line, 0, space);
    if (out->method.len > LIMIT_HTTP_METHOD_BYTES || !h1_token_valid(out->method))
        return refuse(refusal, 400, "the method is not a token");
    if (space == line.len || second == line.len)
        return refuse(refusal, 400, "the request line is not method, target, version");

    out->target = bytes_slice(line, space + 1, second);
    r = parse_version(bytes_slice(line, second + 1, line.len), &out->version_minor, refusal);
    if (r == 0)
        r = parse_target(out, refusal);
    if (r != 0)
        return r;
    return method_known(out->method) ? 0 : refuse(refusal, 501, "an unknown method");
}

static int judge_request(struct h1_request *out, const struct framing *framing,
                         struct h1_refusal *refusal)
{
    int r;

    if (framing->host_count > 1)
        return refuse(refusal, 400, "more than one Host");
    if (framing->host_count == 0 && out->version_minor == 1)
        return refuse(refusal, 400, "Host is missing");
    if (framing->host_count == 1 && !authority_valid(framing->host))
        return refuse(refusal, 400, "Host is not a host");
    if (framing->host_count == 1)
        out->authority = framing->host; /* not the target's, which workerd ignores too */

    r = judge_body(framing, out->version_minor, &out->body_kind, &out->body_length, refusal);
    if (r != 0)
        return r;
    if (out->body_kind == HTTP_BODY_LENGTH && out->body_length == 0)
        out->body_kind = HTTP_BODY_NONE;

    if (framing->has_expect && out->version_minor == 1) {
        if (!bytes_equal_nocase(framing->expect, BYTES("100-continue")))
            return refuse(refusal, 417, "an expectation other than 100-continue");
        out->expect_continue = out->body_kind != HTTP_BODY_NONE;
    }
    out->keep_alive = !framing->close && (out->version_minor == 1 || framing->keep_alive);
    out->upgrade = framing->upgrade && framing->has_upgrade && out->version_minor == 1;
    return 0;
}

/* Whether looking again can help: a line has been completed, or the head has outgrown its bound. */
static bool worth_parsing(struct bytes input, size_t seen)
{
    ASSERT(seen <= input.len);
    return seen == 0 || input.len >= LIMIT_HTTP_HEAD_BYTES ||
           memchr(input.data + seen, '\n', input.len - seen) != NULL;
}

static struct cursor start(struct bytes input, struct h1_refusal *refusal)
{
    size_t len = input.len < LIMIT_HTTP_HEAD_BYTES ? input.len : LIMIT_HTTP_HEAD_BYTES;

    return (struct cursor){.at = input.data, .end = input.data + len, .refusal = refusal};
}

/* Stray CRLFs between requests are an old client's habit. */
static int take_first_line(struct cursor *cursor, struct bytes *line)
{
    for (unsigned empty = 0; empty <= LIMIT_HTTP_EMPTY_LINES; empty++) {
        int r = take_line(cursor, line);

        if (r != 0 || line->len > 0)
            return r;
    }
    return refuse(cursor->refusal, 400, "too many empty lines before a request");
}

int h1_parse_request(struct bytes input, size_t seen, struct h1_request *out,
                     struct http_header *headers, struct h1_refusal *refusal)
{
    struct cursor cursor = start(input, refusal);
    struct framing framing = {0};
    struct bytes line;
    bool in_headers = false;
    int r;

    *out = (struct h1_request){0};
    if (input.len == 0 || !worth_parsing(input, seen))
        return H1_PARSE_MORE;

    r = take_first_line(&cursor, &line);
    if (r == 0)
        r = parse_request_line(line, out, refusal);
    if (r == 0) {
        in_headers = true;
        r = parse_headers(&cursor, headers, &out->header_count, &framing);
    }
    if (r == H1_PARSE_MORE && input.len >= LIMIT_HTTP_HEAD_BYTES)
        return in_headers ? refuse(refusal, 431, "the headers are too long")
                          : refuse(refusal, 414, "the request line is too long");
    if (r != 0)
        return r;

    out->head_bytes = (size_t)(cursor.at - input.data);
    return judge_request(out, &framing, refusal);
}

static int parse_status_line(struct bytes line, struct h1_response *out, struct h1_refusal *refusal)
{
    int r = parse_version(bytes_slice(line, 0, 8), &out->version_minor, refusal);
    unsigned status = 0;

    if (r != 0)
        return r;
    if (line.len < 12 || line.data[8] != ' ' || (line.len > 12 && line.data[12] != ' '))
        return refuse(refusal, 400, "the status line is not version, status, reason");
    for (size_t i = 9; i < 12; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return refuse(refusal, 400, "the status is not a number");
        status = status * 10 + (unsigned)(line.data[i] - '0');
    }
    if (status < 100 || status > 599)
        return refuse(refusal, 400, "the status is out of range");
    out->status = status;
    out->reason = bytes_slice(line, 13, line.len);
    if (!h1_value_valid(out->reason))
        return refuse(refusal, 400, "the reason has a control character");
    return 0;
}

int h1_parse_response(struct bytes input, size_t seen, struct h1_response *out,
                      struct http_header *headers, struct h1_refusal *refusal)
{
    struct cursor cursor = start(input, refusal);
    struct framing framing = {0};
    struct bytes line;
    int r;

    *out = (struct h1_response){0};
    if (input.len == 0 || !worth_parsing(input, seen))
        return H1_PARSE_MORE;

    r = take_line(&cursor, &line);
    if (r == 0)
        r = parse_status_line(line, out, refusal);
    if (r == 0)
        r = parse_headers(&cursor, headers, &out->header_count, &framing);
    if (r == H1_PARSE_MORE && input.len >= LIMIT_HTTP_HEAD_BYTES)
        return refuse(refusal, 431, "the answer's head is too long");
    if (r != 0)
        return r;

    out->head_bytes = (size_t)(cursor.at - input.data);
    out->keep_alive = !framing.close && (out->version_minor == 1 || framing.keep_alive);
    out->body_kind = HTTP_BODY_TO_END;
    r = judge_body(&framing, out->version_minor, &out->body_kind, &out->body_length, refusal);
    if (r != 0)
        return r;
    if (out->status < 200 || out->status == 204 || out->status == 304)
        out->body_kind = HTTP_BODY_NONE;
    return 0;
}
