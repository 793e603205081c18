#pragma once

/*
 * Parts of a realm, for the files of this folder only: what was captured before any script ran.
 */

#include "js/realm.h"

enum js_intrinsic {
    JS_INTRINSIC_ERROR, /* the four in the order of enum js_error_class */
    JS_INTRINSIC_TYPE_ERROR,
    JS_INTRINSIC_RANGE_ERROR,
    JS_INTRINSIC_SYNTAX_ERROR,
    JS_INTRINSIC_IS_VIEW,    /* (value) -> boolean */
    JS_INTRINSIC_VIEW_PLACE, /* (view) -> [buffer, byteOffset, byteLength] */
    JS_INTRINSIC_RESOLVED,   /* (value) -> Promise */
    JS_INTRINSIC_REJECTED,   /* (reason) -> Promise */
    JS_INTRINSIC_WATCH,      /* (value, id): js_promise_settled() later */
    JS_INTRINSICS,
};

/* Called by what JS_INTRINSIC_WATCH made. */
void js_promise_settled(struct js_realm *realm, uint64_t id, JSValueRef value, bool failed);

/* Forgets all watches. */
void js_promise_forget(struct js_realm *realm);
