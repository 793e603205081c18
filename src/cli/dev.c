#include "cli/command.h"
#include "cli/run.h"

static int dev(void *values, const struct option_texts *rest)
{
    struct run_mode mode = {.watch = true, .production = false, .shards = 1};

    return run_project(&command_dev, values, &mode, rest);
}

const struct command command_dev = {
    .name = "dev",
    .arguments = "[DIR] [options]",
    .help = "Runs the wrangler project in DIR (or here), and reloads it when a source changes.",
    .options = run_options,
    .defaults = &run_defaults,
    .values_size = sizeof run_defaults,
    .run = dev,
};
