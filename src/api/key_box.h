#pragma once

/*
 * Keys as scripts hold them: what the natives for keys have in common.
 */

#include "api/key.h"
#include "js/bind.h"
#include "js/box.h"

extern const struct js_box_type key_box;

/* Takes over the key. */
JSValueRef key_box_make(struct js_call *call, struct key *key);

/* [public, private] */
JSValueRef key_box_pair(struct js_call *call, struct key *public, struct key *private);
