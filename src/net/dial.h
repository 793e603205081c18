#pragma once

/*
 * Dial
 *
 * Looks a name up and connects to the first of its addresses that answers. One that is silent for
 * LIMIT_DIAL_ATTEMPT_MS is left for the next, if there is one. Own thread.
 */

#include <stdint.h>

struct dial;
struct loop;

/* `fd` is connected, non-blocking, close-on-exec, has TCP_NODELAY and belongs to the callee; < 0 is
 * the fault instead. The dial is dead then. Comes from the loop. */
typedef void dial_done(void *ctx, int fd);

/* `host` is a name or a numeric address, without brackets. Never NULL. */
struct dial *dial_start(struct loop *loop, const char *host, uint16_t port, uint32_t timeout_ms,
                        dial_done *done, void *ctx);

/* `done` will not come. */
void dial_abort(struct dial *dial);
