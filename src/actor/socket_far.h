#pragma once

/*
 * Socket, travelling
 *
 * The end of a pair that a Response takes to the client, or to whoever called: it may cross
 * threads, while its other end stays at home.
 */

struct shard;
struct socket;
struct socket_far;
struct socket_wire;

/* Sends one loose end away with a Response. Of a pair, the other end stays where it is and this one
 * becomes AWAY; an end that something else carries is relayed (socket_relay.h) to one that goes.
 * The far end may cross threads. */
struct socket_far *socket_send_away(struct socket *end);
/* Any thread. Where the other end lives: a connection to be attached must be handed over there. */
struct shard *socket_far_home(const struct socket_far *far);
/* On the home shard: couple a connection with the end that stayed. Frees `far`. If that end is gone
 * the wire is closed with 1006's cause and released. */
void socket_far_attach(struct socket_far *far, struct socket_wire *wire);
/* Any shard: take the far end as an ordinary loose socket here (resp.webSocket), wired across
 * threads. Frees `far`. The reference is the caller's. */
struct socket *socket_far_open(struct socket_far *far, struct shard *here);
/* Any thread: nobody wants it; the end that stayed sees a lost connection. NULL is allowed. */
void socket_far_drop(struct socket_far *far);
