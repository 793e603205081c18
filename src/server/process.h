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

struct namespace;
struct native_program;
struct process;
struct shard_group;

/* A program that runs a process on a thread of its own: no signals, no limits raised, nothing on
 * stdout. All but `say` on the control thread. */
struct process_host {
    const struct native_program *program;
    const char *name;                          /* of the project, if there is none */
    void (*say)(void *data, const char *text); /* for the user; any thread; with a line's end */
    /* Once: objects can be called. `port` 0: nobody listens. */
    void (*ready)(void *data, struct process *process, uint16_t port);
    /* Once after that: all that was asked is answered or will be with a failure; ask no more. */
    void (*ending)(void *data);
    void *data;
};

struct process_options {
    const struct process_host *host_program; /* NULL: a command, on the main thread */
    const char *path; /* the project's folder, or its wrangler file; NULL: none, for a program */
    const char *env;  /* NULL: none */
    const char *const *vars; /* "NAME:VALUE" */
    size_t var_count;
    const char *data_dir; /* NULL: .dormouse/data in the project */
    const char *host;     /* NULL: the project's, or 127.0.0.1 */
    int port;             /* -1: the project's, or 8787; for a program: nobody listens. 0: any */
    unsigned shards;      /* 0: one per core */
    bool watch;           /* reload when a source changes */
    bool production;
    bool evict_always;
    int64_t hibernate_after_ms;
    bool proxied; /* clients come through a proxy that is to be believed */
    int64_t cpu_limit_ms;
    unsigned history_days;  /* of point-in-time recovery; 0: none */
    uint64_t history_bytes; /* kept of one object; 0: the default */
    int64_t grace_ms;
};

/* Returns the process's exit status. */
int process_run(const struct process_options *options);

/* ---- for the program, between ready() and the return of process_run() ---- */

/* Any thread: as SIGTERM. */
void process_stop(struct process *process, int64_t grace_ms);
struct shard_group *process_shards(struct process *process);
/* Of the class with this name; NULL: there is none. Any thread, if nothing is watched. */
struct namespace *process_namespace(struct process *process, const char *class_name);
