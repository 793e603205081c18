#include <openssl/err.h>

#include "api/certificate.h"
#include "api/key_node.h"
#include "base/buf.h"
#include "base/rng.h"
#include "test.h"

enum {
    MUTATIONS = 500,
};

/* As in tests/e2e/fixtures/node_crypto/keys.js. */
static const char certificate_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIEXDCCA0SgAwIBAgIUXpiGe9iCnCmGXHgC6hoLzOEOgyQwDQYJKoZIhvcNAQEL\n"
    "BQAwTDELMAkGA1UEBhMCREUxFzAVBgNVBAoMDkRvcm1vdXNlLCBUZXN0MQwwCgYD\n"
    "VQQLDANUd28xFjAUBgNVBAMMDWRvcm1vdXNlLnRlc3QwIBcNMjYxMTIxMTUzODU2\n"
    "WhgPMjEyNjEwMjgxNTM4NTZaMEwxCzAJBgNVBAYTAkRFMRcwFQYDVQQKDA5Eb3Jt\n"
    "b3VzZSwgVGVzdDEMMAoGA1UECwwDVHdvMRYwFAYDVQQDDA1kb3Jtb3VzZS50ZXN0\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAi7/9Lga4QJ+CoEQcG5n9\n"
    "f5ar5ddz4lKer232mgv9Yf7bnIc1elZHOBNCj/sv7LngeXbzQAneGJhg/DsQ+oOq\n"
    "+5YWKI/o/g2XURVgzINJVVE7wuvKClrbtXtDeKdOtSL5VRzs+DxKnSUjOXkyq8Fy\n"
    "HwYlVNb4l1aZOoDMT3Niw8P2mIuzMx7sII5JZpOnpofTaJKVv4kWmAdFHpezlnpD\n"
    "y6Q5R398I09UnSAbOvZbRXyLoEqu4xqk4VJ7pQIHGARAbQcbBhiDG+kP+o0FvRZA\n"
    "zF0q4/EVsfqOWAibaFpZcdCz05ct0hVxvZaT2E0SZTcuwCL+0zC8/4Ac38bgwwiU\n"
    "awIDAQABo4IBMjCCAS4wDwYDVR0TAQH/BAUwAwEB/zALBgNVHQ8EBAMCAoQwHQYD\n"
    "VR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMGwGA1UdEQRlMGOCDWRvcm1vdXNl\n"
    "LnRlc3SCCyoud2lsZC50ZXN0gRNtb3VzZUBkb3Jtb3VzZS50ZXN0hwR/AAABhxAA\n"
    "AAAAAAAAAAAAAAAAAAABhhhodHRwOi8vZG9ybW91c2UudGVzdC9hLGIwYgYIKwYB\n"
    "BQUHAQEEVjBUMCYGCCsGAQUFBzABhhpodHRwOi8vb2NzcC5kb3Jtb3VzZS50ZXN0\n"
    "LzAqBggrBgEFBQcwAoYeaHR0cDovL2NhLmRvcm1vdXNlLnRlc3QvY2EucGVtMB0G\n"
    "A1UdDgQWBBSuq/MPi3K8eRJLSUIZQ9TLOnAIWzANBgkqhkiG9w0BAQsFAAOCAQEA\n"
    "FZuvP/MSWZHW+AFTqnXNfp5wOyUjYwwFTQRmw4CPwmayWSDXQrqtr14SBRXJ4/kO\n"
    "4nkgEC+Xi9lSJa3wnfyZklYaA/u7iiQvNJ434ws0o4s3nQNCCfNCPfS2y0DYW+s5\n"
    "MK73T8sPdensgwYQLsm8u/iZvc4fxgZbg6XhhDAFhNvBMtjzI/6c92Oc2C6pgDkI\n"
    "BfgZ+ITlTykm5iAclStRc4YY1j8OTsQSdnFLEiz0yMkUytbkzdu5s81ZQOqFFFmn\n"
    "EgA0gfbJu98VKd9wmNXBcF6B8t6e7Lv7+jPQEGiLa1d1eQ2pufMcwhXlE6JmQjGo\n"
    "zIaC0liDnVs6FrdQ3ZoDMw==\n"
    "-----END CERTIFICATE-----\n";

