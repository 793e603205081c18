#pragma once

/*
 * UTF-8
 *
 * Validation, whole or in pieces, and the way to and from the UTF-16 and Latin-1 that
 * JavaScript strings are made of. Well-formed means Unicode table 3-7: no surrogates, nothing
 * above U+10FFFF, no overlong forms. All loops take ASCII eight bytes at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Kept between the fragments of one WebSocket message; all zero at its start. */
struct utf8_check {
    uint8_t need; /* private: continuation bytes still to come */
    uint8_t low;  /* private: bounds of the next one */
    uint8_t high;
};

/* False as soon as a byte cannot be part of well-formed text; the check is then of no more use. */
bool utf8_check_feed(struct utf8_check *check, struct bytes data);

/* At the end of the message: false if a character is cut off. */
bool utf8_check_end(const struct utf8_check *check);

bool utf8_valid(struct bytes text);
bool utf8_is_ascii(struct bytes text);

/* Length of the longest prefix that is well-formed. */
size_t utf8_valid_prefix(struct bytes text);

/* How many bytes at the end begin a character that later bytes could complete: 0 to 3. A stream
 * decoder holds those back. */
size_t utf8_tail(struct bytes text);

/* Code points in well-formed text. */
size_t utf8_count(struct bytes text);

/* UTF-16 units that utf8_to_utf16() would write. */
size_t utf8_utf16_len(struct bytes text);

/* Decode as WHATWG Encoding says: each maximal ill-formed part becomes one U+FFFD. Returns the
 * number of units written, at most text.len. */
size_t utf8_to_utf16(struct bytes text, uint16_t *out);

/* Bytes that utf8_from_utf16() would write; at most 3 a unit. */
size_t utf8_len_of_utf16(const uint16_t *units, size_t count);

/* Encode; a surrogate without its other half becomes U+FFFD. Returns the bytes written. */
size_t utf8_from_utf16(const uint16_t *units, size_t count, uint8_t *out);

/* Encode, and keep a surrogate without its other half as the three bytes that its number would take
 * (WTF-8): not well-formed, but different texts stay different. */
size_t utf8_from_utf16_keep_halves(const uint16_t *units, size_t count, uint8_t *out);

/* Encode as much as fits into `cap` bytes without cutting a character (TextEncoder.encodeInto).
 * `*read` is the number of units used. Returns the bytes written. */
size_t utf8_from_utf16_into(const uint16_t *units, size_t count, uint8_t *out, size_t cap,
                            size_t *read);

/* Bytes above 0x7f become two. At most 2 a byte. */
size_t utf8_len_of_latin1(struct bytes latin1);
size_t utf8_from_latin1(struct bytes latin1, uint8_t *out);

/* One code point, 1 to 4 bytes; it must not be a surrogate. Returns the bytes written. */
size_t utf8_put(uint32_t code_point, uint8_t out[4]);
