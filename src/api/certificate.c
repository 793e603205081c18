#include "api/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "api/key_parts.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

enum {
    SOURCE_BYTES_MAX = 1 << 20,
    OID_TEXT_MAX = 256,
};

struct certificate {
    X509 *x509; /* owned */
};

int certificate_read(struct bytes data, struct certificate **out)
{
    const uint8_t *at = data.data;
    X509 *x509;
    BIO *bio;

    ERR_clear_error();
    if (data.len == 0 || data.len > SOURCE_BYTES_MAX)
        return CERTIFICATE_FAILED;
    bio = BIO_new_mem_buf(data.data, (int)data.len);
    ASSERT(bio != NULL);
    x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (x509 == NULL) {
        ERR_clear_error();
        x509 = d2i_X509(NULL, &at, (long)data.len);
    }
    if (x509 == NULL)
        return CERTIFICATE_FAILED;
    *out = mem_new(struct certificate);
    (*out)->x509 = x509;
    return 0;
}

void certificate_destroy(struct certificate *certificate)
{
    if (certificate == NULL)
        return;
    X509_free(certificate->x509);
    mem_free(certificate);
}

/* -- alternative names ------------------------------------------------------------------------- */

/* Could it be taken for more than one name of the list, or for another kind of name? */
static bool is_plain(const char *text, size_t len, bool utf8)
{
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (strchr("\"\\,'", c) != NULL || c < ' ' || c == 0x7f || (c > '~' && !utf8))
            return false;
    }
    return true;
}

/* A text of the certificate: as it is, or as a JSON string if it could be misread. Bytes outside of
 * ASCII are Latin-1 there, or UTF-8. */
static void append_safe(struct buf *out, const char *prefix, const char *text, size_t len,
                        bool utf8)
{
    size_t i;

    buf_append_string(out, prefix);
    if (is_plain(text, len, utf8)) {
        buf_append(out, text, len);
        return;
    }
    buf_append_byte(out, '"');
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\\' || c == '"')
            buf_append_format(out, "\\%c", c);
        else if (c < ' ' || c == ',' || c == 0x7f || (c > '~' && !utf8))
            buf_append_format(out, "\\u%04x", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
}

static void append_ip(struct buf *out, const ASN1_OCTET_STRING *ip)
{
    const uint8_t *at = ASN1_STRING_get0_data(ip);
    int len = ASN1_STRING_length(ip);
    int i;

    buf_append_string(out, "IP Address:");
    if (len == 4) {
        buf_append_format(out, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
    } else if (len == 16) {
        for (i = 0; i < 16; i += 2)
            buf_append_format(out, i == 0 ? "%X" : ":%X", (unsigned)(at[i] << 8 | at[i + 1]));
    } else {
        buf_append_format(out, "<invalid length=%d>", len);
    }
}

static void append_directory(struct buf *out, X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    ASSERT(bio != NULL);
    X509_NAME_print_ex(bio, name, 0,
                       ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB &
                           ~(unsigned long)ASN1_STRFLGS_ESC_CTRL);
    len = BIO_get_mem_data(bio, &text);
    append_safe(out, "DirName:", text, len > 0 ? (size_t)len : 0, true);
    BIO_free(bio);
}

static void append_general_name(struct buf *out, const GENERAL_NAME *name)
{
    char oid[OID_TEXT_MAX] = "";
    int type = 0;
    void *value = GENERAL_NAME_get0_value(name, &type);
    const ASN1_STRING *text = value;

    switch (type) {
    case GEN_EMAIL:
    case GEN_DNS:
    case GEN_URI:
        append_safe(out,
                    type == GEN_EMAIL ? "email:"
                    : type == GEN_DNS ? "DNS:"
                                      : "URI:",
                    (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text),
                    false);
        break;
    case GEN_IPADD: append_ip(out, value); break;
    case GEN_DIRNAME: append_directory(out, value); break;
    case GEN_RID:
        OBJ_obj2txt(oid, sizeof oid, value, 1);
        buf_append_format(out, "Registered ID:%s", oid);
        break;
    case GEN_OTHERNAME: buf_append_string(out, "othername:<unsupported>"); break;
    case GEN_X400: buf_append_string(out, "X400Name:<unsupported>"); break;
    default: buf_append_string(out, "EdiPartyName:<unsupported>"); break;
    }
}

static bool append_alt_names(struct buf *out, X509 *x509)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int i;

    for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (i > 0)
            buf_append_string(out, ", ");
        append_general_name(out, sk_GENERAL_NAME_value(names, i));
    }
    GENERAL_NAMES_free(names);
    return names != NULL;
}

