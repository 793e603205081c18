/* A C class as struct class_ops, and the events that are handed to it. */

#include "actor/class.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/namespace.h"
#include "actor/pipe.h"
#include "actor/socket.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "native/host.h"
#include "native/value.h"

/* ---- hosts ---- */

struct dm_object *host_create(struct native_shard *home, struct object *object)
{
    struct dm_object *host = mem_new(struct dm_object);

    host->home = home;
    host->object = object;
    list_init(&host->laters);
    list_init(&host->events);
    list_init(&host->answered);
    list_init(&host->rows);
    list_init(&host->sections);
    return host;
}

static void free_events(struct list *events)
{
    while (!list_empty(events))
        event_free(container_of(list_first(events), struct dm_event, link));
}

void host_leave(struct dm_object *host)
{
    rows_close_all(host);
    free_events(&host->answered);
    if (host->scratch.total > 0)
        arena_reset(&host->scratch);
}

void host_destroy(struct dm_object *host)
{
    host->over = true;
    while (!list_empty(&host->laters)) {
        struct later *later = container_of(list_first(&host->laters), struct later, link);

        if (later_unbind(later))
            later->drop(later);
    }
    sections_drop_all(host);
    rows_close_all(host);
    free_events(&host->answered);
    free_events(&host->events);
    arena_fini(&host->scratch);
    mem_free(host);
}

/* What another thread did here could not be told apart from damage later. */
static void check_thread(const struct dm_object *host)
{
    if (!pthread_equal(host->home->thread, pthread_self()))
        assert_failed("a function of struct dm_api is called on the object's own thread only",
                      host->class != NULL ? host->class->name : "front", __FILE__, __LINE__);
}

bool host_alive(struct dm_object *host, int *r)
{
    check_thread(host);
    if (host->over || (host->object != NULL && object_broken(host->object))) {
        err_text_set(&host->why, "The object is being reset.");
        *r = DM_RESET;
        return false;
    }
    return true;
}

bool host_usable(struct dm_object *host, int *r)
{
    if (host->object == NULL) {
        *r = host_error(host, "A front has no storage, sockets or sections: ask an object.");
        return false;
    }
    return host_alive(host, r);
}

int host_error(struct dm_object *host, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(host->why.text, sizeof host->why.text, format, args);
    va_end(args);
    return DM_ERROR;
}

struct failure *host_failure(struct dm_object *host, unsigned flags)
{
    const char *text = host->why.text[0] != '\0' ? host->why.text : "The class returned an error.";

    return failure_create("Error", text, NULL, flags);
}

/* ---- events ---- */

struct dm_event *event_open(struct dm_object *host, enum event_kind kind, struct event *event)
{
    struct dm_event *opened = mem_new(struct dm_event);

    opened->host = host;
    opened->kind = kind;
    opened->event = event;
    list_push_back(&host->events, &opened->link);
    return opened;
}

void event_free(struct dm_event *event)
{
    list_remove(&event->link);
    body_unref(event->view.body);
    fetch_request_destroy(event->request);
    event_result_fini(&event->result);
    arena_fini(&event->memory);
    mem_free(event);
}

struct fetch_request **event_request(struct dm_event *event)
{
    return event->event != NULL ? &event->event->fetch.request : &event->request;
}

void event_show_request(struct dm_event *event, struct fetch_request *request)
{
    struct dm_request *view = &event->view;

    view->method = request->method;
    view->url = request->url;
    view->headers = headers_show(request->headers, &event->memory, &view->header_count);
    view->body_length = request->body.whole != NULL  ? (int64_t)blob_bytes(request->body.whole).len
                        : request->body.pipe != NULL ? request->body.length
                                                     : 0;
    view->body = body_open(event->host, &request->body);
    view->content = body_whole(view->body);
    view->upgrade = request->upgrade;
    if (request->cf != NULL)
        view->cf = arena_string(&event->memory, blob_bytes(request->cf));
    for (size_t i = 0; i < view->header_count && !view->upgrade; i++)
        view->upgrade = strcasecmp(view->headers[i].name, "upgrade") == 0 &&
                        strcasecmp(view->headers[i].value, "websocket") == 0;
}

void event_answer(struct dm_event *event, struct event_result *result)
{
    ASSERT(!event->answered);
    event->answered = true;
    if (event->event != NULL) {
        event_finish(event->event, result);
        event->event = NULL;
        list_remove(&event->link);
        list_push_back(&event->host->answered, &event->link);
    } else {
        event->result = *result;
        front_answer(event);
    }
    *result = (struct event_result){0};
}

void event_handled(struct dm_event *event, int r)
{
    struct event_result result = {0};
    bool owes = event->kind == EVENT_FETCH || event->kind == EVENT_CALL;

    if (event->answered || r == DM_LATER || event->forwarded)
        return;
    if (r < 0) {
        result.failure = host_failure(event->host, 0);
    } else if (owes) {
        host_error(event->host, "The class returned without an answer.");
        result.failure = host_failure(event->host, 0);
    }
    event_answer(event, &result);
}

/* ---- handing over ---- */

static void finish_with(struct event *event, const char *name, const char *text, unsigned flags)
{
    struct event_result result = {.failure = failure_create(name, text, NULL, flags)};

    event_finish(event, &result);
}

static void deliver_fetch(struct dm_object *host, struct event *event)
{
    struct dm_event *opened;

    if (host->class->fetch == NULL) {
        finish_with(event, "Error", "Handler does not export a fetch() function.", 0);
        return;
    }
    opened = event_open(host, EVENT_FETCH, event);
    event_show_request(opened, event->fetch.request);
    event_handled(opened, host->class->fetch(host->self, host, opened, &opened->view));
}

