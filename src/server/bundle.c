#include "server/bundle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"
#include "server/esbuild.h"
#include "server/file.h"
#include "server/metafile.h"

/*
 * The steps, each started by the end of the one before:
 *
 *   build.command (if there is one) → esbuild, or nothing (bundle_memo.h) → read the result
 *                                       ^              |
 *                                       +--------------+  once more
 *                                                         with async functions lowered, if it
 *                                                         imports node:async_hooks; or as an ES
 *                                                         module, if it has top-level await
 *
 * What esbuild says is held back until it is known that it need not run again.
 */
enum {
    SAID_BYTES = 16 * 1024, /* one read of what esbuild says */
};

struct build {
    uv_process_t process;
    struct timer first;
    struct loop *loop;
    const struct project *project; /* borrowed until done */
    char *out_dir;                 /* owned */
    char *program;                 /* owned: esbuild */
    struct bundle_memo memo;
    bool recall;
    bool lower_async;
    bool as_module;
    bool failed;
    uv_pipe_t pipe; /* what the program says on stderr, if it is held back */
    struct buf said;
    unsigned open;                       /* handles of the running program */
    void (*exited)(struct build *build); /* the step that follows the running one */
    uint64_t started_ns;
    void (*say)(void *data, const char *text);
    void (*done)(void *data, struct bundle *bundle);
    void *data;
};

/* Words for the user. */
__attribute__((format(printf, 2, 3))) static void say(const struct build *build, const char *format,
                                                      ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mem_format_va(format, args);
    va_end(args);
    build->say(build->data, text);
    mem_free(text);
}

/* What esbuild has said. */
static void say_again(const struct build *build, const struct buf *said)
{
    if (said->len > 0)
        say(build, "%.*s", (int)said->len, (const char *)said->data);
}

static void build_end(struct build *build, struct bundle *bundle)
{
    log_debug("built in %.1f ms", (double)(uv_hrtime() - build->started_ns) / 1e6);
    build->done(build->data, bundle);
    buf_fini(&build->said);
    bundle_memo_fini(&build->memo);
    mem_free(build->out_dir);
    mem_free(build->program);
    mem_free(build);
}

/* ---- running programs ---- */

static void on_closed(uv_handle_t *handle)
{
    struct build *build = handle->data;

    if (--build->open == 0)
        build->exited(build);
}

static void handle_close(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void on_exit(uv_process_t *process, int64_t status, int signal)
{
    struct build *build = process->data;

    build->failed = status != 0 || signal != 0;
    handle_close((uv_handle_t *)process);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    struct build *build = handle->data;

    (void)wanted;
    *room = uv_buf_init((char *)buf_reserve(&build->said, SAID_BYTES), SAID_BYTES);
}

static void on_said(uv_stream_t *stream, ssize_t got, const uv_buf_t *room)
{
    struct build *build = stream->data;

    (void)room;
    if (got > 0)
        buf_added(&build->said, (size_t)got);
    else if (got < 0)
        handle_close((uv_handle_t *)stream);
}

/* Run a program in `cwd` and then call `exited`. What it says goes to our stderr, or, for esbuild,
 * into build->said. */
static void build_run(struct build *build, char **arguments, const char *cwd, bool hold_back,
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
    int r;

    build->exited = exited;
    build->failed = false;
    build->open = hold_back ? 2 : 1;
    build->process.data = build;
    build->pipe.data = build;
    buf_clear(&build->said);
    if (hold_back) {
        uv_pipe_init(&build->loop->uv, &build->pipe, 0);
        stdio[2] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                          .data.stream = (uv_stream_t *)&build->pipe};
    }
    r = uv_spawn(&build->loop->uv, &build->process, &options);
    if (r == 0 && hold_back)
        uv_read_start((uv_stream_t *)&build->pipe, on_room, on_said);
    if (r == 0)
        return;
    say(build, "error: cannot run %s: %s\n", arguments[0], uv_strerror(r));
    build->failed = true;
    handle_close((uv_handle_t *)&build->process);
    if (hold_back)
        handle_close((uv_handle_t *)&build->pipe);
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
        say(build, "error: %s cannot be read: %s\n", path, strerror(-r));
        bundle_destroy(bundle);
        bundle = NULL;
    } else {
        file_read(map, &bundle->map);
    }
    mem_free(map);
    return bundle;
}

