#include "js/realm.h"

#include "base/assert.h"
#include "base/mem.h"
#include "js/engine_parts.h"
#include "js/error.h"
#include "js/realm_parts.h"
#include "js/value.h"

/*
 * Runs once in a fresh realm and hands out what is captured, in the order of enum js_intrinsic.
 * Everything is looked up here, nothing later: a script may do to its globals what it likes.
 */
static const char prelude[] =
    "(function (settled) {"
    " 'use strict';"
    " const {apply, getOwnPropertyDescriptor} = Reflect;"
    " const {then} = Promise.prototype;"
    " const P = Promise, {resolve, reject} = Promise;"
    " const get = (name) => getOwnPropertyDescriptor(DataView.prototype, name).get;"
    " const buffer = get('buffer'), offset = get('byteOffset'), length = get('byteLength');"
    " const typed = Object.getPrototypeOf(Uint8Array.prototype);"
    " const getTyped = (name) => getOwnPropertyDescriptor(typed, name).get;"
    " const tbuffer = getTyped('buffer'), toffset = getTyped('byteOffset'),"
    "   tlength = getTyped('byteLength');"
    " const isView = ArrayBuffer.isView;"
    " const tag = getOwnPropertyDescriptor(typed, Symbol.toStringTag).get;"
    " const resolved = (value) => apply(resolve, P, [value]);"
    " return [Error, TypeError, RangeError, SyntaxError, isView,"
    "  (view) => apply(tag, view, []) === undefined"
    "   ? [apply(buffer, view, []), apply(offset, view, []), apply(length, view, [])]"
    "   : [apply(tbuffer, view, []), apply(toffset, view, []), apply(tlength, view, [])],"
    "  resolved,"
    "  (reason) => apply(reject, P, [reason]),"
    "  (value, id) => {"
    "   apply(then, resolved(value), ["
    "    (value) => { settled(id, value, false); },"
    "    (reason) => { settled(id, reason, true); }]);"
    "  }];"
    "})";

static JSValueRef settled_entry(JSContextRef ctx, JSObjectRef callee, JSObjectRef self, size_t argc,
                                const JSValueRef argv[], JSValueRef *exception)
{
    struct js_realm *realm = js_realm_of(ctx);

    (void)callee;
    (void)self;
    ASSERT(argc == 3); /* only the prelude has it */
    js_promise_settled(realm, (uint64_t)JSValueToNumber(ctx, argv[0], exception), argv[1],
                       JSValueToBoolean(ctx, argv[2]));
    return realm->undefined;
}

static JSValueRef rejection_entry(JSContextRef ctx, JSObjectRef callee, JSObjectRef self,
                                  size_t argc, const JSValueRef argv[], JSValueRef *exception)
{
    struct js_realm *realm = js_realm_of(ctx);

    (void)callee;
    (void)self;
    (void)exception;
    if (realm->rejected != NULL && argc >= 2)
        realm->rejected(realm, argv[0], argv[1]);
    return realm->undefined;
}

/* A turn, or its microtasks alone. A script that was ended in it has used up the time of this entry
 * into the machine: the microtasks get one of their own. */
static JSValueRef turn_entry(JSContextRef ctx, JSObjectRef callee, JSObjectRef self, size_t argc,
                             const JSValueRef argv[], JSValueRef *exception)
{
    struct js_realm *realm = js_realm_of(ctx);
    struct js_engine *engine = realm->engine;
    js_turn_fn *run = engine->turn_run;

    (void)callee;
    (void)self;
    (void)argc;
    (void)argv;
    (void)exception;
    JSLock(ctx); /* natives are called without it */
    engine->turn_run = NULL;
    if (run != NULL)
        run(realm, engine->turn_data);
    engine->drained = run == NULL || !engine->stop_pending;
    if (engine->drained)
        JSContextGroupDrainMicrotasks(engine->group);
    JSUnlock(ctx);
    return realm->undefined;
}

