#include "base/bytes.h"

struct bytes bytes_slice(struct bytes b, size_t from, size_t to)
{
    if (to > b.len)
        to = b.len;
    if (from >= to)
        return bytes_of(NULL, 0);
    return bytes_of(b.data + from, to - from);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes b)
{
    while (b.len > 0 && is_blank(b.data[0])) {
        b.data++;
        b.len--;
    }
    while (b.len > 0 && is_blank(b.data[b.len - 1]))
        b.len--;
    return b;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_string(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_string(text));
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool bytes_starts_with(struct bytes b, struct bytes prefix)
{
    return b.len >= prefix.len && bytes_equal(bytes_of(b.data, prefix.len), prefix);
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    volatile uint8_t difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= a.data[i] ^ b.data[i];
    return difference == 0;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

size_t bytes_find_byte(struct bytes b, uint8_t byte, size_t from)
{
    const uint8_t *found;

    if (from >= b.len)
        return b.len;
    found = memchr(b.data + from, byte, b.len - from);
    return found != NULL ? (size_t)(found - b.data) : b.len;
}

size_t bytes_find(struct bytes b, struct bytes part, size_t from)
{
    const uint8_t *found;

    if (from > b.len || part.len == 0)
        return from < b.len ? from : b.len;
    if (from == b.len)
        return b.len;
    found = memmem(b.data + from, b.len - from, part.data, part.len);
    return found != NULL ? (size_t)(found - b.data) : b.len;
}

bool bytes_parse_u64(struct bytes b, uint64_t *out)
{
    uint64_t value = 0;

    if (b.len == 0)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] < '0' || b.data[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(b.data[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}
