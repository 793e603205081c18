#pragma once

/*
 * What fronts and classes in C write again and again. Copy it, or take from it what you need.
 * Functions that return int return what functions of the API return.
 */

#include <dormouse/dormouse.h>

/* The table; dm_library_init() of the front sets it. */
extern const struct dm_api *dm;

#define WEB_DIGITS   "0123456789"
#define WEB_LOWER    "abcdefghijklmnopqrstuvwxyz"
#define WEB_WORD     WEB_DIGITS WEB_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WEB_BODY_MAX (256 * 1024)

/* ---- paths: take it apart from the left; what is left must be empty ---- */

bool web_take(struct dm_bytes *path, const char *text);
/* 1 to size - 1 of the allowed characters; as many as there are. */
bool web_take_word(struct dm_bytes *path, const char *allowed, char *word, size_t size);

/* ---- answers ---- */

/* {"error": words} */
int web_error(struct dm_event *event, unsigned status, const char *words);
int web_not_allowed(struct dm_event *event, const char *allow); /* NULL: no Allow header */
/* HTML for GET and HEAD, which loads nothing from elsewhere; 405 for all others. */
int web_page(struct dm_event *event, const struct dm_request *request, struct dm_bytes html);
/* Of a callback: an event that could not be answered fails with the words of the object. */
void web_settle(struct dm_object *object, struct dm_event *event, int r);
/* A call has failed: 503 when the object is overloaded (more load is the last thing that it needs:
 * no retry), otherwise as if it had failed here. */
void web_failed(struct dm_event *event, const struct dm_reply *reply);
/* A dm_reply_fn; data: the event, which gets the value with status 200. */
void web_pass_on(void *instance, struct dm_object *front, void *data, const struct dm_reply *reply);

/* ---- objects ---- */

/* stub_call() by the name of the class and of the object. DM_LATER, or negative. */
int web_call(struct dm_object *front, const char *class_name, const char *name, const char *method,
             const struct dm_value *arguments, size_t count, dm_reply_fn *reply, void *data);

/* ---- values ---- */

/* A whole number from least to most. `value` may be NULL. */
bool web_integer(const struct dm_value *value, int64_t least, int64_t most, int64_t *integer);
/* A number among the variables of the configuration. */
int web_variable(struct dm_object *object, const char *name, int64_t *integer);

/* ---- SQL ---- */

/* On the first row, or DM_NONE. */
int sql_first(struct dm_object *object, struct dm_rows **rows, const char *sql,
              const struct dm_sql_value *values, size_t count);
/* The first column of the first row. */
int sql_first_integer(struct dm_object *object, int64_t *integer, const char *sql,
                      const struct dm_sql_value *values, size_t count);
/* All rows, each a JSON text in the first column, as a list that lives as long as the event. */
int sql_json_list(struct dm_object *object, struct dm_event *event, struct dm_value *list,
                  const char *sql, const struct dm_sql_value *values, size_t count);
