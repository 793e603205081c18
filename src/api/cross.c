/* Values that cross between JavaScript and actor/. */

#include <string.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/pipe.h"
#include "api/body.h"
#include "api/worker_parts.h"
#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "js/error.h"
#include "js/view.h"

/* How js/ says what kind of body it hands over (hooks responseToNative, requestToNative). */
enum body_kind {
    BODY_NONE,
    BODY_BYTES,
    BODY_STREAM,
    BODY_PIPE,
    BODY_STRING
};

JSValueRef cross_headers(struct js_realm *realm, const struct blob *headers)
{
    struct bytes block = blob_bytes(headers);
    char *text;
    JSValueRef value;

    if (block.len == 0)
        return js_word(realm, "");
    text = mem_dup(block.data, block.len);
    for (size_t i = 0; i < block.len; i++) {
        if (text[i] == '\0')
            text[i] = '\n';
    }
    value = js_string_from_utf8(realm, bytes_of(text, block.len - 1));
    mem_free(text);
    return value;
}

bool cross_headers_from(struct js_call *call, size_t i, struct blob **headers)
{
    struct js_text text;
    char *block;

    *headers = NULL;
    if (!js_arg_given(call, i))
        return true;
    if (!js_arg_text(call, i, &text))
        return false;
    if (text.len > 0) {
        block = mem_alloc(text.len + 1);
        for (size_t at = 0; at < text.len; at++)
            block[at] = text.data[at] == '\n' ? '\0' : text.data[at];
        block[text.len] = '\0';
        *headers = blob_take(block, text.len + 1);
    }
    js_text_fini(&text);
    return true;
}

JSValueRef cross_body(struct js_realm *realm, struct fetch_body *body)
{
    if (body->whole != NULL)
        return js_bytes_copy(realm, blob_bytes(body->whole));
    if (body->pipe != NULL) {
        struct pipe *pipe = body->pipe;

        body->pipe = NULL;
        return body_reader_box(realm, pipe);
    }
    return realm->null;
}

bool cross_body_from(struct js_call *call, size_t i, struct fetch_body *body)
{
    struct bytes bytes;
    struct js_text text;
    double kind;

    *body = (struct fetch_body){.length = 0};
    if (!js_arg_number(call, i, &kind))
        return false;
    switch ((enum body_kind)(int)kind) {
    case BODY_NONE: return true;
    case BODY_BYTES:
        if (!js_arg_bytes(call, i + 1, &bytes))
            return false;
        body->whole = blob_create(bytes.data, bytes.len);
        body->length = (int64_t)bytes.len;
        return true;
    case BODY_STRING:
        if (!js_arg_text(call, i + 1, &text))
            return false;
        body->whole = blob_create(text.data, text.len);
        body->length = (int64_t)text.len;
        js_text_fini(&text);
        return true;
    case BODY_STREAM:
    case BODY_PIPE:
        body->pipe = body_take_pipe(call, i + 1);
        body->length = -1;
        return body->pipe != NULL;
    }
    js_throw_type_error(call, "unknown kind of body");
    return false;
}

JSValueRef cross_failure(struct js_realm *realm, const struct failure *failure, unsigned flags)
{
    JSValueRef parts[] = {
        js_string(realm, failure->name),
        js_string(realm, failure->message),
        js_number(realm, failure->flags | flags),
        failure->value != NULL ? js_bytes_copy(realm, blob_bytes(failure->value))
                               : realm->undefined,
    };

    return js_array_make(realm, JS_COUNT(parts), parts);
}

JSValueRef cross_error(struct worker *worker, const struct failure *failure, unsigned flags)
{
    struct js_realm *realm = worker->realm;
    JSValueRef argv[] = {
        js_string(realm, failure->name),
        js_string(realm, failure->message),
        js_number(realm, failure->flags | flags),
        failure->value != NULL ? js_bytes_copy(realm, blob_bytes(failure->value))
                               : realm->undefined,
    };
    JSObjectRef receive = js_ref_object(&worker->hooks.receive_error);
    JSValueRef error = js_call(realm, receive, NULL, JS_COUNT(argv), argv, NULL);

    return error != NULL ? error : js_error_make(realm, JS_ERROR, failure->message);
}

