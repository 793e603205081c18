#pragma once

/*
 * Event
 *
 * Something that is delivered to an object: it waits in the object's mailbox until the input gate
 * admits it, is handed to the class once, and is finished once, now or later, by event_finish() or,
 * when the object breaks, by the actor itself. The result passes the object's output gate and then
 * reaches reply() on the shard that sent the event.
 */

#include <stdbool.h>
#include <stdint.h>

struct blob;
struct failure;
struct fetch_request;
struct fetch_response;
struct object;
struct section;
struct socket;

enum event_kind {
    EVENT_FETCH,
    EVENT_CALL, /* RPC */
    EVENT_MESSAGE,
    EVENT_CLOSE,
    EVENT_ERROR,
    EVENT_ALARM,
};

/* What goes along with serialised bytes and is no bytes itself: references to what belongs to
 * somebody else (api/rpc.h). Made and understood by classes; here it is only passed on. */
struct cargo {
    void (*destroy)(struct cargo *cargo); /* any thread */
};

void cargo_destroy(struct cargo *cargo); /* NULL is allowed */

#define EVENT_AIM_OVER_TEXT "The execution context which hosts this callback is no longer running."

/* Part of an instance that a call is for, rather than for whatever instance there is. Owned by
 * whoever made the call, through its cargo; looked at on the object's shard only. */
struct event_aim {
    bool over;               /* the instance is gone: refuse */
    struct section *section; /* the call belongs to this section; NULL: to none */
};

/* What came of an event. Exactly one of failure or the kind's own result is set; a socket event or
 * an alarm that worked has neither. Owned by whoever holds it. */
struct event_result {
    struct failure *failure;
    struct fetch_response *response; /* EVENT_FETCH */
    struct blob *value;              /* EVENT_CALL: serialised result */
    struct cargo *cargo;             /* EVENT_CALL: what goes along with it; owned, or NULL */
};

struct event {
    enum event_kind kind;

    union {
        struct {
            struct fetch_request *request; /* owned; the class may take it (set NULL) */
        } fetch;

        struct {
            char *method;                /* owned */
            struct blob *arguments;      /* owned reference, serialised */
            struct cargo *cargo;         /* owned, or NULL; the class may take it (set NULL) */
            const struct event_aim *aim; /* borrowed; NULL: for the object as such */
        } call;

        struct {
            struct socket *socket; /* owned reference */
            struct blob *data;     /* owned reference: MESSAGE; UTF-8 if text */
            bool text;
            uint16_t code; /* CLOSE */
            bool clean;
            char *reason;            /* owned: CLOSE */
            struct failure *failure; /* owned reference: ERROR */
        } socket;

        struct {
            int64_t scheduled_ms;
            unsigned retry_count;
        } alarm;
    };

    /* On the sender's shard, once, never in a turn and never from inside shard_send(). Takes
     * ownership of what the result holds; may be NULL. The event is freed after it returns. Runs no
     * code of a class: what it wakes goes on in a task. */
    void (*reply)(struct event *event, struct event_result *result);
    void *reply_data;

    struct object *object; /* borrowed: whose it is, while the class has it */
};

/* Never NULL, zeroed; the actor keeps more behind it. Sent with shard_send(), or freed with
 * event_destroy() if it never was. */
struct event *event_create(enum event_kind kind);
void event_destroy(struct event *event);

/* On the object's shard, by the class, once, in a turn. Takes ownership of what `result` holds;
 * the event is the actor's again. While a broken object waits to be destroyed it is harmless:
 * the result is dropped. An alarm whose failure has FAILURE_NO_ALARM_RETRY is not run again:
 * this is also how a class without alarm() ends it. */
void event_finish(struct event *event, struct event_result *result);

void event_result_fini(struct event_result *result);
