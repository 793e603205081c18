#include "js/error.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "js/engine_parts.h"
#include "js/realm.h"
#include "js/text.h"
#include "js/value.h"

/* A property as text, "" if it is not there, no string, or cannot be read. */
static char *read_text(struct js_realm *realm, JSObjectRef object, JSStringRef name)
{
    JSValueRef exception = NULL;
    JSValueRef value = JSObjectGetProperty(realm->ctx, object, name, &exception);
    char *text = NULL;

    if (exception == NULL && JSValueIsString(realm->ctx, value))
        text = js_text_dup(realm, value, &exception);
    return text != NULL ? text : mem_strdup("");
}

static int read_line(struct js_realm *realm, JSObjectRef object)
{
    JSValueRef exception = NULL;
    JSValueRef value = js_get(realm, object, "line", &exception);
    double line = 0;

    if (exception == NULL && JSValueIsNumber(realm->ctx, value))
        line = JSValueToNumber(realm->ctx, value, &exception);
    return line > 0 && line < 1e9 ? (int)line : 0;
}

void js_error_capture(struct js_error *error, struct js_realm *realm, JSValueRef thrown)
{
    struct js_engine *engine = realm->engine;
    JSObjectRef object = js_as_object(realm, thrown);
    JSValueRef exception = NULL;

    js_error_fini(error);
    error->stopped = engine->stop_pending;
    error->asked = error->stopped && engine->stop_asked;
    js_ref_set(&error->value, realm, thrown);
    if (error->stopped) {
        error->name = mem_strdup("Error");
        error->message = mem_strdup(error->asked ? "The script was ended."
                                                 : "The script used more than its time.");
        error->stack = mem_strdup("");
        error->file = mem_strdup("");
        return;
    }
    if (object == NULL) {
        error->name = mem_strdup("");
        error->message = js_text_dup(realm, thrown, &exception); /* a Symbol has no text */
        if (error->message == NULL)
            error->message = mem_strdup("");
        error->stack = mem_strdup("");
        error->file = mem_strdup("");
        return;
    }
    error->name = read_text(realm, object, JS_NAME(engine, "name"));
    error->message = read_text(realm, object, JS_NAME(engine, "message"));
    error->stack = read_text(realm, object, JS_NAME(engine, "stack"));
    error->file = read_text(realm, object, JS_NAME(engine, "sourceURL"));
    error->line = read_line(realm, object);
    if (error->name[0] == '\0' && error->message[0] == '\0') {
        char *text = js_text_dup(realm, thrown, &exception);

        if (text != NULL) {
            mem_free(error->message);
            error->message = text;
        }
    }
}

void js_error_fini(struct js_error *error)
{
    mem_free(error->name);
    mem_free(error->message);
    mem_free(error->stack);
    mem_free(error->file);
    js_ref_fini(&error->value);
    *error = (struct js_error){0};
}

/* The engine writes a frame as "function@file:line:column", V8 as "    at function (file…)". */
static void format_frame(const char *frame, size_t len, struct buf *out)
{
    const char *at = memchr(frame, '@', len);
    size_t name_len = at != NULL ? (size_t)(at - frame) : 0;
    const char *place = at != NULL ? at + 1 : frame;
    size_t place_len = len - (size_t)(place - frame);

    buf_append_string(out, "\n    at ");
    if (name_len == 0) {
        buf_append(out, place, place_len);
        return;
    }
    buf_append(out, frame, name_len);
    if (place_len != 0) {
        buf_append_string(out, " (");
        buf_append(out, place, place_len);
        buf_append_string(out, ")");
    }
}

void js_error_format(const struct js_error *error, struct buf *out)
{
    const char *frame = error->stack;

    buf_append_string(out, error->name);
    if (error->name[0] != '\0' && error->message[0] != '\0')
        buf_append_string(out, ": ");
    buf_append_string(out, error->message);
    while (frame != NULL && *frame != '\0') {
        const char *end = strchr(frame, '\n');
        size_t len = end != NULL ? (size_t)(end - frame) : strlen(frame);

        if (len != 0)
            format_frame(frame, len, out);
        frame = end != NULL ? end + 1 : NULL;
    }
}
