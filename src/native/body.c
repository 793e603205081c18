/* Headers and bodies: what is received and read, what is written and sent. */

#include <string.h>
#include <strings.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/output_gate.h"
#include "actor/pipe.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "native/host.h"

/* ---- headers ---- */

struct blob *headers_of(const struct dm_header *headers, size_t count)
{
    struct buf block = {0};

    for (size_t i = 0; i < count && i < LIMIT_HTTP_HEADERS; i++) {
        buf_append(&block, headers[i].name, strlen(headers[i].name) + 1);
        buf_append(&block, headers[i].value, strlen(headers[i].value) + 1);
    }
    return block.len > 0 ? blob_take_buf(&block) : NULL;
}

const struct dm_header *headers_show(struct blob *block, struct arena *arena, size_t *count)
{
    struct bytes rest = blob_bytes(block);
    struct dm_header *headers = NULL;

    *count = 0;
    for (size_t i = 0; i < rest.len; i++)
        *count += rest.data[i] == '\0';
    *count /= 2;
    if (*count == 0)
        return NULL;
    headers = arena_alloc(arena, *count * sizeof *headers);
    for (size_t i = 0; i < *count; i++) {
        headers[i].name = (const char *)rest.data;
        rest = bytes_slice(rest, strlen(headers[i].name) + 1, rest.len);
        headers[i].value = (const char *)rest.data;
        rest = bytes_slice(rest, strlen(headers[i].value) + 1, rest.len);
    }
    return headers;
}

