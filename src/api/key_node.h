#pragma once

/*
 * Keys of node:crypto
 *
 * What Node does with keys beyond Web Crypto: keys of any type and curve as PEM and DER in all
 * their structures, encrypted ones, too; signatures of digests with Node's options; RSA with any
 * padding.
 *
 * After a KEY_FAILED from here OpenSSL's error queue says why, and the caller empties it
 * (openssl_throw()).
 */

#include "api/key.h"

/* What stands around the numbers of a key. */
enum key_structure {
    KEY_AS_SPKI,  /* public */
    KEY_AS_PKCS1, /* RSA only, public or private */
    KEY_AS_PKCS8, /* private, perhaps encrypted */
    KEY_AS_SEC1,  /* EC only, private */
};

struct key_source {
    struct bytes data;
    bool pem;
    bool private;                 /* wanted; a public one is taken out of a private one, too */
    enum key_structure structure; /* DER only: PEM says so itself */
    bool has_passphrase;
    struct bytes passphrase;
};

/* What key_read() can find out, besides KEY_FAILED. */
enum key_read_result {
    KEY_LOCKED = 2, /* it is encrypted, and there is no passphrase */
};

int key_read(const struct key_source *source, struct key **out);

struct key_target {
    bool pem;
    enum key_structure structure;
    const char *cipher; /* NULL: not encrypted */
    struct bytes passphrase;
};

/* `key` is of the half and the type that the structure is for. */
int key_write(const struct key *key, const struct key_target *target, struct buf *out);

/* Do both have the same numbers? */
bool key_equals(const struct key *a, const struct key *b);

/* The public half of a private key, as a key of its own; of a public one, the same once more. */
struct key *key_public_half(const struct key *key);

/* More about a key. What does not apply is 0, negative or "". */
struct key_details {
    int bits;         /* of the modulus of RSA, RSA-PSS, DSA */
    int divisor_bits; /* DSA */
    char curve[64];   /* EC: OpenSSL's name */
    int salt_len;     /* RSA-PSS with parameters; -1 */
    char hash[32];
    char mgf1_hash[32];
};

void key_describe(const struct key *key, struct key_details *details);

/* New pairs. Names are OpenSSL's. */
int key_generate_curve(const char *curve, bool explicit, struct key **public, struct key **private);
int key_generate_dsa(int bits, int divisor_bits, struct key **public, struct key **private);
int key_generate_dh(struct bytes prime, struct bytes generator, struct key **public,
                    struct key **private);

/* `hash` and `mgf1_hash` are names of digests (hash.h), or empty; `salt_len` may be -1. */
struct key_pss {
    int bits;
    struct bytes exponent;
    struct bytes hash;
    struct bytes mgf1_hash;
    int salt_len;
};

int key_generate_pss(const struct key_pss *pss, struct key **public, struct key **private);

enum {
    KEY_DEFAULT_PADDING = 0, /* else OpenSSL's RSA_…_PADDING */
    KEY_DEFAULT_SALT = -100, /* else a length, or OpenSSL's RSA_PSS_SALTLEN_… */
};

/* How to sign. For Ed25519 and Ed448 the data itself is signed, for all others its digest. */
struct key_signing {
    struct bytes hash; /* name of the digest */
    int padding;
    int salt_len;
    bool fixed; /* EC and DSA: r and s of fixed length, not DER */
};

int key_sign_digest(const struct key *key, const struct key_signing *signing, struct bytes data,
                    struct buf *out);

/* False also for what is no signature. */
bool key_verify_digest(const struct key *key, const struct key_signing *signing,
                       struct bytes signature, struct bytes data);

/* RSA: what is to be done with which half of the key. */
enum key_rsa_operation {
    KEY_ENCRYPT, /* public */
    KEY_DECRYPT, /* private */
    KEY_SEAL,    /* private: what Node calls privateEncrypt() */
    KEY_UNSEAL,  /* public: publicDecrypt() */
};

struct key_rsa_job {
    enum key_rsa_operation operation;
    int padding;       /* OpenSSL's RSA_…_PADDING */
    struct bytes hash; /* OAEP */
    struct bytes label;
    struct bytes data;
};

int key_rsa_run(const struct key *key, const struct key_rsa_job *job, struct buf *out);
