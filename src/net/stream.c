#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"

/*
 * The descriptor is polled, and read and written by ourselves, rather than left to uv_tcp_t: that
 * is what makes it possible to lend one read buffer to all streams, to send blobs by reference
 * in one sendmsg(), and to take a connection to another loop.
 *
 * A stream's life
 *
 *   OPEN -----------------> CLOSED (uv_close; memory freed by on_closed)
 *    |   close, reset, detach   ^
 *    | finish                   | queue sent and peer's end seen, fault, or time is up
 *    +--------> FINISHING ------+
 *
 * While it is OPEN the handler is the owner's; FINISHING it is finish_handler below.
 *
 * What is written waits in `chunks`, and the stream in loop->unsent, until the loop flushes. If the
 * kernel takes no more the stream is `blocked`: it leaves loop->unsent and polls for
 * writability instead.
 */

enum {
    CHUNK_BYTES = 2048 - 64,  /* room in a chunk for small pieces */
    DIRECT_BYTES = 16 * 1024, /* pieces this long try the kernel before they are copied */
    GATHER_MAX = 64,          /* pieces per system call */
    READS_MAX = 4,            /* per turn, so that one fast sender does not starve the others */
};

/* A piece of the queue: a reference to a blob, or bytes of our own. */
struct chunk {
    struct list link;
    struct blob *blob; /* owned reference; NULL: the bytes are below */
    size_t at;         /* first byte not sent yet */
    size_t len;        /* end of the bytes */
    size_t cap;        /* of `bytes` */
    uint8_t bytes[];
};

/* While FINISHING. */
struct farewell {
    struct timer timer;
    struct stream *stream; /* borrowed: owns us */
    uint64_t sent_bytes;   /* when the timer was started */
};

struct stream {
    uv_poll_t poll;
    struct loop *loop;
    const struct stream_handler *handler;
    void *ctx;                 /* borrowed */
    struct list link;          /* in loop->streams, or loop->graves */
    struct list unsent;        /* in loop->unsent */
    struct list chunks;        /* struct chunk, oldest first */
    struct farewell *farewell; /* owned; NULL unless FINISHING */
    size_t queued_bytes;
    uint64_t sent_bytes;
    int fd;       /* owned; -1 once closed or detached */
    int fault;    /* < 0: the connection is lost */
    int interest; /* what is polled for */
    bool polled;  /* `poll` is a handle of the loop */
    bool blocked; /* the kernel's buffer is full */
    bool paused;
    bool ended;  /* the peer has finished sending */
    bool ending; /* we have; the peer is to be told when the queue is sent */
    bool full;   /* the queue has been above the high mark: on_drain() is due */
    bool told;   /* on_fault() has been called */
    bool closed;
    char peer[INET6_ADDRSTRLEN]; /* "" until somebody asks */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const uint8_t *chunk_data(const struct chunk *chunk)
{
    return chunk->blob != NULL ? blob_bytes(chunk->blob).data : chunk->bytes;
}

static void chunk_free(struct chunk *chunk)
{
    list_remove(&chunk->link);
    blob_unref(chunk->blob);
    mem_free(chunk);
}

/* An empty chunk of the usual size. Those that were sent are kept for the next answers, because
 * malloc() is slow at this size. */
static struct chunk *chunk_take(struct loop *loop)
{
    struct list *spare = list_pop_front(&loop->spare_chunks);
    struct chunk *chunk;

    if (spare == NULL) {
        chunk = mem_alloc(sizeof *chunk + CHUNK_BYTES);
    } else {
        chunk = container_of(spare, struct chunk, link);
        loop->spare_chunk_count--;
    }
    *chunk = (struct chunk){.cap = CHUNK_BYTES};
    return chunk;
}

/* One that refers to a blob; kept the same way. */
static struct chunk *reference_take(struct loop *loop, struct blob *blob, size_t at, size_t len)
{
    struct list *spare = list_pop_front(&loop->spare_references);
    struct chunk *chunk;

