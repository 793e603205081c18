#include "api/worker.h"

#include <stdio.h>
#include <string.h>

#include "actor/class.h"
#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/namespace.h"
#include "api/pure.h"
#include "api/worker_parts.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/client.h"
#include "js/builtin.h"
#include "js/error.h"
#include "js/view.h"
#include "os/os.h"

/* Words that js/cf_worker.js knows, too. */
#define CRON_CLASS  "%cron"
#define START_CRONS "dormouse:start-crons"

/* ---- files beside the bundle ---- */

static bool read_file(const char *path, struct buf *out)
{
    struct os_file *file;
    uint64_t size;
    size_t got = 0;

    if (os_open(os_real(), path, OS_READ, &file) != 0)
        return false;
    if (os_file_size(file, &size) == 0 &&
        os_pread(file, buf_reserve(out, (size_t)size), (size_t)size, 0, &got) == 0)
        buf_added(out, got);
    os_close(file);
    return true;
}

/* module_read(name) -> Uint8Array | undefined: a file that esbuild put beside the bundle. The name
 * is one that stands in the bundle; it may not lead out of its folder. */
static JSValueRef module_read(struct js_call *call)
{
    const struct worker_bundle *bundle = worker_of(call->realm)->bundle;
    const char *slash = strrchr(bundle->path, '/');
    struct buf path = {0};
    struct buf content = {0};
    JSValueRef value = call->realm->undefined;
    struct js_text name;

    if (!js_arg_text(call, 0, &name))
        return NULL;
    if (strstr(name.data, "..") == NULL && slash != NULL) {
        buf_append(&path, bundle->path, (size_t)(slash - bundle->path) + 1);
        buf_append_bytes(&path, js_text_bytes(&name));
        if (read_file(buf_string(&path), &content))
            value = js_bytes_take_buf(call->realm, &content);
    }
    buf_fini(&content);
    buf_fini(&path);
    js_text_fini(&name);
    return value;
}

/* clang-format off */
#define MODULE_NATIVES(X) \
    X("module_read", module_read, 1)
/* clang-format on */
JS_NATIVES(module_natives, MODULE_NATIVES)

/* ---- making ---- */

static void rejected(struct js_realm *realm, JSValueRef promise, JSValueRef reason)
{
    struct worker *worker = worker_of(realm);
    JSValueRef argv[] = {promise, reason};
    JSObjectRef hook = js_ref_object(&worker->hooks.unhandled_rejection);

    if (hook != NULL)
        js_call(realm, hook, NULL, 2, argv, NULL);
}

static void install_natives(struct worker *worker, JSObjectRef natives)
{
    struct js_realm *realm = worker->realm;

    api_pure_install(realm, natives);
    api_assets_install(realm, natives);
    api_body_install(realm, natives);
    api_console_install(realm, natives);
    api_delivery_install(realm, natives);
    api_fetch_install(realm, natives);
    api_hold_install(realm, natives);
    api_namespace_install(realm, natives);
    api_request_install(realm, natives);
    api_object_install(realm, natives);
    api_rpc_install(realm, natives);
    api_socket_install(realm, natives);
    api_sql_install(realm, natives);
    api_storage_install(realm, natives);
    api_stub_install(realm, natives);
    api_tcp_install(realm, natives);
    api_bookmarks_install(realm, natives);
    api_timer_install(realm, natives);
    js_builtin_install(realm, natives);
    js_natives_install(realm, natives, module_natives, JS_COUNT(module_natives));
}

static void keep_hooks(struct worker *worker, JSObjectRef hooks)
{
    struct js_realm *realm = worker->realm;
    JSValueRef exception = NULL;
    JSObjectRef events;

#define KEEP(member, name)                                                                         \
    js_ref_set(&worker->hooks.member, realm, js_get_function(realm, hooks, name, &exception));
    WORKER_HOOKS(KEEP)
#undef KEEP
    events = js_as_object(realm, js_get(realm, hooks, "socketEvents", &exception));
    js_ref_set(&worker->hooks.socket_message, realm,
               js_get_function(realm, events, "message", &exception));
    js_ref_set(&worker->hooks.socket_close, realm,
               js_get_function(realm, events, "close", &exception));
    js_ref_set(&worker->hooks.socket_error, realm,
               js_get_function(realm, events, "error", &exception));
}

