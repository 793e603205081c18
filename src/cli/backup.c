#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
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
     "the data directory that is copied (.dormouse/data)", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int ask(const char *data, const char *to)
{
    struct buf words = {0};
    char here[PATH_MAX] = "";
    char *line;
    int r;

    if (strchr(to, '\n') != NULL)
        return command_fail(&command_backup, "a path of one line is needed");
    if (to[0] != '/' && getcwd(here, sizeof here) == NULL)
        return command_fail(&command_backup, "the current folder has no name");
    line = to[0] == '/' ? mem_format("backup %s", to) : mem_format("backup %s/%s", here, to);
    r = command_ask(&command_backup, data, line, &words);
    if (r == CONTROL_REFUSED)
        command_fail(&command_backup, "%s", buf_string(&words));
    mem_free(line);
    buf_fini(&words);
    return r == CONTROL_DONE ? 0 : 1;
}

static int backup(void *data, const struct option_texts *rest)
{
    const struct values *values = data;

    if (rest->count != 1)
        return command_misuse(&command_backup, "one folder to make is needed");
    return ask(values->data, rest->texts[0]);
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "DIR [--data DIR]",
    .help = "Copies the data directory of a running process to DIR, which is made.",
    .more = "A data directory that no process uses can be copied as it is.\n\n",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = backup,
};
