#pragma once

/*
 * Version
 *
 * A version of a project: what it says, its code, its class libraries and files, and how the shards
 * see all that. Made once, then never changed; kept until the process ends, because old instances
 * may run it for a while. Control thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "api/worker.h"
#include "base/list.h"

struct assets;
struct bundle;
struct err_text;
struct map;
struct name_list;
struct namespace;
struct native;
struct native_program;
struct project;
struct store;

struct version {
    struct list link; /* its owner's */
    struct project *project;
    struct bundle *bundle;
    struct namespace **namespaces; /* owned array of borrowed ones, as project->classes */
    bool *bound;                   /* owned: of each, whether a binding names it */
    struct native *native;         /* owned: classes in C; NULL: none */
    char **copies;                 /* owned: of its libraries, if they may change */
    size_t copy_count;
    struct assets *assets; /* owned; NULL: none */
    struct worker_bundle worker;
};

/* What the versions of a process have in common. All borrowed. */
struct version_options {
    const struct native_program *program; /* NULL: the process is a command */
    struct store *store;
    struct map *namespaces; /* unique key → struct namespace, owned; new classes are added */
    const char *copies_dir; /* libraries are loaded from copies made there; NULL: as they are */
    bool front;             /* without anything that answers requests it is a mistake */
};

/* Takes project and bundle. NULL: `why` has the whole message, which names what is wrong. */
struct version *version_create(const struct version_options *options, struct project *project,
                               struct bundle *bundle, struct err_text *why);
void version_destroy(struct version *version);

/* What it was read from, as far as the project names it: a change there asks for another one. Names
 * are added to both lists. */
void version_sources(const struct version *version, const char *env, struct name_list *files,
                     struct name_list *folders);
