#pragma once

/*
 * Export tool
 *
 * `dormouse export`: the objects of a data directory as plain SQLite files, laid out as workerd
 * lays out its own. A consistent copy comes first, from the running process if there is one; it is
 * opened, so that the journal goes into the files, and closed; its files are what is exported. All
 * of it happens in a folder that gets its name when it is complete.
 */

#include <stdbool.h>

struct export_tool {
    const char *to; /* must not exist */
    const char *data_dir;
    bool with_names; /* of objects with alarms, which older releases of workerd cannot read */
};

/* Says on standard output what was done, on standard error what is wrong. The exit status. */
int export_tool_run(const struct export_tool *tool);
