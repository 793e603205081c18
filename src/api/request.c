/* Requests to the stateless Worker, the front's and its own: each one is a context of its own. */

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "api/rpc.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "js/error.h"
#include "js/view.h"

#define HUNG_TEXT                                                                                  \
    "The Workers runtime canceled this request because it detected that your Worker's code had "   \
    "hung and would never generate a response. Refer to: "                                         \
    "https://developers.cloudflare.com/workers/observability/errors/"

enum {
    FETCH_ARGUMENTS = 6
};

struct request {
    struct context context;
    struct delivery *delivery; /* NULL once it has an answer */
    void (*reply)(void *data, struct event_result *result);
    void *data;
    struct event_result result; /* between answer and reply */
    struct serving *serving;    /* until it has begun; NULL: a request of the front */
    struct list link;           /* worker.requests */
    struct list answer_link;    /* worker.answers */
};

/* A fetch or a call of the Worker's own, on its way into the request's context. */
struct serving {
    struct message message;
    struct request *request; /* NULL: it was answered before it could begin */
    struct event *event;     /* replied to and freed by the request's answer */
    char *entrypoint;
    char *props;
};

static struct request *request_of(struct context *context)
{
    return container_of(context, struct request, context);
}

static void reply(struct request *request)
{
    struct event_result result = request->result;

    list_remove(&request->answer_link);
    request->result = (struct event_result){0};
    request->reply(request->data, &result);
    request->context.answered = true;
    context_settle(&request->context);
}

static void send_answers(struct loop_task *task)
{
    struct worker *worker = container_of(task, struct worker, answer_task);

    while (!list_empty(&worker->answers))
        reply(container_of(list_first(&worker->answers), struct request, answer_link));
    worker_settle(worker);
}

void request_answer(struct context *context, struct event_result *result)
{
    struct request *request = request_of(context);

    request->delivery = NULL;
    request->result = *result;
    *result = (struct event_result){0};
    list_push_back(&context->worker->answers, &request->answer_link);
    context->worker->answer_task.cb = send_answers;
    loop_defer(context->worker->loop, &context->worker->answer_task);
}

void worker_request_over(struct context *context)
{
    struct request *request = request_of(context);
    struct worker *worker = context->worker;

    context_end(context);
    if (request->serving != NULL)
        request->serving->request = NULL;
    list_remove(&request->link);
    worker->request_count--;
    mem_free(request);
    if (worker->retired)
        loop_defer(worker->loop, &worker->answer_task);
}

static struct request *request_create(struct worker *worker,
                                      void (*reply_to)(void *, struct event_result *), void *data)
{
    struct request *request = mem_new(struct request);

    context_init(&request->context, worker, NULL);
    request->reply = reply_to;
    request->data = data;
    request->delivery = delivery_create(&request->context, NULL);
    list_init(&request->answer_link);
    list_push_back(&worker->requests, &request->link);
    worker->request_count++;
    return request;
}

static void fetch_arguments(struct request *request, struct fetch_request *fetch, JSValueRef *argv)
{
    struct js_realm *realm = request->context.worker->realm;

    argv[0] = js_number(realm, request->delivery->id);
    argv[1] = js_word(realm, fetch->method);
    argv[2] = js_string(realm, fetch->url);
    argv[3] = cross_headers(realm, fetch->headers);
    argv[4] = cross_body(realm, &fetch->body);
    argv[5] =
        fetch->cf != NULL ? js_string_from_utf8(realm, blob_bytes(fetch->cf)) : realm->undefined;
}

/* In the request's context. */
static void call_hook(struct request *request, struct js_ref *hook, size_t argc,
                      const JSValueRef *argv)
{
    struct worker *worker = request->context.worker;
    double id = request->delivery->id;
    struct js_error error = {0};

    if (js_call(worker->realm, js_ref_object(hook), NULL, argc, argv, &error) == NULL) {
        struct event_result result = {.failure = cross_thrown(worker, &error, 0)};
        struct delivery *delivery = map_u64_get(&worker->deliveries, (uint64_t)id);

        worker_log_thrown(worker, &error);
        if (delivery != NULL)
            delivery_finish(delivery, &result);
        event_result_fini(&result);
        js_error_fini(&error);
    }
}

