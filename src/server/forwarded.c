#include "server/forwarded.h"

#include <arpa/inet.h>
#include <string.h>

#include "http/connection.h"

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* What stands behind the last comma. */
static struct bytes last_of(struct bytes list)
{
    const uint8_t *comma = list.len > 0 ? memrchr(list.data, ',', list.len) : NULL;
    size_t before = comma != NULL ? (size_t)(comma - list.data) + 1 : 0;

    return trim(bytes_of(list.data + before, list.len - before));
}

/* Writes it only if it is a numeric address. */
static bool copy_address(struct bytes address, char *text, size_t size)
{
    struct in6_addr ignored;

    if (address.len == 0 || address.len >= size)
        return false;
    memcpy(text, address.data, address.len);
    text[address.len] = '\0';
    if (inet_pton(AF_INET, text, &ignored) == 1 || inet_pton(AF_INET6, text, &ignored) == 1)
        return true;
    text[0] = '\0';
    return false;
}

/* The last header of this name: what stands before it may be a client's. */
static struct bytes last_header(const struct http_request *req, const char *name)
{
    for (size_t i = req->header_count; i > 0; i--) {
        if (bytes_equal_nocase(req->headers[i - 1].name, bytes_of_string(name)))
            return req->headers[i - 1].value;
    }
    return bytes_of(NULL, 0);
}

void forwarded_address(const struct http_request *req, bool proxied, char *text, size_t size)
{
    if (proxied && (copy_address(trim(last_header(req, FORWARDED_ADDRESS_HEADER)), text, size) ||
                    copy_address(last_of(last_header(req, "X-Forwarded-For")), text, size)))
        return;
    http_request_peer(req, text, size);
}

struct bytes forwarded_scheme(const struct http_request *req, bool proxied)
{
    struct bytes scheme = {0};

    if (proxied)
        scheme = last_of(last_header(req, "X-Forwarded-Proto"));
    return bytes_equal_nocase(scheme, BYTES("https")) ? BYTES("https://") : BYTES("http://");
}
