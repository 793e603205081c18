#include "api/rpc.h"

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/input_gate.h"
#include "actor/namespace.h"
#include "actor/pipe.h"
#include "api/body.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "js/box.h"
#include "js/error.h"
#include "js/view.h"

#define TOO_MANY_STUBS_TEXT                                                                        \
    "Too many RPC stubs are in use. Dispose of those that are not needed any more."
#define TOO_MANY_CALLS_TEXT "Too many calls of RPC stubs of this execution context are under way."
#define CANCELED_TEXT       "The execution context responding to this call was canceled."

/*
 * A target, seen by its owner's shard:
 *
 *            last reference goes          told in its context
 *   BOUND ──────────────────────► LEAVING ─────────────────────► freed
 *     │ context ends                 │ context ends                ▲
 *     ▼          last reference goes ▼                             │
 *    OVER ─────────────────────────────────────────────────────────┘
 *
 * BOUND    its pending holds the context; calls reach `value`.
 * LEAVING  `left` is set, the pending is ready.
 * OVER     aim.over; nothing of JavaScript's is held.
 */
struct rpc_target {
    struct event_aim aim;
    unsigned refs;           /* atomic */
    struct shard *shard;     /* the owner's; with the next two for any thread */
    struct namespace *ns;    /* of the object that owns it; NULL: a request to the Worker does */
    struct object_id object; /* the same */
    struct message message;  /* "the last reference went" */
    struct pending pending;
    struct js_ref value;
    bool left;
};

struct rpc_import {
    struct rpc_target *target; /* a reference; this and the next: NULL once it is disposed (js/ */
    struct context *context;   /* never uses it again) or its context has ended */
    struct list link;          /* context.imports */
};

/* ---- targets ---- */

static void target_free(struct rpc_target *target)
{
    section_unref(target->aim.section);
    js_ref_fini(&target->value);
    mem_free(target);
}

static void target_over(struct rpc_target *target)
{
    target->aim.over = true;
    section_unref(target->aim.section);
    target->aim.section = NULL;
    js_ref_fini(&target->value);
}

static void target_drop(struct pending *pending)
{
    struct rpc_target *target = container_of(pending, struct rpc_target, pending);

    target_over(target);
    if (target->left)
        target_free(target);
}

/* In its owner's context: nobody has it any more. */
static void target_run(struct pending *pending)
{
    struct rpc_target *target = container_of(pending, struct rpc_target, pending);
    struct js_realm *realm = target->value.realm;
    struct context *context = context_current(realm);
    JSValueRef argv[] = {target->value.value};

    context->target_count--;
    js_call(realm, js_ref_object(&context->worker->hooks.release_target), NULL, 1, argv, NULL);
    target_free(target);
}

static void target_left(struct message *message)
{
    struct rpc_target *target = container_of(message, struct rpc_target, message);

    if (target->aim.over) {
        target_free(target);
        return;
    }
    target->left = true;
    pending_ready(&target->pending);
}

static struct rpc_target *target_create(struct context *context, JSValueRef value)
{
    struct rpc_target *target = mem_new(struct rpc_target);
    struct object *object = context->object;

    target->refs = 1;
    target->shard = context->worker->shard;
    if (object != NULL) {
        target->ns = object_namespace(object);
        target->object = *object_id(object);
        target->aim.section = section_ref(object_section(object));
    }
    target->message.run = target_left;
    target->pending.run = target_run;
    target->pending.drop = target_drop;
    js_ref_set(&target->value, context->worker->realm, value);
    pending_bind(&target->pending, context, HOLD_IO);
    context->target_count++;
    return target;
}

static struct rpc_target *target_ref(struct rpc_target *target)
{
    __atomic_fetch_add(&target->refs, 1, __ATOMIC_RELAXED);
    return target;
}

