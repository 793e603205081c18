#pragma once

/*
 * Run
 *
 * What `dev` and `serve` have in common: all but what they do by default.
 */

#include <stdbool.h>

struct command;

struct run_mode {
    bool watch;      /* reload when a source changes */
    bool production; /* NODE_ENV, log level */
    unsigned shards; /* unless told otherwise; 0: one per core */
};

/* Parses the rest of the command line, runs the project in the folder it names until it is told to
 * stop, and returns the exit status. */
int run_project(const struct command *command, const struct run_mode *mode, int argc,
                char *const *argv);
