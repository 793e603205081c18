#pragma once

/*
 * Import tool
 *
 * `dormouse import`: finds the objects that `wrangler dev` or workerd has left in a folder, one
 * folder in it per class, and takes them over into a project's data directory (store/import.h). All
 * are made ready and checked before the first is imported; if anything is wrong, none is.
 */

#include <stdbool.h>

struct import_tool {
    const char *from;     /* the folder with the classes' folders, or one of those above it */
    const char *project;  /* folder or wrangler file; NULL: `from` if it is one, or here */
    const char *env;      /* environment of the configuration; NULL: none */
    const char *data_dir; /* NULL: the project's own */
    bool replace;         /* objects that are there already */
    bool skip_unknown;    /* folders that are no class of the project */
};

/* Says on standard output what was done, on standard error what is wrong. The exit status. */
int import_tool_run(const struct import_tool *tool);
