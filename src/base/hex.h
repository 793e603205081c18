#pragma once

/*
 * Hexadecimal, lower case out, either case in.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Writes 2 * len characters and no NUL. */
void hex_encode(struct bytes data, char *out);

#define HEX_UUID_TEXT 37

/* Random bytes as a UUID (RFC 9562, version 4), with hyphens and a NUL. */
void hex_encode_uuid(const uint8_t random[16], char text[HEX_UUID_TEXT]);

/* What hex_decode() can find out. */
enum hex_decode_result {
    HEX_MALFORMED = 1, /* odd length, or a character that is no hex digit */
};

/* Writes text.len / 2 bytes, possibly some of them before it finds that the text is malformed. */
int hex_decode(struct bytes text, uint8_t *out);

/* 0 to 15, or -1 for a character that is no hex digit. */
int hex_digit(char c);
