#include "js/box.h"

#include "base/assert.h"
#include "base/mem.h"
#include "js/engine_parts.h"
#include "js/realm.h"

/*
 * The finalizer has nothing but the object, so the box knows its graveyard. It also carries the
 * link of the stack there: a box can be pushed without allocating, which a finalizer should not.
 */
struct js_box {
    const struct js_box_type *type;
    void *self; /* NULL once the native side has left */
    struct js_graveyard *graveyard;
    struct js_box *below; /* in the graveyard */
};

/* Any thread, during a collection. */
static void finalize(JSObjectRef object)
{
    struct js_box *box = JSObjectGetPrivate(object);
    struct js_box *top = atomic_load_explicit(&box->graveyard->top, memory_order_relaxed);

    do {
        box->below = top;
    } while (!atomic_compare_exchange_weak_explicit(&box->graveyard->top, &top, box,
                                                    memory_order_release, memory_order_relaxed));
}

void js_graveyard_init(struct js_graveyard *graveyard)
{
    JSClassDefinition definition = kJSClassDefinitionEmpty;

    definition.className = "Native";
    definition.attributes = kJSClassAttributeNoAutomaticPrototype;
    definition.finalize = finalize;
    graveyard->class = JSClassCreate(&definition);
    atomic_init(&graveyard->top, NULL);
}

bool js_graveyard_is_empty(const struct js_graveyard *graveyard)
{
    return atomic_load_explicit(&graveyard->top, memory_order_relaxed) == NULL;
}

unsigned js_graveyard_bury(struct js_graveyard *graveyard)
{
    struct js_box *box;
    unsigned count = 0;

    /* Taking all at once leaves nothing for ABA to confuse. */
    if (js_graveyard_is_empty(graveyard))
        return 0;
    box = atomic_exchange_explicit(&graveyard->top, NULL, memory_order_acquire);
    while (box != NULL) {
        struct js_box *below = box->below;

        if (box->self != NULL && box->type->bury != NULL)
            box->type->bury(box->self);
        mem_free(box);
        box = below;
        count++;
    }
    return count;
}

void js_graveyard_fini(struct js_graveyard *graveyard)
{
    js_graveyard_bury(graveyard);
    JSClassRelease(graveyard->class);
}

JSObjectRef js_box_make(struct js_realm *realm, const struct js_box_type *type, void *self,
                        struct js_box **out)
{
    struct js_graveyard *graveyard = &realm->engine->graveyard;
    struct js_box *box = mem_new(struct js_box);

    ASSERT(self != NULL);
    box->type = type;
    box->self = self;
    box->graveyard = graveyard;
    if (out != NULL)
        *out = box;
    return JSObjectMake(realm->ctx, graveyard->class, box);
}

JSObjectRef js_box_make_heavy(struct js_realm *realm, const struct js_box_type *type, void *self,
                              size_t size_bytes)
{
    JSObjectRef object = js_box_make(realm, type, self, NULL);

    JSReportExtraMemoryCost(realm->ctx, size_bytes);
    return object;
}

void *js_box_open(struct js_realm *realm, JSValueRef value, const struct js_box_type *type)
{
    const struct js_box *box;

    if (!JSValueIsObjectOfClass(realm->ctx, value, realm->engine->graveyard.class))
        return NULL;
    box = JSObjectGetPrivate(JSValueToObject(realm->ctx, value, NULL));
    return box != NULL && box->type == type ? box->self : NULL;
}

void js_box_empty(struct js_box *box)
{
    box->self = NULL;
}
