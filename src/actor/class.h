#pragma once

/*
 * Class
 *
 * What an object does: the seam between the actor core and the languages objects are written in.
 * JavaScript classes (api/), C classes (native/) and the fake classes of the unit tests implement
 * it. A struct class belongs to one shard and one version of the code; all calls happen on its
 * thread, inside a turn of the object (object.h), never from inside another call of the class.
 */

#include <stdbool.h>

struct class;
struct event;
struct failure;
struct object;

struct class_ops {
    /* Make the instance: run the constructor. NULL and *failure (owned by the caller) when it
     * threw. Sections opened here hold back the first event. */
    void *(*construct)(struct class *class, struct object *object, struct failure **failure);

    /* Handle one event; event_finish() now or later. `event` stays valid until then. */
    void (*deliver)(void *instance, struct event *event);

    /* The instance goes: eviction, hibernation, reset. Not in a turn; nothing of it may run any
     * more: its timers, its I/O and its unfinished events are forgotten by the class (the actor
     * answers the events). Sockets and alarm are not the instance's. */
    void (*destroy)(void *instance);
};

struct class
{
    const char *name; /* borrowed: outlives the class */
    const struct class_ops *ops;
    void *data;
};
