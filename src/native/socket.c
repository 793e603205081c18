/* Sockets: struct dm_socket is a struct socket of actor/ under another name. */

#include "actor/socket.h"

#include <string.h>

#include "actor/fetch.h"
#include "actor/namespace.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "native/host.h"
#include "native/value.h"

static struct socket *inner(struct dm_socket *socket)
{
    return (struct socket *)socket;
}

/* Tags as bytes, each once; how many, or negative. */
static int tags_of(struct dm_object *host, const struct dm_accept *options, struct bytes *tags)
{
    int count = 0;

    if (options == NULL)
        return 0;
    if (options->tag_count > LIMIT_WS_TAGS)
        return host_error(host, "a Hibernatable WebSocket cannot have more than %d tags",
                          LIMIT_WS_TAGS);
    for (size_t i = 0; i < options->tag_count; i++) {
        struct bytes tag = bytes_of_string(options->tags[i]);
        bool known = false;

        if (tag.len > LIMIT_WS_TAG_BYTES)
            return host_error(host, "\"%s\" is longer than the max tag length (%d).",
                              options->tags[i], LIMIT_WS_TAG_BYTES);
        for (int j = 0; j < count; j++)
            known = known || bytes_equal(tags[j], tag);
        if (!known)
            tags[count++] = tag;
    }
    return count;
}

int native_accept(struct dm_event *event, const struct dm_accept *options,
                  struct dm_socket **socket)
{
    struct dm_object *host = event->host;
    struct event_result result = {0};
    struct bytes tags[LIMIT_WS_TAGS];
    struct socket *ends[2];
    int count;
    int r;

    if (!host_usable(host, &r))
        return r;
    if (event->answered || event->kind != EVENT_FETCH || !event->view.upgrade)
        return host_error(host, "The event is no request for a WebSocket, or was answered.");
    count = tags_of(host, options, tags);
    if (count < 0)
        return count;
    socket_pair(host->home->options.shard, ends);
    r = socket_accept_hibernatable(ends[1], host->object, tags, (size_t)count);
    if (r == SOCKET_ACCEPT_TOO_MANY) {
        socket_unref(ends[0]);
        socket_unref(ends[1]);
        return host_error(host, "only %d websockets can be accepted on a single object",
                          LIMIT_WS_PER_OBJECT);
    }
    result.response = fetch_response_create(101);
    if (options != NULL && options->protocol != NULL) {
        struct dm_header protocol = {"Sec-WebSocket-Protocol", options->protocol};

        socket_set_protocol(ends[1], options->protocol, "");
        result.response->headers = headers_of(&protocol, 1);
    }
    result.response->socket = socket_send_away(ends[0]);
    if (socket != NULL)
        *socket = (struct dm_socket *)ends[1];
    socket_unref(ends[0]);
    socket_unref(ends[1]); /* the object has it */
    event_answer(event, &result);
    return 0;
}

int native_send(struct dm_socket *socket, struct dm_bytes data, bool text)
{
    struct blob *blob;

    if (socket_close_sent(inner(socket)) || socket_mode(inner(socket)) == SOCKET_CLOSED)
        return DM_ERROR;
    blob = blob_create(data.data, data.len);
    socket_send(inner(socket), blob, text);
    blob_unref(blob);
    return 0;
}

struct broadcast {
    struct blob *blob;
    struct socket *except;
    bool text;
    int count;
};

static void broadcast_one(void *data, struct socket *socket)
{
    struct broadcast *broadcast = data;

    if (socket == broadcast->except || socket_close_sent(socket))
        return;
    socket_send(socket, broadcast->blob, broadcast->text);
    broadcast->count++;
}

static void each_socket(struct dm_object *host, const char *tag,
                        void (*each)(void *data, struct socket *socket), void *data)
{
    struct bytes bytes;

    if (tag != NULL)
        bytes = bytes_of_string(tag);
    object_sockets(host->object, tag != NULL ? &bytes : NULL, each, data);
}

int native_broadcast(struct dm_object *host, const char *tag, struct dm_socket *except,
                     struct dm_bytes data, bool text)
{
    struct broadcast broadcast = {.except = inner(except), .text = text};
    int r;

