/*
 * js_shell: runs scripts in a realm with the platform's JavaScript half, the pure natives and
 * plain timers, and nothing that needs a server.
 *
 *     js_shell [--bare] script.js… [-- argument…]
 *
 * The scripts run one after the other in the same realm; then the shell waits until no timer is
 * left. tests/support/js_harness.js gives them test() and assert. They also see `natives`, and
 * `hooks`, what js/main.js gives to C (--bare: without js/main.js). An uncaught exception or a
 * rejection that nobody handles ends it with status 1.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/pure.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/mem.h"
#include "js/bind.h"
#include "js/builtin.h"
#include "js/engine.h"
#include "js/error.h"
#include "js/ref.h"

struct timer {
    struct heap_node node; /* key: when, in nanoseconds */
    struct js_ref callback;
    uint64_t id;
    uint64_t repeat_ns; /* 0: once */
};

static struct {
    struct js_engine *engine;
    struct js_realm *realm;
    struct js_ref hooks;
    struct heap timers;
    struct map_u64 timers_by_id;
    uint64_t timers_made;
    char **args;
    int arg_count;
    bool failed;
} shell;

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void report(const struct js_error *err)
{
    struct buf text = {0};

    js_error_format(err, &text);
    fprintf(stderr, "Uncaught %s\n", buf_string(&text));
    buf_fini(&text);
    shell.failed = true;
}

static bool read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char piece[65536];
    size_t len;

    if (file == NULL)
        return false;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        buf_append(out, piece, len);
    fclose(file);
    return true;
}

/* timer_set(ms, repeat, callback) -> id */
static JSValueRef timer_set(struct js_call *call)
{
    JSObjectRef callback = js_arg_function(call, 2);
    struct timer *timer;
    double ms;

    if (callback == NULL || !js_arg_number(call, 0, &ms))
        return NULL;
    timer = mem_new(struct timer);
    timer->id = ++shell.timers_made;
    timer->repeat_ns = js_arg_boolean(call, 1) ? (uint64_t)((ms < 1 ? 1 : ms) * 1e6) : 0;
    js_ref_set(&timer->callback, call->realm, callback);
    heap_push(&shell.timers, &timer->node, now_ns() + (uint64_t)(ms * 1e6));
    map_u64_put(&shell.timers_by_id, timer->id, timer);
    return js_number(call->realm, (double)timer->id);
}

static void timer_drop(struct timer *timer)
{
    map_u64_remove(&shell.timers_by_id, timer->id);
    js_ref_fini(&timer->callback);
    mem_free(timer);
}

/* timer_clear(id) */
static JSValueRef timer_clear(struct js_call *call)
{
    struct timer *timer;
    double id;

    if (!js_arg_number(call, 0, &id))
        return NULL;
    timer = id >= 1 ? map_u64_get(&shell.timers_by_id, (uint64_t)id) : NULL;
    if (timer != NULL) {
        heap_remove(&shell.timers, &timer->node);
        timer_drop(timer);
    }
    return call->realm->undefined;
}

/* console_write(level, text) */
static JSValueRef console_write(struct js_call *call)
{
    struct js_text level;
    struct js_text text;
    FILE *out;

    if (!js_arg_text(call, 0, &level))
        return NULL;
    out = strcmp(level.data, "error") == 0 || strcmp(level.data, "warn") == 0 ? stderr : stdout;
    js_text_fini(&level);
    if (!js_arg_text(call, 1, &text))
        return NULL;
    fwrite(text.data, 1, text.len, out);
    fputc('\n', out);
    js_text_fini(&text);
    return call->realm->undefined;
}

/* read_text(path) -> string */
static JSValueRef read_text(struct js_call *call)
{
    struct js_text path;
    struct buf text = {0};
    JSValueRef value;

    if (!js_arg_text(call, 0, &path))
        return NULL;
    if (read_file(path.data, &text))
        value = js_string_from_utf8(call->realm, buf_bytes(&text));
    else
        value = js_throw_error(call, "%s: %s", path.data, strerror(errno));
    js_text_fini(&path);
    buf_fini(&text);
    return value;
}

/* exit(code): at once */
static JSValueRef leave(struct js_call *call)
{
    double code;

    if (!js_arg_number(call, 0, &code))
        return NULL;
    fflush(stdout);
    _Exit((int)code);
}

/* memory_used() -> bytes */
static JSValueRef memory_used(struct js_call *call)
{
    struct js_memory memory;

    js_engine_memory(shell.engine, &memory);
    return js_number(call->realm, (double)(memory.heap_bytes + memory.extra_bytes));
}

/* gc() */
static JSValueRef gc(struct js_call *call)
{
    js_engine_collect_now(shell.engine);
    return call->realm->undefined;
}

/* clang-format off */
#define SHELL_NATIVES(X)                    \
    X("timer_set", timer_set, 3)            \
    X("timer_clear", timer_clear, 1)        \
    X("console_write", console_write, 2)    \
    X("read_text", read_text, 1)            \
    X("exit", leave, 1)                     \
    X("memory_used", memory_used, 0)        \
    X("gc", gc, 0)
/* clang-format on */

JS_NATIVES(shell_natives, SHELL_NATIVES)

