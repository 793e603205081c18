/* Namespaces, and calls of other objects and other servers. */

#include "native/stub.h"

#include <string.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/namespace.h"
#include "actor/output_gate.h"
#include "actor/socket.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "native/host.h"
#include "native/value.h"
#include "os/os.h"

/* ---- namespaces and ids ---- */

static struct namespace *inner(struct dm_ns *ns)
{
    return (struct namespace *)ns;
}

static void id_out(const struct object_id *from, struct dm_id *id)
{
    memcpy(id->bytes, from->bytes, sizeof id->bytes);
}

static struct object_id id_in(const struct dm_id *from)
{
    struct object_id id;

    memcpy(id.bytes, from->bytes, sizeof id.bytes);
    return id;
}

int native_ns(struct dm_object *host, const char *name, struct dm_ns **ns)
{
    const struct native_options *options = &host->home->options;

    for (size_t i = 0; i < options->namespace_count; i++) {
        if (name[0] != '%' && strcmp(namespace_class_name(options->namespaces[i]), name) == 0) {
            *ns = (struct dm_ns *)options->namespaces[i];
            return 0;
        }
    }
    return host_error(host, "There is no class %s in this project.", name);
}

void native_id_from_name(struct dm_ns *ns, const char *name, struct dm_id *id)
{
    struct object_id made;

    object_id_from_name(inner(ns), bytes_of_string(name), &made);
    id_out(&made, id);
}

int native_id_from_string(struct dm_ns *ns, const char *hex, struct dm_id *id)
{
    struct object_id made;

    if (object_id_from_string(inner(ns), bytes_of_string(hex), &made) != 0)
        return DM_ERROR;
    id_out(&made, id);
    return 0;
}

void native_id_unique(struct dm_ns *ns, struct dm_id *id)
{
    struct object_id made;

    object_id_unique(inner(ns), os_real(), &made);
    id_out(&made, id);
}

void native_id_format(const struct dm_id *id, char text[DM_ID_TEXT])
{
    struct object_id from = id_in(id);

    object_id_format(&from, text);
}

/* ---- what is under way ---- */

/* One call or request, from where it is made until its callback has returned or the caller is gone.
 * It waits at the caller's output gate first. */
struct outgoing {
    struct output_gate_wait gate;
    struct later later;
    struct native_shard *home;
    struct namespace *ns; /* NULL: HTTP */
    struct object_id id;
    char *name;
    struct event *event;           /* until it is sent */
    struct fetch_request *request; /* HTTP: until it is sent */
    void *transfer;                /* HTTP: under way */
    struct event_result result;
    struct dm_event *forwarded; /* its answer is this event's; else, or if it fails, reply() */
    const struct dm_peer *peer; /* a WebSocket: instead of reply() */
    struct socket *socket;      /* owned reference: of a server; until it is told */
    stub_shape_fn *shape;       /* of an answer; NULL: as it is */
    dm_reply_fn *reply;
    void *data;
    unsigned refs; /* the later's, and that of what is under way */
};

static void outgoing_unref(struct outgoing *out)
{
    if (--out->refs > 0)
        return;
    if (out->event != NULL)
        event_destroy(out->event);
    fetch_request_destroy(out->request);
    event_result_fini(&out->result);
    if (out->socket != NULL)
        peer_abandon(out->socket);
    mem_free(out->name);
    mem_free(out);
}

static void settle(struct outgoing *out, struct event_result *result)
{
    out->result = *result;
    *result = (struct event_result){0};
    if (out->later.host != NULL)
        later_ready(&out->later);
    outgoing_unref(out);
}

static void stub_replied(struct event *event, struct event_result *result)
{
    settle(event->reply_data, result);
}

static void http_done(void *user, struct event_result *result)
{
    struct outgoing *out = user;

    out->transfer = NULL;
    settle(out, result);
}

static void connected(void *user, struct event_result *result, struct socket *socket)
{
    struct outgoing *out = user;

    out->socket = socket;
    http_done(out, result);
}

