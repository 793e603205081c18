/*
 * Natives of node:crypto for ciphers that work piece by piece.
 */

#include "api/cipher_stream.h"
#include "api/name_lines.h"
#include "api/openssl_error.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/bind.h"
#include "js/box.h"
#include "js/view.h"

static void bury_stream(void *self)
{
    cipher_stream_destroy(self);
}

static const struct js_box_type stream_box = {"Cipher", bury_stream};

/* cipher_info(name) -> [name, mode, nid, keyLength, ivLength, blockLength, isAuthenticated] or
 * null */
static JSValueRef cipher_info(struct js_call *call)
{
    struct js_realm *realm = call->realm;
    struct cipher_facts facts;
    struct js_text name;
    JSValueRef values[7];
    int r;

    if (!js_arg_text(call, 0, &name))
        return NULL;
    r = cipher_describe(name.data, &facts);
    js_text_fini(&name);
    if (r != 0)
        return realm->null;
    values[0] = js_string(realm, facts.name);
    values[1] = js_string(realm, facts.mode);
    values[2] = js_number(realm, facts.nid);
    values[3] = js_number(realm, (double)facts.key_len);
    values[4] = js_number(realm, (double)facts.iv_len);
    values[5] = js_number(realm, (double)facts.block_len);
    values[6] = js_boolean(realm, facts.authenticated);
    return js_array_make(realm, JS_COUNT(values), values);
}

/* cipher_names() -> string, one name a line */
static JSValueRef cipher_names(struct js_call *call)
{
    return name_lines_make(call, cipher_list);
}

/* cipher_takes(name, keyLength | undefined, ivLength | undefined) -> boolean */
static JSValueRef cipher_takes_native(struct js_call *call)
{
    int64_t key_len = -1;
    int64_t iv_len = -1;
    struct js_text name;
    bool good;

    if ((js_arg_given(call, 1) && !js_arg_integer(call, 1, 0, INT32_MAX, &key_len)) ||
        (js_arg_given(call, 2) && !js_arg_integer(call, 2, 0, INT32_MAX, &iv_len)) ||
        !js_arg_text(call, 0, &name))
        return NULL;
    good = cipher_takes(name.data, key_len, iv_len);
    js_text_fini(&name);
    return js_boolean(call->realm, good);
}

/* cipher_create(name, encrypt, key, iv, tagLength) -> box */
static JSValueRef cipher_create(struct js_call *call)
{
    struct cipher_stream *stream = NULL;
    struct js_text name;
    struct bytes key;
    struct bytes iv;
    int64_t tag_len;
    int r;

    if (!js_arg_integer(call, 4, 0, 16, &tag_len) || !js_arg_text(call, 0, &name))
        return NULL;
    if (!js_arg_bytes(call, 2, &key) || !js_arg_bytes_optional(call, 3, &iv)) {
        js_text_fini(&name);
        return NULL;
    }
    r = cipher_stream_create(name.data, js_arg_boolean(call, 1), key, iv, (size_t)tag_len, &stream);
    js_text_fini(&name);
    if (r != 0)
        return openssl_throw(call, "Failed to initialize the cipher");
    return js_box_make(call->realm, &stream_box, stream, NULL);
}

/* One that is not finished; else null is what the native answers, and JavaScript words it. */
static struct cipher_stream *arg_stream(struct js_call *call, bool *finished)
{
    struct cipher_stream *stream = js_arg_box(call, 0, &stream_box);

    *finished = stream != NULL && cipher_stream_is_finished(stream);
    return stream;
}

/* cipher_update(box, data) -> ArrayBuffer | null */
static JSValueRef cipher_update(struct js_call *call)
{
    bool finished;
    struct cipher_stream *stream = arg_stream(call, &finished);
    struct buf out = {0};
    struct bytes data;

    if (stream == NULL || !js_arg_bytes(call, 1, &data))
        return NULL;
    if (finished)
        return call->realm->null;
    if (cipher_stream_update(stream, data, &out) == 0)
        return js_buffer_take_buf(call->realm, &out);
    buf_fini(&out);
    return openssl_throw(call, "Trying to add data in unsupported state");
}

/* cipher_final(box) -> ArrayBuffer | null */
static JSValueRef cipher_final(struct js_call *call)
{
    bool finished;
    struct cipher_stream *stream = arg_stream(call, &finished);
    struct buf out = {0};

    if (stream == NULL)
        return NULL;
    if (finished)
        return call->realm->null;
    if (cipher_stream_finish(stream, &out) == 0)
        return js_buffer_take_buf(call->realm, &out);
    buf_fini(&out);
    return openssl_throw(call, "Unsupported state or unable to authenticate data");
}

/* What a setter found out: true, false, or null after the end. */
static JSValueRef answer(struct js_call *call, bool done)
{
    openssl_forget();
    return js_boolean(call->realm, done);
}

/* cipher_pad(box, pad) -> true | null */
static JSValueRef cipher_pad(struct js_call *call)
{
    bool finished;
    struct cipher_stream *stream = arg_stream(call, &finished);

    if (stream == NULL)
        return NULL;
    if (finished)
        return call->realm->null;
    cipher_stream_pad(stream, js_arg_boolean(call, 1));
    return answer(call, true);
}

/* cipher_aad(box, data) -> boolean | null */
static JSValueRef cipher_aad(struct js_call *call)
{
    bool finished;
    struct cipher_stream *stream = arg_stream(call, &finished);
    struct bytes aad;

    if (stream == NULL || !js_arg_bytes(call, 1, &aad))
        return NULL;
    if (finished)
        return call->realm->null;
    return answer(call, cipher_stream_add_aad(stream, aad) == 0);
}

/* cipher_set_tag(box, tag) -> boolean | null */
static JSValueRef cipher_set_tag(struct js_call *call)
{
    bool finished;
    struct cipher_stream *stream = arg_stream(call, &finished);
    struct bytes tag;

    if (stream == NULL || !js_arg_bytes(call, 1, &tag))
        return NULL;
    if (finished)
        return call->realm->null;
    return answer(call, cipher_stream_set_tag(stream, tag) == 0);
}

/* cipher_tag(box) -> ArrayBuffer | null */
static JSValueRef cipher_tag(struct js_call *call)
{
    bool finished;
    struct cipher_stream *stream = arg_stream(call, &finished);
    struct bytes tag;

    if (stream == NULL)
        return NULL;
    tag = cipher_stream_tag(stream);
    return tag.len > 0 ? js_buffer_copy(call->realm, tag) : call->realm->null;
}

/* clang-format off */
#define CIPHER_STREAM_NATIVES(X)                \
    X("cipher_info", cipher_info, 1)            \
    X("cipher_names", cipher_names, 0)          \
    X("cipher_takes", cipher_takes_native, 1)   \
    X("cipher_create", cipher_create, 5)        \
    X("cipher_update", cipher_update, 2)        \
    X("cipher_final", cipher_final, 1)          \
    X("cipher_pad", cipher_pad, 2)              \
    X("cipher_aad", cipher_aad, 2)              \
    X("cipher_set_tag", cipher_set_tag, 2)      \
    X("cipher_tag", cipher_tag, 1)
/* clang-format on */

JS_NATIVES(cipher_stream_natives, CIPHER_STREAM_NATIVES)

void api_cipher_stream_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, cipher_stream_natives, JS_COUNT(cipher_stream_natives));
}