    if (spare == NULL) {
        chunk = mem_alloc(sizeof *chunk);
    } else {
        chunk = container_of(spare, struct chunk, link);
        loop->spare_reference_count--;
    }
    *chunk = (struct chunk){.blob = blob_ref(blob), .at = at, .len = at + len};
    return chunk;
}

static void reference_done(struct loop *loop, struct chunk *chunk)
{
    if (loop->spare_reference_count >= LIMIT_LOOP_SPARE_REFERENCES) {
        chunk_free(chunk);
        return;
    }
    blob_unref(chunk->blob);
    chunk->blob = NULL;
    list_remove(&chunk->link);
    list_push_front(&loop->spare_references, &chunk->link);
    loop->spare_reference_count++;
}

static void chunk_done(struct loop *loop, struct chunk *chunk)
{
    if (chunk->blob != NULL) {
        reference_done(loop, chunk);
        return;
    }
    if (chunk->cap != CHUNK_BYTES || loop->spare_chunk_count >= LIMIT_LOOP_SPARE_CHUNKS) {
        chunk_free(chunk);
        return;
    }
    list_remove(&chunk->link);
    list_push_front(&loop->spare_chunks, &chunk->link);
    loop->spare_chunk_count++;
}

static void drop_chunks(struct list *chunks)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, chunks) {
        chunk_free(container_of(it, struct chunk, link));
    }
}

/* Have the loop flush the stream, or report its fault, before it sleeps. */
static void mark_unsent(struct stream *stream)
{
    if (stream->blocked || !list_empty(&stream->unsent))
        return;
    list_push_back(&stream->loop->unsent, &stream->unsent);
    loop_stay_awake(stream->loop);
}

static void fail(struct stream *stream, int fault)
{
    ASSERT(fault < 0);
    if (stream->fault == 0)
        stream->fault = fault;
    drop_chunks(&stream->chunks);
    stream->queued_bytes = 0;
    stream->blocked = false;
    mark_unsent(stream);
}

/* Poll for what the state asks for. Telling the kernel costs, so it is done only on change. */
static void update_interest(struct stream *stream)
{
    int interest = 0;
    int r;

    if (!stream->polled || stream->closed)
        return;
    if (stream->fault == 0) {
        interest |= stream->paused || stream->ended ? 0 : UV_READABLE;
        interest |= stream->blocked ? UV_WRITABLE : 0;
    }
    if (interest == stream->interest)
        return;
    stream->interest = interest;
    r = interest == 0 ? uv_poll_stop(&stream->poll)
                      : uv_poll_start(&stream->poll, interest, on_poll);
    if (r < 0)
        fail(stream, r);
}

static struct stream *create(struct loop *loop, int fd, const struct stream_handler *handler,
                             void *ctx)
{
    struct stream *stream = mem_new(struct stream);
    int r;

    stream->loop = loop;
    stream->handler = handler;
    stream->ctx = ctx;
    stream->fd = fd;
    list_init(&stream->unsent);
    list_init(&stream->chunks);
    list_push_back(&loop->streams, &stream->link);
    loop->stream_count++;

    r = uv_poll_init_socket(&loop->uv, &stream->poll, fd);
    stream->polled = r == 0;
    if (r < 0)
        fail(stream, r);
    update_interest(stream);
    return stream;
}

struct stream *stream_open(struct loop *loop, int fd, const struct stream_handler *handler,
                           void *ctx)
{
    return create(loop, fd, handler, ctx);
}

void stream_set_handler(struct stream *stream, const struct stream_handler *handler, void *ctx)
{
    stream->handler = handler;
    stream->ctx = ctx;
}

struct loop *stream_loop(const struct stream *stream)
{
    return stream->loop;
}

/* Take `sent` bytes off the queue's front. */
static void queue_advance(struct stream *stream, size_t sent)
{
    stream->queued_bytes -= sent;
    while (sent > 0) {
        struct chunk *chunk = container_of(list_first(&stream->chunks), struct chunk, link);
        size_t part = smaller(sent, chunk->len - chunk->at);

        chunk->at += part;
        sent -= part;
        if (chunk->at == chunk->len)
            chunk_done(stream->loop, chunk);
    }
}

static size_t queue_gather(const struct stream *stream, struct iovec *pieces)
{
    struct list *it;
    size_t count = 0;

    list_for_each (it, &stream->chunks) {
        const struct chunk *chunk = container_of(it, struct chunk, link);

        if (count == GATHER_MAX)
            break;
        /* sendmsg() only reads, but its iovec is shared with readv() */
        pieces[count].iov_base = (void *)((uintptr_t)chunk_data(chunk) + chunk->at);
        pieces[count].iov_len = chunk->len - chunk->at;
        count++;
    }
    return count;
}

/* Send the queue and, behind it, `tail`, as far as the kernel takes it. Returns what it took of
 * `tail`. */
