#pragma once

/*
 * TLS
 *
 * The client's half of a TLS connection as a filter that knows no socket: what came from the peer
 * goes in with tls_receive(), what is for the peer comes out of tls_output(), and between the two
 * are the plain bytes. The peer must show a certificate for its name that the system's trust store
 * vouches for (SSL_CERT_FILE and SSL_CERT_DIR name another one); TLS 1.2 and newer; no ALPN, no
 * certificate of our own.
 *
 * Any thread, one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct tls;

/* For the server called `host`, a name or a numeric address. The first bytes of the handshake are
 * in tls_output() at once. A fault: there is no libssl, or no trust store. */
int tls_create(struct tls **out, const char *host);

/* NULL is allowed. */
void tls_destroy(struct tls *tls);

/* Takes what the peer has sent; read afterwards what it makes, and send what it answers. A fault:
 * the connection is worth nothing, tls_why() has words; what is in tls_output() may tell the peer.
 */
int tls_receive(struct tls *tls, struct bytes wire);

/* The handshake is done, and the peer is who it should be. */
bool tls_secure(const struct tls *tls);

enum tls_read_result {
    TLS_READ_NOTHING = 1, /* more must be received first */
    TLS_READ_END,         /* the peer said that it has sent everything */
};

/* 0: *got plain bytes, at least one. A fault as above. */
int tls_read(struct tls *tls, uint8_t *room, size_t size, size_t *got);

/* Encrypts all of it. Secure connections only; not after tls_end(). */
int tls_write(struct tls *tls, struct bytes plain);

/* Say that everything was sent. */
void tls_end(struct tls *tls);

/* What is for the peer, good until the next call; tls_output_sent() forgets it. */
struct bytes tls_output(const struct tls *tls);
void tls_output_sent(struct tls *tls);

/* What went wrong, in words. Never NULL. */
const char *tls_why(const struct tls *tls);
