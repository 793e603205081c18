#pragma once

/*
 * Witnesses
 *
 * Files and folders that together say whether a build would read the same again: every input; each
 * folder in which something could have appeared that takes an input's place; and the files by which
 * imports are resolved, in each folder above an input. They are called after the build.
 */

#include <stddef.h>
#include <stdint.h>

struct name_list;
struct witnesses;

enum {
    WITNESS_STAMP_BYTES = 160,
};

/* What can be seen of a file without reading it, as text; "-" if there is none. Changes with any
 * change of a file's content, or of what is in a folder. */
void witness_stamp(const char *path, char stamp[WITNESS_STAMP_BYTES]);

/* Of a project in `dir`; the build began at `began_ns` by the clock that stamps files of `device`.
 * Never NULL. */
struct witnesses *witnesses_create(const char *dir, int64_t began_ns, uint64_t device);
void witnesses_destroy(struct witnesses *witnesses);

/* Calls all. `inputs` are relative to the project, or absolute; `arguments` may name a
 * tsconfig.json. NULL, or why they cannot bear witness. */
const char *witnesses_call(struct witnesses *witnesses, const struct name_list *inputs,
                           const struct name_list *arguments);

size_t witnesses_count(const struct witnesses *witnesses);
const char *witnesses_path(const struct witnesses *witnesses, size_t index);
const char *witnesses_stamp(const struct witnesses *witnesses, size_t index);
