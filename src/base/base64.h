#pragma once

/*
 * Base64
 *
 * RFC 4648, the standard and the URL alphabet. Strict decoding takes exactly what an encoder
 * writes; forgiving decoding is the "forgiving-base64 decode" of WHATWG Infra, as atob() needs.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum base64_flags {
    BASE64_STANDARD = 0,
    BASE64_URL = 1,       /* - and _ instead of + and / */
    BASE64_NO_PAD = 2,    /* write no =; when decoding strictly, accept none */
    BASE64_FORGIVING = 4, /* decoding: skip ASCII white space, padding may be left out, spare bits
                             may be anything */
};

/* Room base64_encode() needs, exactly. */
size_t base64_encoded_len(size_t len, unsigned flags);

/* Writes no NUL. Returns the number of characters. */
size_t base64_encode(struct bytes data, unsigned flags, char *out);

/* Room base64_decode() needs, at most. */
size_t base64_decoded_len_max(size_t len);

/* What base64_decode() can find out. */
enum base64_decode_result {
    BASE64_MALFORMED = 1,
};

int base64_decode(struct bytes text, unsigned flags, uint8_t *out, size_t *out_len);
