#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/export_tool.h"

struct values {
    const char *data;
    bool names;
    bool help;
};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DIR",
     "the data directory; a process may be running on it (.dormouse/data)", 0, 0, NULL},
    {"names", 0, OPTION_FLAG, offsetof(struct values, names), NULL,
     "with the names of objects that have alarms, which workerd before mid-2026 cannot read",
     0, 0, NULL},
    {"help", 'h', OPTION_FLAG, offsetof(struct values, help), NULL, "this", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static void print_help(void)
{
    struct buf text = {0};

    buf_append_format(&text, "dormouse export %s\n\n%s\n\nOptions:\n", command_export.arguments,
                      command_export.help);
    option_help(options, &text);
    fputs(buf_string(&text), stdout);
    buf_fini(&text);
}

static int export(int argc, char *const *argv)
{
    struct values values = {.data = ".dormouse/data"};
    struct option_texts rest = {0};
    struct err_text why = {""};
    int status = 0;

    if (option_parse(options, argc, argv, &values, &rest, &why) < 0) {
        fprintf(stderr, "dormouse export: %s\n", why.text);
        status = 2;
    } else if (values.help) {
        print_help();
    } else if (rest.count != 1) {
        fprintf(stderr, "dormouse export: one folder to make is needed\n");
        status = 2;
    } else {
        struct export_tool tool = {
            .to = rest.texts[0], .data_dir = values.data, .with_names = values.names};

        status = export_tool_run(&tool);
    }
    option_texts_fini(&rest);
    return status;
}

const struct command command_export = {
    .name = "export",
    .arguments = "DIR [options]",
    .help = "Writes all objects to DIR, which is made, as SQLite files that workerd opens.",
    .run = export,
};
