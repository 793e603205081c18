#include "js/view.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "js/realm.h"
#include "js/realm_parts.h"
#include "js/value.h"

enum {
    TAKE_BYTES_MIN = 4096, /* shorter ones are copied into memory of the engine's own */
};

static bool buffer_memory(struct js_realm *realm, JSObjectRef buffer, uint8_t **out, size_t *len)
{
    JSValueRef exception = NULL;

    *out = JSObjectGetArrayBufferBytesPtr(realm->ctx, buffer, &exception);
    *len = *out != NULL ? JSObjectGetArrayBufferByteLength(realm->ctx, buffer, &exception) : 0;
    return exception == NULL;
}

static bool typed_memory(struct js_realm *realm, JSObjectRef array, uint8_t **out, size_t *len)
{
    JSValueRef exception = NULL;
    uint8_t *start = JSObjectGetTypedArrayBytesPtr(realm->ctx, array, &exception);

    *out = start;
    *len = start != NULL ? JSObjectGetTypedArrayByteLength(realm->ctx, array, &exception) : 0;
    if (*len != 0)
        *out = start + JSObjectGetTypedArrayByteOffset(realm->ctx, array, &exception);
    return exception == NULL;
}

/* DataView, and kinds of typed array that the C interface does not know: ask the captured
 * getters. A DataView whose buffer is detached throws there, and is empty. */
static bool other_memory(struct js_realm *realm, JSObjectRef view, uint8_t **out, size_t *len)
{
    JSValueRef arg = view;
    JSValueRef exception = NULL;
    JSValueRef place;
    double offset;
    double length;
    size_t whole;

    *out = NULL;
    *len = 0;
    if (!JSValueToBoolean(
            realm->ctx, JSObjectCallAsFunction(realm->ctx, realm->intrinsics[JS_INTRINSIC_IS_VIEW],
                                               NULL, 1, &arg, &exception)))
        return false;
    place = JSObjectCallAsFunction(realm->ctx, realm->intrinsics[JS_INTRINSIC_VIEW_PLACE], NULL, 1,
                                   &arg, &exception);
    if (place == NULL)
        return true;
    view = js_as_object(realm, place);
    offset = js_to_number(realm, js_array_at(realm, view, 1, &exception), &exception);
    length = js_to_number(realm, js_array_at(realm, view, 2, &exception), &exception);
    buffer_memory(realm, js_as_object(realm, js_array_at(realm, view, 0, &exception)), out, &whole);
    ASSERT(*out == NULL || offset + length <= (double)whole);
    *out = *out != NULL ? *out + (size_t)offset : NULL;
    *len = *out != NULL ? (size_t)length : 0;
    return true;
}

bool js_view_memory(struct js_realm *realm, JSValueRef value, uint8_t **out, size_t *len)
{
    JSValueRef exception = NULL;
    JSTypedArrayType type = JSValueGetTypedArrayType(realm->ctx, value, &exception);
    JSObjectRef object = js_as_object(realm, value);

    if (object == NULL)
        return false;
    switch (type) {
    case kJSTypedArrayTypeArrayBuffer: return buffer_memory(realm, object, out, len);
    case kJSTypedArrayTypeNone: return other_memory(realm, object, out, len);
    default: return typed_memory(realm, object, out, len);
    }
}

bool js_view_bytes(struct js_realm *realm, JSValueRef value, struct bytes *out)
{
    uint8_t *data = NULL;
    size_t len = 0;

    if (!js_view_memory(realm, value, &data, &len))
        return false;
    *out = bytes_of(data, len);
    return true;
}

JSValueRef js_bytes_make(struct js_realm *realm, size_t len, uint8_t **memory)
{
    JSValueRef exception = NULL;
    JSObjectRef array =
        JSObjectMakeTypedArray(realm->ctx, kJSTypedArrayTypeUint8Array, len, &exception);

    ASSERT(array != NULL); /* memory.h: there is always memory */
    *memory = JSObjectGetTypedArrayBytesPtr(realm->ctx, array, &exception);
    return array;
}

JSValueRef js_bytes_copy(struct js_realm *realm, struct bytes bytes)
{
    uint8_t *memory;
    JSValueRef array = js_bytes_make(realm, bytes.len, &memory);

    if (bytes.len != 0)
        memcpy(memory, bytes.data, bytes.len);
    return array;
}

static void free_memory(void *data, void *context)
{
    (void)context;
    mem_free(data); /* any thread */
}

JSValueRef js_buffer_take(struct js_realm *realm, void *data, size_t len)
{
    JSValueRef exception = NULL;
    JSObjectRef buffer = JSObjectMakeArrayBufferWithBytesNoCopy(realm->ctx, data, len, free_memory,
                                                                NULL, &exception);

    ASSERT(buffer != NULL);
    return buffer;
}

JSValueRef js_bytes_take(struct js_realm *realm, void *data, size_t len)
{
    JSValueRef exception = NULL;
    JSObjectRef array = JSObjectMakeTypedArrayWithBytesNoCopy(
        realm->ctx, kJSTypedArrayTypeUint8Array, data, len, free_memory, NULL, &exception);

    ASSERT(array != NULL);
    return array;
}

JSValueRef js_buffer_copy(struct js_realm *realm, struct bytes bytes)
{
    return js_buffer_take(realm, mem_dup(bytes.data, bytes.len), bytes.len);
}

JSValueRef js_buffer_take_buf(struct js_realm *realm, struct buf *buf)
{
    size_t len = 0;
    uint8_t *data = buf_steal(buf, &len);

    return js_buffer_take(realm, data, len);
}

JSValueRef js_bytes_take_buf(struct js_realm *realm, struct buf *buf)
{
    JSValueRef array;
    size_t len = 0;
    uint8_t *data;

    if (buf->len < TAKE_BYTES_MIN) {
        array = js_bytes_copy(realm, buf_bytes(buf));
        buf_fini(buf);
        return array;
    }
    data = buf_steal(buf, &len);
    return js_bytes_take(realm, data, len);
}
