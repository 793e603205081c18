#pragma once

/*
 * Realm
 *
 * A global object with its own intrinsics: one per deployed version on each shard. What C needs
 * of the intrinsics is captured before any script runs, so that no script can replace it.
 *
 * The loop enters a realm for somebody (an object, a Worker's request), calls what it wants, and
 * leaves; leaving runs the microtasks. In between js_current() says for whom. Natives that start
 * I/O ask it, and enter again for the same somebody when the answer comes.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "js/jsc.h"

struct js_engine;
struct js_error;
struct js_realm;

/* A rejected promise that nobody handles, reported when the microtasks have run; current is still
 * set. It may call JavaScript. */
typedef void js_rejection_fn(struct js_realm *realm, JSValueRef promise, JSValueRef reason);

/* A short string that was made lately (js_word()). */
struct js_word {
    char text[24];
    JSValueRef value; /* protected; NULL: none */
};

struct js_realm {
    JSGlobalContextRef ctx;
    struct js_engine *engine; /* borrowed: outlives us */
    void *data;               /* the owner's, for natives */
    JSValueRef undefined;
    JSValueRef null;
    JSValueRef yes;
    JSValueRef no;

    struct list link;       /* private from here on: js_engine.realms */
    struct list refs;       /* js_ref.link */
    struct map_u64 watches; /* js_promise_watch() */
    uint64_t watches_made;
    js_rejection_fn *rejected;
    JSObjectRef turn;           /* protected: what an entry runs */
    JSObjectRef intrinsics[10]; /* protected; realm_parts.h */
    struct js_word words[32];
};

/* Never NULL. `data` is found again as realm->data. */
struct js_realm *js_realm_create(struct js_engine *engine, void *data);

/* Lets go of everything that C still holds in it (js_ref, js_deferred); those stay valid and
 * empty. Not while it is entered. NULL is allowed. */
void js_realm_destroy(struct js_realm *realm);

/* Whose context this is. Never NULL for a context of ours. */
struct js_realm *js_realm_of(JSContextRef ctx);

/* NULL to ignore them again. */
void js_realm_on_rejection(struct js_realm *realm, js_rejection_fn *rejected);

/* Allow or refuse eval() and new Function(); allowed at first. */
void js_realm_allow_eval(struct js_realm *realm, bool allowed);

/* Run a script. NULL if it threw or does not parse; then `err` says why. `err` may be NULL. */
JSValueRef js_realm_evaluate(struct js_realm *realm, struct bytes utf8, const char *file, int line,
                             struct js_error *err);

/* The same for ASCII text that is part of the program: it is used in place, and parsed once for all
 * realms of the engine. */
JSValueRef js_realm_evaluate_static(struct js_realm *realm, struct bytes ascii, const char *file,
                                    struct js_error *err);

/* Enter for `current`. The engine must not be entered; it is not counted. */
void js_enter(struct js_realm *realm, void *current);

/* Run the microtasks, then leave. False if the time limit cut them short. */
bool js_leave(struct js_realm *realm);

/* Enter for `current`, call `run`, run the microtasks, and leave. The machine sees one entry, which
 * is half of what js_enter(), a call and js_leave() cost, and has one time limit. False if that cut
 * it short. */
typedef void js_turn_fn(struct js_realm *realm, void *data);
bool js_turn(struct js_realm *realm, void *current, js_turn_fn *run, void *data);

/* Who entered; NULL between entries and when the machine calls by itself. */
void *js_current(const struct js_realm *realm);

/* Between js_enter() and js_leave()? */
bool js_inside(const struct js_realm *realm);

/* Call a function; `self` NULL means undefined. NULL if it threw; then `err` (NULL allowed) says
 * what. Outside of js_enter() its microtasks have run when this returns. */
JSValueRef js_call(struct js_realm *realm, JSObjectRef function, JSObjectRef self, size_t argc,
                   const JSValueRef argv[], struct js_error *err);

/* The same for `new function(…)`. */
JSObjectRef js_construct(struct js_realm *realm, JSObjectRef function, size_t argc,
                         const JSValueRef argv[], struct js_error *err);

enum js_error_class {
    JS_ERROR,
    JS_TYPE_ERROR,
    JS_RANGE_ERROR,
    JS_SYNTAX_ERROR,
};

/* A new exception object. Never NULL. */
JSObjectRef js_error_make(struct js_realm *realm, enum js_error_class class, const char *message);
