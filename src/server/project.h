#pragma once

/*
 * Project
 *
 * What a folder with a wrangler file describes: its Worker, the classes of its objects, how it is
 * built. The rules are js/config_main.js, which runs in a JavaScript machine that is made for this
 * and dropped, unless the last start kept what it said (project_memo.h); from then on a project is
 * plain C and does not change. A reload makes a new one.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;
struct project;

struct name_list {
    char **names; /* owned, each of them too */
    size_t count;
};

struct project_class {
    char *class_name; /* owned, as all below */
    char *unique_key;
    bool sqlite; /* has `sql` and `kv` */
    bool bound;  /* a binding names it: the Worker must export it */
    bool native; /* in C: of a class library, or of the runtime */
};

struct project {
    char *dir;         /* folder of the wrangler file, absolute */
    char *config_path; /* the wrangler file, absolute */
    char *name;
    char *main;     /* as written, relative to dir; "": no JavaScript */
    char *assets;   /* folder of static files, as written; "": none */
    char *settings; /* JSON for struct worker_bundle */
    struct project_class *classes;
    size_t class_count;
    struct name_list libraries; /* of classes in C, as written, relative to dir */
    struct name_list esbuild;   /* arguments that the configuration asks for */
    bool no_bundle;
    bool dated;          /* the settings hold the time at which they were read */
    char *build_command; /* "" if there is none */
    char *build_cwd;     /* relative to dir; "" is dir */
    struct name_list build_watch;
    char *host; /* "" if not said */
    int port;   /* -1 if not said */
};

struct project_options {
    const char *path;        /* folder, or the wrangler file itself */
    const char *env;         /* named environment; NULL: the top level */
    const char *const *vars; /* "NAME:VALUE" */
    size_t var_count;
    bool production;      /* NODE_ENV */
    const char *memo_dir; /* where what was read is kept for the next time; NULL: nowhere */
};

/* What project_load() can find out. */
enum project_load_result {
    PROJECT_LOAD_INVALID = 1, /* `complaints` says what */
};

/* Appends warnings and errors to `complaints`, one "file:line:column: kind: words" a line. Free
 * with project_destroy(). The calling thread has no JavaScript machine. */
int project_load(struct project **out, const struct project_options *options,
                 struct buf *complaints);

/* One without a folder: no Worker, nothing to build, no classes yet. */
struct project *project_bare(const char *name);

/* Whether anything of it is in C: its own classes, or one that the runtime brings. */
bool project_has_native(const struct project *project);

/* The class is one in C that the program brings: it gets a namespace if it has none. */
void project_add_native(struct project *project, const char *class_name);

/* The folder of the wrangler file that `path` means, absolute; NULL if there is none, which is said
 * in `complaints`. Free with mem_free(). */
char *project_folder(const char *path, struct buf *complaints);

/* NULL is allowed. */
void project_destroy(struct project *project);

/* The files whose change means loading the project again, as absolute paths, whether they exist or
 * not. Free with name_list_fini(). */
void project_files(const struct project *project, const char *env, struct name_list *files);

/* A script of an ES module that esbuild wrote; see js/config_module.js. */
bool module_to_script(struct buf *out, struct bytes module);

void name_list_add(struct name_list *list, const char *name);
void name_list_add_format(struct name_list *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void name_list_fini(struct name_list *list);
