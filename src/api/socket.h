#pragma once

/*
 * WebSockets in JavaScript's hands: boxes around ends (actor/socket.h). Own thread.
 */

#include "js/bind.h"

struct context;
struct socket;
struct socket_far;

/* A box that holds a reference of its own. Never NULL. */
JSValueRef api_socket_box(struct js_realm *realm, struct socket *socket);

/* A box for the far end that came with a response, opened only if a script uses it. Takes it
 * over. */
JSValueRef api_socket_far_box(struct js_realm *realm, struct socket_far *far);

/* The end in a box leaves with a response. NULL: thrown. */
struct socket_far *api_socket_take(struct js_call *call, size_t i);

/* The wrapper of a hibernatable socket in its object's instance (instance.c). */
JSValueRef api_socket_wrapped(struct context *context, struct socket *socket);
