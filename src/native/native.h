#pragma once

/*
 * Native
 *
 * Class libraries, as the server sees them: loaded once per process, and per shard as struct class
 * for actor/ and as a front for projects without JavaScript. What a library sees is
 * dormouse/dormouse.h.
 */

#include <stdbool.h>
#include <stddef.h>

struct class;
struct dm_api;
struct dm_class;
struct dm_front;
struct err_text;
struct event_result;
struct fetch_request;
struct namespace;
struct native;
struct native_shard;
struct shard;
struct socket;

/* ---- of the process ---- */

enum native_load_result {
    NATIVE_LOAD_REFUSED = 1, /* no such file, not a class library, or it said no: `why` */
};

/* Never NULL; without a library yet, but with the classes that the runtime itself brings. */
struct native *native_create(void);
/* After every native_shard of it. Libraries stay loaded: other versions may use them. */
void native_destroy(struct native *native); /* NULL is allowed */

int native_load(struct native *native, const char *path, struct err_text *why);

/* What a program brings instead of a library. */
struct native_program {
    const struct dm_class *const *classes;
    size_t class_count;
    const struct dm_front *front; /* NULL: none */
};

int native_add(struct native *native, const struct native_program *program, struct err_text *why);

/* The bindings of the project, for variables: the JSON that worker_bundle has. Once. */
int native_configure(struct native *native, const char *settings, struct err_text *why);

/* What classes call. */
const struct dm_api *native_table(void);

bool native_has_class(const struct native *native, const char *name);
bool native_has_front(const struct native *native);

/* ---- of one shard, on its thread ---- */

typedef void native_connected_fn(void *user, struct event_result *result, struct socket *socket);

/* Outgoing HTTP, which is above this layer: the server fills it in. done() comes once, from the
 * loop, with a response it owns or with words for why there is none; not after cancel(). */
struct native_http {
    void *(*start)(void *data, struct fetch_request *request, /* owned by the callee */
                   void (*done)(void *user, struct event_result *result), void *user);
    /* A WebSocket: done() comes the same way, with a response of 101 and a loose socket (a
     * reference of the callee's), or with words. NULL: connect() refuses. */
    void *(*connect)(void *data, struct fetch_request *request, native_connected_fn *done,
                     void *user);
    void (*cancel)(void *request);
    void *data;
};

struct native_options {
    const struct native *native; /* borrowed, as all below */
    struct shard *shard;
    struct namespace *const *namespaces;
    size_t namespace_count;
    struct native_http http; /* start NULL: fetch() refuses */
};

/* Never NULL. */
struct native_shard *native_shard_create(const struct native_options *options);
/* After shard_destroy(): no instance is left. What the front owes is answered with a failure. */
void native_shard_destroy(struct native_shard *home); /* NULL is allowed */

/* The class of namespaces[index]; NULL: none in C. */
struct class *native_shard_class(struct native_shard *home, size_t index);

/* Runs the front handler. Takes the request. reply() comes later on this thread, exactly once, with
 * a result it owns. */
void native_fetch(struct native_shard *home, struct fetch_request *request,
                  void (*reply)(void *data, struct event_result *result), void *data);

/* Requests to the front that are not answered. */
size_t native_busy(const struct native_shard *home);
