#pragma once

/*
 * A request to the API of the chat
 *
 * Who asks, from where, and the answers, which say to browsers what pages of other sites may see of
 * them. Cookies come along with requests of any page, WebSockets included: what a foreign page may
 * do is decided here, not by the browser.
 */

#include "chat.h"

/* Lives as long as its event. */
struct ask {
    struct dm_object *front;
    struct dm_event *event;
    const struct dm_request *request;
    const char *friend_origin;     /* the other site whose page asks; NULL: none, or ours */
    char user[NAME_SIZE];          /* "": nobody who is signed in */
    char name[NAME_SIZE];          /* theirs, as they write it */
    int (*known)(struct ask *ask); /* what goes on when it is known who asks */
};

/* NULL: the page of a site that is not among those of ALLOWED_ORIGINS. */
struct ask *ask_open(struct dm_object *front, struct dm_event *event,
                     const struct dm_request *request);

bool ask_is(const struct ask *ask, const char *method);

/* Answers. Of `head`, which may be NULL, status and headers count: at most ASK_HEADERS_MAX. */
#define ASK_HEADERS_MAX 4
int ask_answer(struct ask *ask, const struct dm_response *head, const struct dm_value *body);
/* {"error": words}, and a header or NULL. */
int ask_refuse(struct ask *ask, unsigned status, const char *words, const struct dm_header *header);
int ask_preflight(struct ask *ask);
/* A call has failed. */
void ask_failed(struct ask *ask, const struct dm_reply *reply);
