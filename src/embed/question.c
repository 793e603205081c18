#include "embed/question.h"

#include <string.h>

#include "actor/event.h"
#include "actor/failure.h"
#include "actor/fetch.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "native/body.h"
#include "native/value.h"

struct question *question_create(dm_answer_fn *answer, void *data)
{
    struct question *question = mem_new(struct question);

    question->answer = answer;
    question->data = data;
    return question;
}

void question_free(struct question *question)
{
    event_destroy(question->event);
    fetch_response_destroy(question->source);
    blob_unref(question->value);
    buf_fini(&question->body);
    arena_fini(&question->memory);
    mem_free(question->name);
    mem_free(question);
}

/* ---- the answer ---- */

static void tell(struct question *question)
{
    bool kept = question->kept; /* afterwards it may be gone */

    question->answer(question->data, &question->reply);
    if (!kept)
        question_free(question);
}

static void tell_error(struct question *question, const char *why)
{
    question->reply = (struct dm_reply){
        .error = arena_string(&question->memory, bytes_of_string(why)),
    };
    tell(question);
}

void question_refuse(struct question *question, const char *why)
{
    tell_error(question, why);
}

static void tell_failure(struct question *question, struct failure *failure)
{
    question->reply.retryable = (failure->flags & FAILURE_RETRYABLE) != 0;
    question->reply.overloaded = (failure->flags & FAILURE_OVERLOADED) != 0;
    question->reply.error = arena_string(&question->memory, bytes_of_string(failure->message));
    failure_unref(failure);
    tell(question);
}

static void tell_value(struct question *question, struct blob *value)
{
    struct err_text why = {0};

    question->value = value;
    if (value_read(blob_bytes(value), &question->memory, &question->reply.value, &why) != 0)
        tell_error(question, why.text);
    else
        tell(question);
}

static void tell_response(struct question *question, struct bytes body)
{
    struct dm_response *response = &question->response;

    response->status = question->source->status;
    response->headers =
        headers_show(question->source->headers, &question->memory, &response->header_count);
    response->content = dm_bytes(body.data, body.len);
    response->body_length = (int64_t)body.len;
    question->reply.response = response;
    tell(question);
}

/* The writer is told to stop. */
static void leave_body(struct question *question)
{
    pipe_leave_reader(question->source->body.pipe);
    question->source->body.pipe = NULL;
}

static void collect(struct pipe_watch *watch)
{
    struct question *question = container_of(watch, struct question, watch);
    struct failure *failure = NULL;
    struct blob *piece;
    int r;

    while ((r = pipe_read(question->source->body.pipe, &piece, &failure)) == 0) {
        struct bytes bytes = blob_bytes(piece);
        bool fits = bytes.len <= LIMIT_CALL_BYTES - question->body.len;

        if (fits)
            buf_append_bytes(&question->body, bytes);
        blob_unref(piece);
        if (!fits) {
            leave_body(question);
            tell_error(question, "The body of the response is larger than 32 MiB.");
            return;
        }
    }
    if (r == PIPE_READ_EMPTY)
        return;
    leave_body(question);
    if (r == PIPE_READ_FAILED)
        tell_failure(question, failure);
    else
        tell_response(question, buf_bytes(&question->body));
}

static void show_response(struct question *question, struct fetch_response *response)
{
    struct fetch_body *body = &response->body;

    question->source = response;
    if (response->socket != NULL) {
        tell_error(question, "The answer is a WebSocket, which only a client can have.");
        return;
    }
    if (body->pipe == NULL) {
        tell_response(question, body->whole != NULL ? blob_bytes(body->whole) : bytes_of(NULL, 0));
        return;
    }
    question->watch = (struct pipe_watch){.news = collect, .shard = question->shard};
    pipe_watch_reader(body->pipe, &question->watch);
    collect(&question->watch);
}

static void replied(struct event *event, struct event_result *result)
{
    struct question *question = event->reply_data;

    if (result->failure != NULL)
        tell_failure(question, result->failure);
    else if (result->response != NULL)
        show_response(question, result->response);
    else
        tell_value(question, result->value);
    cargo_destroy(result->cargo); /* references mean nothing here */
    *result = (struct event_result){0};
}

/* ---- the question ---- */

static void event_open(struct question *question, enum event_kind kind)
{
    question->event = event_create(kind);
    question->event->reply = replied;
    question->event->reply_data = question;
}

bool question_call(struct question *question, const char *method, const struct dm_value *arguments,
                   size_t count)
{
    struct err_text why = {0};
    struct buf bytes = {0};

    if (value_write_array(&bytes, arguments, count, LIMIT_CALL_BYTES, &why) != 0) {
        buf_fini(&bytes);
        question_refuse(question, why.text);
        return false;
    }
    event_open(question, EVENT_CALL);
    question->event->call.method = mem_strdup(method);
    question->event->call.arguments = blob_take_buf(&bytes);
    return true;
}

bool question_fetch(struct question *question, const struct dm_request *from)
{
    struct fetch_request *request;

    if (from->url == NULL || strstr(from->url, "://") == NULL) {
        question_refuse(question, "A request needs an absolute URL.");
        return false;
    }
    request = fetch_request_create(from->method != NULL ? from->method : "GET", from->url);
    request->headers = headers_of(from->headers, from->header_count);
    request->body.length = -1;
    if (from->content.len > 0) {
        request->body.whole = blob_create(from->content.data, from->content.len);
        request->body.length = (int64_t)from->content.len;
    }
    event_open(question, EVENT_FETCH);
    question->event->fetch.request = request;
    return true;
}

static void on_shard(struct message *message)
{
    struct question *question = container_of(message, struct question, message);
    struct event *event = question->event;

    question->event = NULL;
    shard_send(question->shard, question->ns, &question->id, question->name, event);
}

void question_send(struct question *question)
{
    question->message.run = on_shard;
    shard_post(question->shard, &question->message);
}
