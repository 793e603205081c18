#include "cli/command.h"
#include "cli/run.h"

static int serve(void *values, const struct option_texts *rest)
{
    struct run_mode mode = {.watch = false, .production = true, .shards = 0};

    return run_project(&command_serve, values, &mode, rest);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "[DIR] [options]",
    .help = "Runs the wrangler project in DIR (or here) on all cores, without watching it.",
    .options = run_options,
    .defaults = &run_defaults,
    .values_size = sizeof run_defaults,
    .run = serve,
};