static void capture_intrinsics(struct js_realm *realm)
{
    JSContextRef ctx = realm->ctx;
    JSValueRef exception = NULL;
    JSValueRef make = js_realm_evaluate_static(realm, bytes_of(prelude, sizeof prelude - 1),
                                               "dormouse:prelude", NULL);
    JSValueRef settled = JSObjectMakeFunctionWithCallback(ctx, NULL, settled_entry);
    JSValueRef list;
    unsigned i;

    ASSERT(make != NULL);
    list = JSObjectCallAsFunction(ctx, js_as_object(realm, make), NULL, 1, &settled, &exception);
    ASSERT(list != NULL);
    for (i = 0; i < JS_INTRINSICS; i++) {
        JSValueRef value =
            JSObjectGetPropertyAtIndex(ctx, js_as_object(realm, list), i, &exception);

        realm->intrinsics[i] = js_as_object(realm, value);
        ASSERT(realm->intrinsics[i] != NULL);
        JSValueProtect(ctx, realm->intrinsics[i]);
    }
    JSGlobalContextSetUnhandledRejectionCallback(
        realm->ctx, JSObjectMakeFunctionWithCallback(ctx, NULL, rejection_entry), &exception);
    ASSERT(exception == NULL);
}

struct js_realm *js_realm_create(struct js_engine *engine, void *data)
{
    struct js_realm *realm = mem_new(struct js_realm);

    ASSERT(js_engine_here() == engine);
    ASSERT(engine->inside == NULL);
    realm->engine = engine;
    realm->data = data;
    realm->ctx = JSGlobalContextCreateInGroup(engine->group, NULL);
    realm->undefined = JSValueMakeUndefined(realm->ctx);
    realm->null = JSValueMakeNull(realm->ctx);
    realm->yes = JSValueMakeBoolean(realm->ctx, true);
    realm->no = JSValueMakeBoolean(realm->ctx, false);
    list_init(&realm->refs);
    map_u64_init(&realm->watches);
    list_push_front(&engine->realms, &realm->link);
    capture_intrinsics(realm);
    realm->turn = JSObjectMakeFunctionWithCallback(realm->ctx, NULL, turn_entry);
    JSValueProtect(realm->ctx, realm->turn);
    return realm;
}

void js_realm_destroy(struct js_realm *realm)
{
    unsigned i;

    if (realm == NULL)
        return;

    ASSERT(js_engine_here() == realm->engine);
    ASSERT(realm->engine->inside == NULL);
    while (!list_empty(&realm->refs))
        js_ref_fini(container_of(list_first(&realm->refs), struct js_ref, link));
    js_promise_forget(realm);
    for (i = 0; i < JS_INTRINSICS; i++)
        JSValueUnprotect(realm->ctx, realm->intrinsics[i]);
    for (i = 0; i < sizeof realm->words / sizeof *realm->words; i++) {
        if (realm->words[i].value != NULL)
            JSValueUnprotect(realm->ctx, realm->words[i].value);
    }
    JSValueUnprotect(realm->ctx, realm->turn);
    realm->rejected = NULL;
    JSGlobalContextRelease(realm->ctx);

    /* Code that is still reachable from another realm runs with no realm of its own any more;
     * nothing hands such code around, so the context is as good as gone. */
    list_remove(&realm->link);
    mem_free(realm);
}

struct js_realm *js_realm_of(JSContextRef ctx)
{
    struct js_engine *engine = js_engine_here();
    struct list *it;

    /* A native's context is its global context; the realm used last is the first in the list. */
    list_for_each (it, &engine->realms) {
        struct js_realm *realm = container_of(it, struct js_realm, link);

        if ((JSContextRef)realm->ctx == ctx) {
            if (it != list_first(&engine->realms)) {
                list_remove(it);
                list_push_front(&engine->realms, it);
            }
            return realm;
        }
    }
    UNREACHABLE();
}

void js_realm_on_rejection(struct js_realm *realm, js_rejection_fn *rejected)
{
    realm->rejected = rejected;
}

void js_realm_allow_eval(struct js_realm *realm, bool allowed)
{
    JSStringRef message =
        js_string_make(BYTES("Code generation from strings disallowed for this context"));

    JSGlobalContextSetEvalEnabled(realm->ctx, allowed, message);
    JSStringRelease(message);
}

/* The way out of every outermost or inner call. */
static JSValueRef finish(struct js_realm *realm, JSValueRef value, JSValueRef exception,
                         struct js_error *err)
{
    if (exception != NULL) {
        value = NULL;
        if (err != NULL)
            js_error_capture(err, realm, exception);
    }
    if (realm->engine->inside == NULL)
        js_engine_absorb_stop(realm->engine);
    return value;
}

