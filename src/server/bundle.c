#include "server/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"
#include "server/esbuild.h"
#include "server/file.h"

/*
 * The steps, each started by the end of the one before:
 *
 *   build.command (if there is one) → esbuild → read the result
 *                                       ^              |
 *                                       +--------------+  once more with async functions lowered,
 *                                                         if it imports node:async_hooks
 */
struct build {
    uv_process_t process;
    struct timer first;
    struct loop *loop;
    const struct project *project; /* borrowed until done */
    char *out_dir;                 /* owned */
    char *program;                 /* owned: esbuild */
    bool lower_async;
    bool failed;
    void (*exited)(struct build *build); /* the step that follows the running one */
    uint64_t started_ns;
    void (*done)(void *data, struct bundle *bundle);
    void *data;
};

static void build_end(struct build *build, struct bundle *bundle)
{
    log_debug("built in %.1f ms", (double)(uv_hrtime() - build->started_ns) / 1e6);
    build->done(build->data, bundle);
    mem_free(build->out_dir);
    mem_free(build->program);
    mem_free(build);
}

/* ---- running programs ---- */

static void on_closed(uv_handle_t *handle)
{
    struct build *build = container_of(handle, struct build, process);

    build->exited(build);
}

static void on_exit(uv_process_t *process, int64_t status, int signal)
{
    struct build *build = container_of(process, struct build, process);

    build->failed = status != 0 || signal != 0;
    uv_close((uv_handle_t *)process, on_closed);
}

/* Run a program in `cwd`, its output on our stderr; then call `exited`. */
static void build_run(struct build *build, char **arguments, const char *cwd,
                      void (*exited)(struct build *build))
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit,
        .file = arguments[0],
        .args = arguments,
        .cwd = cwd,
        .stdio = stdio,
        .stdio_count = 3,
    };
    int r = uv_spawn(&build->loop->uv, &build->process, &options);

    build->exited = exited;
    build->failed = false;
    if (r == 0)
        return;
    fprintf(stderr, "error: cannot run %s: %s\n", arguments[0], uv_strerror(r));
    build->failed = true;
    uv_close((uv_handle_t *)&build->process, on_closed);
}

/* ---- esbuild ---- */

static bool imports_async_hooks(struct bytes metafile)
{
    struct bytes path = BYTES("\"path\": \"node:async_hooks\"");

    return bytes_find(metafile, path, 0) < metafile.len;
}

static struct bundle *bundle_load(const struct build *build, char *path)
{
    struct bundle *bundle = mem_new(struct bundle);
    char *map = mem_format("%s.map", path);
    int r = file_read(path, &bundle->script);

    bundle->path = path;
    bundle->lower_async = build->lower_async;
    if (r < 0) {
        fprintf(stderr, "error: %s cannot be read: %s\n", path, strerror(-r));
        bundle_destroy(bundle);
        bundle = NULL;
    } else {
        file_read(map, &bundle->map);
    }
    mem_free(map);
    return bundle;
}

static void build_esbuild(struct build *build);

static void esbuild_exited(struct build *build)
{
    struct buf metafile = {0};
    struct bundle *bundle;
    char *path = mem_format("%s/meta.json", build->out_dir);

    if (build->failed || file_read(path, &metafile) < 0) {
        mem_free(path);
        build_end(build, NULL);
        return;
    }
    if (!build->lower_async && imports_async_hooks(buf_bytes(&metafile))) {
        build->lower_async = true;
        mem_free(path);
        buf_fini(&metafile);
        build_esbuild(build);
        return;
    }
    buf_fini(&metafile);
    bundle = bundle_load(build, mem_format("%s/worker.js", build->out_dir));
    if (bundle != NULL)
        bundle->metafile = path;
    else
        mem_free(path);
    build_end(build, bundle);
}

static const char *source_root(const struct build *build)
{
    size_t len = strlen(build->project->dir);
    bool inside =
        strncmp(build->out_dir, build->project->dir, len) == 0 && build->out_dir[len] == '/';

    return inside ? build->out_dir + len + 1 : build->out_dir;
}

