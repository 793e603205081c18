/*
 * The setters of the URL class: the parser, started in the middle of a URL that is there already.
 */

#include <string.h>

#include "api/url_parts.h"
#include "base/assert.h"

static bool is_file(const struct url *url)
{
    return bytes_equal(buf_bytes(&url->scheme), BYTES("file"));
}

static bool has_credentials(const struct url *url)
{
    return url->username.len > 0 || url->password.len > 0;
}

/* "cannot have a username/password/port" */
static bool is_plain(const struct url *url)
{
    return !url->has_host || url->host.len == 0 || is_file(url);
}

static void set_protocol(struct url *url, struct bytes value)
{
    struct bytes scheme = bytes_slice(value, 0, bytes_find_byte(value, ':', 0));
    uint8_t lower[64]; /* longer ones cannot be special, and are compared to nothing else */
    size_t i;
    int port;

    for (i = 0; i < scheme.len; i++) {
        uint8_t c = scheme.data[i];
        bool alpha = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (!alpha && (i == 0 || !((c >= '0' && c <= '9') || memchr("+-.", c, 3) != NULL)))
            return;
        if (i < sizeof lower)
            lower[i] = alpha ? (uint8_t)(c | 0x20) : c;
    }
    if (i == 0)
        return;
    port = i < sizeof lower ? url_default_port(bytes_of(lower, i)) : 0;
    if ((port != 0) != url->special)
        return;
    if (port == URL_NO_PORT && (has_credentials(url) || url->port != URL_NO_PORT))
        return;
    if (is_file(url) && url->host.len == 0)
        return;
    buf_clear(&url->scheme);
    for (i = 0; i < scheme.len; i++) {
        uint8_t c = scheme.data[i];

        buf_append_byte(&url->scheme, c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c);
    }
    if (url->special && url->port == port)
        url->port = URL_NO_PORT;
}

static void set_file_host(struct url *url, struct bytes text)
{
    struct buf host = {0};

    if (text.len > 0 && url_parse_host(text, false, &host) != 0) {
        buf_fini(&host);
        return;
    }
    if (bytes_equal(buf_bytes(&host), BYTES("localhost")))
        buf_clear(&host);
    buf_fini(&url->host);
    url->host = host;
    url->has_host = true;
}

/* host state and hostname state, which knows no port */
static void set_host(struct url *url, struct bytes value, bool with_port)
{
    struct bytes authority = bytes_slice(value, 0, url_authority_len(url, value));
    size_t colon = url_port_colon(authority);
    struct bytes rest;
    struct buf host = {0};

    if (url->opaque_path)
        return;
    if (is_file(url)) {
        set_file_host(url, authority);
        return;
    }
    if (colon < authority.len && (colon == 0 || !with_port))
        return;
    if (colon == 0 && (url->special || has_credentials(url) || url->port != URL_NO_PORT))
        return;
    if (url_parse_host(bytes_slice(authority, 0, colon), !url->special, &host) != 0) {
        buf_fini(&host);
        return;
    }
    buf_fini(&url->host);
    url->host = host;
    url->has_host = true;
    if (colon < authority.len)
        (void)url_parse_port(url, bytes_slice(authority, colon + 1, authority.len), true, &rest);
}

static void set_port(struct url *url, struct bytes value)
{
    struct bytes rest;

    if (is_plain(url))
        return;
    if (value.len == 0)
        url->port = URL_NO_PORT;
    else
        (void)url_parse_port(url, value, true, &rest);
}

static void set_pathname(struct url *url, struct bytes value)
{
    if (url->opaque_path)
        return;
    buf_clear(&url->path);
    (void)url_parse_path(url, value, true);
}

static void set_search(struct url *url, struct bytes value)
{
    buf_clear(&url->query);
    url->has_query = value.len > 0;
    if (value.len > 0 && value.data[0] == '?')
        value = bytes_slice(value, 1, value.len);
    url_encode(&url->query, value, url->special ? URL_SET_SPECIAL_QUERY : URL_SET_QUERY);
}

static void set_hash(struct url *url, struct bytes value)
{
    buf_clear(&url->fragment);
    url->has_fragment = value.len > 0;
    if (value.len > 0 && value.data[0] == '#')
        value = bytes_slice(value, 1, value.len);
    url_encode(&url->fragment, value, URL_SET_FRAGMENT);
}

/* These two take the value as it is: no parser, no newlines taken out. */
static void set_credential(struct url *url, struct buf *credential, struct bytes value)
{
    if (is_plain(url))
        return;
    buf_clear(credential);
    url_encode(credential, value, URL_SET_USERINFO);
}

void url_set(struct url *url, enum url_part part, struct bytes value)
{
    struct buf space = {0};
    struct bytes clean;

    if (part == URL_USERNAME || part == URL_PASSWORD) {
        set_credential(url, part == URL_USERNAME ? &url->username : &url->password, value);
        return;
    }
    if (part == URL_PORT && value.len == 0) {
        set_port(url, value);
        return;
    }
    clean = url_without_newlines(value, &space);
    switch (part) {
    case URL_PROTOCOL: set_protocol(url, clean); break;
    case URL_HOST: set_host(url, clean, true); break;
    case URL_HOSTNAME: set_host(url, clean, false); break;
    case URL_PORT:
        if (clean.len > 0)
            set_port(url, clean);
        break;
    case URL_PATHNAME: set_pathname(url, clean); break;
    case URL_SEARCH: set_search(url, clean); break;
    case URL_HASH: set_hash(url, clean); break;
    default: UNREACHABLE();
    }
    buf_fini(&space);
}
