/*
 * Natives of node:crypto for certificates.
 */

#include "api/certificate.h"
#include "api/key_box.h"
#include "api/openssl_error.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/view.h"

static void bury_certificate(void *self)
{
    certificate_destroy(self);
}

static const struct js_box_type certificate_box = {"Certificate", bury_certificate};

/* certificate_read(data) -> box */
static JSValueRef read_native(struct js_call *call)
{
    struct certificate *certificate = NULL;
    struct bytes data;

    if (!js_arg_bytes(call, 0, &data))
        return NULL;
    if (certificate_read(data, &certificate) != 0)
        return openssl_throw(call, "Failed to parse the certificate");
    return js_box_make(call->realm, &certificate_box, certificate, NULL);
}

/* certificate_text(box, what) -> string | undefined; `what` is an enum's number */
static JSValueRef text_native(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    JSValueRef value = call->realm->undefined;
    struct buf out = {0};
    int64_t what;

    if (certificate == NULL || !js_arg_integer(call, 1, 0, CERTIFICATE_TEXTS - 1, &what))
        return NULL;
    if (certificate_text(certificate, (enum certificate_text)what, &out) == 0)
        value = js_string_from_utf8(call->realm, buf_bytes(&out));
    buf_fini(&out);
    return value;
}

/* certificate_der(box) -> ArrayBuffer */
static JSValueRef der_native(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    struct buf out = {0};

    if (certificate == NULL)
        return NULL;
    certificate_der(certificate, &out);
    return js_buffer_take_buf(call->realm, &out);
}

/* certificate_is_ca(box) -> boolean */
static JSValueRef is_ca(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);

    if (certificate == NULL)
        return NULL;
    return js_boolean(call->realm, certificate_is_authority(certificate));
}

/* certificate_key(box) -> key box */
static JSValueRef key_native(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    struct key *key = NULL;

    if (certificate == NULL)
        return NULL;
    if (certificate_key(certificate, &key) != 0)
        return openssl_throw(call, "Failed to read the certificate's key");
    openssl_forget();
    return key_box_make(call, key);
}

/* certificate_is_for(box, kind, name, flags) -> string | undefined; `kind` is an enum's number */
static JSValueRef is_for(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    JSValueRef value = call->realm->undefined;
    struct buf out = {0};
    struct js_text name;
    int64_t kind;
    int64_t flags;

    if (certificate == NULL || !js_arg_integer(call, 1, CERTIFICATE_HOST, CERTIFICATE_IP, &kind) ||
        !js_arg_integer(call, 3, 0, UINT16_MAX, &flags) || !js_arg_text(call, 2, &name))
        return NULL;
    if (certificate_is_for(certificate, (enum certificate_name)kind, js_text_bytes(&name),
                           (unsigned)flags, &out) == 0)
        value = js_string_from_utf8(call->realm, buf_bytes(&out));
    js_text_fini(&name);
    buf_fini(&out);
    return value;
}

/* certificate_issued_by(box, issuer box) -> boolean */
static JSValueRef issued_by(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    struct certificate *issuer = certificate != NULL ? js_arg_box(call, 1, &certificate_box) : NULL;

    if (issuer == NULL)
        return NULL;
    return js_boolean(call->realm, certificate_was_issued_by(certificate, issuer));
}

/* certificate_belongs_to(box, key box) -> boolean */
static JSValueRef belongs_to(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    const struct key *key = certificate != NULL ? js_arg_box(call, 1, &key_box) : NULL;

    if (key == NULL)
        return NULL;
    return js_boolean(call->realm, certificate_belongs_to(certificate, key));
}

/* certificate_signed_by(box, key box) -> boolean */
static JSValueRef signed_by(struct js_call *call)
{
    struct certificate *certificate = js_arg_box(call, 0, &certificate_box);
    const struct key *key = certificate != NULL ? js_arg_box(call, 1, &key_box) : NULL;

    if (key == NULL)
        return NULL;
    return js_boolean(call->realm, certificate_was_signed_by(certificate, key));
}

/* spkac_verify(base64) -> boolean */
static JSValueRef spkac_verify(struct js_call *call)
{
    struct bytes spkac;

    if (!js_arg_bytes(call, 0, &spkac))
        return NULL;
    return js_boolean(call->realm, spkac_is_signed(spkac));
}

/* spkac_read(base64, isChallenge) -> ArrayBuffer, empty if it is none */
static JSValueRef spkac_read(struct js_call *call)
{
    struct bytes spkac;
    struct buf out = {0};

    if (!js_arg_bytes(call, 0, &spkac))
        return NULL;
    if (js_arg_boolean(call, 1))
        spkac_challenge(spkac, &out);
    else
        spkac_key(spkac, &out);
    return js_buffer_take_buf(call->realm, &out);
}

/* clang-format off */
#define CERTIFICATE_NATIVES(X)                      \
    X("certificate_read", read_native, 1)           \
    X("certificate_text", text_native, 2)           \
    X("certificate_der", der_native, 1)             \
    X("certificate_is_ca", is_ca, 1)                \
    X("certificate_key", key_native, 1)             \
    X("certificate_is_for", is_for, 4)              \
    X("certificate_issued_by", issued_by, 2)        \
    X("certificate_belongs_to", belongs_to, 2)      \
    X("certificate_signed_by", signed_by, 2)        \
    X("spkac_verify", spkac_verify, 1)              \
    X("spkac_read", spkac_read, 2)
/* clang-format on */

JS_NATIVES(certificate_natives, CERTIFICATE_NATIVES)

void api_certificate_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, certificate_natives, JS_COUNT(certificate_natives));
}
