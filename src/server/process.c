#include "server/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "actor/namespace.h"
#include "actor/shard.h"
#include "api/worker.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "dormouse/dormouse.h"
#include "native/native.h"
#include "net/loop.h"
#include "net/wake.h"
#include "os/os.h"
#include "server/bundle.h"
#include "server/control.h"
#include "server/crash.h"
#include "server/deploy.h"
#include "server/file.h"
#include "server/fleet.h"
#include "server/project.h"
#include "server/status.h"
#include "server/version.h"
#include "server/watch.h"
#include "store/store.h"

enum {
    SETTLE_MS = 60,      /* a burst of changes is one change */
    PORT_DEFAULT = 8787, /* wrangler's */
};

#define ECHO_NS (300 * UINT64_C(1000000)) /* a second signal sooner is the first one's echo */

struct process {
    const struct process_options *options;
    struct loop *loop;
    struct wake *wake; /* for process_stop() */
    int64_t grace_ms;
    uv_signal_t signals[2];
    bool stopping;        /* a signal was seen, or the program said so… */
    uint64_t stopping_ns; /* …and when */
    char *path;           /* owned: the project's folder or file; NULL: none */
    char *data_dir;
    char *build_dir;
    struct deploy *deploy; /* owned: where orders come in */
    struct status *status; /* owned */
    struct buf *heard;     /* what is said goes here, too; NULL: nobody waits for it */
    struct store *store;
    struct control *control; /* owned; NULL: an operator cannot reach it */
    struct map namespaces;   /* unique key → struct namespace, owned */
    struct shard_group *group;
    struct fleet *fleet;
    struct list versions;
    struct watch *watch;
    uint64_t started_ns;
};

/* ---- small things ---- */

/* Words for the user. */
__attribute__((format(printf, 2, 3))) static void say(const struct process *process,
                                                      const char *format, ...)
{
    const struct process_host *host = process->options->host_program;
    va_list args;
    char *text;

    va_start(args, format);
    text = mem_format_va(format, args);
    va_end(args);
    if (host != NULL)
        host->say(host->data, text);
    else
        fputs(text, stderr);
    if (process->heard != NULL)
        buf_append_string(process->heard, text);
    mem_free(text);
}

static void milestone(const struct process *process, const char *what)
{
    log_debug("%s after %.1f ms", what, (double)(uv_hrtime() - process->started_ns) / 1e6);
}

/* As many descriptors as the kernel lets us have: each client needs one. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct process *process = handle->data;
    uint64_t now_ns = uv_hrtime();

    (void)number;
    if (process->stopping && now_ns - process->stopping_ns > ECHO_NS)
        _exit(1);
    if (process->stopping)
        return; /* a shell and a terminal that both say it once */
    process->stopping = true;
    process->stopping_ns = now_ns;
    fprintf(stderr, "stopping\n");
}

static void on_wake(void *ctx)
{
    (void)ctx; /* serve() looks whenever the loop turned */
}

static void on_signal_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void signals_open(struct process *process)
{
    static const int numbers[2] = {SIGTERM, SIGINT};

    if (process->options->host_program != NULL)
        return;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&process->loop->uv, &process->signals[i]);
        process->signals[i].data = process;
        uv_signal_start(&process->signals[i], on_signal, numbers[i]);
    }
}

static void signals_close(struct process *process)
{
    if (process->options->host_program != NULL)
        return;
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&process->signals[i], on_signal_closed);
}

/* Any shard's thread. Nothing that is said from now on could be true after a restart. */
static void on_lost(void *data, int fault)
{
    say(data,
        "fatal: the journal could not be written (%s). Everything acknowledged is on disk; the "
        "rest is gone. Check the disk and start again.\n",
        err_describe(fault));
    _exit(2);
}

/* ---- versions ---- */

static struct project *load(const struct process *process)
{
    const struct process_options *options = process->options;
    struct project_options project_options = {
        .path = process->path,
        .env = options->env,
        .vars = options->vars,
        .var_count = options->var_count,
        .production = options->production,
        .memo_dir = process->build_dir,
    };
    struct project *project = NULL;
    const struct process_host *host = options->host_program;
    struct buf complaints = {0};
    int r = 0;

    if (process->path == NULL)
        project = project_bare(host->name);
    else
        r = project_load(&project, &project_options, &complaints);
    if (complaints.len > 0)
        say(process, "%s", buf_string(&complaints));
    buf_fini(&complaints);
    if (r != 0)
        return NULL;
    for (size_t i = 0; host != NULL && i < host->program->class_count; i++)
        project_add_native(project, host->program->classes[i]->name);
    return project;
}

static const struct version *newest(const struct process *process)
{
    return container_of(list_last(&process->versions), struct version, link);
}

struct building {
    const struct process *process;
    struct bundle *bundle;
    bool over;
};

