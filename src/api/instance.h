#pragma once

/*
 * Instance
 *
 * A JavaScript object as struct class_ops: constructed, handed events, destroyed. Own thread.
 */

#include "api/context.h"
#include "base/list.h"
#include "js/ref.h"

struct instance {
    struct context context; /* first: a context with an object is an instance's */
    struct class_link *class;
    struct js_ref record;   /* what js/ keeps of it (cf_object.js) */
    struct list deliveries; /* delivery.link: events handed over and not finished */
    struct list sections;   /* section_run.link */
    struct list ends;       /* kv_cursor, sql_box: what must close before the database */
};

static inline struct instance *instance_of(struct context *context)
{
    return container_of(context, struct instance, context);
}

/* Embedded in what hangs on the instance's database and must let go of it first. */
struct instance_end {
    void (*close)(struct instance_end *end);
    struct list link;
};