static void deliver_call(struct dm_object *host, struct event *event)
{
    struct dm_event *opened = event_open(host, EVENT_CALL, event);
    const struct dm_value *arguments = NULL;
    struct event_result result = {0};
    int r = 0;

    if (event->call.arguments == NULL || host->class->call == NULL) {
        event_handled(opened, native_unknown_method(opened));
        return;
    }
    r = value_read(blob_bytes(event->call.arguments), &opened->memory, &arguments, &host->why);
    if (r == 0 && arguments->type != DM_ARRAY) {
        host_error(host, "The arguments of a call are not an array.");
        r = VALUE_REFUSED;
    }
    if (r != 0) {
        result.failure = failure_create("TypeError", host->why.text, NULL, 0);
        event_answer(opened, &result);
        event_handled(opened, 0);
        return;
    }
    event_handled(opened, host->class->call(host->self, host, opened, event->call.method,
                                            arguments->array.items, arguments->array.count));
}

static void deliver_alarm(struct dm_object *host, struct event *event)
{
    struct dm_event *opened;

    if (host->class->alarm == NULL) {
        finish_with(event, "Error", "The class has no alarm().", FAILURE_NO_ALARM_RETRY);
        return;
    }
    opened = event_open(host, EVENT_ALARM, event);
    event_handled(opened, host->class->alarm(host->self, host, opened, event->alarm.scheduled_ms,
                                             event->alarm.retry_count));
}

static int run_socket_handler(struct dm_object *host, struct event *event)
{
    const struct dm_class *class = host->class;
    struct dm_socket *socket = (struct dm_socket *)event->socket.socket;
    struct bytes data = blob_bytes(event->socket.data);
    const char *reason = event->socket.reason != NULL ? event->socket.reason : "";

    switch (event->kind) {
    case EVENT_MESSAGE:
        return class->message == NULL
                   ? 0
                   : class->message(host->self, host, socket, dm_bytes(data.data, data.len),
                                    event->socket.text);
    case EVENT_CLOSE:
        return class->close == NULL ? 0
                                    : class->close(host->self, host, socket, event->socket.code,
                                                   dm_str(reason), event->socket.clean);
    default:
        return class->error == NULL
                   ? 0
                   : class->error(host->self, host, socket, event->socket.failure->message);
    }
}

static void deliver_socket(struct dm_object *host, struct event *event)
{
    struct socket *socket = event->socket.socket;
    struct event_result result = {0};

    if (run_socket_handler(host, event) < 0)
        result.failure = host_failure(host, 0);
    if (event->kind == EVENT_CLOSE && event->socket.clean && !socket_close_sent(socket))
        socket_close(socket, event->socket.code,
                     bytes_of_string(event->socket.reason != NULL ? event->socket.reason : ""));
    if (event->kind != EVENT_MESSAGE)
        socket_set_wrapper(socket, NULL);
    event_finish(event, &result);
}

static void deliver(void *instance, struct event *event)
{
    struct dm_object *host = instance;

    host->why.text[0] = '\0';
    switch (event->kind) {
    case EVENT_FETCH: deliver_fetch(host, event); break;
    case EVENT_CALL: deliver_call(host, event); break;
    case EVENT_ALARM: deliver_alarm(host, event); break;
    case EVENT_MESSAGE:
    case EVENT_CLOSE:
    case EVENT_ERROR: deliver_socket(host, event); break;
    }
    host_leave(host);
}

/* ---- the class ---- */

static void *construct(struct class *class, struct object *object, struct failure **failure)
{
    struct class_link *link = class->data;
    struct dm_object *host = host_create(link->home, object);
    int r = 0;

    host->class = link->class;
    if (link->class->construct != NULL)
        r = link->class->construct(host, &host->self);
    host_leave(host);
    if (r >= 0)
        return host;
    *failure = host_failure(host, 0);
    host_destroy(host);
    return NULL;
}

static void forget_data(void *data, struct socket *socket)
{
    (void)data;
    socket_set_wrapper(socket, NULL);
}

static void destroy(void *instance)
{
    struct dm_object *host = instance;

    host->over = true;
    if (host->class->destroy != NULL)
        host->class->destroy(host->self);
    object_sockets(host->object, NULL, forget_data, NULL);
    host_destroy(host);
}

const struct class_ops native_class_ops = {construct, deliver, destroy};

/* ---- of a shard ---- */

struct native_shard *native_shard_create(const struct native_options *options)
{
    struct native_shard *home = mem_new(struct native_shard);

    home->options = *options;
    home->thread = pthread_self();
    home->classes = mem_new_array(struct class, options->namespace_count + 1);
    home->links = mem_new_array(struct class_link, options->namespace_count + 1);
    for (size_t i = 0; i < options->namespace_count; i++) {
        const char *name = namespace_class_name(options->namespaces[i]);
        const struct dm_class *class = native_class(options->native, name);

        if (class == NULL)
            continue;
        home->links[i] = (struct class_link){home, class};
        home->classes[i] = (struct class){name, &native_class_ops, &home->links[i]};
    }
    return home;
}

struct class *native_shard_class(struct native_shard *home, size_t index)
{
    ASSERT(index < home->options.namespace_count);
    return home->classes[index].ops != NULL ? &home->classes[index] : NULL;
}

void native_shard_destroy(struct native_shard *home)
{
    if (home == NULL)
        return;
    front_end(home);
    mem_free(home->classes);
    mem_free(home->links);
    mem_free(home);
}
