#include "api/instance.h"

#include "actor/class.h"
#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/namespace.h"
#include "actor/socket.h"
#include "api/object.h"
#include "api/rpc.h"
#include "api/socket.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"
#include "js/error.h"
#include "js/view.h"

struct construct_turn {
    struct instance *instance;
    struct failure *failure; /* why there is none */
};

static void construct_turn(struct js_realm *realm, void *data)
{
    struct construct_turn *turn = data;
    struct instance *instance = turn->instance;
    struct worker *worker = instance->context.worker;
    struct object *object = instance->context.object;
    struct js_error error = {0};
    char hex[OBJECT_ID_HEX + 1];
    JSValueRef argv[5];
    JSValueRef record;

    object_id_format(object_id(object), hex);
    argv[0] = js_word(realm, worker_class(worker, instance->class->index)->name);
    argv[1] = js_number(realm, instance->context.handle);
    argv[2] = js_string(realm, hex);
    argv[3] =
        object_name(object) != NULL ? js_string(realm, object_name(object)) : realm->undefined;
    argv[4] = js_boolean(realm, namespace_sql(object_namespace(object)));
    record =
        js_call(realm, js_ref_object(&worker->hooks.construct), NULL, JS_COUNT(argv), argv, &error);
    if (record != NULL) {
        js_ref_set(&instance->record, realm, record);
    } else {
        worker_log_thrown(worker, &error);
        turn->failure = cross_thrown(worker, &error, 0);
        js_error_fini(&error);
    }
}

static void *construct(struct class *class, struct object *object, struct failure **failure)
{
    struct class_link *link = class->data;
    struct instance *instance = mem_new(struct instance);
    struct construct_turn turn = {instance, NULL};

    context_init(&instance->context, link->worker, object);
    instance->class = link;
    list_init(&instance->deliveries);
    list_init(&instance->sections);
    list_init(&instance->ends);
    link->worker->instance_count++;
    context_turn(&instance->context, construct_turn, &turn);
    if (turn.failure == NULL)
        return instance;
    *failure = turn.failure;
    instance_class_ops.destroy(instance);
    return NULL;
}

static JSObjectRef socket_wrapper_of(struct instance *instance, struct socket *socket)
{
    struct worker *worker = instance->context.worker;
    JSObjectRef wrapper = socket_wrapper(socket);
    JSValueRef argv[2];
    JSValueRef made;

    if (wrapper != NULL)
        return wrapper;
    argv[0] = instance->record.value;
    argv[1] = api_socket_box(worker->realm, socket);
    made = js_call(worker->realm, js_ref_object(&worker->hooks.wrap_socket), NULL, 2, argv, NULL);
    wrapper = made != NULL ? js_as_object(worker->realm, made) : NULL;
    socket_set_wrapper(socket, wrapper);
    return wrapper;
}

JSValueRef api_socket_wrapped(struct context *context, struct socket *socket)
{
    JSObjectRef wrapper = socket_wrapper_of(instance_of(context), socket);

    return wrapper != NULL ? wrapper : context->worker->realm->undefined;
}

/* The arguments that follow record and event; returns how many. */
static size_t arguments_of(struct instance *instance, struct event *event, JSValueRef *argv)
{
    struct js_realm *realm = instance->context.worker->realm;
    struct fetch_request *request;

    switch (event->kind) {
    case EVENT_FETCH:
        request = event->fetch.request;
        argv[0] = js_word(realm, request->method);
        argv[1] = js_string(realm, request->url);
        argv[2] = cross_headers(realm, request->headers);
        argv[3] = cross_body(realm, &request->body);
        argv[4] = request->cf != NULL ? js_string_from_utf8(realm, blob_bytes(request->cf))
                                      : realm->undefined;
        return 5;
    case EVENT_CALL:
        argv[0] =
            event->call.method != NULL ? js_word(realm, event->call.method) : realm->undefined;
        argv[1] = event->call.arguments != NULL
                      ? js_bytes_copy(realm, blob_bytes(event->call.arguments))
                      : realm->undefined;
        argv[2] = rpc_cargo_value(&instance->context, event->call.cargo);
        argv[3] = rpc_callee(realm, event);
        return 4;
    case EVENT_ALARM:
        argv[0] = js_number(realm, (double)event->alarm.scheduled_ms);
        argv[1] = js_number(realm, event->alarm.retry_count);
        return 2;
    case EVENT_MESSAGE:
        argv[0] = socket_wrapper_of(instance, event->socket.socket);
        argv[1] = event->socket.text ? js_string_from_utf8(realm, blob_bytes(event->socket.data))
                                     : js_buffer_copy(realm, blob_bytes(event->socket.data));
        return 2;
    case EVENT_CLOSE:
        argv[0] = socket_wrapper_of(instance, event->socket.socket);
        argv[1] = js_number(realm, event->socket.code);
        argv[2] = js_string(realm, event->socket.reason != NULL ? event->socket.reason : "");
        argv[3] = js_boolean(realm, event->socket.clean);
        return 4;
    case EVENT_ERROR:
        argv[0] = socket_wrapper_of(instance, event->socket.socket);
        argv[1] = js_string(realm, event->socket.failure->name);
        argv[2] = js_string(realm, event->socket.failure->message);
        argv[3] = js_number(realm, event->socket.failure->flags);
        return 4;
    }
    UNREACHABLE();
}

