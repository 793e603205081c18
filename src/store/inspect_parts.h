#pragma once

/*
 * What the files that inspect have in common.
 */

#include <stdint.h>

#include "store/inspect.h"

struct journal_reader;
struct namespaces;
struct os_file;

struct inspection {
    struct os *os;                  /* borrowed */
    char *dir;                      /* owned, as the rest */
    struct os_file *lock;           /* NULL: there is none, in a copy */
    struct namespaces *namespaces;  /* by number */
    struct journal_reader *journal; /* as it is */
};

__attribute__((format(printf, 2, 3))) void inspect_say(const struct inspect_output *output,
                                                       const char *format, ...);

/* "2026-11-21T08:41:03.997Z". */
#define INSPECT_TIME_BYTES 40
const char *inspect_time(int64_t time_ms, char text[INSPECT_TIME_BYTES]);

/* "alarm index" for the store's own, "?" for one that is not known; `inspection` may be NULL. */
const char *inspect_namespace(const struct inspection *inspection, uint32_t number, char text[32]);
