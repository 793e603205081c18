#pragma once

/*
 * What players send, as examples/session/src/protocol.ts describes it
 */

#include "state.h"

enum message_kind {
    MESSAGE_CHANGE,
    MESSAGE_CURSOR,
    MESSAGE_PLAYING,
    MESSAGE_RENAME,
    MESSAGE_RESYNC
};

struct message {
    enum message_kind kind;
    int64_t client_seq;   /* 0: it has none that is valid */
    struct patch patch;   /* MESSAGE_CHANGE */
    double x, y;          /* MESSAGE_CURSOR */
    bool playing;         /* MESSAGE_PLAYING */
    struct dm_bytes name; /* MESSAGE_RENAME; borrowed for the turn */
};

/* What a message asks for, checked against the state. NULL, or why it is refused: a constant. */
const char *message_read(struct dm_object *object, struct dm_bytes data, bool text,
                         struct state *state, struct message *message);
