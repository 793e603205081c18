/*
 * Hosts of URLs: domains, IPv4 and IPv6 addresses, opaque hosts.
 */

#include <string.h>
#include <unicode/uidna.h>

#include "api/url_parts.h"
#include "base/assert.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/thread_end.h"
#include "base/utf8.h"

enum {
    DOMAIN_STACK = 256, /* domains up to here are mapped without allocating */
    IPV6_PIECES = 8,
};

/* ToASCII may find these and still be right for the Web: lengths are DNS's business, hyphens
 * nobody's. */
static const uint32_t harmless_errors =
    UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG |
    UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

static bool is_forbidden_in_host(uint8_t c)
{
    switch (c) {
    case '\0':
    case '\t':
    case '\n':
    case '\r':
    case ' ':
    case '#':
    case '/':
    case ':':
    case '<':
    case '>':
    case '?':
    case '@':
    case '[':
    case '\\':
    case ']':
    case '^':
    case '|': return true;
    default: return false;
    }
}

static bool is_forbidden_in_domain(uint8_t c)
{
    return is_forbidden_in_host(c) || c <= 0x1f || c == '%' || c == 0x7f;
}

/* An IPv4 number: decimal, 0x hexadecimal or 0 octal. False if it is none. Values too large for an
 * address stop at one that is. */
static bool parse_number(struct bytes text, uint64_t *out)
{
    unsigned radix = 10;
    uint64_t value = 0;
    size_t i;

    if (text.len == 0)
        return false;
    if (text.len >= 2 && text.data[0] == '0') {
        radix = (text.data[1] | 0x20) == 'x' ? 16 : 8;
        text = bytes_slice(text, radix == 16 ? 2 : 1, text.len);
    }
    for (i = 0; i < text.len; i++) {
        int digit = hex_digit((char)text.data[i]);

        if (digit < 0 || (unsigned)digit >= radix)
            return false;
        value = value * radix + (unsigned)digit;
        if (value > UINT32_MAX)
            value = (uint64_t)UINT32_MAX + 1;
    }
    *out = value;
    return true;
}

/* The text behind the last dot, not counting a dot at the very end. */
static struct bytes last_label(struct bytes domain)
{
    size_t start;

    if (domain.len > 0 && domain.data[domain.len - 1] == '.')
        domain.len--;
    start = domain.len;
    while (start > 0 && domain.data[start - 1] != '.')
        start--;
    return bytes_slice(domain, start, domain.len);
}

static bool ends_in_a_number(struct bytes domain)
{
    struct bytes last = last_label(domain);
    uint64_t value;
    size_t i;

    for (i = 0; i < last.len && last.data[i] >= '0' && last.data[i] <= '9'; i++)
        continue;
    return (last.len > 0 && i == last.len) || parse_number(last, &value);
}

static int parse_ipv4(struct bytes text, uint32_t *out)
{
    uint64_t numbers[4];
    uint64_t address;
    size_t count = 0;
    size_t i;

    if (text.len > 0 && text.data[text.len - 1] == '.')
        text.len--;
    for (;;) {
        size_t dot = bytes_find_byte(text, '.', 0);

        if (count == 4 || !parse_number(bytes_slice(text, 0, dot), &numbers[count]))
            return URL_INVALID;
        count++;
        if (dot == text.len)
            break;
        text = bytes_slice(text, dot + 1, text.len);
    }
    address = numbers[count - 1];
    if (address >= UINT64_C(1) << (8 * (5 - count)))
        return URL_INVALID;
    for (i = 0; i < count - 1; i++) {
        if (numbers[i] > 255)
            return URL_INVALID;
        address += numbers[i] << (8 * (3 - i));
    }
    *out = (uint32_t)address;
    return 0;
}

/* The dotted tail of an IPv6 address: four plain decimals, two pieces. */
static int parse_ipv6_tail(struct bytes text, uint16_t pieces[2])
{
    unsigned value[4] = {0};
    size_t count = 0;
    size_t i = 0;

    while (count < 4) {
        size_t start = i;

        while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9') {
            if (i > start && value[count] == 0)
                return URL_INVALID; /* a leading zero */
            value[count] = value[count] * 10 + (unsigned)(text.data[i] - '0');
            if (value[count] > 255)
                return URL_INVALID;
            i++;
        }
        if (i == start)
            return URL_INVALID;
        count++;
        if (count < 4 && (i == text.len || text.data[i++] != '.'))
            return URL_INVALID;
    }
    if (i != text.len)
        return URL_INVALID;
    pieces[0] = (uint16_t)(value[0] << 8 | value[1]);
    pieces[1] = (uint16_t)(value[2] << 8 | value[3]);
    return 0;
}

