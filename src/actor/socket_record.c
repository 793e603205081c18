#include "actor/object_state.h"
#include "actor/socket.h"
#include "actor/socket_state.h"
#include "actor/tags.h"
#include "base/blob.h"
#include "base/mem.h"

/*
 * What is remembered about sockets while nobody looks: tags, attachment, protocol, auto-response.
 */

size_t socket_tag_count(const struct socket *socket)
{
    return tags_count(socket->tags);
}

struct bytes socket_tag(const struct socket *socket, size_t index)
{
    return tags_get(socket->tags, index);
}

void socket_set_attachment(struct socket *socket, struct blob *attachment)
{
    struct blob *before = socket->attachment;

    socket->attachment = attachment != NULL ? blob_ref(attachment) : NULL;
    blob_unref(before);
}

struct blob *socket_attachment(const struct socket *socket)
{
    return socket->attachment;
}

int64_t socket_auto_response_time_ms(const struct socket *socket)
{
    return socket->auto_response_ms;
}

void socket_set_protocol(struct socket *socket, const char *protocol, const char *extensions)
{
    mem_free(socket->protocol);
    mem_free(socket->extensions);
    socket->protocol = mem_strdup(protocol);
    socket->extensions = mem_strdup(extensions);
}

const char *socket_protocol(const struct socket *socket)
{
    return socket->protocol != NULL ? socket->protocol : "";
}

const char *socket_extensions(const struct socket *socket)
{
    return socket->extensions != NULL ? socket->extensions : "";
}

void *socket_wrapper(const struct socket *socket)
{
    return socket->wrapper;
}

void socket_set_wrapper(struct socket *socket, void *wrapper)
{
    socket->wrapper = wrapper;
}

/* ---- of an object ---- */

void object_sockets(struct object *object, const struct bytes *tag,
                    void (*each)(void *data, struct socket *socket), void *data)
{
    struct list *link = tag != NULL ? object->sockets.next : object->sockets.prev;

    while (link != &object->sockets) {
        struct socket *socket = container_of(link, struct socket, link);

        link = tag != NULL ? link->next : link->prev;
        if (socket->left || socket->hidden)
            continue;
        if (tag == NULL || tags_contain(socket->tags, *tag))
            each(data, socket);
    }
}

static struct socket_rules *rules_of(struct object *object)
{
    if (object->rules == NULL)
        object->rules = mem_new(struct socket_rules);
    return object->rules;
}

void object_set_auto_response(struct object *object, struct blob *request, struct blob *response)
{
    struct socket_rules *rules = rules_of(object);
    struct list *link;

    if (request != NULL)
        blob_ref(request);
    if (response != NULL)
        blob_ref(response);
    blob_unref(rules->request);
    blob_unref(rules->response);
    rules->request = request;
    rules->response = response;
    list_for_each (link, &object->sockets) {
        struct socket_wire *wire = container_of(link, struct socket, link)->wire;

        if (wire != NULL)
            wire->ops->set_auto_response(wire, request, response);
    }
}

void object_auto_response(const struct object *object, struct blob **request,
                          struct blob **response)
{
    *request = object->rules != NULL ? object->rules->request : NULL;
    *response = object->rules != NULL ? object->rules->response : NULL;
}

void object_set_socket_event_timeout(struct object *object, int64_t timeout_ms)
{
    rules_of(object)->event_timeout_ms = timeout_ms;
}

int64_t object_socket_event_timeout(const struct object *object)
{
    return object->rules != NULL ? object->rules->event_timeout_ms : 0;
}
