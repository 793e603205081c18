#include <stddef.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/option.h"
#include "server/export_tool.h"

struct values {
    const char *data;
    bool names;
};

static const struct values defaults = {.data = ".dormouse/data"};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DIR",
     "the data directory; a process may be running on it (.dormouse/data)", 0, 0, NULL},
    {"names", 0, OPTION_FLAG, offsetof(struct values, names), NULL,
     "with the names of objects that have alarms, which workerd before mid-2026 cannot read",
     0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int export(void *data, const struct option_texts *rest)
{
    const struct values *values = data;
    struct export_tool tool = {
        .to = rest->count == 1 ? rest->texts[0] : NULL,
        .data_dir = values->data,
        .with_names = values->names,
    };

    if (tool.to == NULL)
        return command_misuse(&command_export, "one folder to make is needed");
    return export_tool_run(&tool);
}

const struct command command_export = {
    .name = "export",
    .arguments = "DIR [options]",
    .help = "Writes all objects to DIR, which is made, as SQLite files that workerd opens.",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = export,
};