    if (!host_usable(host, &r))
        return r;
    if (text && !utf8_valid(bytes_of(data.data, data.len)))
        return host_error(host, "The text is not UTF-8.");
    broadcast.blob = blob_create(data.data, data.len);
    each_socket(host, tag, broadcast_one, &broadcast);
    blob_unref(broadcast.blob);
    return broadcast.count;
}

int native_close(struct dm_socket *socket, uint16_t code, const char *reason)
{
    struct bytes words = bytes_of_string(reason != NULL ? reason : "");
    bool legal = code == 0 || (code >= 1000 && code <= 4999 && code != 1004 && code != 1005 &&
                               code != 1006 && code != 1015);

    if (!legal || words.len > LIMIT_WS_CLOSE_REASON_BYTES || !utf8_valid(words))
        return DM_ERROR;
    socket_close(inner(socket), code == 0 ? 1005 : code, words);
    return 0;
}

/* The author's walk: what anybody returned that was not 0 ends it, in name at least. */
struct socket_walk {
    dm_socket_fn *each;
    void *data;
    int result;
};

static void walk_one(void *data, struct socket *socket)
{
    struct socket_walk *walk = data;

    if (walk->result == 0)
        walk->result = walk->each(walk->data, (struct dm_socket *)socket);
}

int native_sockets(struct dm_object *host, const char *tag, dm_socket_fn *each, void *data)
{
    struct socket_walk walk = {each, data, 0};
    int r;

    if (!host_usable(host, &r))
        return r;
    each_socket(host, tag, walk_one, &walk);
    return walk.result;
}

size_t native_tag_count(struct dm_socket *socket)
{
    return socket_tag_count(inner(socket));
}

struct dm_bytes native_tag(struct dm_socket *socket, size_t index)
{
    struct bytes tag = index < socket_tag_count(inner(socket)) ? socket_tag(inner(socket), index)
                                                               : bytes_of(NULL, 0);

    return dm_bytes(tag.data, tag.len);
}

int native_attachment(struct dm_object *host, struct dm_socket *socket,
                      const struct dm_value **value)
{
    struct blob *attachment = socket_attachment(inner(socket));

    if (attachment == NULL)
        return DM_NONE;
    return value_read(blob_bytes(attachment), &host->scratch, value, &host->why) == 0 ? 0
                                                                                      : DM_ERROR;
}

int native_set_attachment(struct dm_object *host, struct dm_socket *socket,
                          const struct dm_value *value)
{
    struct buf bytes = {0};
    struct blob *attachment;

    if (value_write(&bytes, value, LIMIT_WS_ATTACHMENT_BYTES, &host->why) != 0) {
        buf_fini(&bytes);
        return DM_ERROR;
    }
    attachment = blob_take_buf(&bytes);
    socket_set_attachment(inner(socket), attachment);
    blob_unref(attachment);
    return 0;
}

void *native_socket_data(struct dm_socket *socket)
{
    return socket_wrapper(inner(socket));
}

void native_set_socket_data(struct dm_socket *socket, void *data)
{
    socket_set_wrapper(inner(socket), data);
}

int native_set_auto_response(struct dm_object *host, const char *request, const char *response)
{
    struct blob *pair[2];
    int r;

    if (!host_usable(host, &r))
        return r;
    if (request == NULL || response == NULL) {
        object_set_auto_response(host->object, NULL, NULL);
        return 0;
    }
    if (strlen(request) > LIMIT_WS_AUTO_RESPONSE_BYTES ||
        strlen(response) > LIMIT_WS_AUTO_RESPONSE_BYTES)
        return host_error(host, "Request and response cannot be larger than %d bytes each.",
                          LIMIT_WS_AUTO_RESPONSE_BYTES);
    pair[0] = blob_create(request, strlen(request));
    pair[1] = blob_create(response, strlen(response));
    object_set_auto_response(host->object, pair[0], pair[1]);
    blob_unref(pair[0]);
    blob_unref(pair[1]);
    return 0;
}

int64_t native_auto_response_ms(struct dm_socket *socket)
{
    return socket_auto_response_time_ms(inner(socket));
}
