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

#include "base/list.h"

struct blob;
struct failure;
struct fetch_request;
struct fetch_response;
struct object;
struct section;
struct shard;
struct socket;

enum event_kind {
    EVENT_FETCH,
    EVENT_CALL, /* RPC */
    EVENT_MESSAGE,
    EVENT_CLOSE,
    EVENT_ERROR,
    EVENT_ALARM,
};

/* What came of an event. Exactly one of failure or the kind's own result is set; a socket event or
 * an alarm that worked has neither. Owned by whoever holds it. */
struct event_result {
    struct failure *failure;
    struct fetch_response *response; /* EVENT_FETCH */
    struct blob *value;              /* EVENT_CALL: serialised result */
};

struct event {
    enum event_kind kind;
    union {
        struct {
            struct fetch_request *request; /* owned; the class may take it (set NULL) */
        } fetch;
        struct {
            char *method;           /* owned */
            struct blob *arguments; /* owned reference, serialised */
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

    /* On the sender's shard, once. Takes ownership of the result; may be NULL. The event is freed
     * after it returns. */
    void (*reply)(struct event *event, struct event_result *result);
    void *reply_data;

    struct shard *sender;   /* private: reply() runs there */
    struct object *object;  /* private */
    struct section *origin; /* private: section of the sender if it is this same object */
    struct list link;       /* private: mailbox, then in-flight list */
    int state;              /* private */
};

/* Never NULL, zeroed. Sent with shard_send(), or freed with event_destroy() if it never was. */
struct event *event_create(enum event_kind kind);
void event_destroy(struct event *event);

/* On the object's shard, by the class, once. Takes ownership of what `result` holds. After the
 * object was broken it is harmless: the result is dropped. */
void event_finish(struct event *event, struct event_result *result);

void event_result_fini(struct event_result *result);
