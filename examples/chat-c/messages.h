#pragma once

/*
 * The messages of a room
 *
 * Keys are `m:<20-digit ms>:<uuid>`: sorted as text they are sorted by time, and two of the same
 * millisecond do not collide. Times are made to rise within a room, so that the order of keys is
 * the order in which things were said, even when the clock is set back.
 *
 * What a client says bears an id of the client's choice. `i:<user>:<id>` remembers it, so that what
 * is said again after a broken connection is not said twice.
 */

#include "web.h"

#define MESSAGE_KEY_SIZE (2 + 20 + 1 + DM_UUID_TEXT)

/* Of an instance; zeroed at first. */
struct messages {
    int64_t last_at; /* 0: not known */
};

/* A message that is being made; stays where it is, because its value points into it. */
struct message {
    char key[MESSAGE_KEY_SIZE];
    struct dm_member members[6];
    struct dm_value value;
};

/* 36 characters, such as hexadecimal digits and hyphens. */
bool message_is_key(struct dm_bytes text);

/* What a message is made of, borrowed until it has been added. */
void message_of_user(struct message *message, const char *name, struct dm_bytes text,
                     struct dm_bytes id);
void message_of_system(struct message *message, const char *event, const char *name);

/* Stores it; from then on it has a key and a time. */
int messages_add(struct messages *messages, struct dm_object *room, struct message *message);
/* Once, however often it is said; DM_NONE: it is known already. */
int messages_add_once(struct messages *messages, struct dm_object *room, const char *user,
                      struct message *message);
/* The one that is known; DM_NONE: it has been pruned. */
int messages_known(struct dm_object *room, const char *user, struct dm_bytes id,
                   const struct dm_value **value);

/* Lists that live as long as the event. */
/* The newest `limit` before the key `before` (data NULL: of all), oldest first. */
int messages_before(struct dm_object *room, struct dm_event *event, struct dm_bytes before,
                    size_t limit, struct dm_value *list);
/* The oldest `limit` after the key `after`. */
int messages_after(struct dm_object *room, struct dm_event *event, struct dm_bytes after,
                   size_t limit, struct dm_value *list);

/* Keep the newest `kept`; a batch at a time. `more`: there is more to do. */
int messages_prune(struct dm_object *room, int64_t kept, bool *more);
