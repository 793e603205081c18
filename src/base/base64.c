#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encoded_len(size_t len, unsigned flags)
{
    size_t tail = len % 3;

    if ((flags & BASE64_NO_PAD) != 0)
        return len / 3 * 4 + (tail > 0 ? tail + 1 : 0);
    return (len / 3 + (tail > 0)) * 4;
}

size_t base64_encode(struct bytes data, unsigned flags, char *out)
{
    const char *alphabet = (flags & BASE64_URL) != 0 ? url : standard;
    const uint8_t *p = data.data;
    size_t left = data.len;
    char *o = out;

    for (; left >= 3; left -= 3, p += 3) {
        *o++ = alphabet[p[0] >> 2];
        *o++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *o++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *o++ = alphabet[p[2] & 63];
    }
    if (left > 0) {
        uint8_t second = left > 1 ? p[1] : 0;

        *o++ = alphabet[p[0] >> 2];
        *o++ = alphabet[(p[0] & 3) << 4 | second >> 4];
        if (left > 1)
            *o++ = alphabet[(second & 15) << 2];
        if ((flags & BASE64_NO_PAD) == 0) {
            *o++ = '=';
            if (left == 1)
                *o++ = '=';
        }
    }
    return (size_t)(o - out);
}

size_t base64_decoded_len_max(size_t len)
{
    return len / 4 * 3 + 3;
}

static int digit_value(uint8_t c, unsigned flags)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == ((flags & BASE64_URL) != 0 ? '-' : '+'))
        return 62;
    if (c == ((flags & BASE64_URL) != 0 ? '_' : '/'))
        return 63;
    return -1;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* What the text is made of, besides what it means. */
struct shape {
    size_t digits;
    size_t pads;
    uint32_t bits; /* the last digits, six bits each */
};

/* Digits, then padding; nothing else, but white space where that is forgiven. */
static int decode_digits(struct bytes text, unsigned flags, uint8_t **out, struct shape *shape)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        int value = digit_value(c, flags);

        if (value >= 0 && shape->pads == 0) {
            shape->bits = shape->bits << 6 | (uint32_t)value;
            if (++shape->digits % 4 == 0) {
                *(*out)++ = (uint8_t)(shape->bits >> 16);
                *(*out)++ = (uint8_t)(shape->bits >> 8);
                *(*out)++ = (uint8_t)shape->bits;
            }
        } else if (c == '=' && ++shape->pads <= 2) {
            continue;
        } else if ((flags & BASE64_FORGIVING) == 0 || !is_space(c)) {
            return BASE64_MALFORMED;
        }
    }
    return 0;
}

static bool padding_fits(const struct shape *shape, unsigned flags)
{
    size_t whole = shape->digits % 4 == 0 ? 0 : 4 - shape->digits % 4;

    if (shape->digits % 4 == 1)
        return false;
    if ((flags & BASE64_FORGIVING) != 0 && shape->pads == 0)
        return true;
    return shape->pads == ((flags & BASE64_NO_PAD) != 0 ? 0 : whole);
}

int base64_decode(struct bytes text, unsigned flags, uint8_t *out, size_t *out_len)
{
    struct shape shape = {0};
    uint8_t *o = out;
    unsigned spare_bits;

    if (decode_digits(text, flags, &o, &shape) != 0 || !padding_fits(&shape, flags))
        return BASE64_MALFORMED;

    spare_bits = shape.digits % 4 == 2 ? 4 : shape.digits % 4 == 3 ? 2 : 0;
    if ((flags & BASE64_FORGIVING) == 0 && (shape.bits & ((1U << spare_bits) - 1)) != 0)
        return BASE64_MALFORMED;
    if (spare_bits == 4) {
        *o++ = (uint8_t)(shape.bits >> 4);
    } else if (spare_bits == 2) {
        *o++ = (uint8_t)(shape.bits >> 10);
        *o++ = (uint8_t)(shape.bits >> 2);
    }
    *out_len = (size_t)(o - out);
    return 0;
}
