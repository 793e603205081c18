#pragma once

/*
 * OpenSSL's errors, as node:crypto words them
 */

#include "js/bind.h"

/* Throw the oldest error of the thread's queue, with `code` ("ERR_OSSL_…"), `library` and `reason`,
 * and empty the queue. Without one, an Error that says `otherwise`. Returns NULL. */
JSValueRef openssl_throw(struct js_call *call, const char *otherwise);

/* Empty the queue. */
void openssl_forget(void);
