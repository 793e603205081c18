#pragma once

/*
 * Outgoing
 *
 * Requests that classes in C send to other servers: struct native_http on top of the HTTP client of
 * a shard's loop. The head of an answer is handed over when it is there, its body streams through a
 * pipe; a WebSocket is coupled with the socket that is handed over. Own thread.
 */

#include "native/native.h"

struct loop;
struct outgoings;
struct wires;

/* Never NULL; the client is made at the first request. */
struct outgoings *outgoings_create(struct loop *loop, struct shard *shard, struct wires *wires);
/* What is under way is forgotten without a word. */
void outgoings_destroy(struct outgoings *outgoings);

struct native_http outgoings_http(struct outgoings *outgoings);
