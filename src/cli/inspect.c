#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/option.h"
#include "server/inspect_tool.h"

struct values {
    const char *data;
    const char *class_name;
    const char *name;
    const char *id;
};

#define AT(field) offsetof(struct values, field)

static const struct values defaults = {.data = ".dormouse/data"};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, AT(data), "DIR",
     "the data directory to look at, which no process uses (.dormouse/data)", 0, 0, NULL},
    {"class", 0, OPTION_TEXT, AT(class_name), "NAME",
     "class of the object, or <worker>-<Class>", 0, 0, NULL},
    {"name", 0, OPTION_TEXT, AT(name), "NAME",
     "name of the object, as idFromName() takes it", 0, 0, NULL},
    {"id", 0, OPTION_TEXT, AT(id), "HEX",
     "id of the object; without name and id, all objects are listed", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int inspect(void *data, const struct option_texts *rest)
{
    const struct values *values = data;
    struct inspect_tool_object which = {
        .class_name = values->class_name, .name = values->name, .id = values->id};
    const char *what = rest->count > 0 ? rest->texts[0] : "";

    if (strcmp(what, "journal") == 0 && rest->count <= 2)
        return inspect_tool_journal(values->data, rest->count == 2 ? rest->texts[1] : NULL);
    if (strcmp(what, "object") != 0 || rest->count != 1)
        return command_misuse(&command_inspect, "\"journal\" or \"object\" is needed; see --help");
    if (which.name != NULL && which.id != NULL)
        return command_misuse(&command_inspect, "--name or --id, not both");
    if (which.class_name == NULL && (which.name != NULL || which.id != NULL))
        return command_misuse(&command_inspect, "--class is needed, too");
    return inspect_tool_object(values->data, &which);
}

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "journal|object [options]",
    .help = "Says what is in a data directory that no process uses. Nothing is written there.",
    .more =
        "  journal [FILE]   the journal, batch by batch and record by record; or one segment\n"
        "  object           an object's file, tables, alarm, and what the journal has for it\n\n",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = inspect,
};
