#pragma once

/*
 * Inspect
 *
 * What is in a data directory that nobody uses, in words: its journal record by record, its objects
 * with what the journal still has for them. Nothing is written there, not even what a start would
 * mend. One thread.
 */

#include <stdint.h>

#include "store/store.h"

struct err_text;
struct inspection;
struct os;

/* Where lines go, without a newline at their end. */
struct inspect_output {
    void (*line)(void *data, const char *text);
    void *data;
};

/* Holds the lock of the directory until it is closed. `why` holds a sentence when it is not 0.
 * Results as enum store_open_result. */
int inspection_open(struct inspection **out, struct os *os, const char *dir, struct err_text *why);

/* NULL is allowed. */
void inspection_close(struct inspection *inspection);

/* What inspecting can find out; the lines before are good all the same. */
enum inspect_result {
    INSPECT_DAMAGED = 1, /* the last line says where */
    INSPECT_NOTHING,     /* no such object or class; `why` says what there is */
};

int inspect_journal(struct inspection *inspection, const struct inspect_output *output);

/* One segment, without its data directory. */
int inspect_segment(struct os *os, const char *path, const struct inspect_output *output,
                    struct err_text *why);

/* Each object, one line. `unique_key` NULL: of all classes. */
int inspect_objects(struct inspection *inspection, const char *unique_key,
                    const struct inspect_output *output, struct err_text *why);

/* `scratch`: a file that may be made meanwhile, outside the data directory. */
int inspect_object(struct inspection *inspection, const char *unique_key,
                   const uint8_t id[STORE_ID_SIZE], const char *scratch,
                   const struct inspect_output *output, struct err_text *why);

/* The unique key of a class as people name it (namespaces_find()). NULL with words in `why` when
 * there is none, or more than one. Valid until the inspection is closed. */
const char *inspection_class(struct inspection *inspection, const char *class_name,
                             struct err_text *why);
