#pragma once

/*
 * Worker, from inside api/
 *
 * The realm of one version of the code, the functions of js/ that C calls, and the tables by which
 * JavaScript names what is under way. Own thread.
 */

#include "api/context.h"
#include "api/cross.h"
#include "api/delivery.h"
#include "api/tables.h"
#include "api/worker.h"
#include "base/map.h"
#include "js/ref.h"
#include "net/loop.h"

struct blob;
struct class;
struct event;
struct event_result;
struct failure;
struct fetch_body;

/* Functions of js/ that C calls: member of struct worker, name among the hooks. */
/* clang-format off */
#define WORKER_HOOKS(X)              \
    X(load_worker, "loadWorker")     \
    X(finish_worker, "finishWorker") \
    X(construct, "construct")        \
    X(fetch_worker, "fetchWorker")   \
    X(serve_fetch, "serveFetch")     \
    X(serve_call, "serveCall")       \
    X(deliver_fetch, "deliverFetch") \
    X(deliver_call, "deliverCall")   \
    X(release_target, "releaseTarget") \
    X(deliver_alarm, "deliverAlarm") \
    X(deliver_message, "deliverMessage") \
    X(deliver_close, "deliverClose") \
    X(deliver_error, "deliverError") \
    X(wrap_socket, "wrapSocket")     \
    X(describe_thrown, "describeThrown") \
    X(unhandled_rejection, "unhandledRejection") \
    X(add_source_map, "addSourceMap") \
    X(send_error, "sendError")       \
    X(receive_error, "receiveError") \
    X(reset_frame, "resetFrame")

/* clang-format on */

struct worker_hooks {
#define WORKER_HOOK_MEMBER(member, name) struct js_ref member;
    WORKER_HOOKS(WORKER_HOOK_MEMBER)
#undef WORKER_HOOK_MEMBER
    struct js_ref socket_message, socket_close, socket_error;
};

struct worker {
    const struct worker_bundle *bundle; /* borrowed; NULL before worker_load() */
    struct shard *shard;                /* borrowed */
    struct loop *loop;                  /* borrowed */
    struct js_engine *engine;           /* borrowed */
    struct js_realm *realm;             /* owned */
    worker_couple_fn *couple;
    void *couple_data;
    struct worker_hooks hooks;
    struct js_ref natives;     /* the table of natives */
    struct class *classes;     /* owned; by namespace index; ops NULL: not exported */
    struct class_link *links;  /* owned; data of `classes` */
    uint64_t last_handle;      /* contexts and everything named by number */
    struct map_u64 deliveries; /* struct delivery by id */
    struct map_u64 timers;     /* struct timer by id */
    struct map_u64 holds;      /* struct hold by id */
    struct map_u64 sections;   /* struct section_run by id */
    struct list requests;      /* struct request.link: requests to the Worker under way */
    size_t request_count;
    size_t instance_count; /* live instances of its classes */
    struct list answers;   /* struct answer.link: replies that leave before the loop sleeps */
    struct loop_task answer_task;
    struct http_client *http; /* owned; made at the first outgoing request */
    double *sql_counts;       /* borrowed: memory of the typed array that js/ reads */
    struct js_ref sql_counts_array;
    double *running; /* the same: handle of the context that runs, or 0 */
    struct js_ref running_array;
    bool retired;
};

/* A class's data. */
struct class_link {
    struct worker *worker;
    unsigned index;
};

extern const struct class_ops instance_class_ops; /* instance.c */

/* ---- requests to the Worker (request.c) ---- */

void worker_request_over(struct context *context);
/* Has the Worker's own entrypoint of that name handle a fetch or a call in a context of its own;
 * `props` is JSON or NULL. Takes the event and both texts over. */
void worker_serve(struct worker *worker, char *entrypoint, char *props, struct event *event);
/* Nothing is left that could wake the request's script; it fails if it has no answer yet. */
void worker_request_hung(struct context *context);
void worker_log_hung(void);
/* Answers everything under way with `failure`; for a worker that is destroyed. */
void worker_requests_end(struct worker *worker);

/* The time limit cut the context's script short: its object is reset, its request fails. */
void worker_stopped(struct context *context);

/* Frees a retired worker when nothing of it is under way. */
void worker_settle(struct worker *worker);

static inline struct worker *worker_of(const struct js_realm *realm)
{
    return realm->data;
}