static void on_built(void *data, struct bundle *bundle)
{
    struct building *building = data;

    building->bundle = bundle;
    building->over = true;
}

static void on_build_words(void *data, const char *text)
{
    const struct building *building = data;

    say(building->process, "%s", text);
}

static void building_start(struct process *process, const struct project *project,
                           struct building *building)
{
    bool first = list_empty(&process->versions);
    struct build_options options = {
        .project = project,
        .out_dir = process->build_dir,
        .lower_async = !first && newest(process)->bundle->lower_async,
        .recall = first,
        .say = on_build_words,
    };

    building->process = process;
    if (project->main[0] != '\0')
        build_start(process->loop, &options, on_built, building);
    else
        on_built(building, bundle_empty());
}

/* The bundle; NULL if there is none, and everything was said about it. */
static struct bundle *building_wait(struct process *process, struct building *building)
{
    while (!building->over)
        loop_turn(process->loop, true);
    return building->bundle;
}

/* A version of the project, which it takes, in place of what runs. */
static bool deploy_version(struct process *process, struct project *project, struct bundle *bundle)
{
    const struct process_host *host = process->options->host_program;
    bool again = process->watch != NULL || !list_empty(&process->versions);
    char *copies_dir = again ? mem_format("%s/native", process->build_dir) : NULL;
    struct version_options options = {
        .program = host != NULL ? host->program : NULL,
        .store = process->store,
        .namespaces = &process->namespaces,
        .copies_dir = copies_dir,
        .front = host == NULL || process->options->port >= 0,
    };
    struct err_text why = {0};
    struct version *version = version_create(&options, project, bundle, &why);
    int r = 0;

    mem_free(copies_dir);
    if (version != NULL) {
        r = fleet_deploy(process->fleet, &version->worker, version->native, &why);
        list_push_back(&process->versions, &version->link);
    }
    if (version != NULL && r == 0) {
        status_deployed(process->status);
        return true;
    }
    say(process, "error: %s\n", why.text[0] != '\0' ? why.text : err_describe(r));
    return false;
}

/* ---- reloading ---- */

static void watch_update(struct process *process, bool failed)
{
    struct name_list files = {0}, folders = {0};

    version_sources(newest(process), process->options->env, &files, &folders);
    watch_set_eager(process->watch, failed);
    watch_set(process->watch, &files, &folders);
    name_list_fini(&folders);
    name_list_fini(&files);
}

/* For the next start, once nobody waits for this one. */
static void keep_bundle(const struct process *process)
{
    const struct version *version = newest(process);

    bundle_keep(version->bundle, version->project);
}

/* Objects are known by the Worker's name, too: under another one they would all be new. */
static bool is_same_worker(const struct process *process, const struct project *project)
{
    const char *name = newest(process)->project->name;

    if (strcmp(name, project->name) == 0)
        return true;
    say(process,
        "%s: error: this is the Worker %s, and %s is running: its objects would not be found "
        "again\n",
        project->config_path, project->name, name);
    return false;
}

/* A new version from the files as they are now. */
static bool reload(struct process *process, bool ordered)
{
    struct building building = {0};
    struct project *project;
    struct bundle *bundle;

    if (process->watch != NULL)
        watch_reading(process->watch);
    project = load(process);
    if (project != NULL && ordered && !is_same_worker(process, project)) {
        project_destroy(project);
        project = NULL;
    }
    if (project == NULL)
        return false;
    building_start(process, project, &building);
    bundle = building_wait(process, &building);
    if (bundle == NULL) {
        project_destroy(project);
        return false;
    }
    return deploy_version(process, project, bundle);
}

static bool reload_and_say(struct process *process, bool ordered)
{
    uint64_t started_ns = uv_hrtime();
    bool good = reload(process, ordered);

    if (good)
        fprintf(stderr, "reloaded in %.0f ms\n", (double)(uv_hrtime() - started_ns) / 1e6);
    else
        fprintf(stderr, "the version before goes on\n");
    if (process->watch != NULL)
        watch_update(process, !good);
    if (good)
        keep_bundle(process);
    return good;
}

/* An order from outside: from another folder, perhaps, where the project is from now on. */
static void carry_out(struct process *process, char *path)
{
    struct buf words = {0};
    char *path_before = process->path;
    bool good;

    process->heard = &words;
    if (path != NULL)
        process->path = path;
    good = process->options->host_program == NULL && reload_and_say(process, true);
    if (process->options->host_program != NULL)
        buf_append_string(&words, "error: the project is part of the program that runs\n");
    process->heard = NULL;
    if (path != NULL && good) {
        mem_free(path_before);
    } else if (path != NULL) {
        mem_free(path);
        process->path = path_before;
    }
    deploy_answer(process->deploy, good, &words);
    buf_fini(&words);
}

/* ---- starting ---- */