/* Move what stands behind "::" to the end. */
static void spread(uint16_t pieces[IPV6_PIECES], size_t at, size_t count)
{
    size_t behind = count - at;

    memmove(pieces + IPV6_PIECES - behind, pieces + at, behind * sizeof pieces[0]);
    memset(pieces + at, 0, (IPV6_PIECES - behind - at) * sizeof pieces[0]);
}

static int parse_ipv6(struct bytes text, uint16_t pieces[IPV6_PIECES])
{
    size_t gap = SIZE_MAX; /* where "::" stood */
    size_t count = 0;
    size_t i = 0;

    if (text.len > 0 && text.data[0] == ':') {
        if (text.len < 2 || text.data[1] != ':')
            return URL_INVALID;
        i = 2;
        gap = 0;
    }
    while (i < text.len) {
        size_t start = i;
        unsigned value = 0;

        if (count == IPV6_PIECES)
            return URL_INVALID;
        if (text.data[i] == ':') {
            if (gap != SIZE_MAX)
                return URL_INVALID;
            gap = count;
            i++;
            continue;
        }
        while (i < text.len && i - start < 4 && hex_digit((char)text.data[i]) >= 0)
            value = value * 16 + (unsigned)hex_digit((char)text.data[i++]);
        if (i < text.len && text.data[i] == '.') {
            if (i == start || count > IPV6_PIECES - 2 ||
                parse_ipv6_tail(bytes_slice(text, start, text.len), pieces + count) != 0)
                return URL_INVALID;
            count += 2;
            break;
        }
        if (i < text.len && (text.data[i++] != ':' || i == text.len))
            return URL_INVALID;
        pieces[count++] = (uint16_t)value;
    }
    if (gap != SIZE_MAX)
        spread(pieces, gap, count);
    else if (count != IPV6_PIECES)
        return URL_INVALID;
    return 0;
}

/* The first longest run of zeros, if it is longer than one, is left out. */
static size_t longest_zeros(const uint16_t pieces[IPV6_PIECES], size_t *len)
{
    size_t best = IPV6_PIECES;
    size_t i = 0;

    *len = 1;
    while (i < IPV6_PIECES) {
        size_t start = i;

        while (i < IPV6_PIECES && pieces[i] == 0)
            i++;
        if (i - start > *len) {
            best = start;
            *len = i - start;
        }
        i++;
    }
    return best;
}

static void format_ipv6(const uint16_t pieces[IPV6_PIECES], struct buf *out)
{
    size_t zeros;
    size_t gap = longest_zeros(pieces, &zeros);
    size_t i = 0;

    buf_append_byte(out, '[');
    while (i < IPV6_PIECES) {
        if (i == gap) {
            buf_append_string(out, i == 0 ? "::" : ":");
            i += zeros;
            continue;
        }
        buf_append_format(out, "%x", pieces[i]);
        i++;
        if (i < IPV6_PIECES)
            buf_append_byte(out, ':');
    }
    buf_append_byte(out, ']');
}

static int parse_brackets(struct bytes input, struct buf *out)
{
    uint16_t pieces[IPV6_PIECES] = {0};

    if (input.len < 2 || input.data[input.len - 1] != ']' ||
        parse_ipv6(bytes_slice(input, 1, input.len - 1), pieces) != 0)
        return URL_INVALID;
    format_ipv6(pieces, out);
    return 0;
}

static void percent_decode(struct bytes text, struct buf *out)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '%' && i + 2 < text.len && hex_digit((char)text.data[i + 1]) >= 0 &&
            hex_digit((char)text.data[i + 2]) >= 0) {
            c = (uint8_t)(hex_digit((char)text.data[i + 1]) * 16 +
                          hex_digit((char)text.data[i + 2]));
            i += 2;
        }
        buf_append_byte(out, c);
    }
}

