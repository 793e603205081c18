#pragma once

/*
 * Object image
 *
 * What an object's database amounts to in a data directory that nobody uses: its file, and over it
 * what the journal still has. Recovery does the same to all objects and writes their files; this
 * does it to one and leaves the data directory as it is.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/record.h"
#include "store/store.h"

struct err_text;
struct journal_reader;
struct os;

struct object_image {
    bool file_there;
    uint64_t file_bytes;
    uint64_t record_count; /* in the journal and needed */
    uint64_t first_lsn;
    uint64_t last_lsn;
    uint64_t page_count; /* that these records change, each as often as it is changed */
    uint64_t size_bytes; /* of the database with them */
    bool alarm_told;     /* by one of them: */
    uint64_t alarm_lsn;
    struct record_alarm alarm;
    char *alarm_name; /* owned; alarm.name points there */
};

/* What object_image_make() can find out. */
enum object_image_result {
    OBJECT_IMAGE_DAMAGED = 1, /* `why` says where */
};

struct object_image_source {
    struct os *os;                  /* borrowed, as the rest */
    struct journal_reader *journal; /* NULL: only the file */
    const char *path;               /* of the object's file, there or not */
    uint32_t namespace_number;
    const uint8_t *id; /* NULL: any, for a namespace that has one object */
};

/* `to`: a file to be made, an ordinary SQLite database; NULL: only say what there is. */
int object_image_make(struct object_image *image, const struct object_image_source *source,
                      const char *to, struct err_text *why);

void object_image_fini(struct object_image *image);

/* There is something of the object, if only an alarm. */
static inline bool object_image_there(const struct object_image *image)
{
    return image->file_there || image->record_count > 0;
}
