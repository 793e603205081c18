#pragma once

/*
 * Metafile
 *
 * What esbuild says of a build in the JSON that --metafile asks for: the files it read and those it
 * wrote, as it names them, relative to the folder it ran in.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "server/project.h"

struct metafile {
    struct name_list inputs; /* files only: no virtual ones */
    struct name_list outputs;
};

/* False if it is not what it should be. Free with metafile_fini() in either case. */
bool metafile_read(struct metafile *out, struct bytes json);
void metafile_fini(struct metafile *metafile);
