#pragma once

/*
 * Outbox
 *
 * What an object says, in order, on its way through the output gate: frames and Closes of its
 * sockets, results of its events. What is said between two writes waits as one batch, so that a
 * broadcast to a thousand sockets is one wait and an array. For the files of actor/ only.
 */

#include <stdbool.h>
#include <stdint.h>

struct batch;
struct blob;
struct life;
struct parcel;
struct shard;
struct socket;

void outbox_send(struct life *life, struct socket *socket, struct blob *data, bool text);
/* `reason` may be NULL. */
void outbox_close(struct life *life, struct socket *socket, uint16_t code, struct blob *reason);
void outbox_reply(struct life *life, struct parcel *parcel);

void batch_destroy(struct batch *batch);
