#pragma once

/*
 * Text
 *
 * A JavaScript string as UTF-8 in C: short ones in place, long ones allocated. Halves of
 * surrogate pairs become U+FFFD, except for js_text_of_stored(). `data` has a NUL behind it, and
 * may contain some.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "js/jsc.h"

struct buf;
struct js_realm;

enum {
    JS_TEXT_SPACE = 256,
};

struct js_text {
    char *data; /* `space`, or owned */
    size_t len;
    char space[JS_TEXT_SPACE];
};

/* Takes any string; free with js_text_fini(). Must not be moved. */
void js_text_init(struct js_text *text, JSStringRef string);

/* The value as String(value) makes it. False if that threw; then there is nothing to free. */
bool js_text_of(struct js_text *text, struct js_realm *realm, JSValueRef value,
                JSValueRef *exception);

/* The same for what is stored: halves stay apart from each other, as V8 writes them (WTF-8). */
bool js_text_of_stored(struct js_text *text, struct js_realm *realm, JSValueRef value,
                       JSValueRef *exception);

void js_text_fini(struct js_text *text);

static inline struct bytes js_text_bytes(const struct js_text *text)
{
    return bytes_of(text->data, text->len);
}

/* The same at the end of a buffer; false if it threw. */
bool js_text_append(struct buf *out, struct js_realm *realm, JSValueRef value,
                    JSValueRef *exception);

/* The same as a new C string (mem_free()); NULL if it threw. */
char *js_text_dup(struct js_realm *realm, JSValueRef value, JSValueRef *exception);
