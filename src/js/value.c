#include "js/value.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "js/engine_parts.h"
#include "js/realm_parts.h"

enum {
    STACK_BYTES = 1024, /* strings up to here are prepared without allocating */
    NARROW_BYTES = 32,  /* ASCII up to here becomes a narrow string */
};

/*
 * The engine makes narrow strings from ASCII C strings only, at some 5 ns a byte; wide ones it
 * copies at a twentieth of that. Short strings are the many that scripts keep (names, keys, ids),
 * so they are worth it; long ones are mostly parsed and dropped.
 */
static JSStringRef string_from_short_ascii(struct bytes ascii)
{
    char text[NARROW_BYTES + 1];

    memcpy(text, ascii.data, ascii.len);
    text[ascii.len] = '\0';
    return JSStringCreateWithUTF8CString(text);
}

JSStringRef js_string_make(struct bytes utf8)
{
    uint16_t space[STACK_BYTES];
    uint16_t *units;
    JSStringRef string;

    if (utf8.len == 0)
        return JSStringCreateWithUTF8CString("");
    if (utf8.len <= NARROW_BYTES && utf8_is_ascii(utf8) && memchr(utf8.data, 0, utf8.len) == NULL)
        return string_from_short_ascii(utf8);

    units = utf8.len <= STACK_BYTES ? space : mem_alloc(utf8.len * sizeof *units);
    string = JSStringCreateWithCharacters(units, utf8_to_utf16(utf8, units));
    if (units != space)
        mem_free(units);
    return string;
}

static JSValueRef string_value(struct js_realm *realm, JSStringRef string)
{
    JSValueRef value = JSValueMakeString(realm->ctx, string);

    JSStringRelease(string);
    return value;
}

JSValueRef js_string(struct js_realm *realm, const char *utf8)
{
    return string_value(realm, js_string_make(bytes_of_string(utf8)));
}

JSValueRef js_word(struct js_realm *realm, const char *utf8)
{
    uint32_t hash = 0;
    struct js_word *word;
    size_t len;

    for (len = 0; utf8[len] != '\0'; len++) {
        if (len == sizeof word->text - 1)
            return js_string(realm, utf8);
        hash = hash * 31 + (uint8_t)utf8[len];
    }
    word = &realm->words[hash % (sizeof realm->words / sizeof *realm->words)];
    if (word->value != NULL && memcmp(word->text, utf8, len + 1) == 0)
        return word->value;
    if (word->value != NULL)
        JSValueUnprotect(realm->ctx, word->value);
    word->value = js_string(realm, utf8);
    JSValueProtect(realm->ctx, word->value);
    memcpy(word->text, utf8, len + 1);
    return word->value;
}

JSValueRef js_string_from_utf8(struct js_realm *realm, struct bytes utf8)
{
    return string_value(realm, js_string_make(utf8));
}

JSValueRef js_string_from_latin1(struct js_realm *realm, struct bytes latin1)
{
    uint16_t space[STACK_BYTES];
    uint16_t *units;
    JSStringRef string;
    size_t i;

    if (utf8_is_ascii(latin1))
        return js_string_from_utf8(realm, latin1);

    units = latin1.len <= STACK_BYTES ? space : mem_alloc(latin1.len * sizeof *units);
    for (i = 0; i < latin1.len; i++)
        units[i] = latin1.data[i];
    string = JSStringCreateWithCharacters(units, latin1.len);
    if (units != space)
        mem_free(units);
    return string_value(realm, string);
}

JSValueRef js_string_from_utf16(struct js_realm *realm, const uint16_t *units, size_t count)
{
    return string_value(realm, JSStringCreateWithCharacters(units, count));
}

JSValueRef js_number(struct js_realm *realm, double number)
{
    return JSValueMakeNumber(realm->ctx, number);
}

JSValueRef js_boolean(struct js_realm *realm, bool truth)
{
    return truth ? realm->yes : realm->no;
}