/* Opening the store reads the journal; it happens beside reading the configuration. */
struct opening {
    pthread_t thread;
    struct process *process;
    struct err_text why;
    int result;
};

static void *open_store(void *arg)
{
    struct opening *opening = arg;
    struct process *process = opening->process;
    struct store_options options = {
        .os = os_real(),
        .dir = process->data_dir,
        .shard_count = process->options->shards,
        .history_days = process->options->history_days,
        .history_bytes = process->options->history_bytes,
        .statement_limit_ms = process->options->cpu_limit_ms,
        .sync = true,
    };

    opening->result = folder_make(process->data_dir);
    if (opening->result == 0)
        opening->result = store_open(&process->store, &options, &opening->why);
    if (opening->result != 0 && opening->why.text[0] == '\0')
        err_text_set(&opening->why, "%s cannot be opened: %s", process->data_dir, err_trail());
    milestone(process, "store open");
    return NULL;
}

static void opening_start(struct process *process, struct opening *opening)
{
    opening->process = process;
    if (pthread_create(&opening->thread, NULL, open_store, opening) != 0) {
        say(process, "error: no thread for the store\n");
        _exit(1);
    }
}

static int opening_wait(struct opening *opening)
{
    pthread_join(opening->thread, NULL);
    if (opening->result == 0) {
        struct process *process = opening->process;
        int r = control_create(&process->control, process->store, process->deploy, process->status,
                               process->data_dir);

        if (r < 0)
            log_warn("no backup can be asked for: %s", err_describe(r));
        return 0;
    }
    say(opening->process, "error: %s\n", opening->why.text);
    return 1;
}

/* The shards' threads begin, and get ready as far as they can without the project. */
static int start_shards(struct process *process)
{
    const struct process_options *options = process->options;
    struct shard_options shards = {
        .os = os_real(),
        .count = options->shards,
        .hibernate_after_ms = options->hibernate_after_ms,
        .evict_always = options->evict_always,
        .lost = on_lost,
        .lost_data = process,
    };
    struct fleet_options fleet = {
        .loop = process->loop,
        .count = options->shards,
        .cpu_limit_ms = options->cpu_limit_ms,
        .proxied = options->proxied,
        .scripted = process->path != NULL,
    };

    process->group = shard_group_create(&shards);
    fleet.group = process->group;
    return fleet_start(&process->fleet, &fleet);
}

/* They have the project, if it could be read. */
static void prepare_shards(struct process *process, const struct project *project)
{
    bool scripted = project != NULL && project->main[0] != '\0';

    fleet_prepare(process->fleet, scripted ? project->settings : NULL);
}

/* They have the store, if all that is needed is there: `opened` is 0. */
static int let_shards_go(struct process *process, int opened, int started)
{
    int r = started;

    if (opened != 0) {
        fleet_call_off(process->fleet);
        process->fleet = NULL;
        return opened;
    }
    shard_group_set_store(process->group, process->store);
    if (r == 0)
        r = fleet_go(process->fleet);
    if (r == 0) {
        control_set_group(process->control, process->group);
        return 0;
    }
    say(process, "error: the shards did not start: %s\n", err_trail());
    _exit(1); /* half of them may be there; none has done anything */
}

