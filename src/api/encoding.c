/*
 * Natives of TextEncoder, TextDecoder, Buffer and Blob: text from bytes and back.
 */

#include <string.h>

#include "api/charset.h"
#include "api/pure.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "js/bind.h"
#include "js/box.h"
#include "js/view.h"

enum {
    BOM_BYTES = 3,
};

static const struct js_box_type decoder_type = {
    "TextDecoder",
    (void (*)(void *))charset_decoder_destroy,
};

/* A string argument as its UTF-16 units, to be released with JSStringRelease(). */
static JSStringRef arg_units(struct js_call *call, size_t i, const uint16_t **units, size_t *count)
{
    JSStringRef string = JSValueToStringCopy(call->ctx, js_arg(call, i), call->exception);

    if (string == NULL)
        return NULL;
    *units = JSStringGetCharactersPtr(string);
    *count = JSStringGetLength(string);
    return string;
}

/* Bytes, cut to the range that two more arguments may give. */
static bool arg_range(struct js_call *call, size_t i, size_t from, struct bytes *out)
{
    double start = 0;
    double end;

    if (!js_arg_bytes(call, i, out))
        return false;
    end = (double)out->len;
    if (js_arg_given(call, from) && !js_arg_number(call, from, &start))
        return false;
    if (js_arg_given(call, from + 1) && !js_arg_number(call, from + 1, &end))
        return false;
    start = start > 0 ? start : 0; /* NaN is 0 */
    end = end > start ? end : start;
    end = end < (double)out->len ? end : (double)out->len;
    start = start < end ? start : end;
    *out = bytes_slice(*out, (size_t)start, (size_t)end);
    return true;
}

/* Where to write, from an offset argument on. */
static bool arg_room(struct js_call *call, size_t i, size_t needed, uint8_t **out)
{
    int64_t offset;
    size_t len;

    if (!js_view_memory(call->realm, js_arg(call, i), out, &len)) {
        js_throw_type_error(call, "Argument %zu is not an ArrayBuffer or a view on one.", i + 1);
        return false;
    }
    if (!js_arg_integer(call, i + 1, 0, (int64_t)len, &offset))
        return false;
    if (needed > len - (size_t)offset) {
        js_throw_range_error(call, "The text does not fit into the buffer.");
        return false;
    }
    *out += offset;
    return true;
}

/* utf8_encode(string) -> Uint8Array */
static JSValueRef utf8_encode(struct js_call *call)
{
    const uint16_t *units;
    uint8_t *memory;
    size_t count;
    JSStringRef string = arg_units(call, 0, &units, &count);
    JSValueRef bytes;

    if (string == NULL)
        return NULL;
    bytes = js_bytes_make(call->realm, utf8_len_of_utf16(units, count), &memory);
    utf8_from_utf16(units, count, memory);
    JSStringRelease(string);
    return bytes;
}

/* utf8_encode_into(string, bytes) -> bytes written */
static JSValueRef utf8_encode_into(struct js_call *call)
{
    const uint16_t *units;
    uint8_t *memory;
    size_t count;
    size_t len;
    size_t read;
    JSStringRef string = arg_units(call, 0, &units, &count);

    if (string == NULL)
        return NULL;
    if (!js_view_memory(call->realm, js_arg(call, 1), &memory, &len)) {
        JSStringRelease(string);
        return js_throw_type_error(call, "Argument 2 is not a Uint8Array.");
    }
    len = utf8_from_utf16_into(units, count, memory, len, &read);
    JSStringRelease(string);
    return js_number(call->realm, (double)len);
}

/* utf8_length(string) -> number */
static JSValueRef utf8_length(struct js_call *call)
{
    const uint16_t *units;
    size_t count;
    JSStringRef string = arg_units(call, 0, &units, &count);

    if (string == NULL)
        return NULL;
    count = utf8_len_of_utf16(units, count);
    JSStringRelease(string);
    return js_number(call->realm, (double)count);
}

/* utf8_decode(bytes, fatal, keepBom, start?, end?) -> string | null */
static JSValueRef utf8_decode(struct js_call *call)
{
    struct bytes bytes;

    if (!arg_range(call, 0, 3, &bytes))
        return NULL;
    if (!js_arg_boolean(call, 2) && bytes_starts_with(bytes, BYTES("\xef\xbb\xbf")))
        bytes = bytes_slice(bytes, BOM_BYTES, bytes.len);
    if (js_arg_boolean(call, 1) && !utf8_valid(bytes))
        return call->realm->null;
    return js_string_from_utf8(call->realm, bytes);
}

/* latin1_decode(bytes, start?, end?) -> string */
static JSValueRef latin1_decode(struct js_call *call)
{
    struct bytes bytes;

    if (!arg_range(call, 0, 1, &bytes))
        return NULL;
    return js_string_from_latin1(call->realm, bytes);
}

