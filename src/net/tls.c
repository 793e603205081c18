#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/libssl.h"

struct tls {
    SSL *ssl;    /* owned */
    BIO *wire;   /* ssl's: from the peer */
    BIO *output; /* ssl's: for the peer */
    struct err_text why;
};

/* One for the process: reading the trust store takes longer than a handshake. */
static SSL_CTX *shared;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_shared(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    SSL_CTX_ctrl(context, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL);
    if (SSL_CTX_set_default_verify_paths(context) == 1)
        shared = context;
    else
        SSL_CTX_free(context);
}

/* Whose certificate it must be. The name also goes to the server, which may have several. */
static bool set_host(SSL *ssl, const char *host)
{
    struct in6_addr address;

    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)host) == 1;
}

/* OpenSSL's opinion of what has just failed. */
static int explain(struct tls *tls)
{
    unsigned long code = ERR_peek_last_error();
    long verdict = SSL_get_verify_result(tls->ssl);
    const char *reason = ERR_reason_error_string(code);

    if (verdict != X509_V_OK)
        err_text_set(&tls->why, "TLS peer's certificate is not trusted; reason = %s",
                     X509_verify_cert_error_string(verdict));
    else
        err_text_set(&tls->why, "TLS protocol error: %s", reason != NULL ? reason : "unknown");
    ERR_clear_error();
    return -EPROTO;
}

/* What SSL_do_handshake(), SSL_read() or SSL_write() came to: 0, or a fault. */
static int judge(struct tls *tls, int r)
{
    switch (SSL_get_error(tls->ssl, r)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return explain(tls);
    }
}

static int shake(struct tls *tls)
{
    if (SSL_is_init_finished(tls->ssl))
        return 0;
    ERR_clear_error();
    return judge(tls, SSL_do_handshake(tls->ssl));
}

int tls_create(struct tls **out, const char *host)
{
    struct tls *tls;
    int r = libssl_load();

    if (r < 0)
        return err_pass(r);
    pthread_once(&once, make_shared);
    if (shared == NULL)
        return err_raise(-EIO);
    tls = mem_new(struct tls);
    tls->ssl = SSL_new(shared);
    tls->wire = BIO_new(BIO_s_mem());
    tls->output = BIO_new(BIO_s_mem());
    ASSERT(tls->ssl != NULL && tls->wire != NULL && tls->output != NULL);
    SSL_set_bio(tls->ssl, tls->wire, tls->output);
    SSL_set_connect_state(tls->ssl);
    if (!set_host(tls->ssl, host) || shake(tls) < 0) {
        tls_destroy(tls);
        return err_raise(-EINVAL);
    }
    *out = tls;
    return 0;
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    mem_free(tls);
}

int tls_receive(struct tls *tls, struct bytes wire)
{
    ASSERT(wire.len <= INT_MAX);
    if (BIO_write(tls->wire, wire.data, (int)wire.len) != (int)wire.len)
        return explain(tls);
    return shake(tls);
}

bool tls_secure(const struct tls *tls)
{
    return SSL_is_init_finished(tls->ssl) != 0;
}

int tls_read(struct tls *tls, uint8_t *room, size_t size, size_t *got)
{
    int r;

    if (!tls_secure(tls))
        return TLS_READ_NOTHING;
    ERR_clear_error();
    r = SSL_read(tls->ssl, room, size < INT_MAX ? (int)size : INT_MAX);
    if (r > 0) {
        *got = (size_t)r;
        return 0;
    }
    if (SSL_get_error(tls->ssl, r) == SSL_ERROR_ZERO_RETURN)
        return TLS_READ_END;
    r = judge(tls, r);
    return r < 0 ? r : TLS_READ_NOTHING;
}

int tls_write(struct tls *tls, struct bytes plain)
{
    int r;

    ASSERT(tls_secure(tls) && plain.len <= INT_MAX);
    if (plain.len == 0)
        return 0;
    ERR_clear_error();
    r = SSL_write(tls->ssl, plain.data, (int)plain.len);
    return r > 0 ? 0 : explain(tls);
}

void tls_end(struct tls *tls)
{
    ERR_clear_error();
    if (tls_secure(tls))
        (void)SSL_shutdown(tls->ssl);
}

struct bytes tls_output(const struct tls *tls)
{
    char *data = NULL;
    long len = BIO_get_mem_data(tls->output, &data);

    return bytes_of(data, len > 0 ? (size_t)len : 0);
}

void tls_output_sent(struct tls *tls)
{
    (void)BIO_reset(tls->output);
}

const char *tls_why(const struct tls *tls)
{
    return tls->why.text;
}
