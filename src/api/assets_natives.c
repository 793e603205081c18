/* What js/cf_assets.js asks of the assets of its Worker. Contents stream, a piece at a time. */

#include <errno.h>
#include <unistd.h>

#include "actor/failure.h"
#include "actor/pipe.h"
#include "api/assets.h"
#include "api/body.h"
#include "api/tables.h"
#include "api/worker_parts.h"
#include "base/blob.h"
#include "base/mem.h"
#include "js/view.h"

enum {
    WHOLE_BYTES = 64 * 1024, /* a file up to this goes over in one piece */
    PIECE_BYTES = 128 * 1024,
    QUEUE_BYTES = 256 * 1024,
};

/* A file on its way into a pipe; owns itself. */
struct asset_stream {
    int fd;
    uint64_t at;
    uint64_t left;
    struct pipe *pipe;
    struct pipe_watch watch;
};

static void stream_end(struct asset_stream *stream)
{
    pipe_leave_writer(stream->pipe);
    close(stream->fd);
    mem_free(stream);
}

static void stream_fail(struct asset_stream *stream)
{
    struct failure *failure =
        failure_create("Error", "The asset changed while it was read.", NULL, 0);

    pipe_fail(stream->pipe, failure);
    failure_unref(failure);
    stream_end(stream);
}

static void stream_pump(struct asset_stream *stream)
{
    while (stream->left > 0) {
        size_t want = stream->left < PIECE_BYTES ? (size_t)stream->left : PIECE_BYTES;
        uint8_t *data = mem_alloc(want);
        ssize_t got = pread(stream->fd, data, want, (off_t)stream->at);
        struct blob *blob;
        int r;

        if (got <= 0) {
            mem_free(data);
            stream_fail(stream);
            return;
        }
        blob = blob_take(data, (size_t)got);
        r = pipe_write(stream->pipe, blob);
        blob_unref(blob);
        if (r == PIPE_WRITE_CANCELLED) {
            stream_end(stream);
            return;
        }
        stream->at += (size_t)got;
        stream->left -= (size_t)got;
        if (r == PIPE_WRITE_FULL && stream->left > 0)
            return;
    }
    pipe_finish(stream->pipe);
    stream_end(stream);
}

static void stream_news(struct pipe_watch *watch)
{
    struct asset_stream *stream = container_of(watch, struct asset_stream, watch);

    if (pipe_cancelled(stream->pipe))
        stream_end(stream);
    else if (pipe_room(stream->pipe) > 0)
        stream_pump(stream);
}

static JSValueRef stream_open(struct js_call *call, int fd, uint64_t size)
{
    struct asset_stream *stream = mem_new(struct asset_stream);
    JSValueRef box;

    stream->fd = fd;
    stream->left = size;
    stream->pipe = pipe_create(QUEUE_BYTES);
    stream->watch =
        (struct pipe_watch){.news = stream_news, .shard = worker_of(call->realm)->shard};
    box = body_reader_box(call->realm, pipe_ref(stream->pipe));
    pipe_watch_writer(stream->pipe, &stream->watch);
    stream_pump(stream);
    return box;
}

static JSValueRef whole(struct js_call *call, int fd, size_t size)
{
    uint8_t *memory;
    JSValueRef bytes = js_bytes_make(call->realm, size, &memory);
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, memory + done, size - done, (off_t)done);
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    close(fd);
    return done == size ? bytes : call->realm->null;
}

static const struct asset *asset_arg(struct js_call *call)
{
    const struct assets *assets = worker_of(call->realm)->bundle->assets;
    int64_t index;

    if (assets == NULL || !js_arg_integer(call, 0, 0, (int64_t)assets->count - 1, &index))
        return NULL;
    return &assets->list[index];
}

/* asset_list() -> [name, etag, name, etag, …] | undefined */
static JSValueRef asset_list(struct js_call *call)
{
    const struct assets *assets = worker_of(call->realm)->bundle->assets;
    JSValueRef exception = NULL;
    JSObjectRef array;

    if (assets == NULL)
        return call->realm->undefined;
    array = js_array_make(call->realm, 0, NULL);
    for (size_t i = 0; i < assets->count; i++) {
        JSObjectSetPropertyAtIndex(call->ctx, array, (unsigned)(2 * i),
                                   js_string(call->realm, assets->list[i].name), &exception);
        JSObjectSetPropertyAtIndex(call->ctx, array, (unsigned)(2 * i + 1),
                                   js_string(call->realm, assets->list[i].etag), &exception);
    }
    return array;
}

/* asset_rules() -> [text of _headers, text of _redirects, show warnings about them] */
static JSValueRef asset_rules(struct js_call *call)
{
    struct assets *assets = worker_of(call->realm)->bundle->assets;
    JSValueRef values[3];

    if (assets == NULL)
        return call->realm->undefined;
    values[0] = js_string_from_utf8(call->realm, buf_bytes(&assets->headers));
    values[1] = js_string_from_utf8(call->realm, buf_bytes(&assets->redirects));
    values[2] = js_boolean(call->realm, !atomic_exchange(&assets->said, true));
    return js_array_make(call->realm, JS_COUNT(values), values);
}

/* asset_unchanged(index) -> whether the file is still what the list says */
static JSValueRef asset_unchanged(struct js_call *call)
{
    const struct asset *asset = asset_arg(call);
    bool unchanged = false;
    int fd;

    if (asset == NULL)
        return NULL;
    fd = asset_open(worker_of(call->realm)->bundle->assets, asset, &unchanged);
    if (fd >= 0)
        close(fd);
    return js_boolean(call->realm, fd >= 0 && unchanged);
}

/* asset_body(index) -> Uint8Array or a box that reads the file, with its length in an array; null:
 * it is gone, or is another than it was */
static JSValueRef asset_body(struct js_call *call)
{
    const struct asset *asset = asset_arg(call);
    bool unchanged = false;
    JSValueRef body;
    int fd;

    if (asset == NULL)
        return NULL;
    fd = asset_open(worker_of(call->realm)->bundle->assets, asset, &unchanged);
    if (fd < 0)
        return call->realm->null;
    if (!unchanged) {
        close(fd);
        return call->realm->null;
    }
    if (asset->size <= WHOLE_BYTES)
        return whole(call, fd, (size_t)asset->size);
    body = stream_open(call, fd, asset->size);
    return js_array_make(call->realm, 2,
                         (JSValueRef[]){body, js_number(call->realm, (double)asset->size)});
}

/* clang-format off */
#define ASSET_NATIVES(X)                      \
    X("asset_list", asset_list, 0)            \
    X("asset_rules", asset_rules, 0)          \
    X("asset_unchanged", asset_unchanged, 1)  \
    X("asset_body", asset_body, 1)
/* clang-format on */
JS_NATIVES(asset_natives, ASSET_NATIVES)

void api_assets_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, asset_natives, JS_COUNT(asset_natives));
}
