#pragma once

/*
 * Parts of the engine, for the files of this folder only.
 */

#include <glib.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/list.h"
#include "js/engine.h"
#include "js/realm.h"

enum {
    JS_NAMES_BITS = 10,
    JS_NAMES_MAX = 1 << JS_NAMES_BITS,
    JS_SCRIPTS_MAX = 24, /* the prelude, and what js_builtin_…() has */
};

struct js_box;

/* One place of the name table: direct-mapped by the literal's address, the newer one wins. */
struct js_engine_name {
    const char *literal; /* borrowed: a string literal */
    JSStringRef string;  /* owned */
};

/* A script that is part of the program, parsed once for all realms: a few hundred kilobytes of text
 * take ten milliseconds, and its functions are compiled once, too. */
struct js_engine_script {
    const uint8_t *text; /* borrowed: never freed */
    JSScriptRef script;  /* owned */
};

/* Boxes whose wrappers were collected. Any thread pushes, the engine's own buries. */
struct js_graveyard {
    _Atomic(struct js_box *) top;
    JSClassRef class; /* of the wrappers */
};

struct js_engine {
    JSContextGroupRef group;
    GMainContext *main_context;
    struct list realms;      /* js_realm.link */
    struct js_realm *inside; /* entered; NULL between entries */
    void *current;           /* who entered */
    js_turn_fn *turn_run;    /* what the next call of js_realm.turn runs before the microtasks */
    void *turn_data;
    bool drained; /* the last one came to them */
    js_limit_fn *limit_ask;
    void *limit_data;
    double limit_seconds; /* 0: none */
    bool stop_asked;      /* by js_engine_stop(), for this entry */
    uint64_t stops;
    bool stop_pending; /* the machine may still hold the exception of a stop */
    struct js_graveyard graveyard;
    struct js_engine_script scripts[JS_SCRIPTS_MAX];
    struct js_engine_name names[JS_NAMES_MAX];
};

/* Borrowed from the engine; NULL if it does not parse. */
JSScriptRef js_engine_script(struct js_engine *engine, struct bytes ascii, const char *file);

/* After an outermost call. True if a script was ended in it. */
bool js_engine_absorb_stop(struct js_engine *engine);

void js_graveyard_init(struct js_graveyard *graveyard);

/* After the machine is gone. */
void js_graveyard_fini(struct js_graveyard *graveyard);
bool js_graveyard_is_empty(const struct js_graveyard *graveyard);

/* Returns how many. */
unsigned js_graveyard_bury(struct js_graveyard *graveyard);
