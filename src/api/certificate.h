#pragma once

/*
 * Certificate
 *
 * X.509 certificates as node:crypto shows them, and the signed public keys (SPKAC) that browsers
 * once made. After a failure OpenSSL's error queue says why, and the caller empties it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;
struct certificate;
struct key;

/* What the functions below can find out. */
enum certificate_result {
    CERTIFICATE_FAILED = 1, /* not a certificate; or it has no such thing */
};

/* PEM, or DER. */
int certificate_read(struct bytes data, struct certificate **out);

/* NULL-safe. */
void certificate_destroy(struct certificate *certificate);

/* What can be asked for as text. */
enum certificate_text {
    CERTIFICATE_SUBJECT, /* CN=… in lines */
    CERTIFICATE_ISSUER,
    CERTIFICATE_SUBJECT_ALT_NAME, /* "DNS:…, IP Address:…" */
    CERTIFICATE_INFO_ACCESS,      /* "OCSP - URI:…" in lines */
    CERTIFICATE_VALID_FROM,
    CERTIFICATE_VALID_TO,
    CERTIFICATE_SERIAL, /* hexadecimal */
    CERTIFICATE_SHA1,   /* AB:CD:… */
    CERTIFICATE_SHA256,
    CERTIFICATE_SHA512,
    CERTIFICATE_KEY_USAGE, /* object identifiers of the extended usage, in lines */
    CERTIFICATE_PEM,
    CERTIFICATE_TEXTS,
};

int certificate_text(struct certificate *certificate, enum certificate_text what, struct buf *out);
int certificate_der(struct certificate *certificate, struct buf *out);
bool certificate_is_authority(struct certificate *certificate);

/* Its public key; CERTIFICATE_FAILED if it is of a kind that there is not here. */
int certificate_key(struct certificate *certificate, struct key **out);

enum certificate_name {
    CERTIFICATE_HOST,
    CERTIFICATE_EMAIL,
    CERTIFICATE_IP,
};

/* Is it for this name, which has a NUL behind it? `flags` are OpenSSL's X509_CHECK_FLAG_…; the
 * name that matched is appended to `out`. */
int certificate_is_for(struct certificate *certificate, enum certificate_name kind,
                       struct bytes name, unsigned flags, struct buf *out);

bool certificate_was_issued_by(struct certificate *certificate, struct certificate *issuer);
bool certificate_belongs_to(struct certificate *certificate, const struct key *private);
bool certificate_was_signed_by(struct certificate *certificate, const struct key *public);

/* SPKAC, in base64. */
bool spkac_is_signed(struct bytes spkac);
int spkac_key(struct bytes spkac, struct buf *pem);
int spkac_challenge(struct bytes spkac, struct buf *out);
