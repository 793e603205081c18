#pragma once

/*
 * Host
 *
 * What a handle of dormouse.h stands for: struct dm_object is an instance of a C class, as seen from
 * below, or a front, which has no object. For the files of native/ only. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/event.h"
#include "actor/object.h"
#include "actor/shard.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "dormouse/dormouse.h"
#include "native/native.h"

struct class_ops;
struct fetch_body;

struct native_shard {
    struct native_options options;
    struct class *classes;    /* owned; by namespace index; ops NULL: not in C */
    struct class_link *links; /* owned; data of `classes` */
    struct dm_object *front;  /* owned; NULL: none, or not made yet */
    size_t front_events;      /* not answered */
};

struct class_link {
    struct native_shard *home;
    const struct dm_class *class;
};

struct dm_object {
    struct native_shard *home;
    struct object *object;        /* NULL: a front */
    const struct dm_class *class; /* NULL: a front */
    void *self;                   /* the library's */
    struct arena scratch;         /* what was borrowed in this turn */
    struct err_text why;
    unsigned savepoints;
    size_t timers;
    bool over;            /* the instance is being destroyed */
    struct list laters;   /* later.link */
    struct list events;   /* dm_event.link: not answered */
    struct list rows;     /* dm_rows.link */
    struct list sections; /* dm_section.link */
};

extern const struct class_ops native_class_ops; /* class.c */

/* Never NULL. `object` NULL: a front. */
struct dm_object *host_create(struct native_shard *home, struct object *object);
/* Drops what is under way; events are forgotten. */
void host_destroy(struct dm_object *host);

/* A turn of the class is over: what it borrowed goes. */
void host_leave(struct dm_object *host);

/* False, with words: a front, or an object that is being reset; *r says what to return. */
bool host_usable(struct dm_object *host, int *r);
/* The same where a front will do. */
bool host_alive(struct dm_object *host, int *r);

int host_error(struct dm_object *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The failure that the words of the last error make. */
struct failure *host_failure(struct dm_object *host, unsigned flags);

/* ---- what goes on in a later turn (later.c) ---- */

struct later {
    /* In a turn, unbound already; host_leave() comes after it. May bind itself again. */
    void (*run)(struct later *later, struct dm_object *host);
    /* Instead: the host goes, or has gone. May come after host_destroy() for a front. */
    void (*drop)(struct later *later);
    struct dm_object *host; /* NULL while unbound */
    struct task task;       /* private, as all below */
    struct message message;
    struct list link;
    bool ready;
    bool queued;
    bool cancelled;
};

void later_bind(struct later *later, struct dm_object *host, enum hold_reason reason);
void later_ready(struct later *later);
/* True: neither run() nor drop() will come. False: drop() will, from the loop. */
bool later_unbind(struct later *later);

/* ---- events (class.c, front.c) ---- */

struct dm_event {
    struct dm_object *host;
    enum event_kind kind;
    struct event *event;           /* the actor's; NULL: a front's */
    struct fetch_request *request; /* owned: a front's */
    void (*reply)(void *data, struct event_result *result);
    void *reply_data;
    struct event_result result; /* a front's, between answer and reply */
    struct message message;
    struct dm_request view;
    struct arena memory;
    bool forwarded; /* somebody else answers */
    bool handling;  /* its handler is on the stack */
    bool answered;
    bool queued;      /* `message` is on its way */
    struct list link; /* host.events */
};

/* Never NULL. */
struct dm_event *event_open(struct dm_object *host, enum event_kind kind, struct event *event);
/* The request as the library sees it. */
void event_show_request(struct dm_event *event, struct fetch_request *request);
/* Once; takes what `result` holds. Frees the event, now or when its handler has returned. */
void event_answer(struct dm_event *event, struct event_result *result);
/* The handler has returned `r`. */
void event_handled(struct dm_event *event, int r);
void event_free(struct dm_event *event);
struct fetch_request **event_request(struct dm_event *event);
/* front.c: hand `result` to whoever sent the request. */
void front_answer(struct dm_event *event);

/* ---- bodies and headers (body.c) ---- */

/* Takes what `source` holds; NULL if it holds nothing. One reference. */
struct dm_body *body_open(struct dm_object *host, struct fetch_body *source);
/* What it holds goes back; nobody may be reading. */
void body_give_back(struct dm_body *body, struct fetch_body *source);
void body_unref(struct dm_body *body); /* NULL is allowed */
struct dm_bytes body_whole(const struct dm_body *body);

struct blob *headers_of(const struct dm_header *headers, size_t count);
/* Borrowed from `block`; the array is in `arena`. */
const struct dm_header *headers_show(struct blob *block, struct arena *arena, size_t *count);

struct fetch_response;
/* What `response` describes; NULL with words in why(). */
struct fetch_response *response_make(struct dm_object *host, const struct dm_response *response);
/* Takes the pipe's reading end for an answer; false: taken before. */
bool stream_take(struct dm_stream *stream, struct fetch_body *body);

/* ---- values that stay a little while ---- */

/* storage.c */
void rows_close_all(struct dm_object *host);
/* gate.c */
void sections_drop_all(struct dm_object *host);

/* ---- of a process (library.c) ---- */

const struct dm_class *native_class(const struct native *native, const char *name);
const struct dm_front *native_front(const struct native *native);
/* front.c: nobody is answered any more. */
void front_end(struct native_shard *home);

/* ---- the table (api.c) ---- */

extern const struct dm_api native_api;

/* Everything in it, by the file that has it. */
#include "native/table.h"