static void say_listening(const struct process *process, const char *host, uint16_t port)
{
    char *url;

    if (port == 0)
        return;
    url = mem_format(strchr(host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u", host, port);
    status_listening(process->status, url);
    if (process->options->host_program == NULL) {
        printf("listening on %s\n", url);
        fflush(stdout);
    }
    mem_free(url);
}

static int start_listening(struct process *process, const struct project *project)
{
    const struct process_options *options = process->options;
    const struct process_host *program = options->host_program;
    const char *host = options->host != NULL ? options->host : project->host;
    int number = options->port >= 0 ? options->port : project->port;
    uint16_t port = (uint16_t)(number >= 0 ? number : PORT_DEFAULT);
    struct err_text why = {0};

    if (host[0] == '\0')
        host = "127.0.0.1";
    if (program != NULL && options->port < 0) {
        port = 0;
    } else if (fleet_listen(process->fleet, host, &port, &why) < 0) {
        say(process, "error: %s\n", why.text);
        return 1;
    }
    say_listening(process, host, port);
    milestone(process, "listening");
    if (program != NULL)
        program->ready(program->data, process, port);
    return 0;
}

/* Everything up to the first version that listens. While the configuration is read, the store is
 * opened, and esbuild runs if it has to, the shards get ready. */
static int start(struct process *process)
{
    struct opening opening = {0};
    struct building building = {0};
    struct project *project;
    struct bundle *bundle = NULL;
    int started;
    int r;

    if (process->options->watch) {
        process->watch = watch_create(process->loop, SETTLE_MS);
        watch_reading(process->watch);
    }
    opening_start(process, &opening);
    started = start_shards(process);
    project = load(process);
    milestone(process, "configuration read");
    if (project != NULL) {
        building_start(process, project, &building);
        loop_turn(process->loop, false);
    }
    prepare_shards(process, project);
    r = opening_wait(&opening);
    r = let_shards_go(process, project != NULL ? r : 1, started);
    milestone(process, "shards ready");
    if (project != NULL)
        bundle = building_wait(process, &building);
    milestone(process, "bundle ready");
    if (bundle == NULL || r != 0) {
        bundle_destroy(bundle);
        project_destroy(project);
        return 1;
    }
    if (!deploy_version(process, project, bundle))
        return 1;
    milestone(process, "worker ready");
    if (process->stopping)
        return 0;
    if (process->watch != NULL)
        watch_update(process, false);
    return start_listening(process, project);
}

static bool stopping(const struct process *process)
{
    return __atomic_load_n(&process->stopping, __ATOMIC_ACQUIRE);
}

static void serve(struct process *process)
{
    char *path;

    while (!stopping(process)) {
        loop_turn(process->loop, true);
        if (process->watch != NULL && watch_take(process->watch))
            reload_and_say(process, false);
        if (deploy_take(process->deploy, &path))
            carry_out(process, path);
    }
}

static void stop(struct process *process)
{
    struct namespace *ns;
    size_t at = 0;

    watch_destroy(process->watch);
    deploy_close(process->deploy);
    control_destroy(process->control);
    fleet_stop(process->fleet);
    if (process->group != NULL)
        shard_group_destroy(process->group);
    while ((ns = map_next(&process->namespaces, &at, NULL)) != NULL)
        namespace_destroy(ns);
    map_fini(&process->namespaces);
    store_close(process->store);
    while (!list_empty(&process->versions)) {
        struct list *link = list_pop_front(&process->versions);
        version_destroy(container_of(link, struct version, link));
    }
    signals_close(process);
    deploy_destroy(process->deploy);
    status_destroy(process->status);
    wake_close(process->wake);
    loop_destroy(process->loop);
    mem_free(process->path);
    mem_free(process->data_dir);
    mem_free(process->build_dir);
}

/* Where data and builds go: needed before the configuration has been read. */
static bool places(struct process *process)
{
    const struct process_options *options = process->options;
    struct buf complaints = {0};
    char *dir = NULL;

    if (process->path == NULL) {
        process->data_dir = mem_strdup(options->data_dir);
        return true;
    }
    dir = project_folder(process->path, &complaints);
    if (dir == NULL) {
        say(process, "%s", buf_string(&complaints));
        buf_fini(&complaints);
        return false;
    }
    process->data_dir = options->data_dir != NULL ? mem_strdup(options->data_dir)
                                                  : mem_format("%s/.dormouse/data", dir);
    process->build_dir = mem_format("%s/.dormouse/build", dir);
    mem_free(dir);
    return true;
}

int process_run(const struct process_options *given)
{
    struct process_options options = *given;
    struct process process = {.options = &options, .started_ns = uv_hrtime()};
    const struct process_host *host = options.host_program;
    int status;

    if (host == NULL) {
        crash_install();
        raise_descriptors();
    }
    process.path = mem_strdup(options.path);
    process.grace_ms = options.grace_ms;
    if (options.shards == 0)
        options.shards = uv_available_parallelism();
    if (options.shards > LIMIT_SHARDS)
        options.shards = LIMIT_SHARDS;
    list_init(&process.versions);
    map_init(&process.namespaces);
    if (!places(&process)) {
        mem_free(process.path);
        return 1;
    }
    if (loop_create(&process.loop) < 0 ||
        wake_open(&process.wake, process.loop, on_wake, &process) < 0) {
        say(&process, "error: no event loop: %s\n", err_trail());
        return 1;
    }
    process.deploy = deploy_create(process.wake);
    process.status = status_create();
    signals_open(&process);
    status = start(&process);
    if (status == 0) {
        keep_bundle(&process);
        serve(&process);
        fleet_drain(process.fleet, __atomic_load_n(&process.grace_ms, __ATOMIC_RELAXED));
        if (host != NULL)
            host->ending(host->data);
    }
    stop(&process);
    return status;
}

/* ---- for the program ---- */

void process_stop(struct process *process, int64_t grace_ms)
{
    __atomic_store_n(&process->grace_ms, grace_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&process->stopping, true, __ATOMIC_RELEASE);
    wake_signal(process->wake);
}

struct shard_group *process_shards(struct process *process)
{
    return process->group;
}

struct namespace *process_namespace(struct process *process, const char *class_name)
{
    const struct version *version = newest(process);

    for (size_t i = 0; i < version->project->class_count; i++) {
        if (strcmp(version->project->classes[i].class_name, class_name) == 0)
            return version->namespaces[i];
    }
    return NULL;
}
