#include "api/openssl_error.h"

#include <ctype.h>
#include <openssl/err.h>
#include <stdio.h>

enum {
    TEXT_MAX = 256, /* OpenSSL's own are half as long */
};

/* Libraries that Node names in the code; the others have none there. */
static const char *library_of(unsigned long error)
{
    static const struct {
        int library;
        const char *name;
    } named[] = {
        {ERR_LIB_BN, "BN_"},         {ERR_LIB_RSA, "RSA_"},       {ERR_LIB_DH, "DH_"},
        {ERR_LIB_EVP, "EVP_"},       {ERR_LIB_BUF, "BUF_"},       {ERR_LIB_OBJ, "OBJ_"},
        {ERR_LIB_PEM, "PEM_"},       {ERR_LIB_DSA, "DSA_"},       {ERR_LIB_X509, "X509_"},
        {ERR_LIB_ASN1, "ASN1_"},     {ERR_LIB_CRYPTO, "CRYPTO_"}, {ERR_LIB_EC, "EC_"},
        {ERR_LIB_BIO, "BIO_"},       {ERR_LIB_PKCS7, "PKCS7_"},   {ERR_LIB_X509V3, "X509V3_"},
        {ERR_LIB_PKCS12, "PKCS12_"}, {ERR_LIB_RAND, "RAND_"},
    };

    for (size_t i = 0; i < JS_COUNT(named); i++) {
        if (named[i].library == ERR_GET_LIB(error))
            return named[i].name;
    }
    return "";
}

/* "wrong final block length" -> "ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH" */
static void code_of(unsigned long error, const char *reason, char code[TEXT_MAX])
{
    char *at;

    snprintf(code, TEXT_MAX, "ERR_OSSL_%s%s", library_of(error), reason);
    for (at = code; *at != '\0'; at++)
        *at = *at == ' ' ? '_' : (char)toupper((unsigned char)*at);
}

JSValueRef openssl_throw(struct js_call *call, const char *otherwise)
{
    unsigned long error = ERR_get_error();
    struct js_realm *realm = call->realm;
    const char *library = ERR_lib_error_string(error);
    const char *reason = ERR_reason_error_string(error);
    JSObjectRef object;
    char text[TEXT_MAX];

    ERR_clear_error();
    if (error == 0)
        return js_throw_error(call, "%s", otherwise);
    ERR_error_string_n(error, text, sizeof text);
    js_throw_error(call, "%s", text);
    object = js_as_object(realm, *call->exception);
    if (object == NULL)
        return NULL;
    if (library != NULL)
        js_set(realm, object, "library", js_string(realm, library));
    if (reason != NULL) {
        js_set(realm, object, "reason", js_string(realm, reason));
        code_of(error, reason, text);
        js_set(realm, object, "code", js_string(realm, text));
    }
    return NULL;
}

void openssl_forget(void)
{
    ERR_clear_error();
}
