#pragma once

/*
 * Body
 *
 * Headers and bodies between dormouse.h and actor/fetch.h. For the files of native/ only.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dormouse/dormouse.h"

struct arena;
struct blob;
struct fetch_body;

/* Takes what `source` holds; NULL if it holds nothing. One reference. */
struct dm_body *body_open(struct dm_object *host, struct fetch_body *source);
/* What it holds goes back; nobody may be reading. */
void body_give_back(struct dm_body *body, struct fetch_body *source);
void body_unref(struct dm_body *body); /* NULL is allowed */
struct dm_bytes body_whole(const struct dm_body *body);

struct blob *headers_of(const struct dm_header *headers, size_t count);
/* Borrowed from `block`; the array is in `arena`. */
const struct dm_header *headers_show(struct blob *block, struct arena *arena, size_t *count);

struct fetch_response;
/* What `response` describes; NULL with words in why(). */
struct fetch_response *response_make(struct dm_object *host, const struct dm_response *response);
/* Takes the pipe's reading end for an answer; false: taken before. */
bool stream_take(struct dm_stream *stream, struct fetch_body *body);