static void gate_passed(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct outgoing *out = container_of(gate, struct outgoing, gate);
    struct event *event = out->event;
    const struct native_http *http = &out->home->options.http;
    struct fetch_request *request = out->request;

    if (verdict == OUTPUT_GATE_DISCARD || out->later.host == NULL) {
        outgoing_unref(out);
        return;
    }
    out->event = NULL;
    out->request = NULL;
    if (out->ns != NULL)
        shard_send(out->home->options.shard, out->ns, &out->id, out->name, event);
    else if (out->peer != NULL)
        out->transfer = http->connect(http->data, request, connected, out);
    else
        out->transfer = http->start(http->data, request, http_done, out);
}

static void outgoing_drop(struct later *later)
{
    struct outgoing *out = container_of(later, struct outgoing, later);

    if (out->transfer != NULL) {
        out->home->options.http.cancel(out->transfer);
        out->transfer = NULL;
        outgoing_unref(out);
    }
    outgoing_unref(out);
}

/* ---- answers ---- */

static void show_response(struct dm_object *host, struct fetch_response *from,
                          struct dm_response *response)
{
    response->status = from->status;
    response->headers = headers_show(from->headers, &host->scratch, &response->header_count);
    response->body_length = from->body.whole != NULL  ? (int64_t)blob_bytes(from->body.whole).len
                            : from->body.pipe != NULL ? from->body.length
                                                      : 0;
    response->body = body_open(host, &from->body);
    response->content = body_whole(response->body);
}

/* The socket that came with the answer, loose; NULL: none. A reference of the caller's. */
static struct socket *socket_take(struct outgoing *out)
{
    struct fetch_response *response = out->result.response;
    struct socket *socket = out->socket;
    struct socket_far *far;

    out->socket = NULL;
    if (socket != NULL || response == NULL || response->socket == NULL)
        return socket;
    far = response->socket;
    response->socket = NULL;
    return socket_far_open(far, out->home->options.shard);
}

static void tell(struct outgoing *out, struct dm_object *host)
{
    struct event_result *result = &out->result;
    struct dm_response response = {0};
    struct dm_reply reply = {0};
    const struct dm_value *value;

    if (result->failure != NULL) {
        reply.error = result->failure->message;
        reply.retryable = (result->failure->flags & FAILURE_RETRYABLE) != 0;
        reply.overloaded = (result->failure->flags & FAILURE_OVERLOADED) != 0;
    } else if (result->response != NULL) {
        show_response(host, result->response, &response);
        reply.response = &response;
    } else if (value_read(blob_bytes(result->value), &host->scratch, &value, &host->why) == 0) {
        reply.value = out->shape != NULL ? out->shape(host, value) : value;
    }
    if (reply.error == NULL && reply.response == NULL && reply.value == NULL)
        reply.error = host->why.text;
    if (out->peer != NULL)
        peer_open(host, out->peer, out->data, socket_take(out), &reply);
    else if (out->reply != NULL)
        out->reply(host->self, host, out->data, &reply);
    body_unref(response.body);
}

static void outgoing_run(struct later *later, struct dm_object *host)
{
    struct outgoing *out = container_of(later, struct outgoing, later);
    struct failure *remote;

    if (out->forwarded == NULL) {
        tell(out, host);
    } else if (out->result.failure != NULL && out->reply != NULL) {
        out->forwarded->forwarded = false;
        tell(out, host);
    } else {
        if (out->result.failure != NULL) {
            remote = failure_with_flags(out->result.failure, FAILURE_REMOTE);
            failure_unref(out->result.failure);
            out->result.failure = remote;
        }
        event_answer(out->forwarded, &out->result);
    }
    outgoing_unref(out);
}

static struct outgoing *outgoing_create(struct dm_object *host, dm_reply_fn *reply, void *data)
{
    struct outgoing *out = mem_new(struct outgoing);

