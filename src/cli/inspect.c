#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/inspect_tool.h"

struct values {
    const char *data;
    const char *class_name;
    const char *name;
    const char *id;
    bool help;
};

#define AT(field) offsetof(struct values, field)

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
    {"help", 'h', OPTION_FLAG, AT(help), NULL, "this", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static void print_help(void)
{
    struct buf text = {0};

    buf_append_format(&text,
                      "dormouse inspect %s\n\n%s\n\n"
                      "  journal [FILE]   the journal, batch by batch and record by record; or one "
                      "segment\n"
                      "  object           an object's file, tables, alarm, and what the journal "
                      "has for it\n\nOptions:\n",
                      command_inspect.arguments, command_inspect.help);
    option_help(options, &text);
    fputs(buf_string(&text), stdout);
    buf_fini(&text);
}

static int misuse(const char *words)
{
    fprintf(stderr, "dormouse inspect: %s\n", words);
    return 2;
}

static int inspect_what(const struct values *values, const struct option_texts *rest)
{
    struct inspect_tool_object which = {
        .class_name = values->class_name, .name = values->name, .id = values->id};
    const char *what = rest->count > 0 ? rest->texts[0] : "";

    if (strcmp(what, "journal") == 0 && rest->count <= 2)
        return inspect_tool_journal(values->data, rest->count == 2 ? rest->texts[1] : NULL);
    if (strcmp(what, "object") != 0 || rest->count != 1)
        return misuse("\"journal\" or \"object\" is needed; see --help");
    if (which.name != NULL && which.id != NULL)
        return misuse("--name or --id, not both");
    if (which.class_name == NULL && (which.name != NULL || which.id != NULL))
        return misuse("--class is needed, too");
    return inspect_tool_object(values->data, &which);
}

static int inspect(int argc, char *const *argv)
{
    struct values values = {.data = ".dormouse/data"};
    struct option_texts rest = {0};
    struct err_text why = {""};
    int status = 0;

    if (option_parse(options, argc, argv, &values, &rest, &why) < 0)
        status = misuse(why.text);
    else if (values.help)
        print_help();
    else
        status = inspect_what(&values, &rest);
    option_texts_fini(&rest);
    return status;
}

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "journal|object [options]",
    .help = "Says what is in a data directory that no process uses. Nothing is written there.",
    .run = inspect,
};
