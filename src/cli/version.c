#include <stdio.h>

#include "cli/command.h"

static int version(void *values, const struct option_texts *rest)
{
    (void)values;
    (void)rest;
    puts("dormouse " DORMOUSE_VERSION);
    return 0;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .help = "Says which version this is.",
    .run = version,
};
