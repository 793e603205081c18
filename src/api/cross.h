#pragma once

/*
 * Values that cross
 *
 * Headers, bodies and failures between JavaScript and actor/. Own thread.
 */

#include "js/bind.h"

struct blob;
struct failure;
struct fetch_body;
struct js_error;
struct worker;

/* Headers: one string of LF-joined fields in JavaScript, NUL-ended fields in C (actor/fetch.h). */
JSValueRef cross_headers(struct js_realm *realm, const struct blob *headers);
bool cross_headers_from(struct js_call *call, size_t i, struct blob **headers);
/* A body as js/ takes it: null, Uint8Array or pipe box. Takes what it uses out of `body`. */
JSValueRef cross_body(struct js_realm *realm, struct fetch_body *body);
/* A body as js/ gives it: `kind` and value in arguments i and i + 1. False: thrown. */
bool cross_body_from(struct js_call *call, size_t i, struct fetch_body *body);
/* name, message, flags, value in an array; extra flags are added. */
JSValueRef cross_failure(struct js_realm *realm, const struct failure *failure, unsigned flags);
/* The same as an error object. Never NULL. */
JSValueRef cross_error(struct worker *worker, const struct failure *failure, unsigned flags);
/* The failure in arguments i…: name, message, stack, flags, bytes. NULL: thrown. */
struct failure *cross_failure_from(struct js_call *call, size_t i);
/* The failure for what a script threw. Never NULL. */
struct failure *cross_thrown(struct worker *worker, const struct js_error *error, unsigned flags);
/* What was thrown, as the log shows it, with the lines of the user's sources. Appends. */
void worker_describe_thrown(struct worker *worker, const struct js_error *error, struct buf *text);
/* Log an error of a script that nobody will see otherwise. */
void worker_log_thrown(struct worker *worker, const struct js_error *error);