static size_t send_queue(struct stream *stream, struct bytes tail)
{
    struct iovec pieces[GATHER_MAX + 1];
    size_t tail_sent = 0;

    while (stream->fault == 0 && !stream->blocked &&
           (stream->queued_bytes > 0 || tail_sent < tail.len)) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = queue_gather(stream, pieces)};
        ssize_t sent;

        if (message.msg_iovlen < GATHER_MAX && tail_sent < tail.len) {
            pieces[message.msg_iovlen].iov_base = (void *)((uintptr_t)tail.data + tail_sent);
            pieces[message.msg_iovlen++].iov_len = tail.len - tail_sent;
        }
        sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            size_t queued = smaller((size_t)sent, stream->queued_bytes);

            stream->sent_bytes += (size_t)sent;
            queue_advance(stream, queued);
            tail_sent += (size_t)sent - queued;
        } else if (errno == EAGAIN) {
            stream->blocked = true;
        } else if (errno != EINTR) {
            fail(stream, -errno);
        }
    }
    return tail_sent;
}

static void append_copy(struct stream *stream, struct bytes data)
{
    struct list *last = list_last(&stream->chunks);
    struct chunk *chunk = last != NULL ? container_of(last, struct chunk, link) : NULL;

    stream->queued_bytes += data.len;
    if (chunk != NULL && chunk->blob == NULL && chunk->cap > chunk->len) {
        size_t part = smaller(data.len, chunk->cap - chunk->len);

        memcpy(chunk->bytes + chunk->len, data.data, part);
        chunk->len += part;
        data = bytes_slice(data, part, data.len);
    }
    if (data.len > 0) {
        if (data.len <= CHUNK_BYTES) {
            chunk = chunk_take(stream->loop);
        } else {
            chunk = mem_alloc(sizeof *chunk + data.len);
            *chunk = (struct chunk){.cap = data.len};
        }
        chunk->len = data.len;
        memcpy(chunk->bytes, data.data, data.len);
        list_push_back(&stream->chunks, &chunk->link);
    }
}

/* After an append: send at once what has grown too long to wait for the end of the turn. */
static bool after_write(struct stream *stream)
{
    if (stream->queued_bytes >= LIMIT_STREAM_HIGH_BYTES && !stream->blocked) {
        send_queue(stream, (struct bytes){0});
        update_interest(stream);
    }
    mark_unsent(stream);
    if (stream->queued_bytes >= LIMIT_STREAM_HIGH_BYTES)
        stream->full = true;
    return stream->full;
}

bool stream_write(struct stream *stream, struct bytes data)
{
    ASSERT(!stream->closed);
    if (stream->fault < 0 || data.len == 0)
        return false;
    if (data.len >= DIRECT_BYTES && !stream->blocked) {
        size_t sent = send_queue(stream, data);

        data = bytes_slice(data, sent, data.len);
        update_interest(stream);
        if (stream->fault < 0)
            return false;
    }
    if (data.len > 0)
        append_copy(stream, data);
    return after_write(stream);
}

bool stream_write_part(struct stream *stream, struct blob *blob, size_t at, size_t len)
{
    struct list *last = list_last(&stream->chunks);
    struct chunk *chunk = last != NULL ? container_of(last, struct chunk, link) : NULL;

    ASSERT(!stream->closed);
    ASSERT(at + len <= blob_bytes(blob).len);
    if (stream->fault < 0 || len == 0)
        return false;
    if (chunk != NULL && chunk->blob == blob && chunk->len == at) {
        chunk->len += len;
    } else {
        chunk = reference_take(stream->loop, blob, at, len);
        list_push_back(&stream->chunks, &chunk->link);
    }
    stream->queued_bytes += len;
    return after_write(stream);
}

bool stream_write_blob(struct stream *stream, struct blob *blob)
{
    return stream_write_part(stream, blob, 0, blob_bytes(blob).len);
}

void stream_flush(struct stream *stream)
{
    ASSERT(!stream->closed);
    send_queue(stream, (struct bytes){0});
    update_interest(stream);
    if (stream->full)
        mark_unsent(stream); /* on_drain() comes from the loop */
}

size_t stream_queued_bytes(const struct stream *stream)
{
    return stream->queued_bytes;
}

bool stream_full(const struct stream *stream)
{
    return stream->full;
}

uint64_t stream_sent_bytes(const struct stream *stream)
{
    return stream->sent_bytes;
}

/* Everything is sent: tell the peer that it was all. */
static void end_if_sent(struct stream *stream)
{
    if (!stream->ending || stream->fault < 0 || stream->queued_bytes > 0)
        return;
    stream->ending = false;
    if (shutdown(stream->fd, SHUT_WR) < 0)
        fail(stream, -errno);
}

