/*
 * Natives of SubtleCrypto and node:crypto for asymmetric keys.
 */

#include "api/key_box.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/view.h"

static void bury_key(void *self)
{
    key_destroy(self);
}

const struct js_box_type key_box = {"Key", bury_key};

/* Names of scripts for our enums: the index of the argument among `names`. */
static bool arg_choice(struct js_call *call, size_t i, const char *const names[], size_t count,
                       int *out)
{
    struct js_text text;
    size_t n = 0;

    if (!js_arg_text(call, i, &text))
        return false;
    while (n < count && !bytes_equal_string(js_text_bytes(&text), names[n]))
        n++;
    if (n == count)
        js_throw_type_error(call, "Argument %zu cannot be \"%s\".", i + 1, text.data);
    js_text_fini(&text);
    *out = (int)n;
    return n < count;
}

static bool arg_type(struct js_call *call, size_t i, enum key_type *type)
{
    static const char *const names[] = {
        [KEY_RSA] = "rsa",       [KEY_EC] = "ec",       [KEY_ED25519] = "ed25519",
        [KEY_X25519] = "x25519", [KEY_ED448] = "ed448", [KEY_X448] = "x448",
    };
    int choice;

    if (!arg_choice(call, i, names, JS_COUNT(names), &choice))
        return false;
    *type = (enum key_type)choice;
    return true;
}

static bool arg_curve(struct js_call *call, size_t i, enum key_curve *curve)
{
    static const char *const names[] = {
        [KEY_NO_CURVE] = "",  [KEY_P256] = "P-256",          [KEY_P384] = "P-384",
        [KEY_P521] = "P-521", [KEY_SECP256K1] = "secp256k1",
    };
    int choice = KEY_NO_CURVE;

    if (js_arg_given(call, i) && !arg_choice(call, i, names, JS_COUNT(names), &choice))
        return false;
    *curve = (enum key_curve)choice;
    return true;
}

JSValueRef key_box_make(struct js_call *call, struct key *key)
{
    return js_box_make(call->realm, &key_box, key, NULL);
}

JSValueRef key_box_pair(struct js_call *call, struct key *public, struct key *private)
{
    JSValueRef pair[2];

    pair[0] = key_box_make(call, public);
    pair[1] = key_box_make(call, private);
    return js_array_make(call->realm, 2, pair);
}

/* What an operation wrote, or null if it failed. */
static JSValueRef finish(struct js_call *call, int r, struct buf *out)
{
    if (r == 0)
        return js_buffer_take_buf(call->realm, out);
    buf_fini(out);
    return call->realm->null;
}

/* key_generate(type, parameter, exponent) -> [public, private] | null */
static JSValueRef key_generate_native(struct js_call *call)
{
    struct key *public = NULL;
    struct key *private = NULL;
    enum key_curve curve = KEY_NO_CURVE;
    enum key_type type;
    int r;

    if (!arg_type(call, 0, &type))
        return NULL;
    if (type == KEY_RSA) {
        struct bytes exponent;
        int64_t bits;

        if (!js_arg_integer(call, 1, 0, 65536, &bits) || !js_arg_bytes(call, 2, &exponent))
            return NULL;
        r = key_generate_rsa((int)bits, exponent, &public, &private);
    } else {
        if (type == KEY_EC && !arg_curve(call, 1, &curve))
            return NULL;
        if (type == KEY_EC && curve == KEY_NO_CURVE)
            return js_throw_type_error(call, "An EC key needs a curve.");
        r = key_generate(type, curve, &public, &private);
    }
    if (r != 0)
        return call->realm->null;
    return key_box_pair(call, public, private);
}

static bool arg_parts(struct js_call *call, size_t i, struct key_parts *parts)
{
    JSObjectRef array = js_arg_object(call, i);
    size_t at;

    *parts = (struct key_parts){0};
    if (array == NULL)
        return false;
    for (at = 0; at < KEY_PARTS_MAX; at++) {
        JSValueRef value = js_array_at(call->realm, array, at, call->exception);

        if (value == NULL)
            return false;
        if (js_is_nullish(call->realm, value))
            continue;
        if (!js_view_bytes(call->realm, value, &parts->part[at])) {
            js_throw_type_error(call, "The parts of a key are bytes.");
            return false;
        }
    }
    return true;
}