JSValueRef js_date(struct js_realm *realm, double ms)
{
    JSValueRef number = js_number(realm, ms);
    JSValueRef exception = NULL;
    JSObjectRef date = JSObjectMakeDate(realm->ctx, 1, &number, &exception);

    ASSERT(date != NULL);
    return date;
}

bool js_is_nullish(struct js_realm *realm, JSValueRef value)
{
    return value == NULL || value == realm->undefined || value == realm->null;
}

bool js_is_function(struct js_realm *realm, JSValueRef value)
{
    return js_as_function(realm, value) != NULL;
}

JSObjectRef js_as_object(struct js_realm *realm, JSValueRef value)
{
    if (value == NULL || !JSValueIsObject(realm->ctx, value))
        return NULL;
    return JSValueToObject(realm->ctx, value, NULL);
}

JSObjectRef js_as_function(struct js_realm *realm, JSValueRef value)
{
    JSObjectRef object = js_as_object(realm, value);

    return object != NULL && JSObjectIsFunction(realm->ctx, object) ? object : NULL;
}

double js_to_number(struct js_realm *realm, JSValueRef value, JSValueRef *exception)
{
    double number = JSValueToNumber(realm->ctx, value, exception);

    return *exception == NULL ? number : 0;
}

JSValueRef js_get_name(struct js_realm *realm, JSObjectRef object, JSStringRef name,
                       JSValueRef *exception)
{
    JSValueRef value = JSObjectGetProperty(realm->ctx, object, name, exception);

    return *exception == NULL ? value : NULL;
}

void js_set_name(struct js_realm *realm, JSObjectRef object, JSStringRef name, JSValueRef value)
{
    JSValueRef exception = NULL;

    /* A script that froze Object.prototype can make this fail, and has itself to thank. */
    JSObjectSetProperty(realm->ctx, object, name, value, kJSPropertyAttributeNone, &exception);
}

JSValueRef js_get_text(struct js_realm *realm, JSObjectRef object, struct bytes name,
                       JSValueRef *exception)
{
    JSStringRef string = js_string_make(name);
    JSValueRef value = js_get_name(realm, object, string, exception);

    JSStringRelease(string);
    return value;
}

void js_set_text(struct js_realm *realm, JSObjectRef object, struct bytes name, JSValueRef value)
{
    JSStringRef string = js_string_make(name);

    js_set_name(realm, object, string, value);
    JSStringRelease(string);
}

JSObjectRef js_object_make(struct js_realm *realm)
{
    return JSObjectMake(realm->ctx, NULL, NULL);
}

JSObjectRef js_array_make(struct js_realm *realm, size_t count, const JSValueRef values[])
{
    JSValueRef exception = NULL;
    JSObjectRef array = JSObjectMakeArray(realm->ctx, count, values, &exception);

    ASSERT(array != NULL);
    return array;
}

size_t js_array_length(struct js_realm *realm, JSValueRef array)
{
    JSValueRef exception = NULL;
    double length;

    if (!JSValueIsArray(realm->ctx, array))
        return 0;
    length = js_to_number(realm, js_get(realm, js_as_object(realm, array), "length", &exception),
                          &exception);
    return length > 0 ? (size_t)length : 0;
}

JSValueRef js_array_at(struct js_realm *realm, JSObjectRef array, size_t index,
                       JSValueRef *exception)
{
    JSValueRef value = JSObjectGetPropertyAtIndex(realm->ctx, array, (unsigned)index, exception);

    return *exception == NULL ? value : NULL;
}

JSStringRef js_json_write(struct js_realm *realm, JSValueRef value, JSValueRef *exception)
{
    return JSValueCreateJSONString(realm->ctx, value, 0, exception);
}

JSValueRef js_json_parse(struct js_realm *realm, struct bytes utf8)
{
    JSStringRef string = js_string_make(utf8);
    JSValueRef value = JSValueMakeFromJSONString(realm->ctx, string);

    JSStringRelease(string);
    return value;
}
