#pragma once

/*
 * Restore tool
 *
 * `dormouse restore`: an object becomes what it, or another one, was at a time. On a data directory
 * that nobody uses it is done at once; a running process is asked (control.h) and does it when the
 * object starts again, which it is made to do.
 */

#include <stdint.h>

struct err_text;
struct restore_request;
struct store;

struct restore_tool {
    const char *data_dir;
    const char *class_name; /* or the whole unique key */
    const char *source;     /* a name; or `source_id` */
    const char *source_id;  /* 64 hex digits */
    const char *target;     /* NULL with target_id NULL: the source */
    const char *target_id;
    int64_t time_ms;
};

/* Says on standard output what was done, on standard error what is wrong. The exit status. */
int restore_tool_run(const struct restore_tool *tool);

/* Time as an operator writes it: ms since 1970, or a date in UTC with a time or without. */
int restore_tool_time(const char *text, int64_t *time_ms);

/* What a running process gets to read: five words with tabs between them. */
#define RESTORE_TOOL_LINE "restore\t"

/* The other side of it. An outcome > 0, with words: it cannot be done. */
int restore_tool_read(struct store *store, const char *line, struct restore_request *request,
                      struct err_text *why);
