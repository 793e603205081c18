#pragma once

/*
 * Run
 *
 * What `dev` and `serve` have in common: all but what they do by default.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cli/option.h"

struct command;

struct run_values {
    int64_t port;
    const char *host;
    const char *data;
    int64_t shards;
    const char *env;
    struct option_texts vars;
    const char *log_level;
    const char *evict;
    int64_t hibernate_after_ms;
    bool trust_proxy;
    int64_t cpu_limit_ms;
    int64_t history_days;
    int64_t history_mb;
    int64_t grace_ms;
};

extern const struct option run_options[];
extern const struct run_values run_defaults;

struct run_mode {
    bool watch;      /* reload when a source changes */
    bool production; /* NODE_ENV, log level */
    unsigned shards; /* unless told otherwise; 0: one per core */
};

/* Runs the project in the folder that `rest` names until it is told to stop, and returns the exit
 * status. */
int run_project(const struct command *command, const struct run_values *values,
                const struct run_mode *mode, const struct option_texts *rest);
