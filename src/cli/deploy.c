#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/control.h"

struct values {
    const char *data;
};

static const struct values defaults = {.data = ".dormouse/data"};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DIR",
     "the data directory of the running process (.dormouse/data)", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int ask(const char *data, const char *folder)
{
    struct buf line = {0};
    struct buf words = {0};
    int r;

    buf_append_format(&line, "deploy %s", folder);
    r = command_ask(&command_deploy, data, buf_string(&line), &words);
    if (words.len > 0)
        fputs(buf_string(&words), stderr);
    if (r == CONTROL_REFUSED)
        command_fail(&command_deploy, "the version before goes on");
    else if (r == CONTROL_DONE)
        puts("deployed");
    buf_fini(&words);
    buf_fini(&line);
    return r == CONTROL_DONE ? 0 : 1;
}

static int deploy(void *data, const struct option_texts *rest)
{
    const struct values *values = data;
    char folder[PATH_MAX] = "";

    if (rest->count > 1)
        return command_misuse(&command_deploy, "one folder, not %zu", rest->count);
    if (rest->count == 1 && realpath(rest->texts[0], folder) == NULL)
        return command_misuse(&command_deploy, "%s: %s", rest->texts[0], strerror(errno));
    if (strchr(folder, '\n') != NULL)
        return command_misuse(&command_deploy, "a path of one line is needed");
    return ask(values->data, folder);
}

const struct command command_deploy = {
    .name = "deploy",
    .arguments = "[DIR] [--data DIR]",
    .help = "Puts a new version in place of the one that runs; clients stay connected.",
    .more = "The project is read again where it is, or taken from DIR from now on. If it does not "
            "build\nor its Worker does not start, the version before goes on.\n\n",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = deploy,
};
