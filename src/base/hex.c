#include "base/hex.h"

#include <string.h>

void hex_encode(struct bytes data, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < data.len; i++) {
        *out++ = digits[data.data[i] >> 4];
        *out++ = digits[data.data[i] & 15];
    }
}

void hex_encode_uuid(const uint8_t random[16], char text[HEX_UUID_TEXT])
{
    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    uint8_t bytes[16];
    size_t from = 0;

    memcpy(bytes, random, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof groups; i++) {
        hex_encode(bytes_of(bytes + from, groups[i]), text);
        text += groups[i] * 2;
        from += groups[i];
        *text++ = i + 1 < sizeof groups ? '-' : '\0';
    }
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(struct bytes text, uint8_t *out)
{
    if (text.len % 2 != 0)
        return HEX_MALFORMED;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit((char)text.data[i]);
        int low = hex_digit((char)text.data[i + 1]);

        if (high < 0 || low < 0)
            return HEX_MALFORMED;
        *out++ = (uint8_t)(high << 4 | low);
    }
    return 0;
}
