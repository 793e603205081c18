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

/*
 * What a character stands for, with ONLY_STANDARD or ONLY_URL where one alphabet has it; a
 * character of neither has both. One character counts if the bit of the other alphabet is not set.
 */
enum {
    ONLY_STANDARD = 0x40,
    ONLY_URL = 0x80,
};

/* clang-format off */
static const uint8_t digits[256] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7e, 0xff, 0xbe, 0xff, 0x7f,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
    0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0xff, 0xff, 0xff, 0xff, 0xbf,
    0xff, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* clang-format on */

static uint8_t other_alphabet(unsigned flags)
{
    return (flags & BASE64_URL) != 0 ? ONLY_STANDARD : ONLY_URL;
}

/* Groups of four digits from the start, as many as there are. Returns the characters used. */
static size_t decode_groups(struct bytes text, unsigned flags, uint8_t **out)
{
    uint8_t other = other_alphabet(flags);
    uint8_t *o = *out;
    size_t i = 0;

    for (; i + 4 <= text.len; i += 4) {
        uint8_t a = digits[text.data[i]];
        uint8_t b = digits[text.data[i + 1]];
        uint8_t c = digits[text.data[i + 2]];
        uint8_t d = digits[text.data[i + 3]];

        if (((a | b | c | d) & other) != 0)
            break;
        *o++ = (uint8_t)(a << 2 | (b & 0x3f) >> 4);
        *o++ = (uint8_t)(b << 4 | (c & 0x3f) >> 2);
        *o++ = (uint8_t)(c << 6 | (d & 0x3f));
    }
    *out = o;
    return i;
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
    uint8_t other = other_alphabet(flags);
    size_t i = decode_groups(text, flags, out);

    for (shape->digits = i; i < text.len; i++) {
        uint8_t c = text.data[i];

        if ((digits[c] & other) == 0 && shape->pads == 0) {
            shape->bits = shape->bits << 6 | (digits[c] & 0x3fU);
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
