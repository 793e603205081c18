#pragma once

/*
 * Socket relay
 *
 * What passes between two sockets when nobody of the language is between them any more: a server's
 * connection that was returned in a Response. What one hears the other says; a Close goes through
 * and is answered by the far side; the loss of one is the loss of the other. Own thread of their
 * shard.
 */

struct shard;
struct socket;

/* Both are loose ends of one shard. Takes a reference to each, until both are over. */
void socket_relay(struct socket *one, struct socket *other);

/* The shard ends. */
void socket_relays_drop(struct shard *shard);