/* False if a unit does not fit. */
static bool narrow(const uint16_t *units, size_t count, uint8_t *out)
{
    unsigned seen = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        seen |= units[i];
        out[i] = (uint8_t)units[i];
    }
    return seen <= 0xff;
}

/* latin1_encode(string) -> Uint8Array | null */
static JSValueRef latin1_encode(struct js_call *call)
{
    const uint16_t *units;
    uint8_t *memory;
    size_t count;
    JSStringRef string = arg_units(call, 0, &units, &count);
    JSValueRef bytes;

    if (string == NULL)
        return NULL;
    bytes = js_bytes_make(call->realm, count, &memory);
    if (!narrow(units, count, memory))
        bytes = call->realm->null;
    JSStringRelease(string);
    return bytes;
}

/* latin1_write(string, bytes, offset) -> boolean */
static JSValueRef latin1_write(struct js_call *call)
{
    const uint16_t *units;
    uint8_t *memory;
    size_t count;
    JSStringRef string = arg_units(call, 0, &units, &count);
    JSValueRef fits = NULL;

    if (string == NULL)
        return NULL;
    if (arg_room(call, 1, count, &memory))
        fits = js_boolean(call->realm, narrow(units, count, memory));
    JSStringRelease(string);
    return fits;
}

/* utf16le_decode(bytes, start?, end?) -> string; an odd byte at the end is left out */
static JSValueRef utf16le_decode(struct js_call *call)
{
    struct bytes bytes;
    uint16_t *units;
    JSValueRef string;

    if (!arg_range(call, 0, 1, &bytes))
        return NULL;
    units = mem_alloc_array(bytes.len / 2 + 1, sizeof *units);
    if (bytes.len != 0)
        memcpy(units, bytes.data, bytes.len / 2 * 2);
    string = js_string_from_utf16(call->realm, units, bytes.len / 2);
    mem_free(units);
    return string;
}

/* utf16le_write(string, bytes, offset) -> undefined */
static JSValueRef utf16le_write(struct js_call *call)
{
    const uint16_t *units;
    uint8_t *memory;
    size_t count;
    JSStringRef string = arg_units(call, 0, &units, &count);

    if (string == NULL)
        return NULL;
    if (arg_room(call, 1, count * 2, &memory) && count != 0)
        memcpy(memory, units, count * 2);
    JSStringRelease(string);
    return call->realm->undefined;
}

/* encoding_name(label) -> string | null */
static JSValueRef encoding_name(struct js_call *call)
{
    const struct charset *charset;
    struct js_text label;

    if (!js_arg_text(call, 0, &label))
        return NULL;
    charset = charset_find(js_text_bytes(&label));
    js_text_fini(&label);
    return charset != NULL ? js_string(call->realm, charset_name(charset)) : call->realm->null;
}

/* decoder_create(name, fatal, keepBom) -> box */
static JSValueRef decoder_create(struct js_call *call)
{
    const struct charset *charset;
    struct js_text name;

    if (!js_arg_text(call, 0, &name))
        return NULL;
    charset = charset_find(js_text_bytes(&name));
    js_text_fini(&name);
    if (charset == NULL)
        return js_throw_range_error(call, "There is no such encoding.");
    return js_box_make(
        call->realm, &decoder_type,
        charset_decoder_create(charset, js_arg_boolean(call, 1), js_arg_boolean(call, 2)), NULL);
}

/* decoder_decode(box, bytes, flush) -> string | null */
static JSValueRef decoder_decode(struct js_call *call)
{
    struct charset_decoder *decoder = js_arg_box(call, 0, &decoder_type);
    struct buf units = {0};
    struct bytes bytes;
    JSValueRef string = call->realm->null;

    if (decoder == NULL || !js_arg_bytes(call, 1, &bytes))
        return NULL;
    if (charset_decode(decoder, bytes, js_arg_boolean(call, 2), &units) == 0)
        string = js_string_from_utf16(call->realm, (const uint16_t *)(const void *)units.data,
                                      units.len / sizeof(uint16_t));
    buf_fini(&units);
    return string;
}

/* clang-format off */
#define ENCODING_NATIVES(X)                       \
    X("utf8_encode", utf8_encode, 1)              \
    X("utf8_encode_into", utf8_encode_into, 2)    \
    X("utf8_length", utf8_length, 1)              \
    X("utf8_decode", utf8_decode, 1)              \
    X("latin1_decode", latin1_decode, 1)          \
    X("latin1_encode", latin1_encode, 1)          \
    X("latin1_write", latin1_write, 3)            \
    X("utf16le_decode", utf16le_decode, 1)        \
    X("utf16le_write", utf16le_write, 3)          \
    X("encoding_name", encoding_name, 1)          \
    X("decoder_create", decoder_create, 3)        \
    X("decoder_decode", decoder_decode, 3)
/* clang-format on */

JS_NATIVES(encoding_natives, ENCODING_NATIVES)

void api_encoding_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, encoding_natives, JS_COUNT(encoding_natives));
}
