#include "cli/command.h"
#include "cli/run.h"

static int serve(int argc, char *const *argv)
{
    struct run_mode mode = {.watch = false, .production = true, .shards = 0};

    return run_project(&command_serve, &mode, argc, argv);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "[DIR] [options]",
    .help = "Runs the wrangler project in DIR (or here) on all cores, without watching it.",
    .run = serve,
};
