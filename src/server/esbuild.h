#pragma once

/*
 * esbuild
 *
 * Where the bundler is, and what it is told. Looked for in this order: the project's own (in
 * node_modules of its folder and of those above, if it is recent enough), the one that came with
 * this program, the one on PATH.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "server/project.h"

/* Path of the program, or NULL. Free with mem_free(). */
char *esbuild_find(const char *project_dir);

/* What is looked at in the package.json beside it: versions that know all arguments used here. */
bool esbuild_version_good(struct bytes package_json);

struct esbuild_run {
    const char *program;
    const char *out_dir; /* gets worker.js, worker.js.map, meta.json and copied modules */
    const char
        *source_root; /* out_dir seen from the project: stacks then name its files as it does */
    bool lower_async; /* async functions become generators: AsyncLocalStorage sees each step */
    bool as_module;   /* an ES module, to be made a script: it has top-level await */
    bool color;       /* what it says is for a terminal */
};

/* The whole command line, program first, ready for name_list_fini(). */
void esbuild_arguments(const struct project *project, const struct esbuild_run *run,
                       struct name_list *arguments);

/* False if the file can run as it stands: JavaScript without import or export statements. */
bool esbuild_needed(const char *file, struct bytes script);
