#pragma once

/*
 * Value
 *
 * Between JavaScript's values and C's: numbers, strings, properties, arrays. Functions that can
 * run a script take where an exception goes, as the engine's own do; it is never NULL, and when
 * one was thrown the result is NULL, false or 0. text.h has strings as C sees them, view.h bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "js/engine.h"
#include "js/realm.h"

/* Strings. UTF-8 is decoded as the Web does: ill-formed parts become U+FFFD; NUL is a character
 * like any other. Never NULL. */
JSValueRef js_string(struct js_realm *realm, const char *utf8);
/* The same for what comes again and again, such as a method: remembered until another takes its
 * place. */
JSValueRef js_word(struct js_realm *realm, const char *utf8);
JSValueRef js_string_from_utf8(struct js_realm *realm, struct bytes utf8);
JSValueRef js_string_from_latin1(struct js_realm *realm, struct bytes latin1);
JSValueRef js_string_from_utf16(struct js_realm *realm, const uint16_t *units, size_t count);

/* The same as a string that is no value yet. The caller releases it with JSStringRelease(). */
JSStringRef js_string_make(struct bytes utf8);

JSValueRef js_number(struct js_realm *realm, double number);
JSValueRef js_boolean(struct js_realm *realm, bool truth);
JSValueRef js_date(struct js_realm *realm, double ms);

/* undefined, null, or C's "nothing there". */
bool js_is_nullish(struct js_realm *realm, JSValueRef value);

/* Is it an object, and one that can be called? */
bool js_is_function(struct js_realm *realm, JSValueRef value);

/* The object, or NULL without an exception if it is none. */
JSObjectRef js_as_object(struct js_realm *realm, JSValueRef value);

double js_to_number(struct js_realm *realm, JSValueRef value, JSValueRef *exception);

/* Properties. `literal` is a string literal. */
#define js_get(realm, object, literal, exception)                                                  \
    js_get_name((realm), (object), JS_NAME((realm)->engine, literal), (exception))
#define js_set(realm, object, literal, value)                                                      \
    js_set_name((realm), (object), JS_NAME((realm)->engine, literal), (value))

JSValueRef js_get_name(struct js_realm *realm, JSObjectRef object, JSStringRef name,
                       JSValueRef *exception);

/* For objects that we made; an exception there is dropped. */
void js_set_name(struct js_realm *realm, JSObjectRef object, JSStringRef name, JSValueRef value);

/* With a name that is not known beforehand. */
JSValueRef js_get_text(struct js_realm *realm, JSObjectRef object, struct bytes name,
                       JSValueRef *exception);
void js_set_text(struct js_realm *realm, JSObjectRef object, struct bytes name, JSValueRef value);

/* The property as a function; NULL without an exception if it is something else. */
#define js_get_function(realm, object, literal, exception)                                         \
    js_as_function((realm), js_get((realm), (object), literal, (exception)))
JSObjectRef js_as_function(struct js_realm *realm, JSValueRef value);

JSObjectRef js_object_make(struct js_realm *realm);
JSObjectRef js_array_make(struct js_realm *realm, size_t count, const JSValueRef values[]);

/* 0 for what is no array. */
size_t js_array_length(struct js_realm *realm, JSValueRef array);
JSValueRef js_array_at(struct js_realm *realm, JSObjectRef array, size_t index,
                       JSValueRef *exception);

/* JSON text of the value; NULL if it threw or has none. The caller releases it. */
JSStringRef js_json_write(struct js_realm *realm, JSValueRef value, JSValueRef *exception);

/* NULL if it is not JSON. */
JSValueRef js_json_parse(struct js_realm *realm, struct bytes utf8);