const char *native_header(const struct dm_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

/* ---- reading ---- */

/* References: its event's or reply's, and that of the read under way. */
struct dm_body {
    struct dm_object *host;
    unsigned refs;
    struct fetch_body source; /* owned */
    struct pipe_watch watch;
    struct later later;
    dm_bytes_fn *done; /* NULL: nobody reads */
    void *data;
    bool collecting;
    size_t max_bytes;
    struct buf gathered;
};

static void read_run(struct later *later, struct dm_object *host);

static void read_drop(struct later *later)
{
    struct dm_body *body = container_of(later, struct dm_body, later);

    body->done = NULL;
    body_unref(body);
}

static void read_news(struct pipe_watch *watch)
{
    struct dm_body *body = container_of(watch, struct dm_body, watch);

    if (body->later.host != NULL)
        later_ready(&body->later);
}

struct dm_body *body_open(struct dm_object *host, struct fetch_body *source)
{
    struct dm_body *body;

    if (source->whole == NULL && source->pipe == NULL)
        return NULL;
    body = mem_new(struct dm_body);
    body->host = host;
    body->refs = 1;
    body->source = *source;
    *source = (struct fetch_body){0};
    body->later.run = read_run;
    body->later.drop = read_drop;
    return body;
}

void body_give_back(struct dm_body *body, struct fetch_body *source)
{
    if (body == NULL || body->done != NULL)
        return;
    if (body->source.pipe != NULL)
        pipe_watch_reader(body->source.pipe, NULL);
    *source = body->source;
    body->source = (struct fetch_body){0};
}

void body_unref(struct dm_body *body)
{
    if (body == NULL || --body->refs > 0)
        return;
    if (body->source.pipe != NULL)
        pipe_watch_reader(body->source.pipe, NULL);
    fetch_body_fini(&body->source);
    buf_fini(&body->gathered);
    mem_free(body);
}

struct dm_bytes body_whole(const struct dm_body *body)
{
    struct bytes whole = {0};

    if (body != NULL && body->source.whole != NULL)
        whole = blob_bytes(body->source.whole);
    return dm_bytes(whole.data, whole.len);
}

/* What comes next: 0 and a reference, PIPE_READ_EMPTY, PIPE_READ_END, or -1 with words. */
static int next_piece(struct dm_body *body, struct blob **piece)
{
    struct failure *failure = NULL;
    int r;

    if (body->source.whole != NULL) {
        *piece = body->source.whole;
        body->source.whole = NULL;
        return 0;
    }
    if (body->source.pipe == NULL)
        return PIPE_READ_END;
    r = pipe_read(body->source.pipe, piece, &failure);
    if (r != PIPE_READ_FAILED)
        return r;
    host_error(body->host, "%s", failure->message);
    failure_unref(failure);
    return -1;
}

static void tell(struct dm_body *body, int result, struct bytes bytes)
{
    struct dm_object *host = body->host;
    dm_bytes_fn *done = body->done;

    body->done = NULL;
    done(host->self, host, body->data, result, dm_bytes(bytes.data, bytes.len));
}

/* True: told; false: wait for more. */
static bool collect(struct dm_body *body)
{
    struct blob *piece;
    int r;

    while ((r = next_piece(body, &piece)) == 0) {
        struct bytes bytes = blob_bytes(piece);
        bool fits = bytes.len <= body->max_bytes - body->gathered.len;

        if (fits)
            buf_append_bytes(&body->gathered, bytes);
        blob_unref(piece);
        if (!fits) {
            tell(body,
                 host_error(body->host, "The body is larger than %zu bytes.", body->max_bytes),
                 bytes_of(NULL, 0));
            return true;
        }
    }
    if (r == PIPE_READ_EMPTY)
        return false;
    if (r == PIPE_READ_END)
        tell(body, DM_OK, buf_bytes(&body->gathered));
    else
        tell(body, DM_ERROR, bytes_of(NULL, 0));
    return true;
}

static bool read_one(struct dm_body *body)
{
    struct blob *piece = NULL;
    int r = next_piece(body, &piece);

    if (r == PIPE_READ_EMPTY)
        return false;
    tell(body, r == 0 ? DM_OK : r == PIPE_READ_END ? DM_NONE : DM_ERROR, blob_bytes(piece));
    blob_unref(piece);
    return true;
}

static void read_run(struct later *later, struct dm_object *host)
{
    struct dm_body *body = container_of(later, struct dm_body, later);

    if (body->collecting ? collect(body) : read_one(body))
        body_unref(body);
    else
        later_bind(later, host, HOLD_IO); /* until there is news */
}

static int read_begin(struct dm_body *body, dm_bytes_fn *done, void *data)
{
    int r;

    if (!host_alive(body->host, &r))
        return r;
    if (body->done != NULL || body->later.host != NULL)
        return host_error(body->host, "The body is being read.");
    body->done = done;
    body->data = data;
    body->refs++;
    if (body->source.pipe != NULL && body->watch.news == NULL) {
        body->watch.news = read_news;
        body->watch.shard = body->host->home->options.shard;
        pipe_watch_reader(body->source.pipe, &body->watch);
    }
    later_bind(&body->later, body->host, HOLD_IO);
    later_ready(&body->later);
    return 0;
}

int native_body_collect(struct dm_body *body, size_t max_bytes, dm_bytes_fn *done, void *data)
{
    if (body->done == NULL) {
        body->collecting = true;
        body->max_bytes = max_bytes;
        buf_clear(&body->gathered);
    }
    return read_begin(body, done, data);
}

int native_body_read(struct dm_body *body, dm_bytes_fn *done, void *data)
{
    if (body->done == NULL)
        body->collecting = false;
    return read_begin(body, done, data);
}

/* ---- writing ---- */

/* References: the handle's, that of a wait for room, and one for each piece at the output gate. */
struct dm_stream {
    unsigned refs;
    struct dm_object *host; /* NULL: the instance has gone */
    struct pipe *pipe;      /* the writing end */
    struct pipe_watch watch;
    int64_t length;
    size_t waiting_bytes; /* at the gate */
    bool taken;
    bool ended;
    struct later hold; /* keeps the object while the handle lives */
    struct later later;
    dm_fn *room;
    void *data;
};

struct piece {
    struct output_gate_wait gate;
    struct dm_stream *stream; /* a reference */
    struct blob *data;        /* NULL: the end */
    struct failure *failure;  /* with the end: cut off */
};

static void stream_unref(struct dm_stream *stream)
{
    if (--stream->refs > 0)
        return;
    if (!stream->ended) {
        struct failure *lost = failure_format(FAILURE_RETRYABLE, "Network connection lost.");

        pipe_fail(stream->pipe, lost);
        failure_unref(lost);
    }
    pipe_leave_writer(stream->pipe);
    mem_free(stream);
}

static bool has_room(const struct dm_stream *stream)
{
    return pipe_cancelled(stream->pipe) || pipe_room(stream->pipe) > stream->waiting_bytes;
}

static void stream_look(struct dm_stream *stream)
{
    if (stream->later.host != NULL && has_room(stream))
        later_ready(&stream->later);
}

static void stream_news(struct pipe_watch *watch)
{
    stream_look(container_of(watch, struct dm_stream, watch));
}

static void piece_leaves(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct piece *piece = container_of(gate, struct piece, gate);
    struct dm_stream *stream = piece->stream;

    if (piece->data != NULL)
        stream->waiting_bytes -= blob_bytes(piece->data).len;
    if (verdict == OUTPUT_GATE_GO && piece->data != NULL) {
        pipe_write(stream->pipe, piece->data);
    } else if (verdict == OUTPUT_GATE_GO) {
        stream->ended = true;
        if (piece->failure != NULL)
            pipe_fail(stream->pipe, piece->failure);
        else
            pipe_finish(stream->pipe);
    }
    stream_look(stream);
    blob_unref(piece->data);
    failure_unref(piece->failure);
    stream_unref(stream);
    mem_free(piece);
}

static void piece_send(struct dm_stream *stream, struct blob *data, struct failure *failure)
{
    struct piece *piece = mem_new(struct piece);

    piece->gate.cb = piece_leaves;
    piece->stream = stream;
    piece->data = data;
    piece->failure = failure;
    stream->refs++;
    if (data != NULL)
        stream->waiting_bytes += blob_bytes(data).len;
    if (stream->host->object != NULL)
        object_say(stream->host->object, &piece->gate);
    else
        piece_leaves(&piece->gate, OUTPUT_GATE_GO);
}

static void hold_over(struct later *later)
{
    struct dm_stream *stream = container_of(later, struct dm_stream, hold);

    stream->host = NULL;
    stream_unref(stream);
}

static void room_run(struct later *later, struct dm_object *host)
{
    struct dm_stream *stream = container_of(later, struct dm_stream, later);

    stream->room(host->self, host, stream->data);
    stream_unref(stream);
}

static void room_drop(struct later *later)
{
    stream_unref(container_of(later, struct dm_stream, later));
}

int native_stream_open(struct dm_object *host, int64_t length, struct dm_stream **out)
{
    struct dm_stream *stream;
    int r;

    if (!host_alive(host, &r))
        return r;
    stream = mem_new(struct dm_stream);
    stream->refs = 1;
    stream->host = host;
    stream->pipe = pipe_create(LIMIT_PIPE_BYTES);
    stream->length = length;
    stream->watch.news = stream_news;
    stream->watch.shard = host->home->options.shard;
    pipe_watch_writer(stream->pipe, &stream->watch);
    stream->hold.drop = hold_over;
    stream->later.run = room_run;
    stream->later.drop = room_drop;
    later_bind(&stream->hold, host, HOLD_IO);
    *out = stream;
    return 0;
}

bool stream_take(struct dm_stream *stream, struct fetch_body *body)
{
    if (stream->taken)
        return false;
    stream->taken = true;
    body->pipe = pipe_ref(stream->pipe);
    body->length = stream->length;
    return true;
}

int native_stream_write(struct dm_stream *stream, struct dm_bytes piece)
{
    if (stream->host == NULL)
        return DM_RESET;
    if (pipe_cancelled(stream->pipe))
        return host_error(stream->host, "The reader of the body has left.");
    if (piece.len > 0)
        piece_send(stream, blob_create(piece.data, piece.len), NULL);
    return has_room(stream) ? DM_OK : DM_FULL;
}

int native_stream_room(struct dm_stream *stream, dm_fn *room, void *data)
{
    if (stream->host == NULL)
        return DM_RESET;
    if (stream->later.host != NULL)
        return host_error(stream->host, "The stream waits for room already.");
    stream->room = room;
    stream->data = data;
    stream->refs++;
    later_bind(&stream->later, stream->host, HOLD_IO);
    stream_look(stream);
    return 0;
}

int native_stream_end(struct dm_stream *stream, const char *error)
{
    if (stream->host == NULL)
        return DM_RESET;
    piece_send(stream, NULL, error != NULL ? failure_format(0, "%s", error) : NULL);
    if (stream->later.host != NULL && later_unbind(&stream->later))
        room_drop(&stream->later);
    later_unbind(&stream->hold);
    hold_over(&stream->hold);
    return 0;
}

/* ---- answers ---- */

struct fetch_response *response_make(struct dm_object *host, const struct dm_response *from)
{
    unsigned status = from->status == 0 ? 200 : from->status;
    struct fetch_response *response;

    if (status < 200 || status > 599) {
        host_error(host, "The status %u cannot be sent: 200 to 599 can.", status);
        return NULL;
    }
    response = fetch_response_create(status);
    response->headers = headers_of(from->headers, from->header_count);
    response->body.length = -1;
    if (from->stream != NULL && !stream_take(from->stream, &response->body)) {
        fetch_response_destroy(response);
        host_error(host, "The stream is the body of another answer.");
        return NULL;
    }
    if (from->stream == NULL && from->content.len > 0) {
        response->body.whole = blob_create(from->content.data, from->content.len);
        response->body.length = (int64_t)from->content.len;
    }
    return response;
}

static int answer_as(struct dm_event *event, enum event_kind kind)
{
    if (event->answered)
        return host_error(event->host, "The event has been answered.");
    if (event->kind != kind)
        return host_error(event->host, "The event is of another kind and wants another answer.");
    return 0;
}

int native_respond(struct dm_event *event, const struct dm_response *from)
{
    struct event_result result = {0};
    int r = answer_as(event, EVENT_FETCH);

    if (r < 0)
        return r;
    result.response = response_make(event->host, from);
    if (result.response == NULL)
        return DM_ERROR;
    event_answer(event, &result);
    return 0;
}

int native_respond_text(struct dm_event *event, unsigned status, const char *text)
{
    static const struct dm_header type = {"Content-Type", "text/plain;charset=UTF-8"};
    struct dm_response response = {
        .status = status, .headers = &type, .header_count = 1, .content = dm_str(text)};

    return native_respond(event, &response);
}
