#include "actor/fetch.h"

#include <stddef.h>

#include "actor/pipe.h"
#include "actor/socket.h"
#include "base/blob.h"
#include "base/mem.h"

struct fetch_request *fetch_request_create(const char *method, const char *url)
{
    struct fetch_request *request = mem_new(struct fetch_request);

    request->method = mem_strdup(method);
    request->url = mem_strdup(url);
    return request;
}

void fetch_request_destroy(struct fetch_request *request)
{
    if (request == NULL)
        return;

    mem_free(request->method);
    mem_free(request->url);
    blob_unref(request->headers);
    blob_unref(request->cf);
    fetch_body_fini(&request->body);
    mem_free(request);
}

struct fetch_response *fetch_response_create(unsigned status)
{
    struct fetch_response *response = mem_new(struct fetch_response);

    response->status = status;
    return response;
}

void fetch_response_destroy(struct fetch_response *response)
{
    if (response == NULL)
        return;

    mem_free(response->reason);
    blob_unref(response->headers);
    fetch_body_fini(&response->body);
    socket_far_drop(response->socket);
    mem_free(response);
}

/* Whoever holds a body is the reader of its pipe: one that nobody will read stops its writer. */
void fetch_body_fini(struct fetch_body *body)
{
    blob_unref(body->whole);
    if (body->pipe != NULL)
        pipe_leave_reader(body->pipe);
    *body = (struct fetch_body){0};
}
