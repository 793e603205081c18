/*
 * Natives of node:crypto for ECDH, Diffie-Hellman and primes. null: the numbers do not fit.
 */

#include "api/curve_point.h"
#include "api/name_lines.h"
#include "api/prime.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/bind.h"
#include "js/view.h"

/* false: there is no such curve; null: not a number or point of it */
static JSValueRef finish_point(struct js_call *call, int r, struct buf *out)
{
    if (r == 0)
        return js_buffer_take_buf(call->realm, out);
    buf_fini(out);
    return r == CURVE_POINT_NO_CURVE ? call->realm->no : call->realm->null;
}

static JSValueRef finish(struct js_call *call, int r, struct buf *out)
{
    if (r == 0)
        return js_buffer_take_buf(call->realm, out);
    buf_fini(out);
    return call->realm->null;
}

/* curve_generate(curve) -> ArrayBuffer | false */
static JSValueRef curve_generate(struct js_call *call)
{
    struct js_text curve;
    struct buf out = {0};
    int r;

    if (!js_arg_text(call, 0, &curve))
        return NULL;
    r = curve_point_generate(curve.data, &out);
    js_text_fini(&curve);
    return finish_point(call, r, &out);
}

/* curve_public(curve, private) -> ArrayBuffer | null | false */
static JSValueRef curve_public(struct js_call *call)
{
    struct js_text curve;
    struct bytes private;
    struct buf out = {0};
    int r;

    if (!js_arg_bytes(call, 1, &private) || !js_arg_text(call, 0, &curve))
        return NULL;
    r = curve_point_public(curve.data, private, &out);
    js_text_fini(&curve);
    return finish_point(call, r, &out);
}

/* curve_agree(curve, private, public) -> ArrayBuffer | null | false */
static JSValueRef curve_agree(struct js_call *call)
{
    struct js_text curve;
    struct bytes private;
    struct bytes public;
    struct buf out = {0};
    int r;

    if (!js_arg_bytes(call, 1, &private) || !js_arg_bytes(call, 2, &public) ||
        !js_arg_text(call, 0, &curve))
        return NULL;
    r = curve_point_agree(curve.data, private, public, &out);
    js_text_fini(&curve);
    return finish_point(call, r, &out);
}

/* curve_convert(curve, point, form) -> ArrayBuffer | null | false; form is an enum's number */
static JSValueRef curve_convert(struct js_call *call)
{
    struct js_text curve;
    struct bytes point;
    struct buf out = {0};
    int64_t form;
    int r;

    if (!js_arg_bytes(call, 1, &point) ||
        !js_arg_integer(call, 2, CURVE_POINT_UNCOMPRESSED, CURVE_POINT_HYBRID, &form) ||
        !js_arg_text(call, 0, &curve))
        return NULL;
    r = curve_point_convert(curve.data, point, (enum curve_point_form)form, &out);
    js_text_fini(&curve);
    return finish_point(call, r, &out);
}

/* curve_names() -> string, one name a line */
static JSValueRef curve_names(struct js_call *call)
{
    return name_lines_make(call, curve_point_list);
}

/* prime_generate(bits, safe, add, rem) -> ArrayBuffer | null */
static JSValueRef prime_generate_native(struct js_call *call)
{
    struct buf out = {0};
    struct bytes add;
    struct bytes rem;
    int64_t bits;

    if (!js_arg_integer(call, 0, 0, INT32_MAX, &bits) || !js_arg_bytes_optional(call, 2, &add) ||
        !js_arg_bytes_optional(call, 3, &rem))
        return NULL;
    return finish(call, prime_generate((int)bits, js_arg_boolean(call, 1), add, rem, &out), &out);
}

/* prime_check(number) -> boolean */
static JSValueRef prime_check_native(struct js_call *call)
{
    struct bytes number;

    if (!js_arg_bytes(call, 0, &number))
        return NULL;
    return js_boolean(call->realm, prime_check(number));
}

/* dh_group(name) -> ArrayBuffer | null */
static JSValueRef dh_group(struct js_call *call)
{
    struct js_text name;
    struct buf out = {0};
    int r;

    if (!js_arg_text(call, 0, &name))
        return NULL;
    r = prime_group(name.data, &out);
    js_text_fini(&name);
    return finish(call, r, &out);
}

/* dh_private(prime) -> ArrayBuffer | null */
static JSValueRef dh_private(struct js_call *call)
{
    struct bytes prime;
    struct buf out = {0};

    if (!js_arg_bytes(call, 0, &prime))
        return NULL;
    return finish(call, prime_private(prime, &out), &out);
}

/* dh_power(base, exponent, prime) -> ArrayBuffer | null */
static JSValueRef dh_power(struct js_call *call)
{
    struct bytes base;
    struct bytes exponent;
    struct bytes prime;
    struct buf out = {0};

    if (!js_arg_bytes(call, 0, &base) || !js_arg_bytes(call, 1, &exponent) ||
        !js_arg_bytes(call, 2, &prime))
        return NULL;
    return finish(call, prime_power(base, exponent, prime, &out), &out);
}

/* dh_is_public(number, prime) -> boolean */
static JSValueRef dh_is_public(struct js_call *call)
{
    struct bytes number;
    struct bytes prime;

    if (!js_arg_bytes(call, 0, &number) || !js_arg_bytes(call, 1, &prime))
        return NULL;
    return js_boolean(call->realm, prime_is_public(number, prime));
}

/* dh_verify(prime, generator) -> number */
static JSValueRef dh_verify(struct js_call *call)
{
    struct bytes prime;
    struct bytes generator;

    if (!js_arg_bytes(call, 0, &prime) || !js_arg_bytes(call, 1, &generator))
        return NULL;
    return js_number(call->realm, prime_verify(prime, generator));
}

/* clang-format off */
#define EXCHANGE_NATIVES(X)                         \
    X("curve_generate", curve_generate, 1)          \
    X("curve_public", curve_public, 2)              \
    X("curve_agree", curve_agree, 3)                \
    X("curve_convert", curve_convert, 3)            \
    X("curve_names", curve_names, 0)                \
    X("prime_generate", prime_generate_native, 2)   \
    X("prime_check", prime_check_native, 1)         \
    X("dh_group", dh_group, 1)                      \
    X("dh_private", dh_private, 1)                  \
    X("dh_power", dh_power, 3)                      \
    X("dh_is_public", dh_is_public, 2)              \
    X("dh_verify", dh_verify, 2)
/* clang-format on */

JS_NATIVES(exchange_natives, EXCHANGE_NATIVES)

void api_exchange_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, exchange_natives, JS_COUNT(exchange_natives));
}