/* A rejection that nobody handles: the hook may dispatch an event and say what it likes. */
static void rejected(struct js_realm *realm, JSValueRef promise, JSValueRef reason)
{
    JSValueRef exception = NULL;
    JSObjectRef hooks = js_ref_object(&shell.hooks);
    JSObjectRef hook = NULL;
    JSValueRef argv[2] = {promise, reason};
    struct js_error err = {0};

    shell.failed = true;
    if (hooks != NULL)
        hook = js_get_function(realm, hooks, "unhandledRejection", &exception);
    if (hook != NULL) {
        if (js_call(realm, hook, NULL, 2, argv, &err) == NULL)
            report(&err);
    } else {
        js_error_capture(&err, realm, reason);
        report(&err);
    }
    js_error_fini(&err);
}

static void run_timer(struct timer *timer)
{
    struct js_error err = {0};
    JSObjectRef callback = js_ref_object(&timer->callback);

    js_enter(shell.realm, NULL);
    if (timer->repeat_ns != 0) {
        heap_push(&shell.timers, &timer->node, timer->node.key + timer->repeat_ns);
    } else {
        timer_drop(timer); /* the stack keeps the callback alive */
    }
    if (js_call(shell.realm, callback, NULL, 0, NULL, &err) == NULL)
        report(&err);
    js_leave(shell.realm);
    js_error_fini(&err);
}

static void run_loop(void)
{
    struct heap_node *first;

    js_engine_poll(shell.engine);
    while ((first = heap_peek(&shell.timers)) != NULL && !shell.failed) {
        struct pollfd fd = {.events = POLLIN};
        uint64_t now = now_ns();
        int wait_ms = js_engine_timeout(shell.engine, &fd.fd);
        int due_ms = first->key > now ? (int)((first->key - now + 999999) / 1000000) : 0;

        if (wait_ms < 0 || wait_ms > due_ms)
            wait_ms = due_ms;
        if (wait_ms > 0)
            poll(&fd, 1, wait_ms);
        js_engine_poll(shell.engine);
        if (first->key <= now_ns()) {
            heap_pop(&shell.timers);
            run_timer(container_of(first, struct timer, node));
        }
    }
}

static void run_script(const char *path)
{
    struct js_error err = {0};
    struct buf text = {0};

    if (!read_file(path, &text)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    js_enter(shell.realm, NULL);
    if (js_realm_evaluate(shell.realm, buf_bytes(&text), path, 1, &err) == NULL)
        report(&err);
    js_leave(shell.realm);
    js_error_fini(&err);
    buf_fini(&text);
}

static void open_realm(bool bare)
{
    JSObjectRef natives;
    JSObjectRef global;
    JSObjectRef args;
    struct js_error err = {0};
    int i;

    shell.engine = js_engine_create();
    shell.realm = js_realm_create(shell.engine, NULL);
    js_realm_on_rejection(shell.realm, rejected);
    heap_init(&shell.timers);
    map_u64_init(&shell.timers_by_id);

    js_enter(shell.realm, NULL);
    global = JSContextGetGlobalObject(shell.realm->ctx);
    natives = js_object_make(shell.realm);
    api_pure_install(shell.realm, natives);
    js_builtin_install(shell.realm, natives);
    js_natives_install(shell.realm, natives, shell_natives, JS_COUNT(shell_natives));
    args = js_array_make(shell.realm, 0, NULL);
    for (i = 0; i < shell.arg_count; i++) {
        JSValueRef exception = NULL;

        JSObjectSetPropertyAtIndex(shell.realm->ctx, args, (unsigned)i,
                                   js_string(shell.realm, shell.args[i]), &exception);
    }
    js_set(shell.realm, natives, "script_args", args);
    js_set(shell.realm, global, "natives", natives);
    if (!bare) {
        JSObjectRef hooks = js_builtin_run(shell.realm, &js_builtin_js, natives, NULL, &err);

        if (hooks == NULL) {
            report(&err);
        } else {
            js_ref_set(&shell.hooks, shell.realm, hooks);
            js_set(shell.realm, global, "hooks", hooks);
        }
        js_error_fini(&err);
    }
    js_leave(shell.realm);
}

static void close_realm(void)
{
    struct heap_node *node;

    while ((node = heap_pop(&shell.timers)) != NULL)
        timer_drop(container_of(node, struct timer, node));
    heap_fini(&shell.timers);
    map_u64_fini(&shell.timers_by_id);
    js_realm_destroy(shell.realm);
    js_engine_destroy(shell.engine);
}

int main(int argc, char **argv)
{
    bool bare = argc > 1 && strcmp(argv[1], "--bare") == 0;
    int first = bare ? 2 : 1;
    int end = first;
    int i;

    while (end < argc && strcmp(argv[end], "--") != 0)
        end++;
    if (first == end) {
        fprintf(stderr, "usage: %s [--bare] script.js… [-- argument…]\n", argv[0]);
        return 2;
    }
    shell.args = argv + end + 1;
    shell.arg_count = end < argc ? argc - end - 1 : 0;
    open_realm(bare);
    for (i = first; i < end && !shell.failed; i++)
        run_script(argv[i]);
    run_loop();
    close_realm();
    return shell.failed ? 1 : 0;
}
