#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/import_tool.h"

struct values {
    const char *project;
    const char *env;
    const char *data;
    bool replace;
    bool skip_unknown;
    bool help;
};

#define AT(field) offsetof(struct values, field)

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
    {"help", 'h', OPTION_FLAG, AT(help), NULL, "this", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static void print_help(void)
{
    struct buf text = {0};

    buf_append_format(&text, "dormouse import %s\n\n%s\n\nOptions:\n", command_import.arguments,
                      command_import.help);
    option_help(options, &text);
    fputs(buf_string(&text), stdout);
    buf_fini(&text);
}

static int import(int argc, char *const *argv)
{
    struct values values = {0};
    struct option_texts rest = {0};
    struct err_text why = {""};
    int status = 0;

    if (option_parse(options, argc, argv, &values, &rest, &why) < 0) {
        fprintf(stderr, "dormouse import: %s\n", why.text);
        status = 2;
    } else if (values.help) {
        print_help();
    } else if (rest.count != 1) {
        fprintf(stderr, "dormouse import: one folder with objects is needed\n");
        status = 2;
    } else {
        struct import_tool tool = {
            .from = rest.texts[0],
            .project = values.project,
            .env = values.env,
            .data_dir = values.data,
            .replace = values.replace,
            .skip_unknown = values.skip_unknown,
        };

        status = import_tool_run(&tool);
    }
    option_texts_fini(&rest);
    return status;
}

const struct command command_import = {
    .name = "import",
    .arguments = "DIR [options]",
    .help = "Takes over the objects that wrangler dev or workerd has left in DIR "
            "(.wrangler/state/v3/do).",
    .run = import,
};
