#include <stddef.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/option.h"
#include "server/import_tool.h"

struct values {
    const char *project;
    const char *env;
    const char *data;
    bool replace;
    bool skip_unknown;
};

#define AT(field) offsetof(struct values, field)

static const struct values defaults = {0};

/* clang-format off */
static const struct option options[] = {
    {"project", 0, OPTION_TEXT, AT(project), "DIR",
     "the wrangler project that the objects belong to (DIR if it is one, or here)", 0, 0, NULL},
    {"env", 'e', OPTION_TEXT, AT(env), "NAME",
     "environment of the configuration (env.NAME)", 0, 0, NULL},
    {"data", 0, OPTION_TEXT, AT(data), "DIR",
     "the data directory to import into (.dormouse/data in the project)", 0, 0, NULL},
    {"replace", 0, OPTION_FLAG, AT(replace), NULL,
     "objects that are there already are replaced", 0, 0, NULL},
    {"skip-unknown", 0, OPTION_FLAG, AT(skip_unknown), NULL,
     "folders that are no class of the project are left out", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int import(void *data, const struct option_texts *rest)
{
    const struct values *values = data;
    struct import_tool tool = {
        .from = rest->count == 1 ? rest->texts[0] : NULL,
        .project = values->project,
        .env = values->env,
        .data_dir = values->data,
        .replace = values->replace,
        .skip_unknown = values->skip_unknown,
    };

    if (tool.from == NULL)
        return command_misuse(&command_import, "one folder with objects is needed");
    return import_tool_run(&tool);
}

const struct command command_import = {
    .name = "import",
    .arguments = "DIR [options]",
    .help = "Takes over the objects that wrangler dev or workerd has left in DIR "
            "(.wrangler/state/v3/do).",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = import,
};
