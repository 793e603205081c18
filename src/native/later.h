#pragma once

/*
 * Later
 *
 * What goes on in a later turn of a host: a timer, an answer, a read. For the files of native/
 * only.
 */

#include <stdbool.h>

#include "actor/object.h"
#include "actor/shard.h"
#include "base/list.h"

struct dm_object;

struct later {
    /* In a turn, unbound already; host_leave() comes after it. May bind itself again. */
    void (*run)(struct later *later, struct dm_object *host);
    /* Instead: the host goes, or has gone. May come after host_destroy() for a front. */
    void (*drop)(struct later *later);
    struct dm_object *host; /* NULL while unbound */
    struct task task;       /* private, as all below */
    struct message message;
    struct list link;
    bool ready;
    bool queued;
    bool cancelled;
};

void later_bind(struct later *later, struct dm_object *host, enum hold_reason reason);
void later_ready(struct later *later);
/* True: neither run() nor drop() will come. False: drop() will, from the loop. */
bool later_unbind(struct later *later);