static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCLv/0uBrhAn4Kg\n"
                              "RBwbmf1/lqvl13PiUp6vbfaaC/1h/tuchzV6Vkc4E0KP+y/sueB5dvNACd4YmGD8\n"
                              "OxD6g6r7lhYoj+j+DZdRFWDMg0lVUTvC68oKWtu1e0N4p061IvlVHOz4PEqdJSM5\n"
                              "eTKrwXIfBiVU1viXVpk6gMxPc2LDw/aYi7MzHuwgjklmk6emh9NokpW/iRaYB0Ue\n"
                              "l7OWekPLpDlHf3wjT1SdIBs69ltFfIugSq7jGqThUnulAgcYBEBtBxsGGIMb6Q/6\n"
                              "jQW9FkDMXSrj8RWx+o5YCJtoWllx0LPTly3SFXG9lpPYTRJlNy7AIv7TMLz/gBzf\n"
                              "xuDDCJRrAgMBAAECggEAMeLSe3QdoL/wDsrRZ870DXAZI75h2SgaClCMJ5hhFnK2\n"
                              "LW2cmvOij7NcXu5RQMVniqR6F+GN3STD9jYVjP+kcRO2DDu29b2fRuwFNmwlKOYL\n"
                              "Gb02zbR6WpHKV48Nyx5Vd9sQAlrvXaJMrS8E9gfjd4ynld35NnjM0PP6OuBbILtT\n"
                              "x09+yHrkqJv/sdPdJbDYBnD3yr5dBE52t387N27Y1aNdiJKui2IKrJQO2brVNLH1\n"
                              "DqzYZ0Y+FU+HBQ28d7W7fAKG+lNtb4aAceJ9AVo4HVRgZNF+7Nzk3NTnmwjfvuly\n"
                              "MKvwmv1A/g3uaQbItjDSEUI8FEu2eG3lI3CUDrIJ8QKBgQC/Kjwj8VMSwUvil3a+\n"
                              "hRLYQvgwesg7kPWlC1XkNVweyt+AijqAS6UitFTo9MKBGfPOBQ0lV8SKAk7oZnt6\n"
                              "EZLGaD5L8UnstDiQu7aVejxZ89Ur3YrwSReb2qJ8wtZEHqUsRHJvCh3wPEDK/gfk\n"
                              "tz1kwWmCnOWhwYfSnZOEaTbJ8QKBgQC7Ja5I0DmgDGvM1enH7ggZL+OtNC8wOz56\n"
                              "ti8jsP/DukdQ4ICz1qbUVi4pz/VvfpJE3kKhWVIpYthvbYFliIzgCQTlSSRFlRuk\n"
                              "q7775Gx9t+ZrLlHAbRiR1elthyk3mCxBkAdKMUPQt2M6ZoQJUpZKEWlU1ZQGpAuW\n"
                              "PGHXD03IGwKBgH4NzJBq3jucyHxHIh7pQw7lwiC9pfFZWhGV0vJjmTYY0p5BB+h3\n"
                              "eRHUVbUzSFq3EURFonCAWnIiqYOnqD5K/jzkmkebeQKjqDUQAoq4irlKBsQhFy/x\n"
                              "EqdL2R9pnr5WctYo4EiGJE24fYUdU3kmt04MF5Xv/Z/XLMfd7ls+wckRAoGAK/KX\n"
                              "UOYFAj6oefup4JdXM4L5dk0Q38Sp0WtC+qCwDyiJYsa1soWvu6FZSdxaCIqykpWX\n"
                              "FAjDsJBTvyb6AfvlCR9VFPruF6ECUtM6EDD+AS/UXksMS6HS6TxQirX4yeNkUSkf\n"
                              "bR7QjAzksmwsiXvpaw9XquJU1pJjXi5j03r2iw0CgYAQGsMdYpNR20J939BGvDi9\n"
                              "Fe3tuzlKkoYwxlUYQye6Lvk05pD4vou2Qh5HDqQAAbKqztMraE5L0pS14YEQZ2b4\n"
                              "AYBHt/qQYEtlKTuOsqf+GZJAc2tbzMTPCOC1xBLv7T2Du2WeSxWyJeov3761mxnX\n"
                              "/mlKMUYkg785eqIgz08Agg==\n"
                              "-----END PRIVATE KEY-----\n";

