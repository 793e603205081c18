#pragma once

/*
 * Import source
 *
 * What stands in workerd's folder of objects: `<worker>-<Class>/<id>.sqlite` with -wal and -shm
 * beside it, `metadata.sqlite` with the class's alarms. Only looked at; nothing is opened.
 */

#include <stdbool.h>
#include <stddef.h>

#include "actor/namespace.h"

struct err_text;
struct project;

struct import_found {
    char *path; /* owned */
    struct object_id id;
    char hex[OBJECT_ID_HEX + 1];
    size_t class_index; /* in source.classes */
};

struct import_class {
    char *unique_key; /* owned, also the name of its folder */
    char *metadata;   /* owned: path of its metadata.sqlite; NULL: none */
    size_t count;
};

struct import_source {
    char *dir;                    /* owned: the folder with the folders */
    struct import_class *classes; /* owned */
    size_t class_count;
    struct import_found *found; /* owned; by class and id */
    size_t count;
    char **left_out; /* owned: what is not imported, in words */
    size_t left_out_count;
};

/* Words in `why` when it is not 0: nothing is there, something is in use or belongs nowhere. */
int import_source_read(struct import_source *source, const char *dir, const struct project *project,
                       bool skip_unknown, struct err_text *why);

void import_source_fini(struct import_source *source);
