#pragma once

/*
 * Inbox
 *
 * Where shard threads put the orders they have carried out, for the control thread to find.
 */

struct inbox;
struct loop;
struct order;

/* Never NULL; wakes `loop` when something was put in. */
struct inbox *inbox_create(struct loop *loop);
void inbox_destroy(struct inbox *inbox);

/* Any thread. */
void inbox_put(struct inbox *inbox, struct order *order);

/* Control thread: the next one, or NULL. */
struct order *inbox_take(struct inbox *inbox);