static const char spkac[] =
    "MIICSDCCATAwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQCLv/0uBrhAn4KgRBwbmf1/lqvl"
    "13PiUp6vbfaaC/1h/tuchzV6Vkc4E0KP+y/sueB5dvNACd4YmGD8OxD6g6r7lhYoj+j+DZdRFWDMg0lV"
    "UTvC68oKWtu1e0N4p061IvlVHOz4PEqdJSM5eTKrwXIfBiVU1viXVpk6gMxPc2LDw/aYi7MzHuwgjklm"
    "k6emh9NokpW/iRaYB0Uel7OWekPLpDlHf3wjT1SdIBs69ltFfIugSq7jGqThUnulAgcYBEBtBxsGGIMb"
    "6Q/6jQW9FkDMXSrj8RWx+o5YCJtoWllx0LPTly3SFXG9lpPYTRJlNy7AIv7TMLz/gBzfxuDDCJRrAgMB"
    "AAEWCGRvcm1vdXNlMA0GCSqGSIb3DQEBBAUAA4IBAQALrB9aWimmIcyK/wL7isyy2XWsJnWDpjnudzpI"
    "jdkwD+baVFgZt/c1k1BoCtQNnZiwoca/yG3wu0MVcPiqwl0UhAMli14NqjdETCD1mcGdKAMoWhuYK96K"
    "/Yhnkz1yeQxApmyHGoLFn4g3wyu+ITYh4/PQIk8cNrZbQIXkiS0DCitpVTKn3qmQHwxIAo4tqs5KQuVn"
    "KiXjMR2PGjPGvtubAYBoTx3g0g52SX01u1gujNLHB+TjtlYo7OK9YVJ//zuQOzwyz61zApw4PsHGGm4O"
    "hko54FiLPYRfBN3Os0tnN8hTkkc1XUcPPv0FjMtCJXwtJkWc+A6B4PtJu7qnyxRE";

static struct certificate *read_it(void)
{
    struct certificate *certificate = NULL;

    CHECK_EQ(certificate_read(bytes_of_string(certificate_pem), &certificate), 0);
    return certificate;
}

TEST(a_certificate_says_what_is_in_it)
{
    struct certificate *certificate = read_it();
    struct certificate *again = NULL;
    struct buf out = {0};
    enum certificate_text what;

    for (what = 0; what < CERTIFICATE_TEXTS; what++) {
        buf_clear(&out);
        CHECK_EQ(certificate_text(certificate, what, &out), 0);
        CHECK(out.len > 0);
    }
    CHECK_STR_EQ(buf_string(&out), certificate_pem);
    buf_clear(&out);
    CHECK_EQ(certificate_text(certificate, CERTIFICATE_SUBJECT_ALT_NAME, &out), 0);
    CHECK_STR_EQ(buf_string(&out), "DNS:dormouse.test, DNS:*.wild.test, email:mouse@dormouse.test, "
                                   "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, "
                                   "URI:\"http://dormouse.test/a\\u002cb\"");
    buf_clear(&out);
    CHECK_EQ(certificate_der(certificate, &out), 0);
    CHECK_EQ(certificate_read(buf_bytes(&out), &again), 0);
    CHECK(certificate_is_authority(again));
    CHECK(certificate_was_issued_by(certificate, again));
    certificate_destroy(again);
    certificate_destroy(certificate);
    buf_fini(&out);
}

