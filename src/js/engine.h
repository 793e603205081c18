#pragma once

/*
 * Engine
 *
 * One JavaScript virtual machine, the heap that its realms share, and the thread it belongs to.
 * A shard has one. Everything in src/js is used on that thread only, except where a header says
 * otherwise.
 *
 * The machine does some of its work (asynchronous WebAssembly, FinalizationRegistry, timed
 * collections) on a GLib main context, which the engine makes the thread's default. The owner's
 * loop waits for what js_engine_timeout() names and then calls js_engine_poll().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "js/jsc.h"

struct js_engine;

/* Makes the machine for the calling thread, which has none yet. Never NULL. */
struct js_engine *js_engine_create(void);

/* After its realms. Collects everything and buries it. NULL is allowed. */
void js_engine_destroy(struct js_engine *engine);

/* The calling thread's engine, or NULL. */
struct js_engine *js_engine_here(void);

/* Do what the machine has put off, without blocking, and bury what was collected. Returns how
 * many things were done. Call it from the loop, outside of js_enter(). */
unsigned js_engine_poll(struct js_engine *engine);

/* How many milliseconds from now js_engine_poll() has something to do: 0 now, -1 not before
 * something makes `*fd` readable. */
int js_engine_timeout(struct js_engine *engine, int *fd);

/* Asked when the time is used up: true ends the script, false grants it as much
 * again. Runs on the engine's thread in the middle of a script: it must not call JavaScript. */
typedef bool js_limit_fn(struct js_engine *engine, void *data);

/* From now on each js_turn(), each call outside of one, and the microtasks of js_leave() together
 * may use `seconds` of processor time. `ask` may be NULL: then time is simply up. A script that is
 * ended throws an exception that it cannot catch, and the machine lives on. The limit costs about
 * half a microsecond per turn; it does not see a regular expression that is still matching. */
void js_engine_set_limit(struct js_engine *engine, double seconds, js_limit_fn *ask, void *data);
void js_engine_clear_limit(struct js_engine *engine);

/* End the script that is running, as if its time were up: it goes on to its next loop or call and
 * not beyond, so whoever asks returns to a loop of ours in js/. Microtasks of this entry that are
 * due already may still begin; natives must not count on their not being called. */
void js_engine_stop(struct js_engine *engine);

/* How many scripts were ended so far. */
uint64_t js_engine_stops(const struct js_engine *engine);

struct js_memory {
    uint64_t heap_bytes;     /* in live cells, as of the last collection, and since */
    uint64_t capacity_bytes; /* taken from the system */
    uint64_t extra_bytes;    /* outside the heap, hanging on cells: buffers, strings */
    uint64_t objects;
    uint64_t protected_objects; /* held by C */
    uint64_t realms;
};

/* Walks the heap: for the admin page, not for every turn. All zero if there is no realm. */
void js_engine_memory(struct js_engine *engine, struct js_memory *out);

/* Suggest a collection soon; or do one now, which only tests and memory pressure justify. */
void js_engine_collect(struct js_engine *engine);
void js_engine_collect_now(struct js_engine *engine);

/* The string for a property name, made once per engine. Borrowed from the engine. `literal` must
 * be a string literal (its address is the key): use the macro, which sees to that. */
JSStringRef js_engine_name(struct js_engine *engine, const char *literal);
#define JS_NAME(engine, literal) js_engine_name((engine), "" literal)
