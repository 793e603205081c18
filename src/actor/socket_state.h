#pragma once

/*
 * What a socket is made of: for the files of actor/ only. A sleeping one is this struct, its tags
 * and its attachment; a buffer exists only while something waits in it.
 */

#include "actor/event.h"
#include "actor/socket.h"
#include "base/list.h"

struct failure;
struct life;

enum frame_kind {
    FRAME_TEXT,
    FRAME_BINARY,
    FRAME_CLOSE,
    FRAME_LOST,
    FRAME_ERROR
};

/* Something that has arrived. */
struct frame {
    union {
        struct blob *data;       /* owned reference: payload, or reason of a Close; NULL */
        struct failure *failure; /* owned reference: FRAME_ERROR */
    };

    uint16_t code;
    uint8_t kind; /* enum frame_kind */
};

/* What has arrived and cannot be handed over yet. */
struct waiting {
    struct socket *socket;
    struct list link;     /* shard->arrivals */
    struct frame *frames; /* owned; [first, first + count) are in use */
    size_t first;
    size_t count;
    size_t cap;
    size_t bytes;
};

struct socket {
    unsigned refs;
    uint8_t mode;            /* enum socket_mode */
    bool close_called : 1;   /* close() was called */
    bool close_sent : 1;     /* its Close is with the wire */
    bool close_received : 1; /* the class knows that the peer has closed */
    bool ended : 1;          /* nothing more arrives */
    bool lost : 1;           /* the wire is dead */
    bool left : 1;      /* its last event's turn is over: no longer among its object's sockets */
    bool hidden : 1;    /* its last event wakes the object, which does not see it any more */
    bool paused : 1;    /* the wire was told to hold on */
    bool in_memory : 1; /* the wire is one of ours */
    uint16_t pending;   /* events sent to the mailbox and not delivered */
    struct shard *shard;
    struct object *object;            /* borrowed; NULL: nobody's, or a Worker's */
    struct socket_wire *wire;         /* owned; NULL: none */
    struct socket_listener *listener; /* owned; STANDARD */
    struct waiting *waiting;          /* owned; NULL: nothing waits */
    struct list link;                 /* object->sockets or life->standard */
    struct tags *tags;                /* owned; NULL: none */
    struct blob *attachment;          /* owned reference */
    int64_t auto_response_ms;
    char *protocol;   /* owned */
    char *extensions; /* owned */
    void *wrapper;
};

/* ---- from the outbox: on to the wire ---- */

void socket_put_frame(struct socket *socket, struct blob *data, bool text);
void socket_put_close(struct socket *socket, uint16_t code, struct bytes reason);

/* ---- arriving ---- */

/* From a wire of ours, also in a turn: handed over from the shard's loop. Takes what `frame`
 * owns. */
void socket_arrive(struct socket *socket, struct frame frame);
void frame_fini(struct frame *frame);
/* What an end hears when the other is gone without a Close. */
struct frame socket_lost_frame(void);
/* All that waits, moved to the caller; NULL: nothing. Free with waiting_destroy(). */
struct waiting *socket_take_waiting(struct socket *socket);
void waiting_destroy(struct waiting *waiting);
/* What waits at an end that goes away, on to the wire that takes its place. */
void waiting_flush(struct waiting *waiting, struct socket_wire *wire);

/* Stop and go for what arrives. */
void socket_pause(struct socket *socket, bool paused);
/* The wire goes, without another word from it. */
void socket_release_wire(struct socket *socket);

/* ---- events of hibernatable sockets ---- */

void socket_send_event(struct socket *socket, struct frame *frame);
void socket_event_delivered(struct socket *socket, enum event_kind kind);
/* The turn of its last event is over. */
void socket_leave(struct socket *socket);

/* ---- of a shard, an object, an instance ---- */

void sockets_run_arrivals(struct shard *shard);
void sockets_drop_arrivals(struct shard *shard);
void sockets_forget_wrappers(struct object *object);
void sockets_lose_standard(struct life *life);
void sockets_lose_all(struct object *object);

/* ---- pairs ---- */

bool socket_paired(const struct socket *end);
/* The end that `end` is paired with; NULL: gone, or not a pair. */
struct socket *socket_peer(const struct socket *end);
/* `with` takes the place of `end` opposite its peer; what waits moves over. */
void socket_pair_replace(struct socket *end, struct socket *with);
/* Take the pair apart, silently: the peer has no wire now. */
void socket_pair_split(struct socket *end);
