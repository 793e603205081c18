#pragma once

/*
 * Charset
 *
 * The legacy encodings of the Encoding Standard, as TextDecoder needs them: from bytes, in pieces,
 * to UTF-16. Single-byte encodings come from the standard's own tables, the multi-byte ones of
 * Asia from ICU's converters. Pure; a decoder belongs to one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct buf;
struct charset;
struct charset_decoder;

/* By label ("Latin1", " UTF8 ") as the standard looks them up; NULL if there is none. */
const struct charset *charset_find(struct bytes label);

/* Lower case. Static. */
const char *charset_name(const struct charset *charset);

/* `keep_bom`: a byte order mark is content. `fatal`: what is not well-formed is an error instead of
 * U+FFFD. Never NULL. Free with charset_decoder_destroy(). */
struct charset_decoder *charset_decoder_create(const struct charset *charset, bool fatal,
                                               bool keep_bom);
void charset_decoder_destroy(struct charset_decoder *decoder);

/* What charset_decode() can find out. */
enum charset_decode_result {
    CHARSET_MALFORMED = 1, /* only if `fatal`; the decoder is as new */
};

/* Appends UTF-16 units in the machine's order to `out`. `flush` ends the text: what is incomplete
 * is malformed, and the decoder is as new. */
int charset_decode(struct charset_decoder *decoder, struct bytes data, bool flush, struct buf *out);
