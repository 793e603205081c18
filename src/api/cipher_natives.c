/*
 * The native of SubtleCrypto and node:crypto for AES.
 */

#include "api/cipher.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/bind.h"
#include "js/view.h"

static bool arg_mode(struct js_call *call, size_t i, enum cipher_mode *mode)
{
    static const char *const names[] = {
        [CIPHER_CBC] = "CBC",
        [CIPHER_CTR] = "CTR",
        [CIPHER_GCM] = "GCM",
        [CIPHER_KW] = "KW",
    };
    struct js_text text;
    size_t m = 0;

    if (!js_arg_text(call, i, &text))
        return false;
    while (m < JS_COUNT(names) && !bytes_equal_string(js_text_bytes(&text), names[m]))
        m++;
    js_text_fini(&text);
    if (m == JS_COUNT(names)) {
        js_throw_type_error(call, "There is no such mode of AES.");
        return false;
    }
    *mode = (enum cipher_mode)m;
    return true;
}

/* aes(mode, encrypt, key, iv, data, aad, bits) -> ArrayBuffer | null */
static JSValueRef aes(struct js_call *call)
{
    struct cipher_job job = {0};
    struct buf out = {0};
    int64_t bits = 0;

    if (!arg_mode(call, 0, &job.mode) || !js_arg_bytes(call, 2, &job.key) ||
        !js_arg_bytes_optional(call, 3, &job.iv) || !js_arg_bytes(call, 4, &job.data) ||
        !js_arg_bytes_optional(call, 5, &job.aad))
        return NULL;
    if (js_arg_given(call, 6) && !js_arg_integer(call, 6, 0, 128, &bits))
        return NULL;
    job.encrypt = js_arg_boolean(call, 1);
    job.bits = (unsigned)bits;
    if (cipher_run(&job, &out) != 0) {
        buf_fini(&out);
        return call->realm->null;
    }
    return js_buffer_take_buf(call->realm, &out);
}

/* clang-format off */
#define CIPHER_NATIVES(X)     \
    X("aes", aes, 5)
/* clang-format on */

JS_NATIVES(cipher_natives, CIPHER_NATIVES)

void api_cipher_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, cipher_natives, JS_COUNT(cipher_natives));
}