void stream_end(struct stream *stream)
{
    ASSERT(!stream->closed);
    stream->ending = true;
    mark_unsent(stream);
}

/* Tell the owner what sending has come to. From the loop only. */
static void report(struct stream *stream)
{
    if (stream->closed)
        return;
    end_if_sent(stream);
    if (stream->fault < 0) {
        if (!stream->told) {
            stream->told = true;
            stream->handler->on_fault(stream->ctx, stream->fault);
        }
    } else if (stream->full && stream->queued_bytes <= LIMIT_STREAM_LOW_BYTES) {
        stream->full = false;
        stream->handler->on_drain(stream->ctx);
    }
}

static void flush_and_report(struct stream *stream)
{
    send_queue(stream, (struct bytes){0});
    update_interest(stream);
    report(stream);
}

bool stream_flush_some(struct loop *loop)
{
    struct list due;
    struct list *link;
    unsigned count = 0;

    list_init(&due);
    list_splice_back(&due, &loop->unsent);
    while (count++ < LIMIT_LOOP_FLUSHES && (link = list_pop_front(&due)) != NULL)
        flush_and_report(container_of(link, struct stream, unsent));
    if (list_empty(&due))
        return true;
    list_splice_back(&due, &loop->unsent); /* those before what was written meanwhile */
    list_splice_back(&loop->unsent, &due);
    return false;
}

void stream_flush_all(struct loop *loop)
{
    while (!stream_flush_some(loop))
        ;
}

static bool may_read(const struct stream *stream)
{
    return !stream->closed && !stream->paused && !stream->ended && stream->fault == 0;
}

static void read_some(struct stream *stream)
{
    struct loop *loop = stream->loop;

    for (int i = 0; i < READS_MAX && may_read(stream); i++) {
        ssize_t got;

        ASSERT(!loop->reading);
        got = recv(stream->fd, loop->read_buffer, LIMIT_LOOP_READ_BYTES, 0);
        if (got > 0) {
            loop->reading = true;
            stream->handler->on_read(stream->ctx, loop->read_buffer, (size_t)got);
            loop->reading = false;
            if (got < LIMIT_LOOP_READ_BYTES)
                return;
        } else if (got == 0) {
            stream->ended = true;
            update_interest(stream);
            stream->handler->on_end(stream->ctx);
            return;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            fail(stream, -errno);
        }
    }
}

static int socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error == 0)
        return -ECONNRESET;
    return -error;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct stream *stream = container_of(poll, struct stream, poll);

    if (status < 0) { /* libuv has stopped polling */
        stream->interest = 0;
        fail(stream, socket_error(stream->fd));
    }
    if ((events & UV_READABLE) != 0)
        read_some(stream);
    if ((events & UV_WRITABLE) != 0 && !stream->closed) {
        stream->blocked = false;
        send_queue(stream, (struct bytes){0});
    }
    update_interest(stream);
    report(stream);
}

void stream_read_pause(struct stream *stream)
{
    stream->paused = true;
    update_interest(stream);
}

void stream_read_resume(struct stream *stream)
{
    stream->paused = false;
    update_interest(stream);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct stream, poll));
}

/* Take the stream off the loop; its descriptor is left alone. */
static void release(struct stream *stream)
{
    struct loop *loop = stream->loop;

    ASSERT(!stream->closed);
    stream->closed = true;
    list_remove(&stream->unsent);
    list_remove(&stream->link);
    loop->stream_count--;
    if (stream->farewell != NULL) {
        timer_stop(&stream->farewell->timer);
        mem_free(stream->farewell);
    }
    if (stream->polled)
        uv_close((uv_handle_t *)&stream->poll, on_closed);
    else
        list_push_back(&loop->graves, &stream->link); /* freed when this turn ends */
}

void stream_bury(struct loop *loop)
{
    struct list *link;

    while ((link = list_pop_front(&loop->graves)) != NULL)
        mem_free(container_of(link, struct stream, link));
}

void stream_drop_spares(struct loop *loop)
{
    drop_chunks(&loop->spare_chunks);
    drop_chunks(&loop->spare_references);
    loop->spare_chunk_count = 0;
    loop->spare_reference_count = 0;
}

void stream_close(struct stream *stream)
{
    if (stream == NULL)
        return;
    drop_chunks(&stream->chunks);
    release(stream);
    close(stream->fd);
    stream->fd = -1;
}

void stream_reset(struct stream *stream)
{
    const struct linger abort_at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &abort_at_once, sizeof abort_at_once);
    stream_close(stream);
}