/* What the script threw, in words for whoever started it. */
static int threw(struct worker *worker, struct js_error *error, struct err_text *why)
{
    struct buf text = {0};

    worker_describe_thrown(worker, error, &text);
    err_text_set(why, "%s", buf_string(&text));
    buf_fini(&text);
    js_error_fini(error);
    return WORKER_CREATE_THREW;
}

/* The platform's half: natives, then js/. */
static int start_platform(struct worker *worker, struct bytes settings_json, struct err_text *why)
{
    struct js_realm *realm = worker->realm;
    JSObjectRef natives = js_object_make(realm);
    JSValueRef settings = js_json_parse(realm, settings_json);
    struct js_error error = {0};
    JSObjectRef hooks;

    if (settings == NULL) {
        err_text_set(why, "the project's settings are not JSON");
        return WORKER_CREATE_THREW;
    }
    js_ref_set(&worker->natives, realm, natives);
    install_natives(worker, natives);
    hooks = js_builtin_run(realm, &js_builtin_js, natives, js_as_object(realm, settings), &error);
    if (hooks == NULL)
        return threw(worker, &error, why);
    keep_hooks(worker, hooks);
    js_realm_on_rejection(realm, rejected);
    return 0;
}

static void add_source_map(struct worker *worker)
{
    const struct worker_bundle *bundle = worker->bundle;
    JSValueRef argv[2];

    if (bundle->source_map.data == NULL)
        return;
    argv[0] = js_string(worker->realm, bundle->path);
    argv[1] = js_string_from_utf8(worker->realm, bundle->source_map);
    js_call(worker->realm, js_ref_object(&worker->hooks.add_source_map), NULL, 2, argv, NULL);
}

/* The project's half: the bundle as a function of (module, exports, require), on its first line so
 * that line numbers stay those of the file. */
static JSValueRef run_bundle(struct worker *worker, struct js_error *error)
{
    const struct worker_bundle *bundle = worker->bundle;
    struct js_realm *realm = worker->realm;
    struct buf text = {0};
    JSObjectRef names;
    JSValueRef argv[2];
    JSValueRef exception = NULL;
    JSValueRef code;

    buf_append_string(&text, "(function (module, exports, require) {");
    buf_append_bytes(&text, bundle->script);
    buf_append_string(&text, "\n})");
    code = js_realm_evaluate(realm, buf_bytes(&text), bundle->path, 1, error);
    buf_fini(&text);
    if (code == NULL)
        return NULL;
    argv[0] = code;
    argv[1] = js_string_from_utf8(realm, bundle->settings);
    if (js_call(realm, js_ref_object(&worker->hooks.load_worker), NULL, JS_COUNT(argv), argv,
                error) == NULL)
        return NULL;
    names = js_array_make(realm, 0, NULL);
    for (size_t i = 0; i < bundle->namespace_count; i++)
        JSObjectSetPropertyAtIndex(realm->ctx, names, (unsigned)i,
                                   js_string(realm, namespace_class_name(bundle->namespaces[i])),
                                   &exception);
    /* In between the microtasks have run, and with them code that waits at its top level. */
    argv[0] = names;
    return js_call(realm, js_ref_object(&worker->hooks.finish_worker), NULL, 1, argv, error);
}

static bool exports_class(struct worker *worker, JSObjectRef names, const char *name)
{
    struct js_realm *realm = worker->realm;
    size_t count = js_array_length(realm, names);
    JSValueRef exception = NULL;

    for (size_t i = 0; i < count; i++) {
        JSValueRef value = js_array_at(realm, names, i, &exception);
        struct js_text text;
        bool same;

        if (value == NULL || !js_text_of(&text, realm, value, &exception))
            return false;
        same = strcmp(text.data, name) == 0;
        js_text_fini(&text);
        if (same)
            return true;
    }
    return false;
}

static int bind_classes(struct worker *worker, JSObjectRef names, struct err_text *why)
{
    const struct worker_bundle *bundle = worker->bundle;

    worker->classes = mem_new_array(struct class, bundle->namespace_count);
    worker->links = mem_new_array(struct class_link, bundle->namespace_count);
    for (size_t i = 0; i < bundle->namespace_count; i++) {
        const char *name = namespace_class_name(bundle->namespaces[i]);
        bool bound = bundle->namespace_bound == NULL || bundle->namespace_bound[i];
        bool exported = exports_class(worker, names, name);

        if (!exported && !bound)
            continue; /* a migration names it; the code has moved on */
        if (!exported) {
            err_text_set(why, "Worker does not export a Durable Object class named \"%s\".", name);
            return WORKER_CREATE_THREW;
        }
        worker->links[i] = (struct class_link){worker, (unsigned)i};
        worker->classes[i] = (struct class){name, &instance_class_ops, &worker->links[i]};
    }
    return 0;
}

