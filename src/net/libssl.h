#pragma once

/*
 * libssl, loaded when first needed
 *
 * Most Workers never open a TLS connection of their own, and a start pays for every library that is
 * linked. So it is not: libssl_load() finds it, and the names of its functions mean pointers that
 * it has filled in. What is libcrypto's is linked as ever.
 */

#include <openssl/ssl.h>

/* clang-format off */
#define LIBSSL_FUNCTIONS(X) \
    X(SSL_CTX_ctrl)            X(SSL_CTX_free)           X(SSL_CTX_new) \
    X(SSL_CTX_set_default_verify_paths)                  X(SSL_CTX_set_verify) \
    X(SSL_ctrl)                X(SSL_do_handshake)       X(SSL_free) \
    X(SSL_get0_param)          X(SSL_get_error)          X(SSL_get_verify_result) \
    X(SSL_is_init_finished)    X(SSL_new)                X(SSL_read) \
    X(SSL_set1_host)           X(SSL_set_bio)            X(SSL_set_connect_state) \
    X(SSL_shutdown)            X(SSL_write)              X(TLS_client_method)

/* clang-format on */

struct libssl_functions {
#define DECLARE(name) __typeof__(name) *name##_;
    LIBSSL_FUNCTIONS(DECLARE)
#undef DECLARE
};

extern struct libssl_functions libssl_functions;

/* Once or often, any thread. 0, or -ENOENT: there is no libssl. */
int libssl_load(void);

#define SSL_CTX_ctrl                     libssl_functions.SSL_CTX_ctrl_
#define SSL_CTX_free                     libssl_functions.SSL_CTX_free_
#define SSL_CTX_new                      libssl_functions.SSL_CTX_new_
#define SSL_CTX_set_default_verify_paths libssl_functions.SSL_CTX_set_default_verify_paths_
#define SSL_CTX_set_verify               libssl_functions.SSL_CTX_set_verify_
#define SSL_ctrl                         libssl_functions.SSL_ctrl_
#define SSL_do_handshake                 libssl_functions.SSL_do_handshake_
#define SSL_free                         libssl_functions.SSL_free_
#define SSL_get0_param                   libssl_functions.SSL_get0_param_
#define SSL_get_error                    libssl_functions.SSL_get_error_
#define SSL_get_verify_result            libssl_functions.SSL_get_verify_result_
#define SSL_is_init_finished             libssl_functions.SSL_is_init_finished_
#define SSL_new                          libssl_functions.SSL_new_
#define SSL_read                         libssl_functions.SSL_read_
#define SSL_set1_host                    libssl_functions.SSL_set1_host_
#define SSL_set_bio                      libssl_functions.SSL_set_bio_
#define SSL_set_connect_state            libssl_functions.SSL_set_connect_state_
#define SSL_shutdown                     libssl_functions.SSL_shutdown_
#define SSL_write                        libssl_functions.SSL_write_
#define TLS_client_method                libssl_functions.TLS_client_method_
