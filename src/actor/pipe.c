#include "actor/pipe.h"

#include <pthread.h>
#include <stdbool.h>

#include "actor/failure.h"
#include "actor/shard.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/list.h"
#include "base/mem.h"

/*
 * Both ends look at the same queue under one lock that is never held across a call out. News for an
 * end travels as a message through the queue of the end's shard; at most one is under way per end,
 * and it carries no content: the end looks for itself. A watch is read when the message arrives, on
 * the thread that sets it, which is why nobody is called after having stopped watching.
 */

enum pipe_end_name {
    PIPE_READER,
    PIPE_WRITER
};

/* One end's mailbox for news. */
struct pipe_end {
    struct message message; /* under way while `posted` */
    struct pipe *pipe;      /* borrowed; a message under way holds a reference */
    struct pipe_watch *watch;
    struct shard *posted_to;
    bool posted;
    bool missed; /* there was news and nobody watched */
};

struct pipe_piece {
    struct list link;
    struct blob *data; /* owned reference */
};

struct pipe {
    unsigned refs; /* atomic */
    pthread_mutex_t lock;
    struct list pieces; /* pipe_piece.link, oldest first */
    size_t waiting_bytes;
    size_t limit_bytes;
    bool finished;           /* the writer said all */
    bool cancelled;          /* the reader has left */
    bool full;               /* the writer was told to wait */
    struct failure *failure; /* owned; instead of the end */
    struct pipe_end ends[2];
};

static void deliver(struct message *message);

struct pipe *pipe_create(size_t limit_bytes)
{
    struct pipe *pipe = mem_new(struct pipe);

    pipe->refs = 1;
    pipe->limit_bytes = limit_bytes;
    list_init(&pipe->pieces);
    pthread_mutex_init(&pipe->lock, NULL);
    for (int i = 0; i < 2; i++) {
        pipe->ends[i].pipe = pipe;
        pipe->ends[i].message.run = deliver;
    }
    return pipe;
}

struct pipe *pipe_ref(struct pipe *pipe)
{
    __atomic_fetch_add(&pipe->refs, 1, __ATOMIC_RELAXED);
    return pipe;
}

static void drop_pieces(struct pipe *pipe)
{
    struct list *link;

    while ((link = list_pop_front(&pipe->pieces)) != NULL) {
        struct pipe_piece *piece = container_of(link, struct pipe_piece, link);

        blob_unref(piece->data);
        mem_free(piece);
    }
    pipe->waiting_bytes = 0;
}