static void destroy(struct worker *worker)
{
    http_client_destroy(worker->http);
    loop_task_cancel(&worker->answer_task);
#define DROP(member, name) js_ref_fini(&worker->hooks.member);
    WORKER_HOOKS(DROP)
#undef DROP
    js_ref_fini(&worker->hooks.socket_message);
    js_ref_fini(&worker->hooks.socket_close);
    js_ref_fini(&worker->hooks.socket_error);
    js_ref_fini(&worker->natives);
    js_ref_fini(&worker->sql_counts_array);
    js_ref_fini(&worker->running_array);
    js_realm_destroy(worker->realm);
    map_u64_fini(&worker->deliveries);
    map_u64_fini(&worker->timers);
    map_u64_fini(&worker->holds);
    map_u64_fini(&worker->sections);
    mem_free(worker->classes);
    mem_free(worker->links);
    mem_free(worker);
}

int worker_create(struct worker **out, const struct worker_options *options, struct err_text *why)
{
    struct worker *worker = mem_new(struct worker);
    int r;

    worker->shard = options->shard;
    worker->loop = options->loop;
    worker->engine = options->engine;
    worker->couple = options->couple;
    worker->couple_data = options->couple_data;
    map_u64_init(&worker->deliveries);
    map_u64_init(&worker->timers);
    map_u64_init(&worker->holds);
    map_u64_init(&worker->sections);
    list_init(&worker->requests);
    list_init(&worker->answers);
    worker->realm = js_realm_create(options->engine, worker);
    if (options->cpu_limit_ms > 0)
        js_engine_set_limit(options->engine, (double)options->cpu_limit_ms / 1000, NULL, NULL);
    r = start_platform(worker, options->settings, why);
    if (r != 0) {
        destroy(worker);
        return r;
    }
    *out = worker;
    return 0;
}

int worker_load(struct worker *worker, const struct worker_bundle *bundle, struct err_text *why)
{
    struct js_error error = {0};
    JSValueRef names;

    ASSERT(worker->bundle == NULL);
    worker->bundle = bundle;
    add_source_map(worker);
    names = run_bundle(worker, &error);
    if (names == NULL)
        return threw(worker, &error, why);
    js_realm_allow_eval(worker->realm, false);
    return bind_classes(worker, js_as_object(worker->realm, names), why);
}

struct class *worker_class(struct worker *worker, size_t index)
{
    ASSERT(index < worker->bundle->namespace_count);
    return worker->classes[index].ops != NULL ? &worker->classes[index] : NULL;
}

static void forget(void *data, struct event_result *result)
{
    (void)data;
    event_result_fini(result);
}

void worker_start_crons(struct worker *worker)
{
    const struct worker_bundle *bundle = worker->bundle;

    for (size_t i = 0; i < bundle->namespace_count; i++) {
        if (strcmp(namespace_class_name(bundle->namespaces[i]), CRON_CLASS) == 0)
            worker_fetch(worker, fetch_request_create("GET", START_CRONS), forget, NULL);
    }
}

size_t worker_busy(const struct worker *worker)
{
    return worker->request_count;
}

static void bury(struct loop_task *task)
{
    struct worker *worker = container_of(task, struct worker, answer_task);

    if (worker->request_count == 0 && worker->instance_count == 0)
        destroy(worker);
}

void worker_settle(struct worker *worker)
{
    if (!worker->retired || worker->request_count > 0 || worker->instance_count > 0)
        return;
    worker->answer_task.cb = bury; /* its last user is still on the stack */
    loop_defer(worker->loop, &worker->answer_task);
}

void worker_retire(struct worker *worker)
{
    worker->retired = true;
    worker_settle(worker);
}

void worker_destroy(struct worker *worker)
{
    worker_requests_end(worker);
    ASSERT(worker->instance_count == 0);
    destroy(worker);
}