void stream_close_all(struct loop *loop)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &loop->streams) {
        stream_close(container_of(it, struct stream, link));
    }
}

/* FINISHING: everything is sent, tell the peer; if it has said goodbye already, we are done. */
static void finish_if_sent(struct stream *stream)
{
    if (stream->queued_bytes > 0)
        return;
    if (stream->ended || shutdown(stream->fd, SHUT_WR) < 0)
        stream_close(stream);
}

static void finish_on_read(void *ctx, uint8_t *data, size_t len)
{
    (void)ctx; /* too late */
    (void)data;
    (void)len;
}

static void finish_on_end(void *ctx)
{
    finish_if_sent(ctx);
}

static void finish_on_fault(void *ctx, int fault)
{
    (void)fault;
    stream_close(ctx);
}

static void finish_on_drain(void *ctx)
{
    struct stream *stream = ctx;

    stream->full = stream->queued_bytes > 0; /* be told again until the queue is empty */
    finish_if_sent(stream);
}

static const struct stream_handler finish_handler = {
    .on_read = finish_on_read,
    .on_end = finish_on_end,
    .on_fault = finish_on_fault,
    .on_drain = finish_on_drain,
};

static void on_linger(struct timer *timer)
{
    struct farewell *farewell = container_of(timer, struct farewell, timer);
    struct stream *stream = farewell->stream;

    if (stream->queued_bytes == 0 || stream->sent_bytes == farewell->sent_bytes) {
        stream_close(stream);
        return;
    }
    farewell->sent_bytes = stream->sent_bytes;
    timer_start(timer, stream->loop, LIMIT_STREAM_LINGER_MS);
}

void stream_finish(struct stream *stream)
{
    ASSERT(!stream->closed && stream->farewell == NULL);
    stream_set_handler(stream, &finish_handler, stream);
    stream->farewell = mem_new(struct farewell);
    stream->farewell->stream = stream;
    stream->farewell->timer.cb = on_linger;
    stream->farewell->sent_bytes = stream->sent_bytes;
    timer_start(&stream->farewell->timer, stream->loop, LIMIT_STREAM_LINGER_MS);

    stream->full = true; /* on_drain() sees to the rest */
    stream->told = false;
    stream->paused = false;
    update_interest(stream);
    mark_unsent(stream);
}

void stream_detach(struct stream *stream, struct stream_parcel *parcel)
{
    stream_flush(stream);
    list_init(&parcel->chunks);
    list_splice_back(&parcel->chunks, &stream->chunks);
    parcel->queued_bytes = stream->queued_bytes;
    parcel->fd = stream->fd;
    stream->fd = -1;
    release(stream);
}

struct stream *stream_attach(struct loop *loop, struct stream_parcel *parcel,
                             const struct stream_handler *handler, void *ctx)
{
    struct stream *stream = create(loop, parcel->fd, handler, ctx);

    list_splice_back(&stream->chunks, &parcel->chunks);
    stream->queued_bytes = parcel->queued_bytes;
    stream->full = stream->queued_bytes >= LIMIT_STREAM_HIGH_BYTES;
    if (stream->fault < 0)
        fail(stream, stream->fault);
    mark_unsent(stream);
    parcel->fd = -1;
    parcel->queued_bytes = 0;
    return stream;
}

void stream_parcel_discard(struct stream_parcel *parcel)
{
    drop_chunks(&parcel->chunks);
    if (parcel->fd >= 0)
        close(parcel->fd);
    parcel->fd = -1;
}

static void learn_peer(struct stream *stream)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const void *raw = NULL;

    if (getpeername(stream->fd, (struct sockaddr *)&address, &len) < 0)
        return;
    memcpy(&v4, &address, sizeof v4);
    memcpy(&v6, &address, sizeof v6);
    if (address.ss_family == AF_INET) {
        raw = &v4.sin_addr;
    } else if (address.ss_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            address.ss_family = AF_INET;
            raw = &v6.sin6_addr.s6_addr[12];
        } else {
            raw = &v6.sin6_addr;
        }
    }
    if (raw == NULL || inet_ntop(address.ss_family, raw, stream->peer, sizeof stream->peer) == NULL)
        stream->peer[0] = '\0';
}

void stream_peer_address(struct stream *stream, char *text, size_t size)
{
    size_t len;

    if (stream->peer[0] == '\0')
        learn_peer(stream);
    len = smaller(strlen(stream->peer), size - 1);
    memcpy(text, stream->peer, len);
    text[len] = '\0';
}
