#pragma once

/*
 * Delivery
 *
 * An event handed to JavaScript, which names it by number and says once how it ended. Own thread.
 */

#include "base/list.h"

struct context;
struct event;
struct event_result;
struct rpc_visit;

struct delivery {
    double id;
    struct context *context;
    struct event *event;     /* an object's; or */
    struct rpc_visit *visit; /* a call of what a request's context handed out; or both NULL: the
                              * request of `context` */
    struct list link;        /* instance.deliveries */
};

struct delivery *delivery_create(struct context *context, struct event *event);
/* Forget it; whoever answered the event did so without JavaScript. */
void delivery_destroy(struct delivery *delivery);
/* Hands the result over (and owns it no more); the delivery is gone. */
void delivery_finish(struct delivery *delivery, struct event_result *result);
/* For a request's delivery: hand the result to whoever asked, before the loop sleeps. */
void request_answer(struct context *context, struct event_result *result);
