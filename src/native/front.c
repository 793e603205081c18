/* The front of a shard: a host without an object, and events that are a server's requests. */

#include "actor/failure.h"
#include "actor/fetch.h"
#include "base/mem.h"
#include "native/host.h"

static void answer_now(struct dm_event *event)
{
    struct event_result result = event->result;

    event->result = (struct event_result){0};
    event->host->home->front_events--;
    event->reply(event->reply_data, &result);
    list_remove(&event->link);
    event->host = NULL;
    if (!event->queued)
        event_free(event);
}

static void answer_run(struct message *message)
{
    struct dm_event *event = container_of(message, struct dm_event, message);

    event->queued = false;
    if (event->host != NULL)
        answer_now(event);
    else
        event_free(event); /* answered by front_end() */
}

void front_answer(struct dm_event *event)
{
    event->queued = true;
    event->message.run = answer_run;
    shard_post(event->host->home->options.shard, &event->message);
}

static int front_open(struct native_shard *home)
{
    const struct dm_front *front = native_front(home->options.native);
    struct dm_object *host;
    int r = 0;

    if (home->front != NULL)
        return 0;
    host = host_create(home, NULL);
    home->front = host;
    if (front->construct != NULL)
        r = front->construct(host, &host->self);
    host_leave(host);
    return r;
}

void native_fetch(struct native_shard *home, struct fetch_request *request,
                  void (*reply)(void *data, struct event_result *result), void *data)
{
    const struct dm_front *front = native_front(home->options.native);
    int r = front_open(home);
    struct dm_event *event = event_open(home->front, EVENT_FETCH, NULL);

    event->request = request;
    event->reply = reply;
    event->reply_data = data;
    home->front_events++;
    event_show_request(event, request);
    if (r >= 0)
        r = front->fetch(home->front->self, home->front, event, &event->view);
    event_handled(event, r);
    host_leave(home->front);
}

size_t native_busy(const struct native_shard *home)
{
    return home->front_events;
}

void front_end(struct native_shard *home)
{
    const struct dm_front *front = native_front(home->options.native);
    struct dm_object *host = home->front;

    if (host == NULL)
        return;
    host->over = true;
    if (front->destroy != NULL && host->self != NULL)
        front->destroy(host->self);
    while (!list_empty(&host->events)) {
        struct dm_event *event = container_of(list_first(&host->events), struct dm_event, link);

        if (event->result.response == NULL && event->result.failure == NULL)
            event->result.failure =
                failure_create("Error", "The server is shutting down.", NULL, FAILURE_RETRYABLE);
        answer_now(event);
    }
    host_destroy(host);
    home->front = NULL;
}
