#pragma once

/*
 * What is said on the socket, one JSON object per message
 *
 *     a client              {type: "say", id, text}           id is a UUID of the client's choice
 *                           ping                              answered with pong, waking nobody
 *
 *     the room              {type: "welcome", name, userCount, people, messages, isComplete}
 *                           {type: "message", key, at, name, text, id}
 *                           {type: "system", key, at, name, event: "joined" | "left"}
 *                           {type: "userCount", userCount, people}
 *                           {type: "error", code, text, id?, retryMs?}
 *
 * What breaks the protocol ends the connection: 1007 for what is not such an object, 1008 for one
 * that may not be sent, 1009 for what is too big. What a person can do wrong is an error.
 */

#include "web.h"

#define PING "ping"
#define PONG "pong"

enum protocol_verdict {
    PROTOCOL_SAY,
    PROTOCOL_BAD_TEXT, /* `why`, to be put right by writing something else; `id` is set */
    PROTOCOL_BROKEN,   /* close with `code` and `why` */
};

/* Borrowed until the turn ends. */
struct say {
    struct dm_bytes id;
    struct dm_bytes text; /* trimmed */
    uint16_t code;
    const char *why;
};

enum protocol_verdict protocol_parse(struct dm_object *room, struct dm_bytes data, bool text,
                                     struct say *say);
