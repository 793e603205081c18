#pragma once

/*
 * History sweep
 *
 * Which history files are to be looked at now, so that in a day all of them have been: those of
 * objects that are not written any more are else never touched again. The tree is listed for a part
 * of the ids at a time, as large as the time since the last one; ids are as good as random. Nothing
 * is remembered from one life to the next: where it begins is random, too.
 *
 * The keeper's thread.
 */

#include <stdint.h>

#include "base/buf.h"

struct os;

struct history_sweep {
    struct os *os;     /* borrowed */
    const char *dir;   /* borrowed: of the histories */
    uint64_t since_ns; /* up to here its parts have been listed */
    uint8_t next;      /* first byte of the ids whose turn it is */
    struct buf paths;  /* of the files that wait, each with its NUL */
};

void history_sweep_init(struct history_sweep *sweep, struct os *os, const char *dir);
void history_sweep_fini(struct history_sweep *sweep);

/* The path of a file, to be freed, or NULL: not now. Drafts, too, which a life left behind: they
 * end with ".new". */
char *history_sweep_next(struct history_sweep *sweep);
