#include "actor/event.h"

#include <stddef.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "actor/object_state.h"
#include "actor/parcel.h"
#include "actor/socket.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"

struct event *event_create(enum event_kind kind)
{
    struct parcel *parcel = mem_new(struct parcel);

    parcel->event.kind = kind;
    list_init(&parcel->link);
    list_init(&parcel->wait.link);
    return &parcel->event;
}

struct parcel *parcel_of(struct event *event)
{
    return container_of(event, struct parcel, event);
}

static void free_content(struct event *event)
{
    switch (event->kind) {
    case EVENT_FETCH: fetch_request_destroy(event->fetch.request); break;
    case EVENT_CALL:
        mem_free(event->call.method);
        blob_unref(event->call.arguments);
        cargo_destroy(event->call.cargo);
        break;
    case EVENT_MESSAGE:
    case EVENT_CLOSE:
    case EVENT_ERROR:
        blob_unref(event->socket.data);
        mem_free(event->socket.reason);
        failure_unref(event->socket.failure);
        socket_unref(event->socket.socket);
        break;
    case EVENT_ALARM: break;
    }
}

void event_destroy(struct event *event)
{
    struct parcel *parcel;

    if (event == NULL)
        return;

    parcel = parcel_of(event);
    ASSERT(parcel->life == NULL);
    ASSERT(parcel->state == PARCEL_NEW || parcel->state == PARCEL_ANSWERED);
    free_content(event);
    section_unref(parcel->wait.origin);
    event_result_fini(&parcel->result);
    mem_free(parcel->name);
    mem_free(parcel);
}

void cargo_destroy(struct cargo *cargo)
{
    if (cargo != NULL)
        cargo->destroy(cargo);
}

void event_result_fini(struct event_result *result)
{
    failure_unref(result->failure);
    fetch_response_destroy(result->response);
    blob_unref(result->value);
    cargo_destroy(result->cargo);
    *result = (struct event_result){0};
}

/* ---- the way back ---- */

static void reply_here(struct parcel *parcel)
{
    struct event_result result = parcel->result;

    parcel->result = (struct event_result){0};
    if (parcel->event.reply != NULL)
        parcel->event.reply(&parcel->event, &result);
    else
        event_result_fini(&result);
    event_destroy(&parcel->event);
}

static void reply_arrived(struct message *message)
{
    reply_here(container_of(message, struct parcel, message));
}

static void leave_life(struct parcel *parcel)
{
    list_remove(&parcel->link);
    parcel->life = NULL;
    parcel->event.object = NULL;
    parcel->state = PARCEL_ANSWERED;
}

void parcel_answer(struct parcel *parcel, struct shard *here)
{
    leave_life(parcel);
    if (parcel->sender == here) {
        reply_here(parcel);
        return;
    }
    parcel->message.run = reply_arrived;
    shard_post(parcel->sender, &parcel->message);
}

void parcel_refuse(struct parcel *parcel, struct failure *failure)
{
    event_result_fini(&parcel->result);
    parcel->result.failure = failure_ref(failure);
    leave_life(parcel);
    parcel->message.run = reply_arrived;
    shard_post(parcel->sender, &parcel->message);
}
