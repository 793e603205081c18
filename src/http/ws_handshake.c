#include "http/ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "base/base64.h"

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum {
    KEY_BYTES = 16,
    KEY_CHARS = 24,
    SHA1_BYTES = 20,
};

void ws_handshake_accept(struct bytes key, char accept[WS_ACCEPT_SIZE])
{
    uint8_t text[KEY_CHARS + sizeof accept_guid - 1];
    uint8_t hash[SHA1_BYTES];
    size_t len;
    int ok;

    ASSERT(key.len == KEY_CHARS);
    memcpy(text, key.data, KEY_CHARS);
    memcpy(text + KEY_CHARS, accept_guid, sizeof accept_guid - 1);
    ok = EVP_Q_digest(NULL, "SHA1", NULL, text, sizeof text, hash, NULL);
    ASSERT(ok == 1);
    len = base64_encode(bytes_of(hash, sizeof hash), BASE64_STANDARD, accept);
    ASSERT(len == WS_ACCEPT_SIZE - 1);
    accept[len] = '\0';
}

void ws_handshake_key(char key[WS_KEY_SIZE])
{
    uint8_t random[KEY_BYTES];
    int ok = RAND_bytes(random, sizeof random);
    size_t len;

    ASSERT(ok == 1);
    len = base64_encode(bytes_of(random, sizeof random), BASE64_STANDARD, key);
    ASSERT(len == WS_KEY_SIZE - 1);
    key[len] = '\0';
}

/* How often a header is there; `*value` is the first. */
static unsigned find_header(const struct http_header *headers, size_t count, const char *name,
                            struct bytes *value)
{
    struct bytes wanted = bytes_of_string(name);
    unsigned found = 0;

    for (size_t i = 0; i < count; i++) {
        if (!bytes_equal_nocase(headers[i].name, wanted))
            continue;
        if (found++ == 0)
            *value = headers[i].value;
    }
    return found;
}

static bool key_valid(struct bytes key)
{
    uint8_t random[KEY_BYTES + 2];
    size_t len;

    return key.len == KEY_CHARS && base64_decode(key, BASE64_STANDARD, random, &len) == 0 &&
           len == KEY_BYTES;
}

enum ws_request ws_handshake_request(const struct h1_request *request,
                                     const struct http_header *headers, struct bytes *key)
{
    struct bytes value;
    struct bytes candidate;

    if (!request->upgrade || !bytes_equal(request->method, BYTES("GET")) ||
        request->body_kind != HTTP_BODY_NONE)
        return WS_REQUEST_NONE;
    if (find_header(headers, request->header_count, "upgrade", &value) != 1 ||
        !h1_list_has(value, "websocket"))
        return WS_REQUEST_NONE;
    if (find_header(headers, request->header_count, "sec-websocket-version", &value) != 1 ||
        !bytes_equal(value, BYTES("13")))
        return WS_REQUEST_VERSION;
    if (find_header(headers, request->header_count, "sec-websocket-key", &candidate) != 1 ||
        !key_valid(candidate))
        return WS_REQUEST_KEY;
    *key = candidate;
    return WS_REQUEST_VALID;
}

/* Cut the first item off a list whose items are separated by `separator`. */
static struct bytes next_item(struct bytes *list, uint8_t separator)
{
    size_t end = bytes_find_byte(*list, separator, 0);
    struct bytes item = bytes_trim(bytes_slice(*list, 0, end));

    *list = bytes_slice(*list, end + 1, list->len);
    return item;
}

/* The parameters of one permessage-deflate element. */
struct deflate_params {
    bool server_no_takeover;
    bool client_no_takeover;
    bool server_bits;
    bool client_bits;
    unsigned server_bits_value;
};

/* "", "=8" to "=15", quoted or not. False if it is something else; 0 for no value. */
static bool parse_bits(struct bytes param, size_t name_len, unsigned *bits)
{
    struct bytes value = bytes_slice(param, name_len, param.len);
    uint64_t number;

    *bits = 0;
    if (value.len == 0)
        return true;
    if (value.data[0] != '=')
        return false;
    value = bytes_slice(value, 1, value.len);
    if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
        value = bytes_slice(value, 1, value.len - 1);
    if (value.len == 0 || value.data[0] == '0' || !bytes_parse_u64(value, &number) || number < 8 ||
        number > 15)
        return false;
    *bits = (unsigned)number;
    return true;
}