static void build_esbuild(struct build *build);

static bool waits_at_top_level(const struct build *build)
{
    struct bytes said = buf_bytes(&build->said);

    return bytes_find(said, BYTES("Top-level await is currently not supported"), 0) < said.len;
}

/* Whether what esbuild made, or could not make, asks for another run. */
static bool again(struct build *build, struct bytes metafile)
{
    if (build->failed && !build->as_module && waits_at_top_level(build)) {
        build->as_module = true;
        build->lower_async = false; /* a module that waits cannot be lowered */
        return true;
    }
    if (!build->failed && !build->lower_async && !build->as_module &&
        imports_async_hooks(metafile)) {
        build->lower_async = true;
        return true;
    }
    return false;
}

/* The script of the module that esbuild wrote takes its place. */
static void bundle_from_module(struct build *build, const char *path)
{
    struct buf text = {0};
    struct buf script = {0};

    if (file_read(path, &text) < 0 || !module_to_script(&script, buf_bytes(&text)) ||
        file_write(path, buf_bytes(&script)) < 0)
        build->failed = true;
    buf_fini(&script);
    buf_fini(&text);
}

/* What the bundle was made of and for; with it, it can be kept. */
static void bundle_note(struct build *build, struct bundle *bundle, struct bytes json)
{
    struct metafile metafile;

    if (metafile_read(&metafile, json)) {
        build->memo.inputs = metafile.inputs;
        build->memo.outputs = metafile.outputs;
    } else {
        log_debug("bundle: the metafile cannot be read");
        metafile_fini(&metafile);
        build->memo.began_ns = 0;
    }
    build->memo.lower_async = build->lower_async;
    buf_append_bytes(&build->memo.said, buf_bytes(&build->said));
    bundle->memo = build->memo;
    build->memo = (struct bundle_memo){0};
}

static void esbuild_exited(struct build *build)
{
    char *meta = mem_format("%s/meta.json", build->out_dir);
    char *path = mem_format("%s/worker.js", build->out_dir);
    struct buf metafile = {0};
    struct bundle *bundle = NULL;
    bool retry;

    if (!build->failed && file_read(meta, &metafile) < 0)
        build->failed = true;
    retry = again(build, buf_bytes(&metafile));
    if (!retry) {
        say_again(build, &build->said);
        if (!build->failed && build->as_module)
            bundle_from_module(build, path);
        if (!build->failed)
            bundle = bundle_load(build, mem_strdup(path));
        if (bundle != NULL)
            bundle_note(build, bundle, buf_bytes(&metafile));
    }
    buf_fini(&metafile);
    mem_free(path);
    mem_free(meta);
    if (retry)
        build_esbuild(build);
    else
        build_end(build, bundle);
}

static const char *source_root(const struct build *build)
{
    size_t len = strlen(build->project->dir);
    bool inside =
        strncmp(build->out_dir, build->project->dir, len) == 0 && build->out_dir[len] == '/';

    return inside ? build->out_dir + len + 1 : build->out_dir;
}

static void build_arguments(const struct build *build, struct name_list *arguments)
{
    struct esbuild_run run = {
        .program = build->program,
        .out_dir = build->out_dir,
        .source_root = source_root(build),
        .lower_async = build->lower_async,
        .as_module = build->as_module,
        .color = isatty(2) == 1,
    };

    esbuild_arguments(build->project, &run, arguments);
}

static void build_esbuild(struct build *build)
{
    struct name_list arguments = {0};

    build_arguments(build, &arguments);
    arguments.names = mem_realloc_array(arguments.names, arguments.count + 1, sizeof(char *));
    arguments.names[arguments.count] = NULL;
    build_run(build, arguments.names, build->project->dir, true, esbuild_exited);
    name_list_fini(&arguments);
}

