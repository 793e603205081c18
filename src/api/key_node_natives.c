/*
 * Natives of node:crypto for asymmetric keys. What OpenSSL refuses is thrown in its words.
 */

#include <limits.h>

#include "api/key_box.h"
#include "api/key_node.h"
#include "api/openssl_error.h"
#include "api/pure.h"
#include "base/buf.h"
#include "js/view.h"

static JSValueRef finish(struct js_call *call, int r, struct buf *out, const char *otherwise)
{
    if (r == 0)
        return js_buffer_take_buf(call->realm, out);
    buf_fini(out);
    return openssl_throw(call, otherwise);
}

static bool arg_structure(struct js_call *call, size_t i, enum key_structure *structure)
{
    static const char *const names[] = {
        [KEY_AS_SPKI] = "spki",
        [KEY_AS_PKCS1] = "pkcs1",
        [KEY_AS_PKCS8] = "pkcs8",
        [KEY_AS_SEC1] = "sec1",
    };
    struct js_text text;
    size_t n = 0;

    *structure = KEY_AS_SPKI;
    if (!js_arg_given(call, i))
        return true;
    if (!js_arg_text(call, i, &text))
        return false;
    while (n < JS_COUNT(names) && !bytes_equal_string(js_text_bytes(&text), names[n]))
        n++;
    js_text_fini(&text);
    if (n == JS_COUNT(names)) {
        js_throw_type_error(call, "There is no such structure of keys.");
        return false;
    }
    *structure = (enum key_structure)n;
    return true;
}

/* key_read(data, isPem, structure, passphrase, isPrivate) -> box | null: it needs a passphrase */
static JSValueRef key_read_native(struct js_call *call)
{
    struct key_source source = {0};
    struct key *key = NULL;

    source.pem = js_arg_boolean(call, 1);
    source.private = js_arg_boolean(call, 4);
    source.has_passphrase = js_arg_given(call, 3);
    if (!arg_structure(call, 2, &source.structure) || !js_arg_bytes(call, 0, &source.data) ||
        !js_arg_bytes_optional(call, 3, &source.passphrase))
        return NULL;
    switch (key_read(&source, &key)) {
    case 0: return key_box_make(call, key);
    case KEY_LOCKED: return call->realm->null;
    default: return openssl_throw(call, "Failed to read the key");
    }
}

/* key_write(box, isPem, structure, cipher, passphrase) -> ArrayBuffer */
static JSValueRef key_write_native(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);
    struct key_target target = {0};
    struct js_text cipher;
    struct buf out = {0};
    bool encrypted = js_arg_given(call, 3);
    int r;

    if (key == NULL || !arg_structure(call, 2, &target.structure) ||
        !js_arg_bytes_optional(call, 4, &target.passphrase))
        return NULL;
    if (encrypted && !js_arg_text(call, 3, &cipher))
        return NULL;
    target.pem = js_arg_boolean(call, 1);
    target.cipher = encrypted ? cipher.data : NULL;
    r = key_write(key, &target, &out);
    if (encrypted)
        js_text_fini(&cipher);
    return finish(call, r, &out, "Failed to export the key");
}

/* key_equals(box, box) -> boolean */
static JSValueRef key_equals_native(struct js_call *call)
{
    const struct key *a = js_arg_box(call, 0, &key_box);
    const struct key *b = a != NULL ? js_arg_box(call, 1, &key_box) : NULL;

    return b != NULL ? js_boolean(call->realm, key_equals(a, b)) : NULL;
}

/* key_public(box) -> box */
static JSValueRef key_public(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);

    return key != NULL ? key_box_make(call, key_public_half(key)) : NULL;
}

/* key_type(box) -> string */
static JSValueRef key_type_native(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);

    return key != NULL ? js_word(call->realm, key_type_name(key_type(key))) : NULL;
}