void rpc_target_unref(struct rpc_target *target)
{
    if (target == NULL || __atomic_sub_fetch(&target->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    shard_post(target->shard, &target->message);
}

/* ---- imports ---- */

static void import_let_go(struct rpc_import *import)
{
    struct rpc_target *target = import->target;

    import->target = NULL;
    if (import->context != NULL)
        import->context->import_count--;
    import->context = NULL;
    list_remove(&import->link);
    rpc_target_unref(target);
}

static void import_bury(void *self)
{
    struct rpc_import *import = self;

    import_let_go(import);
    mem_free(import);
}

static const struct js_box_type import_type = {"RpcImport", import_bury};

/* Takes over the reference. */
static JSObjectRef import_box(struct context *context, struct rpc_target *target)
{
    struct rpc_import *import = mem_new(struct rpc_import);

    import->target = target;
    import->context = context;
    context->import_count++;
    list_push_back(&context->imports, &import->link);
    return js_box_make(context->worker->realm, &import_type, import, NULL);
}

/* A reference for as long as the import has one. NULL: thrown. */
static struct rpc_target *import_open(struct js_call *call, struct context *context,
                                      struct rpc_import *import)
{
    if (import->context != context) {
        context_throw_foreign(call, "Client");
        return NULL;
    }
    return import->target;
}

struct rpc_target *rpc_target_arg(struct js_call *call, struct context *context, size_t i)
{
    struct rpc_import *import = js_arg_box(call, i, &import_type);
    struct rpc_target *target = import != NULL ? import_open(call, context, import) : NULL;

    return target != NULL ? target_ref(target) : NULL;
}

/* ---- cargoes ---- */

struct rpc_item {
    struct rpc_target *target; /* a reference; or */
    struct pipe *pipe;         /* a reference: its reading end */
};

struct rpc_cargo {
    struct cargo cargo;
    struct rpc_target *callee; /* a reference: what the call is for; or NULL */
    size_t count;
    struct rpc_item items[];
};

static struct rpc_cargo *cargo_of(struct cargo *cargo)
{
    return container_of(cargo, struct rpc_cargo, cargo);
}

static void destroy(struct cargo *base)
{
    struct rpc_cargo *cargo = cargo_of(base);

    for (size_t i = 0; i < cargo->count; i++) {
        rpc_target_unref(cargo->items[i].target);
        if (cargo->items[i].pipe != NULL)
            pipe_leave_reader(cargo->items[i].pipe);
    }
    rpc_target_unref(cargo->callee);
    mem_free(cargo);
}

static struct rpc_cargo *cargo_create(size_t count)
{
    struct rpc_cargo *cargo = mem_alloc_zero(sizeof *cargo + count * sizeof(struct rpc_item));

    cargo->cargo.destroy = destroy;
    cargo->count = count;
    return cargo;
}

static bool item_from(struct js_call *call, struct context *context, JSValueRef box,
                      struct rpc_item *item)
{
    struct rpc_import *import = js_box_open(call->realm, box, &import_type);

    if (import == NULL) {
        struct js_call inner = {call->ctx, call->realm, 1, &box, call->exception};

        item->pipe = body_take_pipe(&inner, 0);
        return item->pipe != NULL;
    }
    item->target = import_open(call, context, import);
    if (item->target == NULL)
        return false;
    target_ref(item->target);
    return true;
}

bool rpc_cargo_arg(struct js_call *call, struct context *context, size_t i, struct cargo **out)
{
    struct rpc_cargo *cargo;
    JSObjectRef boxes;

    *out = NULL;
    if (!js_arg_given(call, i))
        return true;
    boxes = js_arg_object(call, i);
    if (boxes == NULL)
        return false;
    cargo = cargo_create(js_array_length(call->realm, boxes));
    for (size_t at = 0; at < cargo->count; at++) {
        JSValueRef box = js_array_at(call->realm, boxes, at, call->exception);

        if (box == NULL || !item_from(call, context, box, &cargo->items[at])) {
            destroy(&cargo->cargo);
            return false;
        }
    }
    *out = &cargo->cargo;
    return true;
}

JSValueRef rpc_cargo_value(struct context *context, struct cargo *base)
{
    struct js_realm *realm = context->worker->realm;
    struct rpc_cargo *cargo;
    JSValueRef exception = NULL;
    JSObjectRef boxes;

    if (base == NULL || cargo_of(base)->count == 0)
        return realm->undefined;
    cargo = cargo_of(base);
    boxes = js_array_make(realm, 0, NULL);
    for (size_t i = 0; i < cargo->count; i++) {
        struct rpc_item *item = &cargo->items[i];
        JSValueRef box = realm->null;

        if (item->pipe != NULL)
            box = body_reader_box(realm, item->pipe);
        else if (context->import_count < LIMIT_RPC_STUBS)
            box = import_box(context, item->target);
        if (box != realm->null)
            *item = (struct rpc_item){0};
        JSObjectSetPropertyAtIndex(realm->ctx, boxes, (unsigned)i, box, &exception);
    }
    return boxes;
}

/* ---- calls ---- */

/* A call on its way to a target of a request's context, and its result on the way back. */
struct rpc_visit {
    struct message message;
    struct event *event;
    struct shard *sender;
    struct event_result result;
    struct context *context; /* while JavaScript has it; with the next two */
    struct delivery *delivery;
    struct list link; /* context.visits */
};

static struct rpc_target *callee_of(const struct event *event)
{
    return event->call.cargo != NULL ? cargo_of(event->call.cargo)->callee : NULL;
}

JSValueRef rpc_callee(struct js_realm *realm, const struct event *event)
{
    struct rpc_target *target = callee_of(event);

    if (target == NULL)
        return realm->undefined;
    return target->aim.over ? NULL : target->value.value;
}

static void visit_returned(struct message *message)
{
    struct rpc_visit *visit = container_of(message, struct rpc_visit, message);
    struct event *event = visit->event;

    event->reply(event, &visit->result);
    event_destroy(event);
    mem_free(visit);
}

static void visit_return(struct rpc_visit *visit)
{
    visit->message.run = visit_returned;
    shard_post(visit->sender, &visit->message);
}

void rpc_visit_finish(struct rpc_visit *visit, struct event_result *result)
{
    list_remove(&visit->link);
    visit->context->visit_count--;
    visit->context = NULL;
    visit->delivery = NULL;
    visit->result = *result;
    *result = (struct event_result){0};
    visit_return(visit);
}

static void visit_turn(struct js_realm *realm, void *data)
{
    struct rpc_visit *visit = data;
    struct context *context = visit->context;
    struct worker *worker = context->worker;
    struct delivery *delivery = visit->delivery;
    double id = delivery->id;
    struct js_error error = {0};
    JSValueRef argv[6];

    argv[0] = realm->undefined;
    argv[1] = js_number(realm, id);
    argv[2] = realm->undefined;
    argv[3] = js_bytes_copy(realm, blob_bytes(visit->event->call.arguments));
    argv[4] = rpc_cargo_value(context, visit->event->call.cargo);
    argv[5] = callee_of(visit->event)->value.value;
    if (js_call(realm, js_ref_object(&worker->hooks.deliver_call), NULL, JS_COUNT(argv), argv,
                &error) == NULL) {
        struct event_result result = {.failure = cross_thrown(worker, &error, 0)};

        delivery = map_u64_get(&worker->deliveries, (uint64_t)id);
        if (delivery != NULL)
            delivery_finish(delivery, &result);
        event_result_fini(&result);
        js_error_fini(&error);
    }
}

static void visit_deliver(struct rpc_visit *visit, struct context *context)
{
    struct delivery *delivery = delivery_create(context, NULL);

    delivery->visit = visit;
    visit->context = context;
    visit->delivery = delivery;
    list_push_back(&context->visits, &visit->link);
    context->visit_count++;
    context->refs++;
    context_turn(context, visit_turn, visit);
    context->refs--;
    context_settle(context);
}

static void visit_arrived(struct message *message)
{
    struct rpc_visit *visit = container_of(message, struct rpc_visit, message);
    struct rpc_target *target = callee_of(visit->event);

    if (target->aim.over)
        visit->result.failure = failure_create("Error", EVENT_AIM_OVER_TEXT, NULL, 0);
    else if (target->pending.context->visit_count >= LIMIT_MAILBOX_EVENTS)
        visit->result.failure =
            failure_create("Error", TOO_MANY_CALLS_TEXT, NULL, FAILURE_OVERLOADED);
    if (visit->result.failure != NULL)
        visit_return(visit);
    else
        visit_deliver(visit, target->pending.context);
}

void rpc_send(struct shard *sender, struct rpc_target *target, struct event *event)
{
    struct rpc_visit *visit;

    if (event->call.cargo == NULL)
        event->call.cargo = &cargo_create(0)->cargo;
    cargo_of(event->call.cargo)->callee = target;
    if (target->ns != NULL) {
        event->call.aim = &target->aim;
        shard_send(sender, target->ns, &target->object, NULL, event);
        return;
    }
    visit = mem_new(struct rpc_visit);
    visit->event = event;
    visit->sender = sender;
    list_init(&visit->link);
    visit->message.run = visit_arrived;
    shard_post(target->shard, &visit->message);
}

/* ---- the end of a context ---- */

void rpc_context_end(struct context *context)
{
    while (!list_empty(&context->imports)) {
        struct rpc_import *import =
            container_of(list_first(&context->imports), struct rpc_import, link);

        import_let_go(import);
    }
    while (!list_empty(&context->visits)) {
        struct rpc_visit *visit =
            container_of(list_first(&context->visits), struct rpc_visit, link);
        struct event_result result = {.failure = failure_create("Error", CANCELED_TEXT, NULL, 0)};

        delivery_destroy(visit->delivery);
        rpc_visit_finish(visit, &result);
    }
}

/* ---- natives ---- */

/* rpc_target(value) -> box: hand out `value`, which is what deliverCall() will be given */
static JSValueRef make_target(struct js_call *call)
{
    struct context *context = context_require(call);

    if (context == NULL)
        return NULL;
    if (context->target_count >= LIMIT_RPC_STUBS || context->import_count >= LIMIT_RPC_STUBS)
        return js_throw_error(call, TOO_MANY_STUBS_TEXT);
    return import_box(context, target_create(context, call->argv[0]));
}

/* rpc_dup(box) -> box */
static JSValueRef dup_import(struct js_call *call)
{
    struct context *context = context_require(call);
    struct rpc_target *target;

    if (context == NULL)
        return NULL;
    if (context->import_count >= LIMIT_RPC_STUBS)
        return js_throw_error(call, TOO_MANY_STUBS_TEXT);
    target = rpc_target_arg(call, context, 0);
    return target != NULL ? import_box(context, target) : NULL;
}

/* rpc_drop(box): other boxes than imports are left to the collector */
static JSValueRef drop_import(struct js_call *call)
{
    struct rpc_import *import = js_box_open(call->realm, call->argv[0], &import_type);

    if (import != NULL)
        import_let_go(import);
    return call->realm->undefined;
}

/* rpc_owner(box) -> hex of the object that owns the target | undefined */
static JSValueRef import_owner(struct js_call *call)
{
    struct rpc_import *import = js_arg_box(call, 0, &import_type);
    char hex[OBJECT_ID_HEX + 1];

    if (import == NULL)
        return NULL;
    if (import->target == NULL || import->target->ns == NULL)
        return call->realm->undefined;
    object_id_format(&import->target->object, hex);
    return js_string(call->realm, hex);
}

/* clang-format off */
#define RPC_NATIVES(X)                \
    X("rpc_target", make_target, 1)   \
    X("rpc_dup", dup_import, 1)       \
    X("rpc_drop", drop_import, 1)     \
    X("rpc_owner", import_owner, 1)
/* clang-format on */
JS_NATIVES(rpc_natives, RPC_NATIVES)

void api_rpc_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, rpc_natives, JS_COUNT(rpc_natives));
}
