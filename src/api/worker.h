#pragma once

/*
 * Worker
 *
 * One version of a project's code, evaluated in a realm of its own on one shard: the stateless
 * Worker, and the classes of its objects as struct class for actor/. A deploy makes a new one
 * beside the old; the old one lives until the last request and the last instance of it are gone.
 *
 * Own thread of the shard.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct assets;
struct class;
struct err_text;
struct event_result;
struct fetch_request;
struct js_engine;
struct loop;
struct namespace;
struct shard;
struct socket_far;
struct worker;
struct ws_connection;

/* What all Workers of a process share: borrowed, outlives them. */
struct worker_bundle {
    struct bytes script;     /* esbuild's CommonJS output, UTF-8 */
    const char *path;        /* its file: name of stack frames; modules beside it are require()d */
    struct bytes source_map; /* JSON; data NULL: none */
    /* Settings as JSON: {"name", "compatibilityDate", "compatibilityFlags": [],
     *  "bindings": [{"name", "type", …}]} with types
     *    durable_object_namespace {"namespace": index into `namespaces`, "className"}
     *    kv_namespace {"namespace"}: one of the bundle's own class
     *    assets {}: the static files, with "assets": {"html", "notFound", "workerFirst"} beside
     *    plain_text {"text"} · secret_text {"text"} · json {"json"}
     *    unsupported {"what"}: touching it throws an error that names it */
    struct bytes settings;
    struct namespace *const *namespaces;
    const bool
        *namespace_bound; /* one each: a binding names it, so that its class must be exported;
                                  * NULL: all are */
    size_t namespace_count;
    struct assets *assets; /* static files (api/assets.h); NULL: none */
};

/* A connection that a script opened to somewhere else is to carry the end that `far` leads to.
 * Takes both over. */
typedef void worker_couple_fn(void *data, struct ws_connection *ws, struct socket_far *far);

struct worker_options {
    struct bytes settings;    /* the bundle's; needed during the call only */
    struct js_engine *engine; /* borrowed */
    struct shard *shard;      /* borrowed */
    struct loop *loop;        /* borrowed: outgoing requests */
    worker_couple_fn *couple; /* the server's wires */
    void *couple_data;
    int64_t cpu_limit_ms; /* one entry into JavaScript may run this long; 0: no limit */
};

enum worker_create_result {
    WORKER_CREATE_THREW = 1, /* the script threw, or a class is missing: `why` says where */
};

/* The platform's half, which knows the settings only: the bundle may still be in the making. */
int worker_create(struct worker **out, const struct worker_options *options, struct err_text *why);

/* The project's half, once; a Worker whose load failed is good for worker_retire() only. */
int worker_load(struct worker *worker, const struct worker_bundle *bundle, struct err_text *why);

/* Its classes are in use: plans the cron triggers, if it has any. On one shard of a process. */
void worker_start_crons(struct worker *worker);

/* No more requests come; freed when the last is done and no class of it is in use. */
void worker_retire(struct worker *worker);

/* At once, when the loop has ended: requests under way are answered with a failure. No instance of
 * its classes may be left (shard_destroy()). */
void worker_destroy(struct worker *worker);

/* The class of bundle->namespaces[index]; NULL when this Worker does not export it (a namespace of
 * another script). Owned by the worker. */
struct class *worker_class(struct worker *worker, size_t index);

/* Runs the Worker's fetch handler. Takes ownership of the request. reply() comes later on this
 * thread, exactly once, with a result it owns: a response, or a failure (platform.md §1.9.8: 500,
 * or 503 when overloaded). */
void worker_fetch(struct worker *worker, struct fetch_request *request,
                  void (*reply)(void *data, struct event_result *result), void *data);

/* The client that `data` of worker_fetch() stands for has gone before it had its whole answer: the
 * request's script hears of it if it asked to (request.signal). Any Worker of this thread. */
void worker_client_gone(const void *data);
/* `data` stands for nobody any more. */
void worker_client_over(const void *data);

/* Requests under way, waitUntil included. */
size_t worker_busy(const struct worker *worker);
