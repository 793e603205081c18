#pragma once

/*
 * Ref
 *
 * A value that lives past the call that saw it, owned by the one struct it is embedded in. When
 * the realm goes first the ref is empty from then on, and nothing else happens. An all-zero
 * struct is an empty ref. Must not be moved while it holds something.
 */

#include "base/list.h"
#include "js/jsc.h"

struct js_realm;

struct js_ref {
    struct js_realm *realm; /* NULL while empty */
    JSValueRef value;
    struct list link; /* private: js_realm.refs */
};

/* Hold `value`; what was held before is let go. NULL just lets go. */
void js_ref_set(struct js_ref *ref, struct js_realm *realm, JSValueRef value);

/* Let go. Harmless on an empty one. */
void js_ref_fini(struct js_ref *ref);

/* NULL if empty, or not an object. */
JSObjectRef js_ref_object(const struct js_ref *ref);