static void build_esbuild(struct build *build)
{
    struct name_list arguments = {0};
    struct esbuild_run run = {
        .program = build->program,
        .out_dir = build->out_dir,
        .source_root = source_root(build),
        .lower_async = build->lower_async,
    };

    esbuild_arguments(build->project, &run, &arguments);
    arguments.names = mem_realloc_array(arguments.names, arguments.count + 1, sizeof(char *));
    arguments.names[arguments.count] = NULL;
    build_run(build, arguments.names, build->project->dir, esbuild_exited);
    name_list_fini(&arguments);
}

/* ---- without esbuild ---- */

static void build_plain(struct build *build, char *main)
{
    struct bundle *bundle;

    build->lower_async = false;
    bundle = bundle_load(build, main);
    if (bundle != NULL && esbuild_needed(main, buf_bytes(&bundle->script))) {
        fprintf(stderr,
                "error: esbuild is needed to bundle %s, and there is none in node_modules, beside "
                "this program or on PATH.\n"
                "       Run: npm install --save-dev esbuild\n",
                main);
        bundle_destroy(bundle);
        bundle = NULL;
    }
    build_end(build, bundle);
}

/* ---- the steps ---- */

static void build_bundle(struct build *build)
{
    const struct project *project = build->project;
    char *main;
    int r;

    if (build->failed) {
        fprintf(stderr, "error: build.command failed: %s\n", project->build_command);
        build_end(build, NULL);
        return;
    }
    main = project->main[0] == '/' ? mem_strdup(project->main)
                                   : mem_format("%s/%s", project->dir, project->main);
    r = folder_make(build->out_dir);
    if (r < 0 || !file_exists(main)) {
        if (r < 0)
            fprintf(stderr, "error: cannot make %s: %s\n", build->out_dir, strerror(-r));
        else
            fprintf(stderr, "%s: error: \"main\" names %s, but there is no such file\n",
                    project->config_path, project->main);
        mem_free(main);
        build_end(build, NULL);
        return;
    }
    build->program = esbuild_find(project->dir);
    log_debug("esbuild: %s", build->program != NULL ? build->program : "none");
    if (build->program == NULL) {
        build_plain(build, main);
        return;
    }
    mem_free(main);
    build_esbuild(build);
}

/* The first step runs from the loop, so that done() never comes from inside build_start(). */
static void build_first(struct timer *timer)
{
    struct build *build = container_of(timer, struct build, first);
    const struct project *project = build->project;
    char shell[] = "/bin/sh", flag[] = "-c";
    char *arguments[] = {shell, flag, project->build_command, NULL};
    char *cwd;

    if (project->build_command[0] == '\0') {
        build_bundle(build);
        return;
    }
    cwd = project->build_cwd[0] == '/' ? mem_strdup(project->build_cwd)
                                       : mem_format("%s/%s", project->dir, project->build_cwd);
    build_run(build, arguments, cwd, build_bundle);
    mem_free(cwd);
}

struct build *build_start(struct loop *loop, const struct build_options *options,
                          void (*done)(void *data, struct bundle *bundle), void *data)
{
    struct build *build = mem_new(struct build);

    build->loop = loop;
    build->project = options->project;
    build->out_dir = mem_strdup(options->out_dir);
    build->lower_async = options->lower_async;
    build->started_ns = uv_hrtime();
    build->done = done;
    build->data = data;
    build->first.cb = build_first;
    timer_start(&build->first, loop, 0);
    return build;
}

/* ---- the result ---- */

void bundle_destroy(struct bundle *bundle)
{
    if (bundle == NULL)
        return;
    buf_fini(&bundle->script);
    buf_fini(&bundle->map);
    mem_free(bundle->path);
    mem_free(bundle->metafile);
    mem_free(bundle);
}

void bundle_inputs(const struct bundle *bundle, const struct project *project,
                   struct name_list *files)
{
    struct metafile metafile = {0};
    struct buf text = {0};

    if (bundle->metafile == NULL) {
        name_list_add(files, bundle->path);
        return;
    }
    if (file_read(bundle->metafile, &text) == 0 && metafile_read(&metafile, buf_bytes(&text))) {
        for (size_t i = 0; i < metafile.files.count; i++) {
            if (strstr(metafile.files.names[i], "node_modules/") == NULL)
                name_list_add_format(files, "%s/%s", project->dir, metafile.files.names[i]);
        }
    }
    metafile_fini(&metafile);
    buf_fini(&text);
}
