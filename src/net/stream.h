#pragma once

/*
 * Stream
 *
 * A connected TCP socket on a loop. Reading lends the loop's shared buffer to on_read(), so a
 * stream that waits owns no buffer. Writing queues references to blobs and copies of small pieces;
 * the queue is sent with one system call when the loop is about to sleep (or by stream_flush()).
 *
 * Rules
 * 1. No write function calls back. Faults, drain and end are told from the loop, never from
 *    inside a call into the stream.
 * 2. After stream_close(), stream_finish() or stream_detach() the handler is not called again and
 *    the pointer is dead for the caller, also inside the stream's own callbacks.
 * 3. After on_fault() only those three calls remain; what was queued is lost.
 * 4. The queue has no bound of its own: its owner looks at stream_queued_bytes() or the `full`
 *    answers and stops producing. Own thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/list.h"

struct blob;
struct loop;
struct stream;

struct stream_handler {
    /* Bytes arrived. They are writable (frames are unmasked in place) and valid until return. */
    void (*on_read)(void *ctx, uint8_t *data, size_t len);
    /* The peer has finished sending. */
    void (*on_end)(void *ctx);
    /* The connection is lost (fault < 0). */
    void (*on_fault)(void *ctx, int fault);
    /* The queue was above LIMIT_STREAM_HIGH_BYTES and has fallen below LIMIT_STREAM_LOW_BYTES. */
    void (*on_drain)(void *ctx);
};

/* What remains of a detached stream, portable to another thread. It must not be copied or moved in
 * memory. Attach or discard it. */
struct stream_parcel {
    int fd;
    struct list chunks; /* unsent bytes */
    size_t queued_bytes;
};

/* Takes `fd` over (non-blocking from here on) and starts reading. Never fails: a bad descriptor
 * is reported by on_fault(). */
struct stream *stream_open(struct loop *loop, int fd, const struct stream_handler *handler,
                           void *ctx);

/* Hand the stream to another owner, for example when a connection changes its protocol. */
void stream_set_handler(struct stream *stream, const struct stream_handler *handler, void *ctx);

struct loop *stream_loop(const struct stream *stream);

/* Copy `data` to the queue. True: the queue is full, wait for on_drain(). */
bool stream_write(struct stream *stream, struct bytes data);

/* Queue a blob by reference (takes one of its own). */
bool stream_write_blob(struct stream *stream, struct blob *blob);

/* The same with `len` bytes of it from `at` on. Parts that follow each other become one piece. */
bool stream_write_part(struct stream *stream, struct blob *blob, size_t at, size_t len);

/* Nothing more will be written: the peer is told once the queue is sent. Reading goes on. */
void stream_end(struct stream *stream);

/* Send now what can be sent without waiting. */
void stream_flush(struct stream *stream);

size_t stream_queued_bytes(const struct stream *stream);
bool stream_full(const struct stream *stream);

/* Bytes the kernel has taken since the stream was opened: tells a slow peer from a dead one. */
uint64_t stream_sent_bytes(const struct stream *stream);

/* Stop and go for on_read(). Pausing also hides the peer's end until resumed. */
void stream_read_pause(struct stream *stream);
void stream_read_resume(struct stream *stream);

/* Close now; unsent bytes are dropped. NULL is allowed. */
void stream_close(struct stream *stream);

/* Close now with a reset, so that the peer cannot take what it got for complete. */
void stream_reset(struct stream *stream);

/* Close politely: send the queue, half-close, and wait for the peer's end (bounded by
 * LIMIT_STREAM_LINGER_MS without progress), so that no reset destroys the last answer. */
void stream_finish(struct stream *stream);

/* Take the connection off its loop. The stream is gone afterwards. */
void stream_detach(struct stream *stream, struct stream_parcel *parcel);

/* Continue a parcel on `loop`, whose thread calls. */
struct stream *stream_attach(struct loop *loop, struct stream_parcel *parcel,
                             const struct stream_handler *handler, void *ctx);

/* Close a parcel nobody wants. */
void stream_parcel_discard(struct stream_parcel *parcel);

/* The peer's numeric address, "" if unknown. */
void stream_peer_address(struct stream *stream, char *text, size_t size);

/* For loop.c: flush what was written (some: false if streams are left for the next turn), free what
 * libuv never held and what is kept for later, close everything. */
bool stream_flush_some(struct loop *loop);
void stream_flush_all(struct loop *loop);
void stream_bury(struct loop *loop);
void stream_drop_spares(struct loop *loop);
void stream_close_all(struct loop *loop);