void worker_fetch(struct worker *worker, struct fetch_request *fetch,
                  void (*reply_to)(void *data, struct event_result *result), void *data)
{
    struct request *request = request_create(worker, reply_to, data);
    JSValueRef argv[FETCH_ARGUMENTS];

    context_enter(&request->context);
    fetch_arguments(request, fetch, argv);
    fetch_request_destroy(fetch);
    call_hook(request, &worker->hooks.fetch_worker, JS_COUNT(argv), argv);
    context_leave(&request->context);
}

/* ---- clients that go ---- */

/* A script that wants to know. */
struct client_watch {
    struct pending pending;
    struct js_ref callback;
    const void *data; /* of worker_fetch() */
    struct list link; /* client_watches */
};

static _Thread_local struct list client_watches;

static struct list *watches(void)
{
    if (client_watches.next == NULL)
        list_init(&client_watches);
    return &client_watches;
}

static void watch_free(struct client_watch *watch)
{
    list_remove(&watch->link);
    js_ref_fini(&watch->callback);
    mem_free(watch);
}

static void watch_run(struct pending *pending)
{
    struct client_watch *watch = container_of(pending, struct client_watch, pending);
    struct js_realm *realm = watch->callback.realm;
    struct js_error error = {0};

    if (js_call(realm, js_ref_object(&watch->callback), NULL, 0, NULL, &error) == NULL) {
        worker_log_thrown(worker_of(realm), &error);
        js_error_fini(&error);
    }
    watch_free(watch);
}

static void watch_drop(struct pending *pending)
{
    watch_free(container_of(pending, struct client_watch, pending));
}

void worker_client_gone(const void *data)
{
    struct list *link;

    list_for_each (link, watches()) {
        struct client_watch *watch = container_of(link, struct client_watch, link);

        if (watch->data == data && watch->pending.context != NULL)
            pending_ready(&watch->pending);
    }
    worker_client_over(data);
}

void worker_client_over(const void *data)
{
    struct list *link;

    list_for_each (link, watches()) {
        struct client_watch *watch = container_of(link, struct client_watch, link);

        if (watch->data == data)
            watch->data = NULL;
    }
}

/* on_client_gone(callback): of the request that runs; nothing in an object's */
static JSValueRef on_client_gone(struct js_call *call)
{
    struct context *context = context_current(call->realm);
    struct client_watch *watch;

    if (context == NULL || context->object != NULL)
        return call->realm->undefined;
    watch = mem_new(struct client_watch);
    watch->data = request_of(context)->data;
    js_ref_set(&watch->callback, call->realm, js_arg(call, 0));
    watch->pending.run = watch_run;
    watch->pending.drop = watch_drop;
    list_push_back(watches(), &watch->link);
    pending_bind(&watch->pending, context, HOLD_WAIT_UNTIL); /* which keeps nothing waiting */
    return call->realm->undefined;
}

/* clang-format off */
#define REQUEST_NATIVES(X)                 \
    X("on_client_gone", on_client_gone, 1)
/* clang-format on */
JS_NATIVES(request_natives, REQUEST_NATIVES)

void api_request_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, request_natives, JS_COUNT(request_natives));
}

/* ---- requests of its own ---- */

static void serving_reply(void *data, struct event_result *result)
{
    struct event *event = data;

    event->reply(event, result);
    event_destroy(event);
}

static JSValueRef text_or_undefined(struct js_realm *realm, const char *text)
{
    return text != NULL ? js_string(realm, text) : realm->undefined;
}

