#pragma once

/*
 * Wake
 *
 * How another thread gets a loop's attention. wake_signal() may be called from any thread, any
 * number of times; the callback runs on the loop's thread at least once after the last signal
 * (several signals may come out as one call). Whoever signals publishes what there is to see
 * before signalling.
 */

struct loop;
struct wake;

/* `cb(ctx)` runs on the loop's thread. An open wake keeps loop_run() running. 0 or a fault. */
int wake_open(struct wake **out, struct loop *loop, void (*cb)(void *ctx), void *ctx);

/* Any thread, until wake_close(). */
void wake_signal(struct wake *wake);

/* Own thread. `cb` runs no more; the loop frees the memory. The caller sees to it that no other
 * thread signals any longer. NULL is allowed. */
void wake_close(struct wake *wake);
