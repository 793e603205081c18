#pragma once

/*
 * Front
 *
 * Between the HTTP server of a shard and the Worker that runs there: requests become values
 * (actor/fetch.h), responses become bytes. A small body goes over whole; a large one streams
 * through a pipe, each side waiting for the other. A client that goes away cancels what streams
 * to it and from it; a response that fails after its head is cut off so that the client can tell.
 * Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/listener.h"

struct err_text;
struct front;
struct loop;
struct native_shard;
struct shard;
struct wires;
struct worker;

struct front_options {
    struct loop *loop; /* borrowed, as all below */
    struct shard *shard;
    struct wires *wires;
    bool proxied; /* what a proxy says of the client is true: forwarded.h */
};

/* Never NULL. */
struct front *front_create(const struct front_options *options);

/* Requests go to `worker` from now on; those under way end where they are. */
void front_set_worker(struct front *front, struct worker *worker);
/* The same for a project without JavaScript. */
void front_set_native(struct front *front, struct native_shard *native);

/* A fault comes with words for the user in `why`. */
int front_listen(struct front *front, const char *host, uint16_t port,
                 enum listener_sharing sharing, struct err_text *why);
uint16_t front_port(const struct front *front);

/* No more connections; done() once those there are have ended. */
void front_drain(struct front *front, void (*done)(void *data), void *data);

/* Requests whose answer the Worker still owes. */
size_t front_waiting(const struct front *front);

/* Drops every connection. What the Worker still owes is forgotten when it comes; front and
 * exchanges are freed then, at once if nothing is owed. */
void front_destroy(struct front *front);
