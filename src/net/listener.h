#pragma once

/*
 * Listener
 *
 * A listening TCP socket on one loop. Several shards may listen on one address (SO_REUSEPORT): the
 * first one opened checks that nobody outside this process holds it, the others join. Accepted
 * sockets are non-blocking, close-on-exec and have TCP_NODELAY.
 *
 * What bounds the number of clients is RLIMIT_NOFILE as it was when listening began, less
 * LIMIT_DESCRIPTORS_KEPT for the files of this process. Beyond that new clients wait in the
 * backlog, and so they do if there are no descriptors at all: accepting rests and is tried again
 * every LIMIT_LISTENER_RETRY_MS. Own thread.
 */

#include <stdint.h>

struct err_text;
struct listener;
struct loop;

enum listener_sharing {
    LISTENER_ALONE, /* the only one on this address */
    LISTENER_FIRST, /* others of this process will join */
    LISTENER_JOIN,  /* one of this process came first */
};

/* Called for every accepted connection; `fd` belongs to the callee. */
typedef void listener_accept(void *ctx, int fd);

/* `host` is a numeric address or a name ("localhost"); NULL or "" is every IPv4
 * interface. Port 0 lets the kernel choose. A fault comes with words for the user in `why`. */
int listener_open(struct listener **out, struct loop *loop, const char *host, uint16_t port,
                  enum listener_sharing sharing, listener_accept *accept, void *ctx,
                  struct err_text *why);

/* The port it really listens on. */
uint16_t listener_port(const struct listener *listener);

/* Leave new clients waiting in the backlog, and take them again. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* Stops listening at once; the loop frees the memory. NULL is allowed. */
void listener_close(struct listener *listener);