enum key_format {
    FORMAT_SPKI,
    FORMAT_PKCS8,
    FORMAT_RAW,
    FORMAT_PARTS,
};

static bool arg_format(struct js_call *call, size_t i, enum key_format *format)
{
    static const char *const names[] = {
        [FORMAT_SPKI] = "spki",
        [FORMAT_PKCS8] = "pkcs8",
        [FORMAT_RAW] = "raw",
        [FORMAT_PARTS] = "components",
    };
    int choice;

    if (!arg_choice(call, i, names, JS_COUNT(names), &choice))
        return false;
    *format = (enum key_format)choice;
    return true;
}

/* key_import(type, format, data, curve, isPrivate) -> box | null */
static JSValueRef key_import(struct js_call *call)
{
    bool private = js_arg_boolean(call, 4);
    struct key_parts parts;
    struct key *key = NULL;
    struct bytes data = bytes_of(NULL, 0);
    enum key_format format;
    enum key_curve curve;
    enum key_type type;
    int r;

    if (!arg_type(call, 0, &type) || !arg_format(call, 1, &format) || !arg_curve(call, 3, &curve))
        return NULL;
    if (format == FORMAT_PARTS ? !arg_parts(call, 2, &parts) : !js_arg_bytes(call, 2, &data))
        return NULL;
    switch (format) {
    case FORMAT_SPKI: r = key_import_spki(type, curve, data, &key); break;
    case FORMAT_PKCS8: r = key_import_pkcs8(type, curve, data, &key); break;
    case FORMAT_RAW: r = key_import_raw(type, curve, private, data, &key); break;
    default: r = key_import_parts(type, curve, private, &parts, &key); break;
    }
    return r == 0 ? key_box_make(call, key) : call->realm->null;
}

static JSValueRef export_parts(struct js_call *call, const struct key *key)
{
    JSValueRef values[KEY_PARTS_MAX];
    struct key_parts parts;
    struct buf out = {0};
    JSValueRef array = call->realm->null;
    size_t count = key_type(key) == KEY_RSA ? KEY_PARTS_MAX : key_type(key) == KEY_EC ? 3 : 2;
    size_t i;

    if (key_export_parts(key, &out, &parts) == 0) {
        for (i = 0; i < count; i++)
            values[i] = parts.part[i].len > 0 ? js_bytes_copy(call->realm, parts.part[i])
                                              : call->realm->undefined;
        array = js_array_make(call->realm, count, values);
    }
    buf_fini(&out);
    return array;
}

/* key_export(box, format) -> ArrayBuffer | array of Uint8Array | null */
static JSValueRef key_export(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);
    struct buf out = {0};
    enum key_format format;
    int r;

    if (key == NULL || !arg_format(call, 1, &format))
        return NULL;
    switch (format) {
    case FORMAT_SPKI: r = key_export_spki(key, &out); break;
    case FORMAT_PKCS8: r = key_export_pkcs8(key, &out); break;
    case FORMAT_RAW: r = key_export_raw(key, &out); break;
    default: return export_parts(call, key);
    }
    return finish(call, r, &out);
}

/* key_info(box) -> [type, curve or modulus bits, exponent, isPrivate] */
static JSValueRef key_info(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);
    struct js_realm *realm = call->realm;
    struct buf exponent = {0};
    JSValueRef values[4];

    if (key == NULL)
        return NULL;
    values[0] = js_string(realm, key_type_name(key_type(key)));
    values[1] = realm->undefined;
    values[2] = realm->undefined;
    values[3] = js_boolean(realm, key_is_private(key));
    if (key_type(key) == KEY_RSA) {
        values[1] = js_number(realm, key_rsa_info(key, &exponent));
        values[2] = js_bytes_take_buf(realm, &exponent);
    } else if (key_type(key) == KEY_EC) {
        values[1] = js_string(realm, key_curve_name(key_curve(key)));
    }
    return js_array_make(realm, JS_COUNT(values), values);
}

