#pragma once

/*
 * Builtin
 *
 * The JavaScript half of the platform, bundled from js/ and compiled into the program as text by
 * tools/embed.mjs. Each script is a function of (natives, options) that returns its exports.
 */

#include <stddef.h>

#include "js/jsc.h"

struct js_engine;
struct js_error;
struct js_realm;

struct js_builtin {
    const char *file; /* how stack traces call it */
    const char *text; /* ASCII */
    size_t len;
};

extern const struct js_builtin js_builtin_js;     /* js/main.js: the platform's API */
extern const struct js_builtin js_builtin_config; /* js/config_main.js: reads project settings */

/* Parts of the platform that are evaluated on demand (js/late.js). */
extern const struct js_builtin js_builtin_cf_assets;
extern const struct js_builtin js_builtin_cf_kv;
extern const struct js_builtin js_builtin_cf_rpc;
extern const struct js_builtin js_builtin_cf_scheduled;
extern const struct js_builtin js_builtin_crypto_algorithms;
extern const struct js_builtin js_builtin_cf_sockets;
extern const struct js_builtin js_builtin_html_rewriter;
extern const struct js_builtin js_builtin_inspect;
extern const struct js_builtin js_builtin_node;
extern const struct js_builtin js_builtin_node_crypto;
extern const struct js_builtin js_builtin_seldom;
extern const struct js_builtin js_builtin_serialize;
extern const struct js_builtin js_builtin_source_map;
extern const struct js_builtin js_builtin_streams;
extern const struct js_builtin js_builtin_urlpattern;

/* Read it ahead of js_builtin_run(), which then takes less time. */
void js_builtin_read(struct js_engine *engine, const struct js_builtin *builtin);

/* Run it in a realm that has not run anything else. `options` may be NULL. Returns what it exports,
 * an object, or NULL; then `err` says why. */
JSObjectRef js_builtin_run(struct js_realm *realm, const struct js_builtin *builtin,
                           JSObjectRef natives, JSObjectRef options, struct js_error *err);

/* The native by which the platform's API evaluates its later scripts, builtin_late(name, natives,
 * shared). */
void js_builtin_install(struct js_realm *realm, JSObjectRef natives);
