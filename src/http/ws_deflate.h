#pragma once

/*
 * permessage-deflate (RFC 7692), without context takeover
 *
 * Every message is compressed for itself, so a connection carries no compression state between
 * messages and can sleep or move at any time. Pure.
 */

#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"

/* Messages shorter than this are sent as they are. */
#define WS_DEFLATE_MIN 256

/* Append the compressed payload of one message to `out`. */
void ws_deflate_compress(struct bytes message, struct buf *out);

/* What decompressing can find. */
enum ws_deflate_result {
    WS_DEFLATE_TOO_LONG = 1, /* more than `bytes_max` would come out */
    WS_DEFLATE_BROKEN,       /* not deflate data */
};

/* Append the message to `out`. Memory grows with what comes out, never with what is promised. */
int ws_deflate_inflate(struct bytes payload, size_t bytes_max, struct buf *out);