void pipe_unref(struct pipe *pipe)
{
    unsigned before;

    if (pipe == NULL)
        return;

    before = __atomic_fetch_sub(&pipe->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    if (before > 1)
        return;
    drop_pieces(pipe);
    failure_unref(pipe->failure);
    pthread_mutex_destroy(&pipe->lock);
    mem_free(pipe);
}

/* Locked. Where to post news for the end, or NULL: nobody watches or it is on its way. */
static struct shard *news_for(struct pipe *pipe, enum pipe_end_name name)
{
    struct pipe_end *end = &pipe->ends[name];

    if (end->watch == NULL)
        end->missed = true;
    if (end->posted || end->watch == NULL)
        return NULL;
    end->posted = true;
    end->missed = false;
    end->posted_to = end->watch->shard;
    pipe_ref(pipe);
    return end->posted_to;
}

/* Not locked. */
static void post(struct pipe *pipe, enum pipe_end_name name, struct shard *shard)
{
    if (shard != NULL)
        shard_post(shard, &pipe->ends[name].message);
}

static void deliver(struct message *message)
{
    struct pipe_end *end = container_of(message, struct pipe_end, message);
    struct pipe *pipe = end->pipe;
    struct pipe_watch *watch;
    struct shard *moved_to = NULL;

    pthread_mutex_lock(&pipe->lock);
    end->posted = false;
    watch = end->watch;
    if (watch != NULL && watch->shard != end->posted_to) {
        /* The end was handed to another shard while the news was under way. */
        moved_to = news_for(pipe, end == &pipe->ends[PIPE_READER] ? PIPE_READER : PIPE_WRITER);
        watch = NULL;
    }
    pthread_mutex_unlock(&pipe->lock);

    if (moved_to != NULL)
        shard_post(moved_to, &end->message);
    if (watch != NULL)
        watch->news(watch);
    pipe_unref(pipe);
}

static void watch_end(struct pipe *pipe, enum pipe_end_name name, struct pipe_watch *watch)
{
    struct shard *shard = NULL;

    pthread_mutex_lock(&pipe->lock);
    pipe->ends[name].watch = watch;
    if (watch != NULL && pipe->ends[name].missed)
        shard = news_for(pipe, name);
    pthread_mutex_unlock(&pipe->lock);
    post(pipe, name, shard);
}

/* ---- writer ---- */

int pipe_write(struct pipe *pipe, struct blob *data)
{
    struct pipe_piece *piece;
    struct shard *shard = NULL;
    int r = 0;

    pthread_mutex_lock(&pipe->lock);
    ASSERT(!pipe->finished);
    if (pipe->cancelled || pipe->failure != NULL) {
        pthread_mutex_unlock(&pipe->lock);
        return PIPE_WRITE_CANCELLED;
    }
    piece = mem_new(struct pipe_piece);
    piece->data = blob_ref(data);
    if (list_empty(&pipe->pieces))
        shard = news_for(pipe, PIPE_READER);
    list_push_back(&pipe->pieces, &piece->link);
    pipe->waiting_bytes += blob_bytes(data).len;
    if (pipe->waiting_bytes >= pipe->limit_bytes) {
        pipe->full = true;
        r = PIPE_WRITE_FULL;
    }
    pthread_mutex_unlock(&pipe->lock);
    post(pipe, PIPE_READER, shard);
    return r;
}

void pipe_finish(struct pipe *pipe)
{
    struct shard *shard = NULL;

    pthread_mutex_lock(&pipe->lock);
    if (!pipe->finished && pipe->failure == NULL) {
        pipe->finished = true;
        shard = news_for(pipe, PIPE_READER);
    }
    pthread_mutex_unlock(&pipe->lock);
    post(pipe, PIPE_READER, shard);
}

void pipe_fail(struct pipe *pipe, struct failure *failure)
{
    struct shard *shard = NULL;

    pthread_mutex_lock(&pipe->lock);
    if (!pipe->finished && pipe->failure == NULL) {
        pipe->failure = failure_ref(failure);
        shard = news_for(pipe, PIPE_READER);
    }
    pthread_mutex_unlock(&pipe->lock);
    post(pipe, PIPE_READER, shard);
}

void pipe_watch_writer(struct pipe *pipe, struct pipe_watch *watch)
{
    watch_end(pipe, PIPE_WRITER, watch);
}

size_t pipe_room(struct pipe *pipe)
{
    size_t room = 0;

    pthread_mutex_lock(&pipe->lock);
    if (!pipe->cancelled && pipe->waiting_bytes < pipe->limit_bytes)
        room = pipe->limit_bytes - pipe->waiting_bytes;
    pthread_mutex_unlock(&pipe->lock);
    return room;
}

void pipe_leave_writer(struct pipe *pipe)
{
    struct failure *lost = failure_format(FAILURE_RETRYABLE, "Network connection lost.");

    pipe_watch_writer(pipe, NULL);
    pipe_fail(pipe, lost);
    failure_unref(lost);
    pipe_unref(pipe);
}

/* ---- reader ---- */

int pipe_read(struct pipe *pipe, struct blob **data, struct failure **failure)
{
    struct shard *shard = NULL;
    struct list *link;
    int r = PIPE_READ_EMPTY;

    pthread_mutex_lock(&pipe->lock);
    link = list_pop_front(&pipe->pieces);
    if (link != NULL) {
        struct pipe_piece *piece = container_of(link, struct pipe_piece, link);

        *data = piece->data;
        mem_free(piece);
        pipe->waiting_bytes -= blob_bytes(*data).len;
        if (pipe->full && pipe->waiting_bytes <= pipe->limit_bytes / 2) {
            pipe->full = false;
            shard = news_for(pipe, PIPE_WRITER);
        }
        r = 0;
    } else if (pipe->failure != NULL) {
        *failure = failure_ref(pipe->failure);
        r = PIPE_READ_FAILED;
    } else if (pipe->finished) {
        r = PIPE_READ_END;
    }
    pthread_mutex_unlock(&pipe->lock);
    post(pipe, PIPE_WRITER, shard);
    return r;
}

void pipe_cancel(struct pipe *pipe)
{
    struct shard *shard = NULL;

    pthread_mutex_lock(&pipe->lock);
    if (!pipe->cancelled) {
        pipe->cancelled = true;
        drop_pieces(pipe);
        if (!pipe->finished && pipe->failure == NULL)
            shard = news_for(pipe, PIPE_WRITER);
    }
    pthread_mutex_unlock(&pipe->lock);
    post(pipe, PIPE_WRITER, shard);
}

void pipe_watch_reader(struct pipe *pipe, struct pipe_watch *watch)
{
    watch_end(pipe, PIPE_READER, watch);
}

void pipe_leave_reader(struct pipe *pipe)
{
    pipe_watch_reader(pipe, NULL);
    pipe_cancel(pipe);
    pipe_unref(pipe);
}

bool pipe_cancelled(struct pipe *pipe)
{
    bool cancelled;

    pthread_mutex_lock(&pipe->lock);
    cancelled = pipe->cancelled;
    pthread_mutex_unlock(&pipe->lock);
    return cancelled;
}