static bool append_info_access(struct buf *out, X509 *x509)
{
    AUTHORITY_INFO_ACCESS *list = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
    int i;

    for (i = 0; i < sk_ACCESS_DESCRIPTION_num(list); i++) {
        const ACCESS_DESCRIPTION *each = sk_ACCESS_DESCRIPTION_value(list, i);
        char method[OID_TEXT_MAX] = "";

        i2t_ASN1_OBJECT(method, sizeof method, each->method);
        buf_append_format(out, i > 0 ? "\n%s - " : "%s - ", method);
        append_general_name(out, each->location);
    }
    AUTHORITY_INFO_ACCESS_free(list);
    return list != NULL;
}

static bool append_key_usage(struct buf *out, X509 *x509)
{
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    int i;

    for (i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        char oid[OID_TEXT_MAX] = "";

        OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(usages, i), 1);
        buf_append_format(out, i > 0 ? "\n%s" : "%s", oid);
    }
    EXTENDED_KEY_USAGE_free(usages);
    return usages != NULL;
}

/* -- texts ------------------------------------------------------------------------------------- */

static bool append_serial(struct buf *out, X509 *x509)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;

    if (hex != NULL)
        buf_append_string(out, hex);
    OPENSSL_free(hex);
    BN_free(number);
    return hex != NULL;
}

static bool append_fingerprint(struct buf *out, X509 *x509, const EVP_MD *hash)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    unsigned i;

    if (X509_digest(x509, hash, digest, &len) != 1)
        return false;
    for (i = 0; i < len; i++)
        buf_append_format(out, i > 0 ? ":%02X" : "%02X", digest[i]);
    return true;
}

/* What OpenSSL prints goes to the end of `out`. */
static bool append_printed(struct buf *out, X509 *x509, enum certificate_text what)
{
    unsigned long flags = ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL |
                          ASN1_STRFLGS_UTF8_CONVERT | XN_FLAG_SEP_MULTILINE | XN_FLAG_FN_SN;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    bool done;
    long len;

    ASSERT(bio != NULL);
    switch (what) {
    case CERTIFICATE_SUBJECT:
        done = X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0, flags) > 0;
        break;
    case CERTIFICATE_ISSUER:
        done = X509_NAME_print_ex(bio, X509_get_issuer_name(x509), 0, flags) > 0;
        break;
    case CERTIFICATE_VALID_FROM: done = ASN1_TIME_print(bio, X509_get0_notBefore(x509)) == 1; break;
    case CERTIFICATE_VALID_TO: done = ASN1_TIME_print(bio, X509_get0_notAfter(x509)) == 1; break;
    case CERTIFICATE_PEM: done = PEM_write_bio_X509(bio, x509) == 1; break;
    default: UNREACHABLE();
    }
    len = BIO_get_mem_data(bio, &text);
    done = done && len > 0;
    if (done)
        buf_append(out, text, (size_t)len);
    BIO_free(bio);
    return done;
}

int certificate_text(struct certificate *certificate, enum certificate_text what, struct buf *out)
{
    X509 *x509 = certificate->x509;
    bool there;

    switch (what) {
    case CERTIFICATE_SUBJECT_ALT_NAME: there = append_alt_names(out, x509); break;
    case CERTIFICATE_INFO_ACCESS: there = append_info_access(out, x509); break;
    case CERTIFICATE_KEY_USAGE: there = append_key_usage(out, x509); break;
    case CERTIFICATE_SERIAL: there = append_serial(out, x509); break;
    case CERTIFICATE_SHA1: there = append_fingerprint(out, x509, EVP_sha1()); break;
    case CERTIFICATE_SHA256: there = append_fingerprint(out, x509, EVP_sha256()); break;
    case CERTIFICATE_SHA512: there = append_fingerprint(out, x509, EVP_sha512()); break;
    default: there = append_printed(out, x509, what); break;
    }
    ERR_clear_error();
    return there ? 0 : CERTIFICATE_FAILED;
}