JSValueRef js_realm_evaluate(struct js_realm *realm, struct bytes utf8, const char *file, int line,
                             struct js_error *err)
{
    JSStringRef source = js_string_make(utf8);
    JSStringRef url = JSStringCreateWithUTF8CString(file);
    JSValueRef exception = NULL;
    JSValueRef value = JSEvaluateScript(realm->ctx, source, NULL, url, line, &exception);

    JSStringRelease(url);
    JSStringRelease(source);
    return finish(realm, value, exception, err);
}

JSValueRef js_realm_evaluate_static(struct js_realm *realm, struct bytes ascii, const char *file,
                                    struct js_error *err)
{
    JSScriptRef script = js_engine_script(realm->engine, ascii, file);
    JSValueRef exception = NULL;
    JSValueRef value = NULL;

    if (script != NULL)
        value = JSScriptEvaluate(realm->ctx, script, NULL, &exception);
    else
        exception = js_error_make(realm, JS_SYNTAX_ERROR, "A built-in script does not parse.");
    return finish(realm, value, exception, err);
}

void js_enter(struct js_realm *realm, void *current)
{
    struct js_engine *engine = realm->engine;

    ASSERT(js_engine_here() == engine);
    ASSERT(engine->inside == NULL);
    JSLock(realm->ctx);
    engine->inside = realm;
    engine->current = current;
}

/* As one entry into the machine: its watchdog takes the time of each entry, and the clock is read
 * at each. Giving up the lock would run every microtask as an entry of its own. */
static void enter_machine(struct js_realm *realm, js_turn_fn *run, void *data)
{
    struct js_engine *engine = realm->engine;
    JSValueRef exception = NULL;

    engine->turn_run = run;
    engine->turn_data = data;
    JSObjectCallAsFunction(realm->ctx, realm->turn, NULL, 0, NULL, &exception);
    ASSERT(engine->turn_run == NULL);
}

static bool leave(struct js_realm *realm)
{
    struct js_engine *engine = realm->engine;
    bool stopped;

    JSUnlock(realm->ctx);
    stopped = js_engine_absorb_stop(engine);
    engine->inside = NULL;
    engine->current = NULL;
    return !stopped;
}

bool js_leave(struct js_realm *realm)
{
    ASSERT(realm->engine->inside == realm);
    enter_machine(realm, NULL, NULL);
    return leave(realm);
}

bool js_turn(struct js_realm *realm, void *current, js_turn_fn *run, void *data)
{
    js_enter(realm, current);
    enter_machine(realm, run, data);
    return realm->engine->drained ? leave(realm) : js_leave(realm);
}

void *js_current(const struct js_realm *realm)
{
    return realm->engine->current;
}

bool js_inside(const struct js_realm *realm)
{
    return realm->engine->inside == realm;
}

JSValueRef js_call(struct js_realm *realm, JSObjectRef function, JSObjectRef self, size_t argc,
                   const JSValueRef argv[], struct js_error *err)
{
    JSValueRef exception = NULL;
    JSValueRef value = JSObjectCallAsFunction(realm->ctx, function, self, argc, argv, &exception);

    return finish(realm, value, exception, err);
}

JSObjectRef js_construct(struct js_realm *realm, JSObjectRef function, size_t argc,
                         const JSValueRef argv[], struct js_error *err)
{
    JSValueRef exception = NULL;
    JSObjectRef object = JSObjectCallAsConstructor(realm->ctx, function, argc, argv, &exception);

    return finish(realm, object, exception, err) != NULL ? object : NULL;
}

JSObjectRef js_error_make(struct js_realm *realm, enum js_error_class class, const char *message)
{
    JSValueRef text = js_string(realm, message);
    JSValueRef exception = NULL;
    JSObjectRef error =
        JSObjectCallAsConstructor(realm->ctx, realm->intrinsics[class], 1, &text, &exception);

    if (error != NULL)
        return error;
    /* The time limit passed in a native, and the machine has ended the constructor in place of the
     * script, which is to be ended none the less. Nobody sees what is thrown. */
    ASSERT(realm->engine->inside != NULL);
    js_engine_stop(realm->engine);
    return realm->intrinsics[class];
}