/* What signing and verifying have in common: (box, scheme, hash, saltLength, …) */
struct signing {
    const struct key *key;
    enum key_scheme scheme;
    struct js_text hash;
    int salt_len;
};

/* Frees nothing on failure; else `hash` is to be freed. */
static bool arg_signing(struct js_call *call, struct signing *signing)
{
    static const char *const names[] = {
        [KEY_PKCS1] = "RSASSA-PKCS1-v1_5",
        [KEY_PSS] = "RSA-PSS",
        [KEY_ECDSA] = "ECDSA",
        [KEY_EDDSA] = "Ed25519",
    };
    int64_t salt_len = 0;
    int choice;

    signing->key = js_arg_box(call, 0, &key_box);
    if (signing->key == NULL || !arg_choice(call, 1, names, JS_COUNT(names), &choice))
        return false;
    if (js_arg_given(call, 3) && !js_arg_integer(call, 3, 0, 65536, &salt_len))
        return false;
    signing->scheme = (enum key_scheme)choice;
    signing->salt_len = (int)salt_len;
    return js_arg_text(call, 2, &signing->hash);
}

/* key_sign(box, scheme, hash, saltLength, data) -> ArrayBuffer | null */
static JSValueRef key_sign_native(struct js_call *call)
{
    struct signing signing;
    struct buf out = {0};
    struct bytes data;
    int r;

    if (!js_arg_bytes(call, 4, &data) || !arg_signing(call, &signing))
        return NULL;
    r = key_sign(signing.key, signing.scheme, js_text_bytes(&signing.hash), signing.salt_len, data,
                 &out);
    js_text_fini(&signing.hash);
    return finish(call, r, &out);
}

/* key_verify(box, scheme, hash, saltLength, signature, data) -> boolean */
static JSValueRef key_verify_native(struct js_call *call)
{
    struct signing signing;
    struct bytes signature;
    struct bytes data;
    bool good;

    if (!js_arg_bytes(call, 4, &signature) || !js_arg_bytes(call, 5, &data) ||
        !arg_signing(call, &signing))
        return NULL;
    good = key_verify(signing.key, signing.scheme, js_text_bytes(&signing.hash), signing.salt_len,
                      signature, data);
    js_text_fini(&signing.hash);
    return js_boolean(call->realm, good);
}

/* rsa_oaep(box, encrypt, hash, label, data) -> ArrayBuffer | null */
static JSValueRef rsa_oaep(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);
    struct js_text hash;
    struct buf out = {0};
    struct bytes label;
    struct bytes data;
    int r;

    if (key == NULL || !js_arg_bytes_optional(call, 3, &label) || !js_arg_bytes(call, 4, &data) ||
        !js_arg_text(call, 2, &hash))
        return NULL;
    r = key_oaep(key, js_arg_boolean(call, 1), js_text_bytes(&hash), label, data, &out);
    js_text_fini(&hash);
    return finish(call, r, &out);
}

/* ecdh(private, public) -> ArrayBuffer | null */
static JSValueRef ecdh(struct js_call *call)
{
    const struct key *private = js_arg_box(call, 0, &key_box);
    const struct key *public = private != NULL ? js_arg_box(call, 1, &key_box) : NULL;
    struct buf out = {0};

    if (public == NULL)
        return NULL;
    return finish(call, key_agree(private, public, &out), &out);
}

/* clang-format off */
#define KEY_NATIVES(X)                          \
    X("key_generate", key_generate_native, 1)   \
    X("key_import", key_import, 5)              \
    X("key_export", key_export, 2)              \
    X("key_info", key_info, 1)                  \
    X("key_sign", key_sign_native, 5)           \
    X("key_verify", key_verify_native, 6)       \
    X("rsa_oaep", rsa_oaep, 5)                  \
    X("ecdh", ecdh, 2)
/* clang-format on */

JS_NATIVES(key_natives, KEY_NATIVES)

void api_key_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, key_natives, JS_COUNT(key_natives));
}
