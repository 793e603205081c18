#pragma once

/*
 * Bundle
 *
 * The project's code as one script: built by esbuild into `<project>/.dormouse/build`, after the
 * project's own build command if it has one, and read back; or what an earlier start built, if
 * nothing has changed since (bundle_memo.h). Runs on the control thread's loop; what esbuild
 * complains about is said with file, line and the line itself.
 *
 * A bundle is made once, read by all shards, and lives until the process ends or bundle_destroy().
 */

#include <stdbool.h>

#include "base/buf.h"
#include "server/bundle_memo.h"
#include "server/project.h"

struct build;
struct loop;

struct bundle {
    char *path; /* owned, absolute: the script; copied modules are beside it */
    struct buf script;
    struct buf map;   /* empty: none */
    bool lower_async; /* it imports node:async_hooks */
    bool kept;        /* by an earlier start: esbuild did not run */
    struct bundle_memo memo;
};

struct build_options {
    const struct project *project; /* borrowed until done */
    const char *out_dir;           /* copied */
    bool lower_async;              /* the last build of this project found node:async_hooks */
    bool recall;                   /* what an earlier start kept will do, if nothing has changed */
    void (*say)(void *data, const char *text); /* words for the user; with done()'s data */
};

/* Builds; done() is called once, from the loop, with a bundle it owns or NULL after everything was
 * said. Never NULL. */
struct build *build_start(struct loop *loop, const struct build_options *options,
                          void (*done)(void *data, struct bundle *bundle), void *data);

/* Of a project without JavaScript. */
struct bundle *bundle_empty(void);

/* NULL is allowed. */
void bundle_destroy(struct bundle *bundle);

/* For the next start, if it is of use then. */
void bundle_keep(const struct bundle *bundle, const struct project *project);

/* The files it was made from, as absolute paths, node_modules left out. */
void bundle_inputs(const struct bundle *bundle, const struct project *project,
                   struct name_list *files);
