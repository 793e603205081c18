#pragma once

/*
 * Bundle memo
 *
 * A bundle of the last start, kept with all that esbuild looked at to make it, so that a start in
 * which nothing has changed runs no esbuild. What counts as nothing (docs/decisions/0018):
 *
 *  - esbuild itself and every argument are the same;
 *  - every input is the same file, with the same size and time stamps;
 *  - so is every folder in which a file with a better claim to an import could have appeared, and
 *    every package.json, tsconfig.json and node_modules on the way up;
 *  - what was written is still there, by its checksum.
 *
 * Stamps can be trusted because none is as new as the build: where something is, nothing is kept.
 * Nor is anything kept of a project whose inputs cannot be told: with a build command, Yarn's
 * Plug'n'Play, NODE_PATH, or a tsconfig.json that extends another.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "server/project.h"

/* Of a build that ran, or of one that did not need to. */
struct bundle_memo {
    struct buf key;           /* what was asked for */
    struct name_list inputs;  /* as esbuild names them; those of packages too */
    struct name_list outputs; /* likewise */
    struct buf said;          /* by esbuild, on stderr */
    bool lower_async;
    int64_t began_ns; /* by the clock that stamps files, before anything was read… */
    uint64_t device;  /* …of this file system */
};

/* All that can be known before a build. */
void bundle_memo_key(struct buf *key, const struct project *project, const char *program,
                     const struct name_list *arguments);

/* A build begins: notes the time in a file in `folder`. */
void bundle_memo_begin(struct bundle_memo *memo, const char *folder);

/* The memo in `folder`, if it is of this key, and the files are as they were. */
bool bundle_memo_recall(struct bundle_memo *memo, const struct project *project,
                        const char *folder);

/* For the next time. Says in the log why not, if not. */
void bundle_memo_keep(const struct bundle_memo *memo, const struct project *project,
                      const char *folder);

void bundle_memo_fini(struct bundle_memo *memo);