TEST(a_certificate_knows_its_key_and_names)
{
    struct key_source source = {.data = bytes_of_string(key_pem), .pem = true, .private = true};
    struct certificate *certificate = read_it();
    struct key *private = NULL;
    struct key *public = NULL;
    struct buf out = {0};

    CHECK_EQ(key_read(&source, &private), 0);
    CHECK_EQ(certificate_key(certificate, &public), 0);
    CHECK(certificate_belongs_to(certificate, private));
    CHECK(certificate_was_signed_by(certificate, public));
    CHECK_EQ(
        certificate_is_for(certificate, CERTIFICATE_HOST, bytes_of_string("a.wild.test"), 0, &out),
        0);
    CHECK_STR_EQ(buf_string(&out), "*.wild.test");
    CHECK_EQ(certificate_is_for(certificate, CERTIFICATE_IP, bytes_of_string("::1"), 0, &out), 0);
    CHECK_EQ(certificate_is_for(certificate, CERTIFICATE_EMAIL, bytes_of_string("x"), 0, &out),
             CERTIFICATE_FAILED);
    CHECK_EQ(certificate_is_for(certificate, CERTIFICATE_HOST, bytes_of("a\0b", 3), 0, &out),
             CERTIFICATE_FAILED);
    key_destroy(private);
    key_destroy(public);
    certificate_destroy(certificate);
    buf_fini(&out);
}

TEST(a_damaged_certificate_is_refused_or_another_one)
{
    struct certificate *certificate = read_it();
    struct buf der = {0};
    struct rng rng;

    rng_init(&rng, 11);
    CHECK_EQ(certificate_der(certificate, &der), 0);
    certificate_destroy(certificate);
    for (int i = 0; i < MUTATIONS; i++) {
        struct buf copy = {0};
        struct buf out = {0};

        buf_append_bytes(&copy, buf_bytes(&der));
        for (int n = 0; n < 3; n++)
            copy.data[rng_below(&rng, copy.len)] = (uint8_t)rng_next(&rng);
        if (certificate_read(buf_bytes(&copy), &certificate) == 0) {
            struct key *key = NULL;

            for (int what = 0; what < CERTIFICATE_TEXTS; what++)
                certificate_text(certificate, (enum certificate_text)what, &out);
            if (certificate_key(certificate, &key) == 0)
                certificate_was_signed_by(certificate, key);
            key_destroy(key);
            certificate_destroy(certificate);
        }
        ERR_clear_error();
        buf_fini(&copy);
        buf_fini(&out);
    }
    buf_fini(&der);
    certificate_destroy(NULL);
}

TEST(a_signed_public_key_is_checked)
{
    struct bytes text = bytes_of_string(spkac);
    struct buf out = {0};
    struct rng rng;

    CHECK(spkac_is_signed(text));
    CHECK_EQ(spkac_challenge(text, &out), 0);
    CHECK_STR_EQ(buf_string(&out), "dormouse");
    CHECK_EQ(spkac_key(text, &out), 0);
    CHECK(!spkac_is_signed(bytes_of(NULL, 0)) && !spkac_is_signed(bytes_of_string("x\n")));
    CHECK_EQ(spkac_key(bytes_of_string("AAAA"), &out), CERTIFICATE_FAILED);
    rng_init(&rng, 5);
    for (int i = 0; i < MUTATIONS; i++) {
        struct buf copy = {0};

        buf_append_bytes(&copy, text);
        copy.data[rng_below(&rng, copy.len)] = (uint8_t)('A' + rng_below(&rng, 26));
        spkac_is_signed(buf_bytes(&copy));
        spkac_key(buf_bytes(&copy), &out);
        spkac_challenge(buf_bytes(&copy), &out);
        buf_fini(&copy);
    }
    buf_fini(&out);
}
