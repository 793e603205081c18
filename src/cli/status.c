#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/control.h"

struct values {
    const char *data;
    bool metrics;
};

static const struct values defaults = {.data = ".dormouse/data"};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DIR",
     "the data directory of the running process (.dormouse/data)", 0, 0, NULL},
    {"metrics", 0, OPTION_FLAG, offsetof(struct values, metrics), NULL,
     "for a monitor: in the text format of Prometheus", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int status(void *data, const struct option_texts *rest)
{
    const struct values *values = data;
    struct buf words = {0};
    int r;

    if (rest->count > 0)
        return command_misuse(&command_status, "what is \"%s\"? See --help", rest->texts[0]);
    r = command_ask(&command_status, values->data, values->metrics ? "metrics" : "status", &words);
    if (r == CONTROL_DONE)
        fputs(buf_string(&words), stdout);
    else if (r == CONTROL_REFUSED)
        command_fail(&command_status, "%s", buf_string(&words));
    buf_fini(&words);
    return r == CONTROL_DONE ? 0 : 1;
}

const struct command command_status = {
    .name = "status",
    .arguments = "[--data DIR] [--metrics]",
    .help = "Says what a running process has in memory, has done, and how full its journal is.",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = status,
};
