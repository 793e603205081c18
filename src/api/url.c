#include "api/url.h"

#include <string.h>

#include "api/url_parts.h"
#include "base/assert.h"

/*
 * The standard describes one machine that takes a code point at a time, with twenty states. Here
 * each stretch of states is a function that takes the rest of the input and hands on what it did
 * not use; UTF-8 can be read byte by byte, because every decision is about ASCII. The names of the
 * states stand where they are.
 *
 *   scheme ─┬─ file ──── file host ───────────────┐
 *           ├─ special authority ─┐               ├─ path ─ query ─ fragment
 *           ├─ authority ─────────┴─ host ─ port ─┤
 *           ├─ path ──────────────────────────────┘
 *           ├─ opaque path ─ query ─ fragment
 *           └─ (no scheme) relative to the base: joins at authority or path
 */

static const char hex[] = "0123456789ABCDEF";

/* clang-format off */
#define C0   (URL_SET_C0 | FR)
#define FR   (URL_SET_FRAGMENT | 0)
#define QU   (URL_SET_QUERY | URL_SET_SPECIAL_QUERY | PA)
#define SQ   (URL_SET_SPECIAL_QUERY)
#define PA   (URL_SET_PATH | US)
#define US   (URL_SET_USERINFO)
#define ALL  (C0 | FR | QU)

/* clang-format on */

/* Bits of the sets each ASCII byte is in; controls and everything from 7F on are in all. */
static unsigned sets_of(uint8_t c)
{
    switch (c) {
    case ' ':
    case '"':
    case '<':
    case '>': return FR | QU;
    case '`': return FR | PA;
    case '#': return QU;
    case '\'': return SQ;
    case '?':
    case '^':
    case '{':
    case '}': return PA;
    case '/':
    case ':':
    case ';':
    case '=':
    case '@':
    case '[':
    case '\\':
    case ']':
    case '|': return US;
    default: return c <= 0x1f || c >= 0x7f ? ALL : 0;
    }
}

static const uint8_t *set_table(void)
{
    static _Thread_local uint8_t table[256];
    static _Thread_local bool made;
    unsigned c;

    if (!made) {
        for (c = 0; c < 256; c++)
            table[c] = (uint8_t)sets_of((uint8_t)c);
        made = true;
    }
    return table;
}

void url_encode(struct buf *out, struct bytes text, enum url_set set)
{
    const uint8_t *table = set_table();
    uint8_t *start = buf_reserve(out, text.len * 3);
    uint8_t *to = start;
    size_t i;

    for (i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if ((table[c] & set) == 0) {
            *to++ = c;
            continue;
        }
        *to++ = '%';
        *to++ = (uint8_t)hex[c >> 4];
        *to++ = (uint8_t)hex[c & 15];
    }
    buf_added(out, (size_t)(to - start));
}

int url_default_port(struct bytes scheme)
{
    switch (scheme.len) {
    case 2: return memcmp(scheme.data, "ws", 2) == 0 ? 80 : 0;
    case 3:
        return memcmp(scheme.data, "wss", 3) == 0   ? 443
               : memcmp(scheme.data, "ftp", 3) == 0 ? 21
                                                    : 0;
    case 4:
        return memcmp(scheme.data, "http", 4) == 0   ? 80
               : memcmp(scheme.data, "file", 4) == 0 ? URL_NO_PORT
                                                     : 0;
    case 5: return memcmp(scheme.data, "https", 5) == 0 ? 443 : 0;
    default: return 0;
    }
}