static void serve_fetch(struct serving *serving, struct request *request)
{
    struct worker *worker = request->context.worker;
    JSValueRef argv[FETCH_ARGUMENTS + 2];

    fetch_arguments(request, serving->event->fetch.request, argv);
    argv[FETCH_ARGUMENTS] = js_string(worker->realm, serving->entrypoint);
    argv[FETCH_ARGUMENTS + 1] = text_or_undefined(worker->realm, serving->props);
    call_hook(request, &worker->hooks.serve_fetch, JS_COUNT(argv), argv);
}

static void serve_call(struct serving *serving, struct request *request)
{
    struct worker *worker = request->context.worker;
    struct js_realm *realm = worker->realm;
    struct event *event = serving->event;
    JSValueRef argv[6];

    request->context.serves = true;
    argv[0] = js_number(realm, request->delivery->id);
    argv[1] = js_string(realm, serving->entrypoint);
    argv[2] = text_or_undefined(realm, serving->props);
    argv[3] = text_or_undefined(realm, event->call.method);
    argv[4] = event->call.arguments != NULL
                  ? js_bytes_copy(realm, blob_bytes(event->call.arguments))
                  : realm->undefined;
    argv[5] = rpc_cargo_value(&request->context, event->call.cargo);
    call_hook(request, &worker->hooks.serve_call, JS_COUNT(argv), argv);
}

static void serving_run(struct message *message)
{
    struct serving *serving = container_of(message, struct serving, message);
    struct request *request = serving->request;

    if (request != NULL) {
        request->serving = NULL;
        context_enter(&request->context);
        if (serving->event->kind == EVENT_FETCH)
            serve_fetch(serving, request);
        else
            serve_call(serving, request);
        context_leave(&request->context);
    }
    mem_free(serving->entrypoint);
    mem_free(serving->props);
    mem_free(serving);
}

void worker_serve(struct worker *worker, char *entrypoint, char *props, struct event *event)
{
    struct serving *serving = mem_new(struct serving);

    serving->entrypoint = entrypoint;
    serving->props = props;
    serving->event = event;
    serving->request = request_create(worker, serving_reply, event);
    serving->request->serving = serving;
    serving->message.run = serving_run;
    shard_post(worker->shard, &serving->message);
}

/* ---- requests that end otherwise ---- */

void worker_log_hung(void)
{
    log_error("Uncaught Error: %s", HUNG_TEXT);
}

void worker_request_hung(struct context *context)
{
    struct request *request = request_of(context);
    struct event_result result;

    if (request->delivery == NULL)
        return;
    worker_log_hung();
    result = (struct event_result){.failure = failure_create("Error", HUNG_TEXT, NULL, 0)};
    delivery_finish(request->delivery, &result);
}

void worker_stopped(struct context *context)
{
    struct failure *failure =
        failure_create("Error", "The script used more processor time than its limit allows.", NULL,
                       FAILURE_OVERLOADED | (context->object != NULL ? FAILURE_RESET : 0));

    if (context->object != NULL) {
        object_abort(context->object, failure);
    } else {
        struct request *request = request_of(context);
        struct event_result result = {.failure = failure_ref(failure)};

        if (request->delivery != NULL)
            delivery_finish(request->delivery, &result);
        else
            event_result_fini(&result);
    }
    failure_unref(failure);
}

void worker_requests_end(struct worker *worker)
{
    while (!list_empty(&worker->requests)) {
        struct request *request = container_of(list_first(&worker->requests), struct request, link);

        if (request->delivery != NULL) {
            struct event_result result = {
                .failure = failure_create("Error", "The server is shutting down.", NULL,
                                          FAILURE_RETRYABLE),
            };

            delivery_finish(request->delivery, &result);
        }
        if (!list_empty(&request->answer_link)) {
            struct event_result result = request->result;

            list_remove(&request->answer_link);
            request->reply(request->data, &result);
        }
        worker_request_over(&request->context);
    }
}
