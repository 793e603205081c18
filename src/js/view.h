#pragma once

/*
 * View
 *
 * The bytes behind an ArrayBuffer, a typed array or a DataView, and new ones made of ours. A
 * slice points into the script's memory: it is good until JavaScript runs again. What is
 * detached, or out of bounds after a resize, is empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "js/jsc.h"

struct buf;
struct js_realm;

/* False if the value is neither buffer nor view. */
bool js_view_bytes(struct js_realm *realm, JSValueRef value, struct bytes *out);

/* The same, to write into. */
bool js_view_memory(struct js_realm *realm, JSValueRef value, uint8_t **out, size_t *len);

/* A copy of the bytes, as an ArrayBuffer or a Uint8Array over one. Never NULL. */
JSValueRef js_buffer_copy(struct js_realm *realm, struct bytes bytes);
JSValueRef js_bytes_copy(struct js_realm *realm, struct bytes bytes);

/* A Uint8Array of `len` bytes to be filled at `*memory` before JavaScript runs. */
JSValueRef js_bytes_make(struct js_realm *realm, size_t len, uint8_t **memory);

/* Takes over memory from mem_alloc(); for more than a page this is cheaper than a copy. */
JSValueRef js_buffer_take(struct js_realm *realm, void *data, size_t len);
JSValueRef js_bytes_take(struct js_realm *realm, void *data, size_t len);

/* Takes over what is in the buffer and leaves it empty; copies when it is short. */
JSValueRef js_buffer_take_buf(struct js_realm *realm, struct buf *buf);
JSValueRef js_bytes_take_buf(struct js_realm *realm, struct buf *buf);
