#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
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
    bool help;
};

#define AT(field) offsetof(struct values, field)

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
    {"help", 'h', OPTION_FLAG, AT(help), NULL, "this", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static void print_help(void)
{
    struct buf text = {0};

    buf_append_format(&text, "dormouse restore %s\n\n%s\n\nOptions:\n", command_restore.arguments,
                      command_restore.help);
    option_help(options, &text);
    fputs(buf_string(&text), stdout);
    buf_fini(&text);
}

static int misuse(const char *words)
{
    fprintf(stderr, "dormouse restore: %s\n", words);
    return 2;
}

static int restore_what(const struct values *values, const struct option_texts *rest)
{
    struct restore_tool tool = {.data_dir = values->data,
                                .class_name = values->class_name,
                                .source = values->name,
                                .source_id = values->id,
                                .target = values->as,
                                .target_id = values->as_id};

    if (rest->count > 0 || tool.class_name == NULL || values->at == NULL)
        return misuse("--class, --name (or --id) and --at are needed; see --help");
    if ((tool.source == NULL) == (tool.source_id == NULL))
        return misuse("--name or --id, one of them");
    if (tool.target != NULL && tool.target_id != NULL)
        return misuse("--as or --as-id, not both");
    if (restore_tool_time(values->at, &tool.time_ms) != 0)
        return misuse("--at is a time like 2026-11-21T08:30:00Z, or ms since 1970");
    return restore_tool_run(&tool);
}

static int restore(int argc, char *const *argv)
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
        status = restore_what(&values, &rest);
    option_texts_fini(&rest);
    return status;
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "--class NAME --name NAME --at TIME",
    .help = "Takes an object back in time, or makes another one of what it was.",
    .run = restore,
};
