#pragma once

/*
 * Chunked transfer coding
 *
 * A decoder that eats input in pieces of any size and buffers nothing, and the few bytes an encoder
 * adds. Pure. Strict: a chunk's size is plain hex digits, lines end in CRLF, extensions are skipped
 * and trailers are checked and dropped, both bounded over the whole body by
 * LIMIT_HTTP_CHUNK_EXTRA_BYTES. A zeroed decoder stands at the start of a body.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct chunked_decoder {
    uint64_t left;  /* private: bytes left in the chunk, or the size read so far */
    uint32_t extra; /* private: bytes of extensions and trailers so far */
    uint8_t digits; /* private: of the size */
    uint8_t state;  /* private: enum in chunked.c */
};

/* What comes next in the input. */
enum chunked_result {
    CHUNKED_MORE = 1, /* the input is used up */
    CHUNKED_DATA,     /* `data` is a piece of the body, a slice of the input */
    CHUNKED_END,      /* the body is complete; `input` stands behind it */
    CHUNKED_BROKEN,   /* not chunked coding, or beyond a bound; stays so */
};

/* Takes what it understands off the front of `input`. */
int chunked_decode(struct chunked_decoder *decoder, struct bytes *input, struct bytes *data);

/* The longest line chunked_head() writes. */
#define CHUNKED_HEAD_MAX 20

/* Write the line that goes before `size` > 0 bytes of data; returns its length. CRLF follows the
 * data, and CHUNKED_LAST the last chunk. */
size_t chunked_head(char line[CHUNKED_HEAD_MAX], size_t size);

#define CHUNKED_LAST "0\r\n\r\n"
