#pragma once

/*
 * Inspect tool
 *
 * `dormouse inspect`: what store/inspect.h finds, on standard output; what is wrong, on standard
 * error behind the command's name. Each returns the exit status of the program: 0, or 1 when
 * something is damaged, missing or in use.
 */

#include <stdbool.h>

/* The journal of a data directory, or with `file` one of its segments alone. */
int inspect_tool_journal(const char *data_dir, const char *file);

struct inspect_tool_object {
    const char *class_name; /* or the whole unique key */
    const char *name;       /* NULL: `id` */
    const char *id;         /* 64 hex digits; NULL with `name` NULL: all objects */
};

/* One object, or a line for each of a class (class_name NULL: of all). */
int inspect_tool_object(const char *data_dir, const struct inspect_tool_object *which);
