#pragma once

/*
 * Key
 *
 * Asymmetric keys of Web Crypto and node:crypto: made, taken in, given out and used. A key is one
 * half of a pair; it does not change once it exists. One thread at a time. key_node.h has what only
 * node:crypto does with keys.
 *
 * What a script hands in is checked here: whatever does not parse, is of another type or curve, or
 * does not lie on the curve gives no key.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;
struct key;

enum key_type {
    KEY_RSA,
    KEY_EC,
    KEY_ED25519,
    KEY_X25519,
    KEY_ED448, /* from here on node:crypto only */
    KEY_X448,
    KEY_RSA_PSS,
    KEY_DSA,
    KEY_DH,
    KEY_TYPES,
};

enum key_curve {
    KEY_NO_CURVE, /* no EC key, or one of node:crypto's on a curve without a name here */
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_SECP256K1,
};

enum {
    KEY_PARTS_MAX = 8,
};

/* The numbers of a JSON Web Key, big endian; those that are not there are empty.
 * RSA: n e d p q dp dq qi. EC: x y d. Ed25519, X25519, Ed448, X448: x d. */
struct key_parts {
    struct bytes part[KEY_PARTS_MAX];
};

const char *key_curve_name(enum key_curve curve);

/* As scripts call it: "rsa", "ed25519" and so on. */
const char *key_type_name(enum key_type type);

/* NULL-safe. */
void key_destroy(struct key *key);

enum key_type key_type(const struct key *key);
enum key_curve key_curve(const struct key *key);
bool key_is_private(const struct key *key);

/* RSA and RSA-PSS: bits of the modulus, and the exponent, appended. */
int key_rsa_info(const struct key *key, struct buf *exponent);

/* What the functions below can find out. */
enum key_result {
    KEY_FAILED = 1, /* not a key, not this operation, not these lengths, or not decryptable */
};

/* A new pair. */
int key_generate_rsa(int bits, struct bytes exponent, struct key **public, struct key **private);
int key_generate(enum key_type type, enum key_curve curve, struct key **public,
                 struct key **private);

/* From SubjectPublicKeyInfo and PKCS #8. `curve` is the one it must have, KEY_NO_CURVE for any. */
int key_import_spki(enum key_type type, enum key_curve curve, struct bytes der, struct key **out);
int key_import_pkcs8(enum key_type type, enum key_curve curve, struct bytes der, struct key **out);

/* EC: a point. Ed25519 and its like: the public key, or the private one. Not RSA. */
int key_import_raw(enum key_type type, enum key_curve curve, bool private, struct bytes raw,
                   struct key **out);
int key_import_parts(enum key_type type, enum key_curve curve, bool private,
                     const struct key_parts *parts, struct key **out);

int key_export_spki(const struct key *key, struct buf *out);
int key_export_pkcs8(const struct key *key, struct buf *out);

/* The public half. */
int key_export_raw(const struct key *key, struct buf *out);

/* All parts one after the other in `out`; `parts` points there. */
int key_export_parts(const struct key *key, struct buf *out, struct key_parts *parts);

enum key_scheme {
    KEY_PKCS1,
    KEY_PSS,
    KEY_ECDSA, /* r and s, each as long as the curve's numbers */
    KEY_EDDSA,
};

/* `hash` is the digest's name, unused for KEY_EDDSA; `salt_len` is for KEY_PSS. */
int key_sign(const struct key *key, enum key_scheme scheme, struct bytes hash, int salt_len,
             struct bytes data, struct buf *out);
bool key_verify(const struct key *key, enum key_scheme scheme, struct bytes hash, int salt_len,
                struct bytes signature, struct bytes data);

int key_oaep(const struct key *key, bool encrypt, struct bytes hash, struct bytes label,
             struct bytes data, struct buf *out);

/* The whole shared secret; KEY_FAILED also if it is zero. */
int key_agree(const struct key *private, const struct key *public, struct buf *out);