static struct js_ref *hook_of(struct worker *worker, enum event_kind kind)
{
    switch (kind) {
    case EVENT_FETCH: return &worker->hooks.deliver_fetch;
    case EVENT_CALL: return &worker->hooks.deliver_call;
    case EVENT_ALARM: return &worker->hooks.deliver_alarm;
    case EVENT_MESSAGE: return &worker->hooks.deliver_message;
    case EVENT_CLOSE: return &worker->hooks.deliver_close;
    case EVENT_ERROR: return &worker->hooks.deliver_error;
    }
    UNREACHABLE();
}

struct delivery_turn {
    struct instance *instance;
    struct event *event;
};

static void delivery_turn(struct js_realm *realm, void *data)
{
    struct delivery_turn *turn = data;
    struct instance *instance = turn->instance;
    struct worker *worker = instance->context.worker;
    struct delivery *delivery = delivery_create(&instance->context, turn->event);
    double id = delivery->id;
    struct js_error error = {0};
    JSValueRef argv[8];
    size_t argc;

    list_push_back(&instance->deliveries, &delivery->link);
    argv[0] = instance->record.value;
    argv[1] = js_number(realm, id);
    argc = 2 + arguments_of(instance, turn->event, argv + 2);
    if (js_call(realm, js_ref_object(hook_of(worker, turn->event->kind)), NULL, argc, argv,
                &error) == NULL) {
        struct event_result result = {.failure = cross_thrown(worker, &error, 0)};

        worker_log_thrown(worker, &error);
        delivery = map_u64_get(&worker->deliveries, (uint64_t)id);
        if (delivery != NULL)
            delivery_finish(delivery, &result);
        else
            event_result_fini(&result);
        js_error_fini(&error);
    }
}

static void deliver(void *self, struct event *event)
{
    struct instance *instance = self;
    struct delivery_turn turn = {instance, event};

    if (event->kind == EVENT_CALL && rpc_callee(instance->context.worker->realm, event) == NULL) {
        struct event_result result = {.failure =
                                          failure_create("Error", EVENT_AIM_OVER_TEXT, NULL, 0)};

        event_finish(event, &result);
        return;
    }
    context_turn(&instance->context, delivery_turn, &turn);
}

static void forget_wrapper(void *data, struct socket *socket)
{
    (void)data;
    socket_set_wrapper(socket, NULL);
}

static void destroy(void *self)
{
    struct instance *instance = self;
    struct worker *worker = instance->context.worker;

    context_end(&instance->context);
    while (!list_empty(&instance->deliveries))
        delivery_destroy(container_of(list_first(&instance->deliveries), struct delivery, link));
    api_sections_drop(instance);
    while (!list_empty(&instance->ends)) {
        struct instance_end *end =
            container_of(list_first(&instance->ends), struct instance_end, link);

        list_remove(&end->link);
        end->close(end);
    }
    object_sockets(instance->context.object, NULL, forget_wrapper, NULL);
    js_ref_fini(&instance->record);
    mem_free(instance);
    worker->instance_count--;
    worker_settle(worker);
}

const struct class_ops instance_class_ops = {construct, deliver, destroy};
