#pragma once

/*
 * Who is here
 *
 * All that must be known about a player when the object has slept is the attachment of its socket;
 * what is borrowed here lives as long as the turn.
 */

#include "web.h"

#define PLAYERS_SEEN_MAX 32

struct player {
    struct dm_socket *socket;
    struct dm_bytes id, name, colour;
    double joined; /* ms */
    double bad_messages;
};

struct players {
    struct player list[PLAYERS_SEEN_MAX]; /* who joined first comes first */
    size_t count;
};

struct player_view {
    struct dm_member members[5];
};

/* False: nobody's any more. */
bool player_of(struct dm_object *object, struct dm_socket *socket, struct player *player);
int player_attach(struct dm_object *object, const struct player *player);
int player_detach(struct dm_object *object, struct dm_socket *socket);
/* As others see it; `whole`: with what only the object needs to know. */
struct dm_value player_show(const struct player *player, struct player_view *view, bool whole);

int players_list(struct dm_object *object, struct players *players);
/* A colour that none of them has, but whoever has the id. */
const char *players_free_colour(const struct players *players, struct dm_bytes id);
