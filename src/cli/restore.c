#include <stddef.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/option.h"
#include "server/restore_tool.h"

struct values {
    const char *data;
    const char *class_name;
    const char *name;
    const char *id;
    const char *at;
    const char *as;
    const char *as_id;
};

#define AT(field) offsetof(struct values, field)

static const struct values defaults = {.data = ".dormouse/data"};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, AT(data), "DIR",
     "the data directory, in use or not (.dormouse/data)", 0, 0, NULL},
    {"class", 0, OPTION_TEXT, AT(class_name), "NAME",
     "class of the object, or <worker>-<Class>", 0, 0, NULL},
    {"name", 0, OPTION_TEXT, AT(name), "NAME",
     "name of the object, as idFromName() takes it", 0, 0, NULL},
    {"id", 0, OPTION_TEXT, AT(id), "HEX", "or its id", 0, 0, NULL},
    {"at", 0, OPTION_TEXT, AT(at), "TIME",
     "as it was then: 2026-11-21T08:30:00Z (UTC), or ms since 1970", 0, 0, NULL},
    {"as", 0, OPTION_TEXT, AT(as), "NAME",
     "make this object of it, and leave the other as it is", 0, 0, NULL},
    {"as-id", 0, OPTION_TEXT, AT(as_id), "HEX", "or the object with this id", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int restore(void *data, const struct option_texts *rest)
{
    const struct values *values = data;
    struct restore_tool tool = {.data_dir = values->data,
                                .class_name = values->class_name,
                                .source = values->name,
                                .source_id = values->id,
                                .target = values->as,
                                .target_id = values->as_id};

    if (rest->count > 0 || tool.class_name == NULL || values->at == NULL)
        return command_misuse(&command_restore,
                              "--class, --name (or --id) and --at are needed; see --help");
    if ((tool.source == NULL) == (tool.source_id == NULL))
        return command_misuse(&command_restore, "--name or --id, one of them");
    if (tool.target != NULL && tool.target_id != NULL)
        return command_misuse(&command_restore, "--as or --as-id, not both");
    if (restore_tool_time(values->at, &tool.time_ms) != 0)
        return command_misuse(&command_restore,
                              "--at is a time like 2026-11-21T08:30:00Z, or ms since 1970");
    return restore_tool_run(&tool);
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "--class NAME --name NAME --at TIME",
    .help = "Takes an object back in time, or makes another one of what it was.",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = restore,
};
