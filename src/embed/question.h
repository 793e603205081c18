#pragma once

/*
 * Question
 *
 * A call or a fetch that a thread of the program makes: it goes to the object's shard, from there
 * to the object, and comes back with one answer. Made and asked on any thread; the answer comes on
 * a shard's thread, or inside question_refuse().
 */

#include <stdbool.h>

#include "actor/namespace.h"
#include "actor/pipe.h"
#include "actor/shard.h"
#include "base/arena.h"
#include "base/buf.h"
#include "dormouse/embed.h"

struct blob;
struct event;
struct event_result;
struct fetch_response;

struct question {
    struct message message;
    struct shard *shard;  /* the object's */
    struct namespace *ns; /* borrowed */
    struct object_id id;
    char *name;          /* owned; NULL: not known */
    struct event *event; /* owned until it is sent */
    dm_answer_fn *answer;
    void *data;
    /* Whoever waits gets the question itself and frees it; else it goes after answer(). */
    bool kept;
    struct dm_reply reply;
    struct dm_response response;
    struct fetch_response *source; /* owned: what `response` borrows from */
    struct blob *value;            /* owned reference */
    struct pipe_watch watch;       /* while the body comes */
    struct buf body;
    struct arena memory;
};

/* Never NULL. An event that is NULL is refused by question_ask(). */
struct question *question_create(dm_answer_fn *answer, void *data);
void question_free(struct question *question);

/* Sets what is asked; false, and refused with words, if it cannot be sent. */
bool question_call(struct question *question, const char *method, const struct dm_value *arguments,
                   size_t count);
bool question_fetch(struct question *question, const struct dm_request *request);

/* To its shard. */
void question_send(struct question *question);

/* Answers at once. */
void question_refuse(struct question *question, const char *why);
