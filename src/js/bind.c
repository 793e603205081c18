#include "js/bind.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "js/box.h"
#include "js/error.h"
#include "js/view.h"

enum {
    MESSAGE_MAX = 1024,
};

void js_natives_install(struct js_realm *realm, JSObjectRef object, const struct js_native *table,
                        size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        JSStringRef name = JSStringCreateWithUTF8CString(table[i].name);

        js_set_name(realm, object, name,
                    JSObjectMakeFunctionWithCallback(realm->ctx, name, table[i].entry));
        JSStringRelease(name);
    }
}

bool js_arg_boolean(struct js_call *call, size_t i)
{
    return JSValueToBoolean(call->ctx, js_arg(call, i));
}

bool js_arg_number(struct js_call *call, size_t i, double *out)
{
    *out = JSValueToNumber(call->ctx, js_arg(call, i), call->exception);
    return *call->exception == NULL;
}

bool js_arg_integer(struct js_call *call, size_t i, int64_t low, int64_t high, int64_t *out)
{
    double number;

    if (!js_arg_number(call, i, &number))
        return false;
    if (number >= (double)low && number <= (double)high && number == floor(number)) {
        *out = (int64_t)number;
        return true;
    }
    js_throw_range_error(call, "The value of argument %zu is out of range.", i + 1);
    return false;
}

bool js_arg_text(struct js_call *call, size_t i, struct js_text *out)
{
    return js_text_of(out, call->realm, js_arg(call, i), call->exception);
}

bool js_arg_text_stored(struct js_call *call, size_t i, struct js_text *out)
{
    return js_text_of_stored(out, call->realm, js_arg(call, i), call->exception);
}

char *js_arg_string(struct js_call *call, size_t i)
{
    return js_text_dup(call->realm, js_arg(call, i), call->exception);
}

bool js_arg_bytes(struct js_call *call, size_t i, struct bytes *out)
{
    if (js_view_bytes(call->realm, js_arg(call, i), out))
        return true;
    js_throw_type_error(call, "Argument %zu is not an ArrayBuffer or a view on one.", i + 1);
    return false;
}

bool js_arg_bytes_optional(struct js_call *call, size_t i, struct bytes *out)
{
    *out = bytes_of(NULL, 0);
    return !js_arg_given(call, i) || js_arg_bytes(call, i, out);
}

JSObjectRef js_arg_object(struct js_call *call, size_t i)
{
    JSObjectRef object = js_as_object(call->realm, js_arg(call, i));

    if (object == NULL)
        js_throw_type_error(call, "Argument %zu is not an object.", i + 1);
    return object;
}

JSObjectRef js_arg_function(struct js_call *call, size_t i)
{
    JSObjectRef function = js_as_function(call->realm, js_arg(call, i));

    if (function == NULL)
        js_throw_type_error(call, "Argument %zu is not a function.", i + 1);
    return function;
}

void *js_arg_box(struct js_call *call, size_t i, const struct js_box_type *type)
{
    void *self = js_box_open(call->realm, js_arg(call, i), type);

    if (self == NULL)
        js_throw_type_error(call, "Illegal invocation");
    return self;
}

static JSObjectRef format_error(struct js_call *call, enum js_error_class class, const char *format,
                                va_list args) __attribute__((format(printf, 3, 0)));

static JSObjectRef format_error(struct js_call *call, enum js_error_class class, const char *format,
                                va_list args)
{
    char message[MESSAGE_MAX];

    vsnprintf(message, sizeof message, format, args);
    return js_error_make(call->realm, class, message);
}

JSValueRef js_throw_error(struct js_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *call->exception = format_error(call, JS_ERROR, format, args);
    va_end(args);
    return NULL;
}

JSValueRef js_throw_type_error(struct js_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *call->exception = format_error(call, JS_TYPE_ERROR, format, args);
    va_end(args);
    return NULL;
}

JSValueRef js_throw_range_error(struct js_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *call->exception = format_error(call, JS_RANGE_ERROR, format, args);
    va_end(args);
    return NULL;
}

JSValueRef js_throw_named(struct js_call *call, const char *name, const char *format, ...)
{
    JSObjectRef error;
    va_list args;

    va_start(args, format);
    error = format_error(call, JS_ERROR, format, args);
    va_end(args);
    js_set(call->realm, error, "name", js_string(call->realm, name));
    *call->exception = error;
    return NULL;
}

JSValueRef js_throw_fault(struct js_call *call, int fault)
{
    JSObjectRef error = js_error_make(call->realm, JS_ERROR, err_describe(fault));

    js_set(call->realm, error, "code", js_string(call->realm, err_name(fault)));
    *call->exception = error;
    return NULL;
}

JSValueRef js_rethrow(struct js_call *call, const struct js_error *error)
{
    *call->exception = error->value.value != NULL
                           ? error->value.value
                           : js_error_make(call->realm, JS_ERROR, error->message);
    return NULL;
}

JSValueRef js_throw_arity(struct js_call *call, const char *name, unsigned needed)
{
    return js_throw_type_error(call, "%s needs %u argument%s, but only %zu present.", name, needed,
                               needed == 1 ? "" : "s", call->argc);
}