/* key_details(box) -> [type, bits, exponent, divisorBits, curve, saltLength, hash, mgf1Hash] */
static JSValueRef key_details(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);
    struct js_realm *realm = call->realm;
    struct key_details details;
    struct buf exponent = {0};
    JSValueRef values[8];

    if (key == NULL)
        return NULL;
    key_describe(key, &details);
    values[0] = js_string(realm, key_type_name(key_type(key)));
    values[1] = js_number(realm, details.bits);
    values[2] = realm->undefined;
    values[3] = js_number(realm, details.divisor_bits);
    values[4] = js_string(realm, details.curve);
    values[5] = js_number(realm, details.salt_len);
    values[6] = js_string(realm, details.hash);
    values[7] = js_string(realm, details.mgf1_hash);
    if (key_type(key) == KEY_RSA || key_type(key) == KEY_RSA_PSS) {
        key_rsa_info(key, &exponent);
        values[2] = js_bytes_take_buf(realm, &exponent);
    }
    return js_array_make(realm, JS_COUNT(values), values);
}

/* -- new pairs --------------------------------------------------------------------------------- */

static JSValueRef finish_pair(struct js_call *call, int r, struct key *public, struct key *private)
{
    if (r == 0)
        return key_box_pair(call, public, private);
    return openssl_throw(call, "Key generation failed");
}

/* key_generate_ec(curve, isExplicit) -> [public, private] */
static JSValueRef generate_ec(struct js_call *call)
{
    struct key *public = NULL;
    struct key *private = NULL;
    struct js_text curve;
    int r;

    if (!js_arg_text(call, 0, &curve))
        return NULL;
    r = key_generate_curve(curve.data, js_arg_boolean(call, 1), &public, &private);
    js_text_fini(&curve);
    return finish_pair(call, r, public, private);
}

/* key_generate_pss(bits, exponent, hash, mgf1Hash, saltLength) -> [public, private] */
static JSValueRef generate_pss(struct js_call *call)
{
    struct key *public = NULL;
    struct key *private = NULL;
    struct key_pss pss = {.salt_len = -1};
    struct js_text hash;
    struct js_text mgf1_hash;
    int64_t bits;
    int64_t salt_len = -1;
    int r;

    if (!js_arg_integer(call, 0, 0, INT_MAX, &bits) || !js_arg_bytes(call, 1, &pss.exponent) ||
        (js_arg_given(call, 4) && !js_arg_integer(call, 4, 0, INT_MAX, &salt_len)) ||
        !js_arg_text(call, 2, &hash))
        return NULL;
    if (!js_arg_text(call, 3, &mgf1_hash)) {
        js_text_fini(&hash);
        return NULL;
    }
    pss.bits = (int)bits;
    pss.salt_len = (int)salt_len;
    pss.hash = js_text_bytes(&hash);
    pss.mgf1_hash = js_text_bytes(&mgf1_hash);
    r = key_generate_pss(&pss, &public, &private);
    js_text_fini(&hash);
    js_text_fini(&mgf1_hash);
    return finish_pair(call, r, public, private);
}

/* key_generate_dsa(bits, divisorBits) -> [public, private] */
static JSValueRef generate_dsa(struct js_call *call)
{
    struct key *public = NULL;
    struct key *private = NULL;
    int64_t bits;
    int64_t divisor_bits;
    int r;

    if (!js_arg_integer(call, 0, 0, INT_MAX, &bits) ||
        !js_arg_integer(call, 1, 0, INT_MAX, &divisor_bits))
        return NULL;
    r = key_generate_dsa((int)bits, (int)divisor_bits, &public, &private);
    return finish_pair(call, r, public, private);
}

/* key_generate_dh(prime, generator) -> [public, private] */
static JSValueRef generate_dh(struct js_call *call)
{
    struct key *public = NULL;
    struct key *private = NULL;
    struct bytes prime;
    struct bytes generator;
    int r;

    if (!js_arg_bytes(call, 0, &prime) || !js_arg_bytes(call, 1, &generator))
        return NULL;
    r = key_generate_dh(prime, generator, &public, &private);
    return finish_pair(call, r, public, private);
}

/* -- signatures and RSA ------------------------------------------------------------------------ */

struct signing {
    const struct key *key;
    struct key_signing how;
    struct js_text hash;
};

