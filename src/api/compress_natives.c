/*
 * Natives of CompressionStream, DecompressionStream and node:zlib.
 */

#include "api/compress.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/bind.h"
#include "js/box.h"
#include "js/view.h"

static void bury_stream(void *self)
{
    compress_destroy(self);
}

static const struct js_box_type stream_type = {"Compress", bury_stream};

/* zlib_create(format, compress, level?) -> box */
static JSValueRef zlib_create(struct js_call *call)
{
    static const char *const names[] = {"gzip", "deflate", "deflate-raw"};
    struct js_text format;
    struct compress *stream;
    int64_t level = -1;
    size_t i = 0;

    if (js_arg_given(call, 2) && !js_arg_integer(call, 2, -1, 9, &level))
        return NULL;
    if (!js_arg_text(call, 0, &format))
        return NULL;
    while (i < JS_COUNT(names) && !bytes_equal_string(js_text_bytes(&format), names[i]))
        i++;
    js_text_fini(&format);
    if (i == JS_COUNT(names))
        return js_throw_type_error(call, "There is no such compression format.");
    stream = compress_create((enum compress_format)i, js_arg_boolean(call, 1), (int)level);
    return js_box_make_heavy(call->realm, &stream_type, stream, compress_size(stream));
}

/* zlib_write(box, bytes, finish) -> Uint8Array */
static JSValueRef zlib_write(struct js_call *call)
{
    struct compress *stream = js_arg_box(call, 0, &stream_type);
    struct buf out = {0};
    struct bytes data;
    int r;

    if (stream == NULL || !js_arg_bytes(call, 1, &data))
        return NULL;
    r = compress_write(stream, data, js_arg_boolean(call, 2), &out);
    if (r == 0)
        return js_bytes_take_buf(call->realm, &out);
    buf_fini(&out);
    switch (r) {
    case COMPRESS_TRAILING:
        return js_throw_type_error(call, "Trailing bytes after end of compressed data");
    case COMPRESS_TRUNCATED:
        return js_throw_type_error(call, "Called close() on a decompression stream with incomplete "
                                         "data");
    case COMPRESS_BOMB: return js_throw_range_error(call, "Decompressed data is too large");
    default: return js_throw_type_error(call, "Decompression failed.");
    }
}

/* clang-format off */
#define COMPRESS_NATIVES(X)              \
    X("zlib_create", zlib_create, 2)     \
    X("zlib_write", zlib_write, 3)
/* clang-format on */

JS_NATIVES(compress_natives, COMPRESS_NATIVES)

void api_compress_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, compress_natives, JS_COUNT(compress_natives));
}
