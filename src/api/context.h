#pragma once

/*
 * Context
 *
 * On whose behalf JavaScript is running: an instance of a Durable Object, all of whose events share
 * one, or one request to the stateless Worker (platform.md §1.12.3). It is what js_current() of the
 * realm points at. Whatever a script starts and that ends later (a timer, a request, a read) is a
 * `struct pending` of the context it was started in, and goes on in that context or not at all.
 *
 * Own thread of the shard.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/object.h"
#include "actor/shard.h"
#include "base/list.h"
#include "js/bind.h"

struct context;
struct worker;

struct context {
    struct worker *worker; /* borrowed: outlives its contexts */
    struct object *object; /* borrowed; NULL: a request to the Worker */
    double handle;         /* names it to JavaScript; never used again */
    struct list pendings;  /* pending.link */
    size_t awaited;        /* of these, what wakes the script: all but promises of waitUntil() */
    struct list bodies;    /* body_end.link: streams that a request's script writes */
    struct list imports;   /* rpc_import.link: references to what others own */
    struct list visits;    /* rpc_visit.link: calls of what this one has handed out */
    size_t target_count;   /* handed out and still in use */
    size_t import_count;
    size_t visit_count;
    size_t essential; /* what a request's context lives for after its answer */
    bool answered;    /* the request has its answer; unused for objects */
    bool serves;      /* a call of the Worker's own: lives as long as what it has handed out */
    bool over;        /* nothing of it runs any more */
    unsigned refs;    /* private: the creator's, and one for each queued pending */
};

void context_init(struct context *context, struct worker *worker, struct object *object);

/* Nothing of it runs from here on: drops every pending. */
void context_end(struct context *context);

/* The context that is running. NULL when none is: at the top level of a module. */
struct context *context_current(const struct js_realm *realm);

/* The same for natives that start I/O: throws the error of §1.12.1 when there is none. */
struct context *context_require(struct js_call *call);

/* Throws the error of §1.12.4: what is used belongs to another context. `type` is what the platform
 * calls it. */
JSValueRef context_throw_foreign(struct js_call *call, const char *type);

/* The object that argument `i` names, which must be the one that runs: throws §1.12.4 otherwise, or
 * §1.9.3 when it was reset. */
struct context *context_object(struct js_call *call, size_t i);

/* Enter JavaScript for `context`, and leave it: microtasks run. */
void context_enter(struct context *context);
void context_leave(struct context *context);

/* Both, with a call of `run` in between: as one entry into the machine, which is cheaper. */
void context_turn(struct context *context, js_turn_fn *run, void *data);

/* ---- what ends later ---- */

struct pending {
    /* Inside JavaScript for its context. It is unbound already; may bind itself again. */
    void (*run)(struct pending *pending);
    /* Instead of run(): the context is over. Not inside JavaScript. */
    void (*drop)(struct pending *pending);
    struct context *context; /* NULL while unbound */
    struct task task;        /* private */
    struct message message;  /* private */
    struct list link;        /* private: context.pendings */
    bool awaited;            /* private: counted in context.awaited */
    bool ready;              /* private: the task is */
    bool queued;             /* private: message is on its way */
    bool cancelled;          /* private: unbound while queued */
};

/* Bind to a context; exactly one of run() and drop() follows unless it is unbound. */
void pending_bind(struct pending *pending, struct context *context, enum hold_reason reason);

/* Its time has come. From the loop, or inside JavaScript; run() comes from the loop, once however
 * often it was said before. */
void pending_ready(struct pending *pending);

/* Forget it. True: neither run() nor drop() will be called. False: it was ready and on its way;
 * drop() will still come, from the loop. Harmless if unbound. */
bool pending_unbind(struct pending *pending);

/* A request's context may be over now: it has its answer, and nothing essential is left or nothing
 * that could wake the script. */
void context_settle(struct context *context);