    out->home = host->home;
    out->reply = reply;
    out->data = data;
    out->refs = 2;
    out->gate.cb = gate_passed;
    out->later.run = outgoing_run;
    out->later.drop = outgoing_drop;
    return out;
}

static int start(struct outgoing *out, struct dm_object *host)
{
    later_bind(&out->later, host, HOLD_IO);
    if (host->object != NULL)
        object_say(host->object, &out->gate);
    else
        gate_passed(&out->gate, OUTPUT_GATE_GO);
    return 0;
}

static int send_event(struct outgoing *out, struct dm_object *host, struct dm_ns *ns,
                      const struct dm_id *id, const char *name, struct event *event)
{
    out->ns = inner(ns);
    out->id = id_in(id);
    out->name = mem_strdup(name);
    out->event = event;
    event->reply = stub_replied;
    event->reply_data = out;
    return start(out, host);
}

/* ---- calls ---- */

static struct fetch_request *request_make(const struct dm_request *from)
{
    struct fetch_request *request =
        fetch_request_create(from->method != NULL ? from->method : "GET", from->url);

    request->headers = headers_of(from->headers, from->header_count);
    request->body.length = -1;
    if (from->content.len > 0) {
        request->body.whole = blob_create(from->content.data, from->content.len);
        request->body.length = (int64_t)from->content.len;
    }
    return request;
}

int native_stub_fetch(struct dm_object *host, struct dm_ns *ns, const struct dm_id *id,
                      const char *name, const struct dm_request *request, dm_reply_fn *reply,
                      void *data)
{
    struct event *event;
    int r;

    if (!host_alive(host, &r))
        return r;
    if (request->url == NULL)
        return host_error(host, "A request needs a URL.");
    event = event_create(EVENT_FETCH);
    event->fetch.request = request_make(request);
    return send_event(outgoing_create(host, reply, data), host, ns, id, name, event);
}

static int call_make(struct dm_object *host, const char *method, const struct dm_value *arguments,
                     size_t count, struct event **out)
{
    struct buf bytes = {0};
    struct event *event;
    int r;

    if (!host_alive(host, &r))
        return r;
    if (value_write_array(&bytes, arguments, count, LIMIT_CALL_BYTES, &host->why) != 0) {
        buf_fini(&bytes);
        return DM_ERROR;
    }
    event = event_create(EVENT_CALL);
    event->call.method = mem_strdup(method);
    event->call.arguments = blob_take_buf(&bytes);
    *out = event;
    return 0;
}

int native_stub_call(struct dm_object *host, struct dm_ns *ns, const struct dm_id *id,
                     const char *name, const char *method, const struct dm_value *arguments,
                     size_t count, dm_reply_fn *reply, void *data)
{
    struct event *event;
    int r = call_make(host, method, arguments, count, &event);

    return r < 0 ? r : send_event(outgoing_create(host, reply, data), host, ns, id, name, event);
}

int stub_ask(struct dm_object *host, struct dm_ns *ns, const char *name, const char *method,
             const struct dm_value *arguments, size_t count, stub_shape_fn *shape,
             dm_reply_fn *reply, void *data)
{
    struct outgoing *out;
    struct event *event;
    struct dm_id id;
    int r = call_make(host, method, arguments, count, &event);

    if (r < 0)
        return r;
    native_id_from_name(ns, name, &id);
    out = outgoing_create(host, reply, data);
    out->shape = shape;
    return send_event(out, host, ns, &id, name, event);
}

/* As a client asks for a WebSocket; whoever looks at headers finds it there, too. */
static struct fetch_request *upgrade_make(const struct dm_request *from)
{
    struct dm_request request = {.url = from->url, .header_count = from->header_count};
    struct dm_header headers[LIMIT_HTTP_HEADERS];
    struct fetch_request *made;