/* ---- from what is kept ---- */

/* The key: what esbuild is asked first, whatever it turns out to need. */
static void build_key(struct build *build)
{
    struct name_list arguments = {0};
    bool lower_async = build->lower_async;

    build->lower_async = false;
    build_arguments(build, &arguments);
    build->lower_async = lower_async;
    bundle_memo_key(&build->memo.key, build->project, build->program, &arguments);
    name_list_fini(&arguments);
}

/* The bundle as it was kept, or NULL. */
static struct bundle *build_recall(struct build *build)
{
    struct bundle *bundle;

    if (!build->recall || !bundle_memo_recall(&build->memo, build->project, build->out_dir))
        return NULL;
    build->lower_async = build->memo.lower_async;
    bundle = bundle_load(build, mem_format("%s/worker.js", build->out_dir));
    if (bundle == NULL)
        return NULL;
    log_debug("bundle: nothing has changed, esbuild does not run");
    say_again(build, &build->memo.said);
    bundle->memo = build->memo;
    bundle->kept = true;
    build->memo = (struct bundle_memo){0};
    return bundle;
}

/* ---- without esbuild ---- */

static void build_plain(struct build *build, char *main)
{
    struct bundle *bundle;

    build->lower_async = false;
    bundle = bundle_load(build, main);
    if (bundle != NULL && esbuild_needed(main, buf_bytes(&bundle->script))) {
        say(build,
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
    struct bundle *bundle;
    char *main;
    int r;

    if (build->failed) {
        say(build, "error: build.command failed: %s\n", project->build_command);
        build_end(build, NULL);
        return;
    }
    main = project->main[0] == '/' ? mem_strdup(project->main)
                                   : mem_format("%s/%s", project->dir, project->main);
    r = folder_make(build->out_dir);
    if (r < 0 || !file_exists(main)) {
        if (r < 0)
            say(build, "error: cannot make %s: %s\n", build->out_dir, strerror(-r));
        else
            say(build, "%s: error: \"main\" names %s, but there is no such file\n",
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
    if (project->build_command[0] == '\0') {
        build_key(build);
        bundle = build_recall(build);
        if (bundle != NULL) {
            build_end(build, bundle);
            return;
        }
        bundle_memo_begin(&build->memo, build->out_dir);
    }
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
    build_run(build, arguments, cwd, false, build_bundle);
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
    build->recall = options->recall;
    build->say = options->say;
    build->started_ns = uv_hrtime();
    build->done = done;
    build->data = data;
    build->first.cb = build_first;
    timer_start(&build->first, loop, 0);
    return build;
}

/* ---- the result ---- */

struct bundle *bundle_empty(void)
{
    struct bundle *bundle = mem_new(struct bundle);

    bundle->path = mem_strdup("");
    return bundle;
}

void bundle_destroy(struct bundle *bundle)
{
    if (bundle == NULL)
        return;
    buf_fini(&bundle->script);
    buf_fini(&bundle->map);
    bundle_memo_fini(&bundle->memo);
    mem_free(bundle->path);
    mem_free(bundle);
}

void bundle_keep(const struct bundle *bundle, const struct project *project)
{
    char *folder;

    if (bundle->kept || bundle->memo.began_ns == 0)
        return;
    folder = mem_strndup(bundle->path, (size_t)(strrchr(bundle->path, '/') - bundle->path));
    bundle_memo_keep(&bundle->memo, project, folder);
    mem_free(folder);
}

void bundle_inputs(const struct bundle *bundle, const struct project *project,
                   struct name_list *files)
{
    const struct name_list *inputs = &bundle->memo.inputs;

    if (inputs->count == 0)
        name_list_add(files, bundle->path);
    for (size_t i = 0; i < inputs->count; i++) {
        if (strstr(inputs->names[i], "node_modules/") == NULL)
            name_list_add_format(files, "%s/%s", project->dir, inputs->names[i]);
    }
}
