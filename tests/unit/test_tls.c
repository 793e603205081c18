#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/tls.h"
#include "test.h"

/* Both ends of a connection, and no wire but pump(). */
struct ends {
    struct tls *client;
    SSL_CTX *context;
    SSL *server;
    BIO *to_server;
    BIO *from_server;
    struct buf got; /* plain bytes that the client has read */
    int client_fault;
    bool client_ended;
};

static EVP_PKEY *trusted_key;
static X509 *trusted; /* its own authority, in the trust store of the test */

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

/* Before the first connection: the trust store is read once. */
static void trust(void)
{
    static char path[512];
    FILE *file;

    if (trusted != NULL)
        return;
    trusted_key = EVP_EC_gen("P-256");
    trusted = make_certificate(trusted_key);
    snprintf(path, sizeof path, "%s/trusted.pem", test_folder());
    file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK_EQ(PEM_write_X509(file, trusted), 1);
    fclose(file);
    setenv("SSL_CERT_FILE", path, 1);
}

static void begin(struct ends *ends, const char *host, EVP_PKEY *key, X509 *certificate)
{
    *ends = (struct ends){0};
    CHECK_EQ(tls_create(&ends->client, host), 0);
    ends->context = SSL_CTX_new(TLS_server_method());
    CHECK_EQ(SSL_CTX_use_certificate(ends->context, certificate), 1);
    CHECK_EQ(SSL_CTX_use_PrivateKey(ends->context, key), 1);
    ends->server = SSL_new(ends->context);
    ends->to_server = BIO_new(BIO_s_mem());
    ends->from_server = BIO_new(BIO_s_mem());
    SSL_set_bio(ends->server, ends->to_server, ends->from_server);
    SSL_set_accept_state(ends->server);
}

static void finish(struct ends *ends)
{
    tls_destroy(ends->client);
    SSL_free(ends->server);
    SSL_CTX_free(ends->context);
    buf_fini(&ends->got);
}

static void client_reads(struct ends *ends)
{
    uint8_t room[1000];
    size_t got;
    int r;

    while ((r = tls_read(ends->client, room, sizeof room, &got)) == 0)
        buf_append(&ends->got, room, got);
    if (r == TLS_READ_END)
        ends->client_ended = true;
    else if (r < 0)
        ends->client_fault = r;
}

/* Carries bytes back and forth until nobody has any. */
static void pump(struct ends *ends)
{
    bool moved = true;

    while (moved) {
        struct bytes out = tls_output(ends->client);
        uint8_t wire[4096];
        int got;

        moved = out.len > 0;
        if (out.len > 0)
            BIO_write(ends->to_server, out.data, (int)out.len);
        tls_output_sent(ends->client);
        if (!SSL_is_init_finished(ends->server))
            SSL_do_handshake(ends->server);
        while ((got = BIO_read(ends->from_server, wire, sizeof wire)) > 0) {
            int r = tls_receive(ends->client, bytes_of(wire, (size_t)got));

            moved = true;
            if (r < 0)
                ends->client_fault = r;
            else
                client_reads(ends);
        }
    }
}

TEST(after_the_handshake_bytes_go_both_ways)
{
    struct ends ends;
    char text[64];

    trust();
    begin(&ends, "localhost", trusted_key, trusted);
    CHECK(!tls_secure(ends.client));
    pump(&ends);
    CHECK_EQ(ends.client_fault, 0);
    CHECK(tls_secure(ends.client));
    CHECK_STR_EQ(SSL_get_servername(ends.server, TLSEXT_NAMETYPE_host_name), "localhost");

    CHECK_EQ(tls_write(ends.client, BYTES("question")), 0);
    pump(&ends);
    CHECK_EQ(SSL_read(ends.server, text, sizeof text), 8);
    SSL_write(ends.server, "answer", 6);
    pump(&ends);
    CHECK_BYTES_EQ(buf_bytes(&ends.got), BYTES("answer"));
    finish(&ends);
}

TEST(long_messages_arrive_whole)
{
    enum {
        LENGTH = 300 * 1000
    };
    struct ends ends;
    uint8_t *data = malloc(LENGTH);
    int total = 0;
    int got;

    trust();
    begin(&ends, "localhost", trusted_key, trusted);
    pump(&ends);
    for (int i = 0; i < LENGTH; i++)
        data[i] = (uint8_t)(i * 7);
    CHECK_EQ(tls_write(ends.client, bytes_of(data, LENGTH)), 0);
    pump(&ends);
    while ((got = SSL_read(ends.server, data + total, LENGTH - total)) > 0)
        total += got;
    CHECK_EQ(total, LENGTH);
    SSL_write(ends.server, data, LENGTH);
    pump(&ends);
    CHECK_EQ(ends.got.len, LENGTH);
    CHECK_EQ(ends.got.data[LENGTH - 1], (uint8_t)((LENGTH - 1) * 7));
    free(data);
    finish(&ends);
}

TEST(an_address_must_be_in_the_certificate_too)
{
    struct ends ends;

    trust();
    begin(&ends, "127.0.0.1", trusted_key, trusted);
    pump(&ends);
    CHECK(tls_secure(ends.client));
    CHECK(SSL_get_servername(ends.server, TLSEXT_NAMETYPE_host_name) == NULL);
    finish(&ends);

    begin(&ends, "127.0.0.2", trusted_key, trusted);
    pump(&ends);
    CHECK(!tls_secure(ends.client));
    CHECK_EQ(ends.client_fault, -EPROTO);
    finish(&ends);
}

TEST(a_certificate_for_another_name_is_refused)
{
    struct ends ends;

    trust();
    begin(&ends, "elsewhere.test", trusted_key, trusted);
    pump(&ends);
    CHECK_EQ(ends.client_fault, -EPROTO);
    CHECK(!tls_secure(ends.client));
    CHECK(strstr(tls_why(ends.client), "ostname mismatch") != NULL);
    finish(&ends);
}

TEST(a_certificate_that_nobody_vouches_for_is_refused)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    struct ends ends;

    trust();
    begin(&ends, "localhost", key, certificate);
    pump(&ends);
    CHECK_EQ(ends.client_fault, -EPROTO);
    CHECK(!tls_secure(ends.client));
    CHECK(strstr(tls_why(ends.client), "not trusted") != NULL);
    finish(&ends);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

TEST(each_side_may_say_that_it_has_sent_everything)
{
    struct ends ends;
    char text[8];
    int r;

    trust();
    begin(&ends, "localhost", trusted_key, trusted);
    pump(&ends);
    SSL_shutdown(ends.server);
    pump(&ends);
    CHECK(ends.client_ended);
    CHECK_EQ(tls_write(ends.client, BYTES("more")), 0);
    tls_end(ends.client);
    pump(&ends);
    CHECK_EQ(SSL_read(ends.server, text, sizeof text), 4);
    r = SSL_read(ends.server, text, sizeof text);
    CHECK_EQ(SSL_get_error(ends.server, r), SSL_ERROR_ZERO_RETURN);
    finish(&ends);
}

TEST(what_is_not_tls_is_refused)
{
    struct ends ends;

    trust();
    begin(&ends, "localhost", trusted_key, trusted);
    CHECK_EQ(tls_receive(ends.client, BYTES("HTTP/1.1 400 Bad Request\r\n\r\n")), -EPROTO);
    CHECK(strstr(tls_why(ends.client), "TLS protocol error") != NULL);
    finish(&ends);
}
