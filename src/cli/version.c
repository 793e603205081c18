#include <stdio.h>

#include "cli/command.h"

static int version(int argc, char *const *argv)
{
    (void)argc;
    (void)argv;
    puts("dormouse " DORMOUSE_VERSION);
    return 0;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .help = "Says which version this is.",
    .run = version,
};
