#pragma once

/*
 * Error
 *
 * What a script threw, taken apart for C. Taking it apart never throws: what cannot be read is
 * left empty. Anything can be thrown; `message` is then the value as text.
 *
 * An all-zero struct is no error. Functions that take a `struct js_error *` fill it on failure,
 * whatever it held before, and leave it alone on success; NULL means nobody asks.
 */

#include <stdbool.h>

#include "js/ref.h"

struct buf;
struct js_realm;

struct js_error {
    char *name;          /* owned, never NULL once filled; "" if it has none */
    char *message;       /* owned, never NULL once filled */
    char *stack;         /* owned, never NULL once filled; as the engine writes it */
    char *file;          /* owned, never NULL once filled; "" if unknown */
    int line;            /* 0 if unknown */
    bool stopped;        /* it was ended, by the time limit or…; `value` then says nothing */
    bool asked;          /* …by js_engine_stop() */
    struct js_ref value; /* what was thrown */
};

/* Take `thrown` apart. */
void js_error_capture(struct js_error *error, struct js_realm *realm, JSValueRef thrown);

/* Empty again. Harmless if it never held anything. */
void js_error_fini(struct js_error *error);

/* "TypeError: message" and the stack, one frame a line, as V8 writes them. */
void js_error_format(const struct js_error *error, struct buf *out);