static _Thread_local struct {
    struct thread_end end;
    UIDNA *mapping;
} kept;

static void release_kept(void)
{
    uidna_close(kept.mapping);
    kept.mapping = NULL;
}

static const UIDNA *idna(void)
{
    UErrorCode status = U_ZERO_ERROR;

    thread_end_call(&kept.end, release_kept);
    if (kept.mapping == NULL) {
        kept.mapping =
            uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
                            &status);
        ASSERT(U_SUCCESS(status));
    }
    return kept.mapping;
}

/* The slow way, for what is not ASCII or is in Punycode already. */
static int map_domain(struct bytes domain, struct buf *out)
{
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;
    size_t room = domain.len < DOMAIN_STACK ? DOMAIN_STACK : domain.len * 4;
    int32_t len;

    if (domain.len > INT32_MAX / 8)
        return URL_INVALID;
    len = uidna_nameToASCII_UTF8(idna(), (const char *)domain.data, (int32_t)domain.len,
                                 (char *)buf_reserve(out, room), (int32_t)room, &info, &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
        status = U_ZERO_ERROR;
        info = (UIDNAInfo)UIDNA_INFO_INITIALIZER;
        len = uidna_nameToASCII_UTF8(idna(), (const char *)domain.data, (int32_t)domain.len,
                                     (char *)buf_reserve(out, (size_t)len), len, &info, &status);
    }
    if (U_FAILURE(status) || (info.errors & ~harmless_errors) != 0 || len == 0)
        return URL_INVALID;
    buf_added(out, (size_t)len);
    return 0;
}

static bool has_punycode(struct bytes domain)
{
    size_t i;

    for (i = 0; i + 4 <= domain.len; i++) {
        if ((i == 0 || domain.data[i - 1] == '.') &&
            bytes_equal_nocase(bytes_slice(domain, i, i + 4), BYTES("xn--")))
            return true;
    }
    return false;
}

/* Domains of ASCII only need lower case. */
static int lower_domain(struct bytes domain, struct buf *out)
{
    uint8_t *to = buf_reserve(out, domain.len);
    size_t i;

    for (i = 0; i < domain.len; i++) {
        uint8_t c = domain.data[i];

        to[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
    }
    buf_added(out, domain.len);
    return domain.len > 0 ? 0 : URL_INVALID;
}

/* To the end of `out`, which is empty. */
static int parse_domain(struct bytes domain, struct buf *out)
{
    uint32_t address;
    size_t i;
    int r;

    if (utf8_is_ascii(domain) && !has_punycode(domain))
        r = lower_domain(domain, out);
    else if (utf8_valid(domain))
        r = map_domain(domain, out);
    else
        r = URL_INVALID; /* U+FFFD is not allowed in a domain */
    if (r != 0)
        return r;
    for (i = 0; i < out->len; i++) {
        if (is_forbidden_in_domain(out->data[i]))
            return URL_INVALID;
    }
    if (!ends_in_a_number(buf_bytes(out)))
        return 0;
    if (parse_ipv4(buf_bytes(out), &address) != 0)
        return URL_INVALID;
    buf_clear(out);
    buf_append_format(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                      address & 255);
    return 0;
}

int url_parse_host(struct bytes input, bool opaque, struct buf *out)
{
    struct buf decoded = {0};
    size_t i;
    int r;

    buf_clear(out);
    if (input.len > 0 && input.data[0] == '[')
        return parse_brackets(input, out);
    if (opaque) {
        for (i = 0; i < input.len; i++) {
            if (is_forbidden_in_host(input.data[i]))
                return URL_INVALID;
        }
        url_encode(out, input, URL_SET_C0);
        return 0;
    }
    if (bytes_find_byte(input, '%', 0) == input.len)
        return parse_domain(input, out);
    percent_decode(input, &decoded);
    r = parse_domain(buf_bytes(&decoded), out);
    buf_fini(&decoded);
    return r;
}

int url_domain_to_ascii(struct bytes domain, struct buf *out)
{
    struct buf host = {0};
    int r = url_parse_host(domain, false, &host);

    if (r == 0)
        buf_append_bytes(out, buf_bytes(&host));
    buf_fini(&host);
    return r;
}
