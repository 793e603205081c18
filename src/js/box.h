#pragma once

/*
 * Box
 *
 * Where a wrapper and its native side meet. JavaScript holds an opaque object, C a pointer, and
 * either may go first: when the native side leaves, the box is empty and whoever opens it learns
 * so; when the wrapper is collected, the box goes to the engine's graveyard.
 *
 * The collector finalises on any thread and must not be called back. So the finalizer only pushes
 * the box on a lock-free stack, and the owner's loop buries what lies there: js_engine_poll()
 * does it, calling `bury` for boxes that are not empty.
 */

#include <stddef.h>

#include "js/jsc.h"

struct js_box;
struct js_realm;

/* Static, one per kind of native object; its address is its identity. */
struct js_box_type {
    const char *name;
    void (*bury)(void *self); /* the wrapper is gone; NULL if nobody cares. Owner's thread */
};

/* A wrapper for `self`, which is not NULL. `*box` (if asked for) is good until js_box_empty() or
 * `bury`. */
JSObjectRef js_box_make(struct js_realm *realm, const struct js_box_type *type, void *self,
                        struct js_box **box);

/* As above for natives with that many bytes behind them, so that the collector hurries. */
JSObjectRef js_box_make_heavy(struct js_realm *realm, const struct js_box_type *type, void *self,
                              size_t size_bytes);

/* NULL if the value is no box of this type, or an empty one. Never throws. */
void *js_box_open(struct js_realm *realm, JSValueRef value, const struct js_box_type *type);

/* The native side leaves: `bury` will not be called. Harmless if it did before. */
void js_box_empty(struct js_box *box);
