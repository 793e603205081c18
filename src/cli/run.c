#include "cli/run.h"

#include <stddef.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/process.h"

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    HIBERNATE_AFTER_MS = 10000, /* Cloudflare's */
    GRACE_MS = 10000,
};

static const char *const log_levels[] = {"error", "warn", "info", "debug", "trace", NULL};
static const char *const evict_modes[] = {"idle", "always", NULL};

#define AT(field) offsetof(struct run_values, field)

const struct run_values run_defaults = {
    .port = -1,
    .log_level = "info",
    .evict = "idle",
    .hibernate_after_ms = HIBERNATE_AFTER_MS,
    .cpu_limit_ms = LIMIT_CPU_MS,
    .history_days = LIMIT_HISTORY_DAYS,
    .history_mb = LIMIT_HISTORY_BYTES >> 20,
    .grace_ms = GRACE_MS,
};

/* clang-format off */
const struct option run_options[] = {
    {"port", 'p', OPTION_NUMBER, AT(port), "N",
     "port to listen on; 0 takes any (the project's dev.port, or 8787)", -1, 65535, NULL},
    {"host", 0, OPTION_TEXT, AT(host), "ADDRESS",
     "address to listen on; 0.0.0.0 is all (the project's dev.ip, or 127.0.0.1)", 0, 0, NULL},
    {"data", 0, OPTION_TEXT, AT(data), "DIR",
     "where objects are kept (.dormouse/data in the project)", 0, 0, NULL},
    {"shards", 0, OPTION_NUMBER, AT(shards), "N",
     "threads that run objects (dev: 1, serve: one per core)", 1, LIMIT_SHARDS, NULL},
    {"env", 'e', OPTION_TEXT, AT(env), "NAME",
     "environment of the configuration (env.NAME)", 0, 0, NULL},
    {"var", 0, OPTION_TEXTS, AT(vars), "NAME:VALUE",
     "a variable over those of the configuration; may be repeated", 0, 0, NULL},
    {"log-level", 0, OPTION_CHOICE, AT(log_level), "LEVEL",
     "error, warn, info, debug or trace (info)", 0, 0, log_levels},
    {"evict", 0, OPTION_CHOICE, AT(evict), "MODE",
     "idle: drop an object's instance when it is idle;\n"
     "always: after every event, to see that nothing relies on memory (idle)", 0, 0, evict_modes},
    {"hibernate-after", 0, OPTION_NUMBER, AT(hibernate_after_ms), "MS",
     "how long idle (10000)", 1, DAY_MS, NULL},
    {"cpu-limit", 0, OPTION_NUMBER, AT(cpu_limit_ms), "MS",
     "processor time of one event; 0 is no limit (30000)", 0, DAY_MS, NULL},
    {"history-days", 0, OPTION_NUMBER, AT(history_days), "N",
     "how far back point-in-time recovery goes; 0 keeps no history (30)", 0, 3650, NULL},
    {"history-mb", 0, OPTION_NUMBER, AT(history_mb), "N",
     "history kept of one object at most, beside its newest image (64)", 1, 1048576, NULL},
    {"trust-proxy", 0, OPTION_FLAG, AT(trust_proxy), NULL,
     "clients come through a proxy: believe its X-Forwarded-For and X-Forwarded-Proto", 0, 0, NULL},
    {"grace", 0, OPTION_NUMBER, AT(grace_ms), "MS",
     "how long requests under way may take after SIGTERM (10000)", 0, DAY_MS, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int run_with(const struct run_values *values, const struct run_mode *mode, const char *path)
{
    struct process_options process = {
        .path = path,
        .env = values->env,
        .vars = values->vars.texts,
        .var_count = values->vars.count,
        .data_dir = values->data,
        .host = values->host,
        .port = (int)values->port,
        .shards = values->shards > 0 ? (unsigned)values->shards : mode->shards,
        .watch = mode->watch,
        .production = mode->production,
        .evict_always = strcmp(values->evict, "always") == 0,
        .hibernate_after_ms = values->hibernate_after_ms,
        .proxied = values->trust_proxy,
        .cpu_limit_ms = values->cpu_limit_ms,
        .history_days = (unsigned)values->history_days,
        .history_bytes = (uint64_t)values->history_mb << 20,
        .grace_ms = values->grace_ms,
    };
    enum log_level level;

    if (log_level_parse(values->log_level, &level))
        log_set_level(level);
    return process_run(&process);
}

int run_project(const struct command *command, const struct run_values *values,
                const struct run_mode *mode, const struct option_texts *rest)
{
    if (rest->count > 1)
        return command_misuse(command, "one folder, not %zu", rest->count);
    return run_with(values, mode, rest->count > 0 ? rest->texts[0] : ".");
}
