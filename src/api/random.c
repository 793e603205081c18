/*
 * Natives for random bytes, from the kernel.
 */

#include <sys/random.h>

#include "api/pure.h"
#include "base/assert.h"
#include "base/hex.h"
#include "js/bind.h"
#include "js/view.h"

enum {
    GETRANDOM_MAX = 256, /* up to here the kernel answers at once and in full */
    UUID_BYTES = 16,
};

static void fill(uint8_t *memory, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(memory, len < GETRANDOM_MAX ? len : GETRANDOM_MAX, 0);

        if (got < 0)
            continue; /* interrupted while the pool was not ready yet */
        memory += got;
        len -= (size_t)got;
    }
}

/* random_fill(view) */
static JSValueRef random_fill(struct js_call *call)
{
    uint8_t *memory;
    size_t len;

    if (!js_view_memory(call->realm, js_arg(call, 0), &memory, &len))
        return js_throw_type_error(call, "Argument 1 is not an ArrayBuffer or a view on one.");
    fill(memory, len);
    return call->realm->undefined;
}

/* random_uuid() -> string, version 4 */
static JSValueRef random_uuid(struct js_call *call)
{
    static _Thread_local uint8_t pool[GETRANDOM_MAX];
    static _Thread_local size_t used = sizeof pool;
    uint8_t bytes[UUID_BYTES];
    char text[HEX_UUID_TEXT];

    if (used == sizeof pool) {
        fill(pool, sizeof pool);
        used = 0;
    }
    memcpy(bytes, pool + used, sizeof bytes);
    memset(pool + used, 0, sizeof bytes);
    used += sizeof bytes;
    hex_encode_uuid(bytes, text);
    return js_string(call->realm, text);
}

/* clang-format off */
#define RANDOM_NATIVES(X)                \
    X("random_fill", random_fill, 1)     \
    X("random_uuid", random_uuid, 0)
/* clang-format on */

JS_NATIVES(random_natives, RANDOM_NATIVES)

void api_random_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, random_natives, JS_COUNT(random_natives));
}
