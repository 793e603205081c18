#pragma once

/*
 * Bodies
 *
 * Ends of pipes (actor/pipe.h) in JavaScript's hands: a box that reads what native code writes, or
 * writes what native code reads. Own thread.
 */

#include "js/bind.h"

struct context;
struct pipe;

/* A box that reads `pipe`, whose reference it takes over. Never NULL. */
JSValueRef body_reader_box(struct js_realm *realm, struct pipe *pipe);

/* The pipe whose other end goes to native code: of a writer box a new reference, of a reader box
 * that nobody has read from the box's own. NULL: thrown. */
struct pipe *body_take_pipe(struct js_call *call, size_t i);

/* What the context's script was writing is cut off: it will write no more. */
void body_context_end(struct context *context);
