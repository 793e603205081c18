#pragma once

/*
 * Bind
 *
 * Natives are flat functions, listed in one table per file and installed on one object that only
 * our own JavaScript sees; classes in the shape of the Web are written in js/ on top of them. That
 * is also the fastest arrangement the engine has. A native looks like this:
 *
 *     static JSValueRef kv_get(struct js_call *call)
 *     {
 *         struct js_text key;
 *
 *         if (!js_arg_text(call, 0, &key))
 *             return NULL;
 *         …
 *         js_text_fini(&key);
 *         return js_string_from_utf8(call->realm, value);
 *     }
 *
 *     #define KV_NATIVES(X) \
 *         X("kv_get", kv_get, 1)
 *     JS_NATIVES(kv_natives, KV_NATIVES)
 *
 *     js_natives_install(realm, object, kv_natives, JS_COUNT(kv_natives));
 *
 * The entry checks that as many arguments came as the row asks for, and takes back the machine's
 * lock, which each function of the engine would otherwise do, at more than its own cost. A
 * js_arg_…() that returns false or NULL has thrown; js_throw_…() return NULL, so that a native can
 * return what they return. JSValueRefs on the stack are seen by the collector.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "js/realm.h"
#include "js/text.h"
#include "js/value.h"

struct js_box_type;
struct js_error;

struct js_call {
    JSContextRef ctx;
    struct js_realm *realm;
    size_t argc;
    const JSValueRef *argv;
    JSValueRef *exception; /* never NULL */
};

typedef JSValueRef js_native_fn(struct js_call *call);

struct js_native {
    const char *name;
    JSObjectCallAsFunctionCallback entry;
};

#define JS_COUNT(table) (sizeof(table) / sizeof((table)[0]))

static inline bool js_call_has(const struct js_call *call, size_t needed)
{
    return call->argc >= needed;
}

/* clang-format off */
#define JS_NATIVE_ENTRY(name, function, needed)                                                    \
    static JSValueRef function##_entry(JSContextRef ctx, JSObjectRef callee, JSObjectRef self,     \
                                       size_t argc, const JSValueRef argv[],                       \
                                       JSValueRef *exception)                                      \
    {                                                                                              \
        struct js_call call = {ctx, js_realm_of(ctx), argc, argv, exception};                      \
        JSValueRef value;                                                                          \
        (void)callee, (void)self;                                                                  \
        JSLock(ctx);                                                                               \
        value = js_call_has(&call, needed) ? function(&call)                                       \
                                           : js_throw_arity(&call, name, needed);                  \
        JSUnlock(ctx);                                                                             \
        return value;                                                                              \
    }
#define JS_NATIVE_ROW(name, function, needed) {name, function##_entry},
#define JS_NATIVES(table, LIST)                                                                    \
    LIST(JS_NATIVE_ENTRY)                                                                          \
    static const struct js_native table[] = {LIST(JS_NATIVE_ROW)};
/* clang-format on */

/* Put functions on `object`. What is there under the same name is replaced. */
void js_natives_install(struct js_realm *realm, JSObjectRef object, const struct js_native *table,
                        size_t count);

/* Any argument, undefined if it was not passed. */
static inline JSValueRef js_arg(const struct js_call *call, size_t i)
{
    return i < call->argc ? call->argv[i] : call->realm->undefined;
}

static inline bool js_arg_given(const struct js_call *call, size_t i)
{
    return i < call->argc && !js_is_nullish(call->realm, call->argv[i]);
}

bool js_arg_boolean(struct js_call *call, size_t i);
bool js_arg_number(struct js_call *call, size_t i, double *out);
/* A whole number from `low` to `high`; anything else is a RangeError. */
bool js_arg_integer(struct js_call *call, size_t i, int64_t low, int64_t high, int64_t *out);

/* String(argument); free with js_text_fini(). */
bool js_arg_text(struct js_call *call, size_t i, struct js_text *out);
bool js_arg_text_stored(struct js_call *call, size_t i, struct js_text *out);
/* The same as a new C string (mem_free()), or NULL. */
char *js_arg_string(struct js_call *call, size_t i);

/* An ArrayBuffer or a view, good until JavaScript runs again; anything else is a TypeError. */
bool js_arg_bytes(struct js_call *call, size_t i, struct bytes *out);
/* The same, but empty if it is undefined or null. */
bool js_arg_bytes_optional(struct js_call *call, size_t i, struct bytes *out);

JSObjectRef js_arg_object(struct js_call *call, size_t i);
JSObjectRef js_arg_function(struct js_call *call, size_t i);

/* What is in the box; a TypeError "Illegal invocation" if it is none of that type, or empty. */
void *js_arg_box(struct js_call *call, size_t i, const struct js_box_type *type);

JSValueRef js_throw_error(struct js_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
JSValueRef js_throw_type_error(struct js_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
JSValueRef js_throw_range_error(struct js_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An Error with that `name`. */
JSValueRef js_throw_named(struct js_call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A fault of ours: an Error with `code`. */
JSValueRef js_throw_fault(struct js_call *call, int fault);
/* What an inner call threw, once more. */
JSValueRef js_rethrow(struct js_call *call, const struct js_error *error);
JSValueRef js_throw_arity(struct js_call *call, const char *name, unsigned needed);