/* False for a parameter that is unknown, malformed or there twice. */
static bool take_param(struct bytes param, struct deflate_params *params)
{
    static const struct bytes server_bits = {(const uint8_t *)"server_max_window_bits", 22};
    static const struct bytes client_bits = {(const uint8_t *)"client_max_window_bits", 22};
    bool *flag;
    unsigned bits;

    if (bytes_equal_nocase(param, BYTES("server_no_context_takeover"))) {
        flag = &params->server_no_takeover;
    } else if (bytes_equal_nocase(param, BYTES("client_no_context_takeover"))) {
        flag = &params->client_no_takeover;
    } else if (bytes_equal_nocase(bytes_slice(param, 0, 22), server_bits)) {
        flag = &params->server_bits;
        if (!parse_bits(param, 22, &params->server_bits_value) || params->server_bits_value == 0)
            return false;
    } else if (bytes_equal_nocase(bytes_slice(param, 0, 22), client_bits)) {
        flag = &params->client_bits;
        if (!parse_bits(param, 22, &bits))
            return false;
    } else {
        return false;
    }
    if (*flag)
        return false;
    *flag = true;
    return true;
}

static bool parse_deflate(struct bytes element, struct deflate_params *params)
{
    *params = (struct deflate_params){0};
    if (!bytes_equal_nocase(next_item(&element, ';'), BYTES("permessage-deflate")))
        return false;
    while (element.len > 0) {
        if (!take_param(next_item(&element, ';'), params))
            return false;
    }
    return true;
}

bool ws_handshake_offers_deflate(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes list = headers[i].value;

        if (!bytes_equal_nocase(headers[i].name, BYTES("sec-websocket-extensions")))
            continue;
        while (list.len > 0) {
            struct deflate_params params;

            /* a smaller window for us would have to be remembered: such an offer is passed over */
            if (parse_deflate(next_item(&list, ','), &params) &&
                (!params.server_bits || params.server_bits_value == 15))
                return true;
        }
    }
    return false;
}

bool ws_handshake_offers_protocol(const struct http_header *headers, size_t count,
                                  struct bytes protocol)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes list = headers[i].value;

        if (!bytes_equal_nocase(headers[i].name, BYTES("sec-websocket-protocol")))
            continue;
        while (list.len > 0) {
            if (bytes_equal(next_item(&list, ','), protocol))
                return true;
        }
    }
    return false;
}

const char *ws_handshake_answer(const struct h1_response *answer, const struct http_header *headers,
                                const char *key, bool deflate_offered, bool *deflate)
{
    char accept[WS_ACCEPT_SIZE];
    struct deflate_params params;
    struct bytes value;
    size_t count = answer->header_count;

    *deflate = false;
    if (answer->status != 101)
        return "the server did not switch protocols";
    if (find_header(headers, count, "upgrade", &value) != 1 ||
        !bytes_equal_nocase(value, BYTES("websocket")))
        return "missing Upgrade header";
    if (find_header(headers, count, "connection", &value) == 0 || !h1_list_has(value, "upgrade"))
        return "missing Connection header";
    ws_handshake_accept(bytes_of_string(key), accept);
    if (find_header(headers, count, "sec-websocket-accept", &value) != 1 ||
        !bytes_equal_string(value, accept))
        return "incorrect Sec-WebSocket-Accept header";

    switch (find_header(headers, count, "sec-websocket-extensions", &value)) {
    case 0: return NULL;
    case 1: break;
    default: return "the answer has more than one Sec-WebSocket-Extensions";
    }
    if (!deflate_offered || !parse_deflate(value, &params) || !params.server_no_takeover ||
        params.client_bits)
        return "the answer agrees to an extension that was not offered";
    *deflate = true;
    return NULL;
}
