#pragma once

/*
 * Promise
 *
 * A promise that C settles later. Settling frees it; so does dropping it, which leaves the
 * promise pending for ever. If the realm goes first, settling does nothing but free.
 *
 * Settle inside js_enter(), so that what follows from it runs for the right somebody.
 */

#include "js/ref.h"

struct js_deferred;
struct js_error;
struct js_realm;

/* Never NULL. `*promise` is what to hand to JavaScript. */
struct js_deferred *js_deferred_create(struct js_realm *realm, JSValueRef *promise);

/* NULL means undefined. */
void js_deferred_resolve(struct js_deferred *deferred, JSValueRef value);
void js_deferred_reject(struct js_deferred *deferred, JSValueRef reason);

/* Reject with a new Error. */
void js_deferred_reject_text(struct js_deferred *deferred, const char *message);

void js_deferred_drop(struct js_deferred *deferred);

/* Where it will be settled; NULL if that is gone. */
struct js_realm *js_deferred_realm(const struct js_deferred *deferred);

/* Promises that are settled already. Never NULL. */
JSValueRef js_promise_resolved(struct js_realm *realm, JSValueRef value);
JSValueRef js_promise_rejected(struct js_realm *realm, JSValueRef reason);

/* Called once, when what it waits for settles; `error` is NULL when it is fulfilled. */
typedef void js_settled_fn(struct js_realm *realm, void *data, JSValueRef value, JSValueRef error);

/* Call back when `value`, if it is a promise or thenable, settles; at the next microtask if it is
 * anything else. The callback runs as a microtask, once, unless the promise never settles or the
 * realm goes; `data` must live until then. */
void js_promise_watch(struct js_realm *realm, JSValueRef value, js_settled_fn *settled, void *data);