int certificate_der(struct certificate *certificate, struct buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_X509(certificate->x509, &der);

    ERR_clear_error();
    if (len <= 0)
        return CERTIFICATE_FAILED;
    buf_append(out, der, (size_t)len);
    OPENSSL_free(der);
    return 0;
}

bool certificate_is_authority(struct certificate *certificate)
{
    return X509_check_ca(certificate->x509) == 1;
}

int certificate_key(struct certificate *certificate, struct key **out)
{
    EVP_PKEY *pkey = X509_get_pubkey(certificate->x509);

    if (pkey == NULL)
        return CERTIFICATE_FAILED;
    *out = key_take(pkey, false);
    return *out != NULL ? 0 : CERTIFICATE_FAILED;
}

/* -- checks ------------------------------------------------------------------------------------ */

int certificate_is_for(struct certificate *certificate, enum certificate_name kind,
                       struct bytes name, unsigned flags, struct buf *out)
{
    X509 *x509 = certificate->x509;
    const char *text = (const char *)name.data;
    char *peer = NULL;
    bool matches;

    switch (kind) {
    case CERTIFICATE_HOST:
        matches = X509_check_host(x509, text, name.len, flags, &peer) == 1;
        break;
    case CERTIFICATE_EMAIL: matches = X509_check_email(x509, text, name.len, flags) == 1; break;
    case CERTIFICATE_IP: matches = X509_check_ip_asc(x509, text, flags) == 1; break;
    default: UNREACHABLE();
    }
    if (matches)
        buf_append_string(out, peer != NULL ? peer : text);
    OPENSSL_free(peer);
    ERR_clear_error();
    return matches ? 0 : CERTIFICATE_FAILED;
}

bool certificate_was_issued_by(struct certificate *certificate, struct certificate *issuer)
{
    bool issued = X509_check_issued(issuer->x509, certificate->x509) == X509_V_OK;

    ERR_clear_error();
    return issued;
}

bool certificate_belongs_to(struct certificate *certificate, const struct key *private)
{
    bool belongs = X509_check_private_key(certificate->x509, private->pkey) == 1;

    ERR_clear_error();
    return belongs;
}

bool certificate_was_signed_by(struct certificate *certificate, const struct key *public)
{
    bool is_signed = X509_verify(certificate->x509, public->pkey) == 1;

    ERR_clear_error();
    return is_signed;
}

/* -- SPKAC ------------------------------------------------------------------------------------- */

static NETSCAPE_SPKI *spkac_of(struct bytes text)
{
    /* The newline that command line tools leave at the end. */
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
        text.len--;
    if (text.len == 0 || text.len > SOURCE_BYTES_MAX)
        return NULL;
    return NETSCAPE_SPKI_b64_decode((const char *)text.data, (int)text.len);
}

bool spkac_is_signed(struct bytes text)
{
    NETSCAPE_SPKI *spkac = spkac_of(text);
    EVP_PKEY *pkey = spkac != NULL ? NETSCAPE_SPKI_get_pubkey(spkac) : NULL;
    bool good = pkey != NULL && NETSCAPE_SPKI_verify(spkac, pkey) == 1;

    EVP_PKEY_free(pkey);
    NETSCAPE_SPKI_free(spkac);
    ERR_clear_error();
    return good;
}

int spkac_key(struct bytes text, struct buf *pem)
{
    NETSCAPE_SPKI *spkac = spkac_of(text);
    EVP_PKEY *pkey = spkac != NULL ? NETSCAPE_SPKI_get_pubkey(spkac) : NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    bool done = pkey != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1;
    long len;

    ASSERT(bio != NULL);
    len = BIO_get_mem_data(bio, &data);
    if (done && len > 0)
        buf_append(pem, data, (size_t)len);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    NETSCAPE_SPKI_free(spkac);
    ERR_clear_error();
    return done ? 0 : CERTIFICATE_FAILED;
}

int spkac_challenge(struct bytes text, struct buf *out)
{
    NETSCAPE_SPKI *spkac = spkac_of(text);
    uint8_t *challenge = NULL;
    int len = spkac != NULL ? ASN1_STRING_to_UTF8(&challenge, spkac->spkac->challenge) : -1;

    if (len > 0)
        buf_append(out, challenge, (size_t)len);
    OPENSSL_free(challenge);
    NETSCAPE_SPKI_free(spkac);
    ERR_clear_error();
    return len >= 0 ? 0 : CERTIFICATE_FAILED;
}
