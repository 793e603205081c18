#pragma once

/*
 * Who is here
 *
 * All that the room must know about a socket is in the socket's attachment, so that a room that has
 * slept has not forgotten: who it is, and when they last spoke. At most 20 numbers, well below
 * 16 KiB.
 */

#include "chat.h"

#define RATE_MAX 20
#define RATE_MS  5000

struct visitor {
    char user[NAME_SIZE];
    char name[NAME_SIZE];
    int64_t said[RATE_MAX]; /* oldest first */
    size_t said_count;
    int64_t refusals; /* in a row */
};

/* DM_NONE: nobody's. */
int visitor_read(struct dm_object *room, struct dm_socket *socket, struct visitor *visitor);
int visitor_write(struct dm_object *room, struct dm_socket *socket, const struct visitor *visitor);

/* A sliding window. False: not now, but in `retry_ms`. Write the visitor afterwards. */
bool visitor_may_speak(struct visitor *visitor, int64_t now, int64_t *retry_ms);

struct person {
    char user[NAME_SIZE];
    char name[NAME_SIZE];
};

/* Somebody with two tabs is here once. */
struct people {
    struct person *list; /* by name */
    size_t count, cap;
    struct dm_value *names; /* the same order, to be written */
};

/* Those of all sockets but the one that is leaving, and who is coming; both may be NULL. Free with
 * people_fini(), also after an error. */
int people_here(struct dm_object *room, const struct dm_socket *leaving,
                const struct visitor *coming, struct people *people);
void people_fini(struct people *people);
bool people_have(const struct people *people, struct dm_bytes user);
