#pragma once

/*
 * Host
 *
 * What a handle of dormouse.h stands for: struct dm_object is an instance of a C class, as seen
 * from below, or a front, which has no object. For the files of native/ only. Own thread.
 */

#include <pthread.h>
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
struct pool;

struct native_shard {
    pthread_t thread; /* all of it happens there */
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
    unsigned savepoints; /* open: transactions in transactions */
    size_t timers;
    size_t works;         /* not back from the pool */
    bool over;            /* the instance is being destroyed */
    struct list laters;   /* later.link */
    struct list events;   /* dm_event.link: not answered; of a front: not replied to */
    struct list answered; /* dm_event.link: in this turn */
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
bool host_alive(struct dm_object *host, int *r); /* the same where a front will do */

int host_error(struct dm_object *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The failure that the words of the last error make. */
struct failure *host_failure(struct dm_object *host, unsigned flags);

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
    bool answered;
    bool queued;      /* `message` is on its way */
    struct list link; /* host.events */
};

/* Never NULL. */
struct dm_event *event_open(struct dm_object *host, enum event_kind kind, struct event *event);
/* The request as the library sees it. */
void event_show_request(struct dm_event *event, struct fetch_request *request);
/* Once; takes what `result` holds. The event goes when the turn ends. */
void event_answer(struct dm_event *event, struct event_result *result);
/* The handler has returned `r`. */
void event_handled(struct dm_event *event, int r);
void event_free(struct dm_event *event);
struct fetch_request **event_request(struct dm_event *event);
/* front.c: hand `result` to whoever sent the request. */
void front_answer(struct dm_event *event);

/* ---- values that stay a little while ---- */

/* storage.c */
void rows_close_all(struct dm_object *host);
/* One transaction in those that are open. Both return what a function of the table does; *depth is
 * for the end. */
int savepoint_begin(struct dm_object *host, unsigned *depth);
int savepoint_end(struct dm_object *host, unsigned depth, bool keep);
/* gate.c */
void sections_drop_all(struct dm_object *host);

/* ---- of a process (library.c) ---- */

const struct dm_class *native_class(const struct native *native, const char *name);
const struct dm_front *native_front(const struct native *native);
/* Never NULL: an object. */
const struct dm_value *native_settings(const struct native *native);
struct pool *native_pool(const struct native *native);
/* front.c: nobody is answered any more. */
void front_end(struct native_shard *home);

/* ---- the table (api.c) ---- */

extern const struct dm_api native_api;

/* Everything in it, by the file that has it. */
#include "native/body.h"
#include "native/later.h"
#include "native/peer.h"
#include "native/table.h"
