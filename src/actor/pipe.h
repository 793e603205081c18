#pragma once

/*
 * Pipe
 *
 * A bounded stream of bytes between two ends that may live on different shards: bodies of requests
 * and responses. Blobs go through by reference. One writer, one reader, each used on its own
 * shard's thread; each end is told on its own shard, through the shard's queue and never from
 * inside a call of its own, when it may go on.
 *
 * Reference-counted; either end may go first. A reader that leaves cancels the writer, a writer
 * that leaves without pipe_finish() fails the reader with "Network connection lost.": whoever lets
 * go of an end says so with pipe_leave_*(), unref alone is for those who hold neither.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct failure;
struct pipe;
struct shard;

/* One end's way of hearing news; embedded in whoever holds the end. */
struct pipe_watch {
    void (*news)(struct pipe_watch *watch); /* look again: data, room, end, failure or cancel */
    struct shard *shard;
};

/* limit_bytes: how much may wait inside before the writer is asked to hold on. */
struct pipe *pipe_create(size_t limit_bytes);
struct pipe *pipe_ref(struct pipe *pipe);
void pipe_unref(struct pipe *pipe);

/* ---- writer ---- */

enum pipe_write_result {
    PIPE_WRITE_FULL = 1,  /* taken, but wait for news before the next */
    PIPE_WRITE_CANCELLED, /* the reader has left; not taken */
};

/* Takes a reference to `data`. */
int pipe_write(struct pipe *pipe, struct blob *data);
void pipe_finish(struct pipe *pipe);
/* Takes no ownership of `failure`. */
void pipe_fail(struct pipe *pipe, struct failure *failure);
/* Watch from now on; NULL stops it: no news after the call returns. */
void pipe_watch_writer(struct pipe *pipe, struct pipe_watch *watch);
size_t pipe_room(struct pipe *pipe);
bool pipe_cancelled(struct pipe *pipe);
/* The end is over and its reference given back; its watch is stopped. */
void pipe_leave_writer(struct pipe *pipe);

/* ---- reader ---- */

enum pipe_read_result {
    PIPE_READ_EMPTY = 1, /* wait for news */
    PIPE_READ_END,
    PIPE_READ_FAILED, /* *failure is set (a reference of the caller's) */
};

/* 0: *data is the next piece, a reference of the caller's. */
int pipe_read(struct pipe *pipe, struct blob **data, struct failure **failure);
void pipe_cancel(struct pipe *pipe);
void pipe_watch_reader(struct pipe *pipe, struct pipe_watch *watch);
void pipe_leave_reader(struct pipe *pipe);
