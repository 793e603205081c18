#pragma once

/*
 * Peer
 *
 * The WebSockets that an object has to others: ordinary sockets whose events are callbacks of the
 * instance that opened them. For the files of native/ only.
 */

#include "dormouse/dormouse.h"

struct socket;

/* In a turn. Takes a reference to the loose socket, if there is one, and calls peer->open(). */
void peer_open(struct dm_object *host, const struct dm_peer *peer, void *data,
               struct socket *socket, const struct dm_reply *reply);

/* Nobody will open it: takes the reference. */
void peer_abandon(struct socket *socket);
