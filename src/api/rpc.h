#pragma once

/*
 * Remote references
 *
 * What one context hands to another without copying it (platform.md §2.4). A target is a function
 * or an object of its owner, the context that handed it out; an import is the right of another
 * context to call it; a cargo is targets and pipes on their way, beside the bytes of a call or of
 * its result.
 *
 * Everybody who may still call a target counts in it: imports, cargoes, calls under way. While
 * anybody does, it keeps its owner's instance in memory. When nobody does any more, its owner hears
 * of it on its own shard. When the owner ends first, the target is over: calls of it fail, and the
 * references that are left lead nowhere.
 *
 * Counting is for any thread; everything else of a target belongs to its owner's shard, and an
 * import to that of its context.
 */

#include <stddef.h>

#include "api/context.h"

struct cargo;
struct delivery;
struct event;
struct event_result;
struct rpc_target;
struct rpc_visit;

/* The target that a box holds, as a new reference: NULL, thrown: it is none, disposed, or another
 * context's. */
struct rpc_target *rpc_target_arg(struct js_call *call, struct context *context, size_t i);
void rpc_target_unref(struct rpc_target *target);

/* The array of boxes in argument `i`, which keep what is theirs; nothing given: NULL in *cargo.
 * False: thrown. */
bool rpc_cargo_arg(struct js_call *call, struct context *context, size_t i, struct cargo **cargo);

/* What `cargo` has as an array of boxes of `context`, to which it belongs from then on, null for
 * what would be one import too many; undefined for nothing. `cargo` may be NULL. */
JSValueRef rpc_cargo_value(struct context *context, struct cargo *cargo);

/* Calls the target: takes both over, a call's event and the reference. Not in a turn of another
 * object than the sender's. reply() of the event comes as after shard_send(). */
void rpc_send(struct shard *sender, struct rpc_target *target, struct event *event);

/* What a call that arrived is for; undefined: for the object as such. NULL: it is over. */
JSValueRef rpc_callee(struct js_realm *realm, const struct event *event);

/* A call of a target of a request's context has its result (which it takes over). */
void rpc_visit_finish(struct rpc_visit *visit, struct event_result *result);

/* The context ends: its targets are over already, its imports and calls under way end here. */
void rpc_context_end(struct context *context);
