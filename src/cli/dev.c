#include "cli/command.h"
#include "cli/run.h"

static int dev(int argc, char *const *argv)
{
    struct run_mode mode = {.watch = true, .production = false, .shards = 1};

    return run_project(&command_dev, &mode, argc, argv);
}

const struct command command_dev = {
    .name = "dev",
    .arguments = "[DIR] [options]",
    .help = "Runs the wrangler project in DIR (or here), and reloads it when a source changes.",
    .run = dev,
};