static bool is_alpha(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_slash(const struct url *url, uint8_t c)
{
    return c == '/' || (c == '\\' && url->special);
}

/* The byte at an index, 0 behind the end: NUL itself is never looked for. */
static uint8_t at(struct bytes b, size_t i)
{
    return i < b.len ? b.data[i] : 0;
}

static struct bytes skip(struct bytes b, size_t count)
{
    return bytes_slice(b, count, b.len);
}

static bool is_file(const struct url *url)
{
    return bytes_equal(buf_bytes(&url->scheme), BYTES("file"));
}

static bool is_drive(struct bytes b)
{
    return b.len == 2 && is_alpha(b.data[0]) && (b.data[1] == ':' || b.data[1] == '|');
}

bool url_starts_with_drive(struct bytes text)
{
    return text.len >= 2 && is_drive(bytes_slice(text, 0, 2)) &&
           (text.len == 2 || memchr("/\\?#", text.data[2], 4) != NULL);
}

/* "/C:" with nothing behind it, or before another slash. */
static bool path_has_drive(struct bytes path)
{
    return path.len >= 3 && is_alpha(path.data[1]) && path.data[2] == ':' &&
           (path.len == 3 || path.data[3] == '/');
}

void url_shorten(struct url *url)
{
    struct bytes path = buf_bytes(&url->path);
    size_t len = path.len;

    if (is_file(url) && path.len == 3 && path_has_drive(path))
        return;
    while (len > 0 && path.data[len - 1] != '/')
        len--;
    buf_truncate(&url->path, len > 0 ? len - 1 : 0);
}

static void copy(struct buf *to, const struct buf *from)
{
    buf_clear(to);
    buf_append_bytes(to, buf_bytes(from));
}

static void copy_authority(struct url *url, const struct url *base)
{
    copy(&url->username, &base->username);
    copy(&url->password, &base->password);
    copy(&url->host, &base->host);
    url->has_host = base->has_host;
    url->port = base->port;
}

static void copy_path(struct url *url, const struct url *base)
{
    copy(&url->path, &base->path);
    url->opaque_path = base->opaque_path;
}

static void copy_query(struct url *url, const struct url *base)
{
    copy(&url->query, &base->query);
    url->has_query = base->has_query;
}

/* query state, fragment state */
static void parse_tail(struct url *url, struct bytes input)
{
    if (at(input, 0) == '?' && input.len > 0) {
        size_t end = bytes_find_byte(input, '#', 0);

        buf_clear(&url->query);
        url->has_query = true;
        url_encode(&url->query, bytes_slice(input, 1, end),
                   url->special ? URL_SET_SPECIAL_QUERY : URL_SET_QUERY);
        input = skip(input, end);
    }
    if (input.len > 0) {
        ASSERT(input.data[0] == '#');
        buf_clear(&url->fragment);
        url->has_fragment = true;
        url_encode(&url->fragment, skip(input, 1), URL_SET_FRAGMENT);
    }
}

/* How many dots a segment stands for, %2e counting as one: 1, 2, or 0 if it is something else. */
static unsigned dots_of(struct bytes segment)
{
    unsigned dots = 0;
    size_t i = 0;

    if (segment.len > 6 || (at(segment, 0) != '.' && at(segment, 0) != '%'))
        return 0;
    while (i < segment.len) {
        if (segment.data[i] == '.')
            i++;
        else if (bytes_equal_nocase(bytes_slice(segment, i, i + 3), BYTES("%2e")))
            i += 3;
        else
            return 0;
        dots++;
    }
    return dots <= 2 ? dots : 0;
}

static void add_segment(struct url *url, struct bytes segment, bool last)
{
    unsigned dots = dots_of(segment);

    if (dots == 2)
        url_shorten(url);
    if (dots != 0) {
        if (last)
            buf_append_byte(&url->path, '/');
        return;
    }
    buf_append_byte(&url->path, '/');
    if (url->path.len == 1 && is_drive(segment) && is_file(url)) {
        buf_append_byte(&url->path, segment.data[0]);
        buf_append_byte(&url->path, ':');
        return;
    }
    url_encode(&url->path, segment, URL_SET_PATH);
}

/* path state: from behind the slash that begins the first segment */
static struct bytes parse_segments(struct url *url, struct bytes input, bool setter)
{
    for (;;) {
        size_t end = 0;

        while (end < input.len && !is_slash(url, input.data[end]) &&
               (setter || (input.data[end] != '?' && input.data[end] != '#')))
            end++;
        if (end == input.len || !is_slash(url, input.data[end])) {
            add_segment(url, bytes_slice(input, 0, end), true);
            return skip(input, end);
        }
        add_segment(url, bytes_slice(input, 0, end), false);
        input = skip(input, end + 1);
    }
}

/* path start state */
struct bytes url_parse_path(struct url *url, struct bytes input, bool setter)
{
    if (url->special ||
        (input.len > 0 && (setter || (input.data[0] != '?' && input.data[0] != '#'))))
        return parse_segments(url, skip(input, input.len > 0 && is_slash(url, input.data[0])),
                              setter);
    if (setter && !url->has_host)
        buf_append_byte(&url->path, '/');
    return input;
}

/* port state */
int url_parse_port(struct url *url, struct bytes input, bool setter, struct bytes *rest)
{
    unsigned port = 0;
    size_t i = 0;

    while (at(input, i) >= '0' && at(input, i) <= '9') {
        port = port * 10 + (unsigned)(input.data[i++] - '0');
        if (port > 65535)
            return URL_INVALID;
    }
    if (i < input.len && !setter)
        return URL_INVALID;
    if (i > 0)
        url->port = url->special && (int)port == url_default_port(buf_bytes(&url->scheme))
                        ? URL_NO_PORT
                        : (int)port;
    *rest = skip(input, i);
    return 0;
}

size_t url_authority_len(const struct url *url, struct bytes input)
{
    size_t i = 0;

    while (i < input.len && !is_slash(url, input.data[i]) && input.data[i] != '?' &&
           input.data[i] != '#')
        i++;
    return i;
}

size_t url_port_colon(struct bytes host)
{
    bool inside = false;
    size_t i;

    for (i = 0; i < host.len; i++) {
        if (host.data[i] == '[')
            inside = true;
        else if (host.data[i] == ']')
            inside = false;
        else if (host.data[i] == ':' && !inside)
            break;
    }
    return i;
}

/* Everything before the last @ of an authority. */
static void parse_credentials(struct url *url, struct bytes text)
{
    size_t colon = bytes_find_byte(text, ':', 0);

    url_encode(&url->username, bytes_slice(text, 0, colon), URL_SET_USERINFO);
    url_encode(&url->password, bytes_slice(text, colon + 1, text.len), URL_SET_USERINFO);
}

/* authority state, host state, port state */
static int parse_authority(struct url *url, struct bytes input)
{
    size_t end = url_authority_len(url, input);
    struct bytes authority = bytes_slice(input, 0, end);
    struct bytes rest;
    size_t host = authority.len;
    size_t colon;
    int r;

    while (host > 0 && authority.data[host - 1] != '@')
        host--;
    if (host > 0) {
        if (host == authority.len)
            return URL_INVALID;
        parse_credentials(url, bytes_slice(authority, 0, host - 1));
        authority = skip(authority, host);
    }
    colon = url_port_colon(authority);
    if (colon == 0 && (url->special || authority.len > 0))
        return URL_INVALID;
    r = url_parse_host(bytes_slice(authority, 0, colon), !url->special, &url->host);
    if (r != 0)
        return r;
    url->has_host = true;
    r = url_parse_port(url, skip(authority, colon + 1), false, &rest);
    if (r != 0)
        return r;
    parse_tail(url, url_parse_path(url, skip(input, end), false));
    return 0;
}

/* special authority ignore slashes state */
static int parse_special_authority(struct url *url, struct bytes input)
{
    while (at(input, 0) == '/' || at(input, 0) == '\\')
        input = skip(input, 1);
    return parse_authority(url, input);
}

static int parse_path_and_tail(struct url *url, struct bytes input)
{
    parse_tail(url, parse_segments(url, input, false));
    return 0;
}

/* file host state */
static int parse_file_host(struct url *url, struct bytes input)
{
    size_t end = url_authority_len(url, input);
    int r;

    if (is_drive(bytes_slice(input, 0, end)))
        return parse_path_and_tail(url, input);
    if (end > 0) {
        r = url_parse_host(bytes_slice(input, 0, end), false, &url->host);
        if (r != 0)
            return r;
        if (bytes_equal(buf_bytes(&url->host), BYTES("localhost")))
            buf_clear(&url->host);
    }
    parse_tail(url, url_parse_path(url, skip(input, end), false));
    return 0;
}

/* file slash state */
static int parse_file_slash(struct url *url, struct bytes input, const struct url *base)
{
    if (at(input, 0) == '/' || at(input, 0) == '\\')
        return parse_file_host(url, skip(input, 1));
    if (base != NULL && is_file(base)) {
        copy(&url->host, &base->host);
        if (!url_starts_with_drive(input) && path_has_drive(buf_bytes(&base->path)))
            buf_append(&url->path, base->path.data, 3);
    }
    return parse_path_and_tail(url, input);
}

/* file state */
static int parse_file(struct url *url, struct bytes input, const struct url *base)
{
    url->has_host = true; /* the empty one */
    if (at(input, 0) == '/' || at(input, 0) == '\\')
        return parse_file_slash(url, skip(input, 1), base);
    if (base == NULL || !is_file(base))
        return parse_path_and_tail(url, input);

    copy(&url->host, &base->host);
    copy_path(url, base);
    copy_query(url, base);
    if (input.len == 0 || input.data[0] == '?' || input.data[0] == '#') {
        parse_tail(url, input);
        return 0;
    }
    url->has_query = false;
    buf_clear(&url->query);
    if (url_starts_with_drive(input))
        buf_clear(&url->path);
    else
        url_shorten(url);
    return parse_path_and_tail(url, input);
}

/* relative state, relative slash state */
static int parse_relative(struct url *url, struct bytes input, const struct url *base)
{
    if (input.len > 0 && is_slash(url, input.data[0])) {
        input = skip(input, 1);
        if (input.len > 0 && is_slash(url, input.data[0]))
            return url->special ? parse_special_authority(url, input)
                                : parse_authority(url, skip(input, 1));
        copy_authority(url, base);
        return parse_path_and_tail(url, input);
    }
    copy_authority(url, base);
    copy_path(url, base);
    copy_query(url, base);
    if (input.len == 0 || input.data[0] == '?' || input.data[0] == '#') {
        parse_tail(url, input);
        return 0;
    }
    url->has_query = false;
    buf_clear(&url->query);
    url_shorten(url);
    return parse_path_and_tail(url, input);
}

/* opaque path state: a space at its end would be lost, so it is encoded */
static int parse_opaque(struct url *url, struct bytes input)
{
    size_t end = 0;
    struct bytes path;

    while (end < input.len && input.data[end] != '?' && input.data[end] != '#')
        end++;
    path = bytes_slice(input, 0, end);
    url->opaque_path = true;
    if (end < input.len && path.len > 0 && path.data[path.len - 1] == ' ') {
        url_encode(&url->path, bytes_slice(path, 0, path.len - 1), URL_SET_C0);
        buf_append_string(&url->path, "%20");
    } else {
        url_encode(&url->path, path, URL_SET_C0);
    }
    parse_tail(url, skip(input, end));
    return 0;
}

/* scheme start state, scheme state: the length of a scheme without its colon, 0 if there is none */
static size_t scheme_len(struct bytes input)
{
    size_t i = 0;

    if (!is_alpha(at(input, 0)))
        return 0;
    while (i < input.len &&
           (is_alpha(input.data[i]) || (input.data[i] >= '0' && input.data[i] <= '9') ||
            memchr("+-.", input.data[i], 3) != NULL))
        i++;
    return at(input, i) == ':' ? i : 0;
}

static void set_scheme(struct url *url, struct bytes scheme)
{
    size_t i;

    buf_clear(&url->scheme);
    buf_append_bytes(&url->scheme, scheme);
    for (i = 0; i < scheme.len; i++) {
        if (is_alpha(url->scheme.data[i]))
            url->scheme.data[i] |= 0x20;
    }
    url->special = url_default_port(buf_bytes(&url->scheme)) != 0;
}

static int parse_absolute(struct url *url, struct bytes input, const struct url *base)
{
    if (is_file(url))
        return parse_file(url, input, base);
    if (url->special) {
        bool same = base != NULL && bytes_equal(buf_bytes(&base->scheme), buf_bytes(&url->scheme));

        if (same && (at(input, 0) != '/' || at(input, 1) != '/'))
            return parse_relative(url, input, base);
        return parse_special_authority(url, input);
    }
    if (at(input, 0) != '/')
        return parse_opaque(url, input);
    if (at(input, 1) == '/')
        return parse_authority(url, skip(input, 2));
    return parse_path_and_tail(url, skip(input, 1));
}

/* no scheme state */
static int parse_with_base(struct url *url, struct bytes input, const struct url *base)
{
    if (base == NULL || (base->opaque_path && at(input, 0) != '#'))
        return URL_INVALID;
    set_scheme(url, buf_bytes(&base->scheme));
    if (base->opaque_path) {
        copy_path(url, base);
        copy_query(url, base);
        parse_tail(url, input);
        return 0;
    }
    return is_file(base) ? parse_file(url, input, base) : parse_relative(url, input, base);
}

static void empty(struct url *url)
{
    buf_clear(&url->scheme);
    buf_clear(&url->username);
    buf_clear(&url->password);
    buf_clear(&url->host);
    buf_clear(&url->path);
    buf_clear(&url->query);
    buf_clear(&url->fragment);
    url->port = URL_NO_PORT;
    url->has_host = false;
    url->has_query = false;
    url->has_fragment = false;
    url->opaque_path = false;
    url->special = false;
}

void url_fini(struct url *url)
{
    buf_fini(&url->scheme);
    buf_fini(&url->username);
    buf_fini(&url->password);
    buf_fini(&url->host);
    buf_fini(&url->path);
    buf_fini(&url->query);
    buf_fini(&url->fragment);
    empty(url);
}

struct bytes url_without_newlines(struct bytes input, struct buf *space)
{
    size_t i;

    for (i = 0; i < input.len; i++) {
        if (input.data[i] == '\t' || input.data[i] == '\n' || input.data[i] == '\r')
            break;
    }
    if (i == input.len)
        return input;
    for (i = 0; i < input.len; i++) {
        if (input.data[i] != '\t' && input.data[i] != '\n' && input.data[i] != '\r')
            buf_append_byte(space, input.data[i]);
    }
    return buf_bytes(space);
}

int url_parse(struct url *url, struct bytes input, const struct url *base)
{
    struct buf space = {0};
    size_t scheme;
    int r;

    ASSERT(base != url);
    empty(url);
    while (input.len > 0 && input.data[0] <= ' ')
        input = skip(input, 1);
    while (input.len > 0 && input.data[input.len - 1] <= ' ')
        input.len--;
    input = url_without_newlines(input, &space);

    scheme = scheme_len(input);
    if (scheme > 0) {
        set_scheme(url, bytes_slice(input, 0, scheme));
        r = parse_absolute(url, skip(input, scheme + 1), base);
    } else {
        r = parse_with_base(url, input, base);
    }
    buf_fini(&space);
    return r;
}

static void format_authority(const struct url *url, struct buf *out)
{
    buf_append_string(out, "//");
    if (url->username.len > 0 || url->password.len > 0) {
        buf_append_bytes(out, buf_bytes(&url->username));
        if (url->password.len > 0) {
            buf_append_byte(out, ':');
            buf_append_bytes(out, buf_bytes(&url->password));
        }
        buf_append_byte(out, '@');
    }
    buf_append_bytes(out, buf_bytes(&url->host));
    if (url->port != URL_NO_PORT)
        buf_append_format(out, ":%d", url->port);
}

void url_format(const struct url *url, struct buf *out)
{
    buf_append_bytes(out, buf_bytes(&url->scheme));
    buf_append_byte(out, ':');
    if (url->has_host)
        format_authority(url, out);
    else if (!url->opaque_path && bytes_starts_with(buf_bytes(&url->path), BYTES("//")))
        buf_append_string(out, "/."); /* else the path would be read as a host */
    buf_append_bytes(out, buf_bytes(&url->path));
    if (url->has_query) {
        buf_append_byte(out, '?');
        buf_append_bytes(out, buf_bytes(&url->query));
    }
    if (url->has_fragment) {
        buf_append_byte(out, '#');
        buf_append_bytes(out, buf_bytes(&url->fragment));
    }
}