struct failure *cross_failure_from(struct js_call *call, size_t i)
{
    char *name = js_arg_string(call, i);
    char *message = name != NULL ? js_arg_string(call, i + 1) : NULL;
    char *stack = NULL;
    struct failure *failure = NULL;
    struct bytes value = {0};
    double flags = 0;

    if (message == NULL)
        goto out;
    if (js_arg_given(call, i + 2) && (stack = js_arg_string(call, i + 2)) == NULL)
        goto out;
    if (!js_arg_number(call, i + 3, &flags) || !js_arg_bytes_optional(call, i + 4, &value))
        goto out;
    failure = failure_create(name, message, stack, (unsigned)flags);
    if (value.len > 0)
        failure->value = blob_create(value.data, value.len);
out:
    mem_free(stack);
    mem_free(message);
    mem_free(name);
    return failure;
}

/* sendError()'s callback leaves its parts here: natives have no data of their own. */
static _Thread_local struct failure *caught;

static JSValueRef catch_parts(struct js_call *call)
{
    failure_unref(caught);
    caught = cross_failure_from(call, 0);
    return call->realm->undefined;
}

/* clang-format off */
#define CROSS_NATIVES(X) \
    X("catch_parts", catch_parts, 0)
/* clang-format on */
JS_NATIVES(cross_natives, CROSS_NATIVES)

struct failure *cross_thrown(struct worker *worker, const struct js_error *error, unsigned flags)
{
    struct js_realm *realm = worker->realm;
    JSObjectRef natives = js_ref_object(&worker->natives);
    JSObjectRef send = js_ref_object(&worker->hooks.send_error);
    JSObjectRef catcher;
    JSValueRef argv[2];
    JSValueRef exception = NULL;
    struct failure *failure;

    if (error->stopped)
        return failure_create("Error", "Durable Object exceeded its CPU time limit and was reset.",
                              NULL, flags | FAILURE_RESET | FAILURE_OVERLOADED);
    catcher = js_get_function(realm, natives, "catch_parts", &exception);
    if (catcher == NULL) {
        js_natives_install(realm, natives, cross_natives, JS_COUNT(cross_natives));
        catcher = js_get_function(realm, natives, "catch_parts", &exception);
    }
    caught = NULL;
    if (send != NULL && catcher != NULL && error->value.value != NULL) {
        argv[0] = error->value.value;
        argv[1] = catcher;
        js_call(realm, send, NULL, 2, argv, NULL);
    }
    failure = caught;
    caught = NULL;
    if (failure == NULL)
        failure = failure_create(error->name[0] != '\0' ? error->name : "Error", error->message,
                                 error->stack, flags);
    failure->flags |= flags;
    return failure;
}

void worker_describe_thrown(struct worker *worker, const struct js_error *error, struct buf *text)
{
    JSObjectRef describe = js_ref_object(&worker->hooks.describe_thrown);
    JSValueRef described = NULL;
    JSValueRef exception = NULL;

    if (describe != NULL && error->value.value != NULL) {
        JSValueRef argv[] = {error->value.value};

        described = js_call(worker->realm, describe, NULL, 1, argv, NULL);
    }
    if (described == NULL || !js_text_append(text, worker->realm, described, &exception)) {
        buf_clear(text);
        js_error_format(error, text);
    }
}

void worker_log_thrown(struct worker *worker, const struct js_error *error)
{
    struct buf text = {0};

    if (error->asked)
        return; /* abort(): whoever waits for the object hears why */
    worker_describe_thrown(worker, error, &text);
    log_error("%s", buf_string(&text));
    buf_fini(&text);
}