    if (request.header_count > LIMIT_HTTP_HEADERS - 1)
        request.header_count = LIMIT_HTTP_HEADERS - 1;
    if (request.header_count > 0)
        memcpy(headers, from->headers, request.header_count * sizeof *headers);
    if (native_header(from, "upgrade") == NULL)
        headers[request.header_count++] = (struct dm_header){"Upgrade", "websocket"};
    request.headers = headers;
    made = request_make(&request);
    made->upgrade = true;
    return made;
}

int native_stub_connect(struct dm_object *host, struct dm_ns *ns, const struct dm_id *id,
                        const char *name, const struct dm_request *request,
                        const struct dm_peer *peer, void *data)
{
    struct outgoing *out;
    struct event *event;
    int r;

    if (!host_usable(host, &r))
        return r;
    if (request->url == NULL)
        return host_error(host, "A request needs a URL.");
    event = event_create(EVENT_FETCH);
    event->fetch.request = upgrade_make(request);
    out = outgoing_create(host, NULL, data);
    out->peer = peer;
    return send_event(out, host, ns, id, name, event);
}

int native_connect(struct dm_object *host, const struct dm_request *request,
                   const struct dm_peer *peer, void *data)
{
    struct outgoing *out;
    int r;

    if (!host_usable(host, &r))
        return r;
    if (host->home->options.http.connect == NULL)
        return host_error(host, "There is no HTTP client here.");
    if (request->url == NULL)
        return host_error(host, "A request needs a URL.");
    out = outgoing_create(host, NULL, data);
    out->peer = peer;
    out->request = request_make(request);
    return start(out, host);
}

int native_fetch_out(struct dm_object *host, const struct dm_request *request, dm_reply_fn *reply,
                     void *data)
{
    struct outgoing *out;
    int r;

    if (!host_alive(host, &r))
        return r;
    if (host->home->options.http.start == NULL)
        return host_error(host, "There is no HTTP client here.");
    if (request->url == NULL)
        return host_error(host, "A request needs a URL.");
    out = outgoing_create(host, reply, data);
    out->request = request_make(request);
    return start(out, host);
}

/* The request as it came, with what `as` has in place of it. `keep`: all but its body stays with
 * the event. */
static struct fetch_request *request_taken(struct dm_event *event, const struct dm_request *as,
                                           bool keep)
{
    struct fetch_request **place = event_request(event);
    struct fetch_request *old = *place;
    struct fetch_request *request;
    const char *url = as != NULL && as->url != NULL ? as->url : old->url;

    body_give_back(event->view.body, &old->body);
    if (!keep && (as == NULL || (as->url == NULL && as->headers == NULL))) {
        *place = NULL;
        return old;
    }
    request = fetch_request_create(old->method, url);
    request->upgrade = old->upgrade;
    request->body = old->body;
    old->body = (struct fetch_body){0};
    request->cf = old->cf != NULL ? blob_ref(old->cf) : NULL;
    if (as != NULL && as->headers != NULL)
        request->headers = headers_of(as->headers, as->header_count);
    else if (old->headers != NULL)
        request->headers = blob_ref(old->headers);
    return request; /* the view of the old one lives on with the event */
}

int native_try_forward(struct dm_event *event, struct dm_ns *ns, const struct dm_id *id,
                       const char *name, const struct dm_request *as, dm_reply_fn *failed,
                       void *data)
{
    struct dm_object *host = event->host;
    struct outgoing *out;
    struct event *sent;
    int r;

    if (!host_alive(host, &r))
        return r;
    if (event->answered || event->kind != EVENT_FETCH || event->forwarded)
        return host_error(host, "The event is no request, or was answered.");
    event->forwarded = true;
    sent = event_create(EVENT_FETCH);
    sent->fetch.request = request_taken(event, as, failed != NULL);
    out = outgoing_create(host, failed, data);
    out->forwarded = event;
    return send_event(out, host, ns, id, name, sent);
}

int native_forward(struct dm_event *event, struct dm_ns *ns, const struct dm_id *id,
                   const char *name, const struct dm_request *as)
{
    return native_try_forward(event, ns, id, name, as, NULL, NULL);
}
