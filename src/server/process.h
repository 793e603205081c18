#pragma once

/*
 * Process
 *
 * A project from its folder to the last byte: configuration, bundle, store, namespaces, shard
 * threads, reloads, and an orderly end. The calling thread becomes the control thread; it reads as
 * a straight line, and waits for the shard threads at each step.
 *
 * On SIGTERM or SIGINT: no new connections; requests under way end (within grace_ms), objects end
 * what they are doing, everything is durable, WebSockets are closed with 1001, databases are
 * checkpointed into ordinary SQLite files; exit 0. A second signal ends the process at once, which
 * loses nothing that was acknowledged.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process_options {
    const char *path;        /* the project's folder, or its wrangler file */
    const char *env;         /* NULL: none */
    const char *const *vars; /* "NAME:VALUE" */
    size_t var_count;
    const char *data_dir; /* NULL: .dormouse/data in the project */
    const char *host;     /* NULL: the project's, or 127.0.0.1 */
    int port;             /* -1: the project's, or 8787; 0: any */
    unsigned shards;      /* 0: one per core */
    bool watch;           /* reload when a source changes */
    bool production;
    bool evict_always;
    int64_t hibernate_after_ms;
    int64_t cpu_limit_ms;
    int64_t grace_ms;
};

/* Returns the process's exit status. */
int process_run(const struct process_options *options);