/* (box, hash, padding, saltLength, isFixed, …); if it is true, `hash` is to be freed. */
static bool arg_signing(struct js_call *call, struct signing *signing)
{
    int64_t padding = KEY_DEFAULT_PADDING;
    int64_t salt_len = KEY_DEFAULT_SALT;

    signing->key = js_arg_box(call, 0, &key_box);
    if (signing->key == NULL ||
        (js_arg_given(call, 2) && !js_arg_integer(call, 2, INT_MIN, INT_MAX, &padding)) ||
        (js_arg_given(call, 3) && !js_arg_integer(call, 3, INT_MIN, INT_MAX, &salt_len)) ||
        !js_arg_text(call, 1, &signing->hash))
        return false;
    signing->how.hash = js_text_bytes(&signing->hash);
    signing->how.padding = (int)padding;
    signing->how.salt_len = (int)salt_len;
    signing->how.fixed = js_arg_boolean(call, 4);
    return true;
}

/* node_sign(box, hash, padding, saltLength, isFixed, digest) -> ArrayBuffer */
static JSValueRef node_sign(struct js_call *call)
{
    struct signing signing;
    struct buf out = {0};
    struct bytes data;
    int r;

    if (!arg_signing(call, &signing))
        return NULL;
    if (!js_arg_bytes(call, 5, &data)) {
        js_text_fini(&signing.hash);
        return NULL;
    }
    r = key_sign_digest(signing.key, &signing.how, data, &out);
    js_text_fini(&signing.hash);
    return finish(call, r, &out, "Failed to sign");
}

/* node_verify(box, hash, padding, saltLength, isFixed, signature, digest) -> boolean */
static JSValueRef node_verify(struct js_call *call)
{
    struct signing signing;
    struct bytes signature;
    struct bytes data;
    bool good;

    if (!arg_signing(call, &signing))
        return NULL;
    if (!js_arg_bytes(call, 5, &signature) || !js_arg_bytes(call, 6, &data)) {
        js_text_fini(&signing.hash);
        return NULL;
    }
    good = key_verify_digest(signing.key, &signing.how, signature, data);
    js_text_fini(&signing.hash);
    return js_boolean(call->realm, good);
}

/* node_rsa(box, operation, padding, hash, label, data) -> ArrayBuffer */
static JSValueRef node_rsa(struct js_call *call)
{
    const struct key *key = js_arg_box(call, 0, &key_box);
    struct key_rsa_job job = {0};
    struct js_text hash;
    struct buf out = {0};
    int64_t operation;
    int64_t padding;
    int r;

    if (key == NULL || !js_arg_integer(call, 1, KEY_ENCRYPT, KEY_UNSEAL, &operation) ||
        !js_arg_integer(call, 2, INT_MIN, INT_MAX, &padding) || !js_arg_text(call, 3, &hash))
        return NULL;
    if (!js_arg_bytes_optional(call, 4, &job.label) || !js_arg_bytes(call, 5, &job.data)) {
        js_text_fini(&hash);
        return NULL;
    }
    job.operation = (enum key_rsa_operation)operation;
    job.padding = (int)padding;
    job.hash = js_text_bytes(&hash);
    r = key_rsa_run(key, &job, &out);
    js_text_fini(&hash);
    return finish(call, r, &out, "The RSA operation failed");
}

/* clang-format off */
#define KEY_NODE_NATIVES(X)                     \
    X("key_read", key_read_native, 5)           \
    X("key_write", key_write_native, 3)         \
    X("key_equals", key_equals_native, 2)       \
    X("key_public", key_public, 1)              \
    X("key_type", key_type_native, 1)           \
    X("key_details", key_details, 1)            \
    X("key_generate_ec", generate_ec, 2)        \
    X("key_generate_pss", generate_pss, 4)      \
    X("key_generate_dsa", generate_dsa, 2)      \
    X("key_generate_dh", generate_dh, 2)        \
    X("node_sign", node_sign, 6)                \
    X("node_verify", node_verify, 7)            \
    X("node_rsa", node_rsa, 6)
/* clang-format on */

JS_NATIVES(key_node_natives, KEY_NODE_NATIVES)

void api_key_node_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, key_node_natives, JS_COUNT(key_node_natives));
}
