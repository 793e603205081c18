#include "server/watch.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"
#include "server/project.h"

enum {
    FOLDERS_MAX = 4096, /* bound of a walk below a watched folder */
};

/* One watched folder. */
struct spot {
    uv_fs_event_t event;
    struct watch *watch;
    struct list link; /* watch.spots */
    char *path;       /* owned */
    bool whole;       /* every file in it counts */
    bool wanted;      /* by the watch_set() that runs */
};

struct watch {
    struct loop *loop;
    struct list spots;
    struct map files;       /* absolute path → itself */
    struct name_list names; /* owner of the keys of `files` */
    struct timer timer;
    struct timespec read_at; /* by the clock that stamps files */
    uint32_t settle_ms;
    bool eager;
    bool changed;
};

static void on_settled(struct timer *timer)
{
    container_of(timer, struct watch, timer)->changed = true;
}

static bool is_source(const char *name)
{
    static const char *const endings[] = {".ts",  ".tsx", ".js",   ".jsx",   ".mjs",  ".cjs",
                                          ".mts", ".cts", ".json", ".jsonc", ".toml", ".html",
                                          ".txt", ".sql", ".wasm", ".css"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(dot, endings[i]) == 0)
            return name[0] != '.';
    }
    return false;
}

static bool counts(struct spot *spot, const char *name)
{
    char *path;
    bool found;

    if (name == NULL || spot->whole)
        return true;
    if (spot->watch->eager && is_source(name))
        return true;
    path = mem_format("%s/%s", spot->path, name);
    found = map_get(&spot->watch->files, bytes_of_string(path)) != NULL;
    mem_free(path);
    return found;
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct spot *spot = container_of(event, struct spot, event);
    struct watch *watch = spot->watch;

    (void)events;
    if (status < 0 || !counts(spot, name))
        return;
    log_debug("changed: %s/%s", spot->path, name != NULL ? name : "");
    timer_start(&watch->timer, watch->loop, watch->settle_ms);
}

static void on_spot_closed(uv_handle_t *handle)
{
    struct spot *spot = container_of(handle, struct spot, event);

    mem_free(spot->path);
    mem_free(spot);
}

static void spot_add(struct watch *watch, const char *path, bool whole)
{
    struct list *at;
    struct spot *spot;

    list_for_each (at, &watch->spots) {
        spot = container_of(at, struct spot, link);
        if (strcmp(spot->path, path) == 0) {
            spot->whole = whole || (spot->wanted && spot->whole);
            spot->wanted = true;
            return;
        }
    }
    spot = mem_new(struct spot);
    spot->watch = watch;
    spot->path = mem_strdup(path);
    spot->whole = whole;
    spot->wanted = true;
    uv_fs_event_init(&watch->loop->uv, &spot->event);
    list_push_back(&watch->spots, &spot->link);
    if (uv_fs_event_start(&spot->event, on_event, path, 0) < 0)
        log_debug("cannot watch %s", path);
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* What has changed since it was read, but before its folder was watched. A stamp in the future (of
 * another machine's clock) says nothing. */
static void check_stamp(struct watch *watch, const struct stat *info)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (!is_before(info->st_mtim, watch->read_at) && !is_before(now, info->st_mtim))
        timer_start(&watch->timer, watch->loop, watch->settle_ms);
}

/* Let go of those that nobody wants any more. The others stay as they are: what they have noticed
 * and not yet told is not lost. */
static void spots_sweep(struct watch *watch)
{
    struct list *at, *next;

    list_for_each_safe (at, next, &watch->spots) {
        struct spot *spot = container_of(at, struct spot, link);
        if (!spot->wanted) {
            list_remove(&spot->link);
            uv_close((uv_handle_t *)&spot->event, on_spot_closed);
        }
        spot->wanted = false;
    }
}

/* The folder and all below it, but for what nobody edits. */
static void folders_add(struct watch *watch, const char *top)
{
    struct name_list queue = {0};
    struct stat info;

    name_list_add(&queue, top);
    for (size_t i = 0; i < queue.count && queue.count < FOLDERS_MAX; i++) {
        DIR *dir = opendir(queue.names[i]);
        struct dirent *entry;
        if (dir == NULL)
            continue;
        spot_add(watch, queue.names[i], true);
        while ((entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] == '.' || strcmp(entry->d_name, "node_modules") == 0)
                continue;
            name_list_add_format(&queue, "%s/%s", queue.names[i], entry->d_name);
            bool there = stat(queue.names[queue.count - 1], &info) == 0;
            if (there)
                check_stamp(watch, &info);
            if (!there || !S_ISDIR(info.st_mode))
                mem_free(queue.names[--queue.count]);
        }
        closedir(dir);
    }
    name_list_fini(&queue);
}

struct watch *watch_create(struct loop *loop, uint32_t settle_ms)
{
    struct watch *watch = mem_new(struct watch);

    watch->loop = loop;
    watch->settle_ms = settle_ms;
    watch->timer.cb = on_settled;
    list_init(&watch->spots);
    map_init(&watch->files);
    return watch;
}

static void files_clear(struct watch *watch)
{
    map_fini(&watch->files);
    map_init(&watch->files);
    name_list_fini(&watch->names);
}

void watch_destroy(struct watch *watch)
{
    if (watch == NULL)
        return;
    timer_stop(&watch->timer);
    spots_sweep(watch);
    files_clear(watch);
    mem_free(watch);
}

void watch_reading(struct watch *watch)
{
    clock_gettime(CLOCK_REALTIME_COARSE, &watch->read_at);
}

void watch_set(struct watch *watch, const struct name_list *files, const struct name_list *folders)
{
    files_clear(watch);
    for (size_t i = 0; i < files->count; i++)
        name_list_add(&watch->names, files->names[i]);
    for (size_t i = 0; i < watch->names.count; i++) {
        char *name = watch->names.names[i];
        char *slash = strrchr(name, '/');
        struct stat info;

        map_put(&watch->files, bytes_of_string(name), name);
        *slash = '\0';
        spot_add(watch, slash == name ? "/" : name, false);
        *slash = '/';
        if (stat(name, &info) == 0)
            check_stamp(watch, &info);
    }
    for (size_t i = 0; i < folders->count; i++)
        folders_add(watch, folders->names[i]);
    spots_sweep(watch);
}

void watch_set_eager(struct watch *watch, bool eager)
{
    watch->eager = eager;
}

bool watch_take(struct watch *watch)
{
    bool changed = watch->changed;

    watch->changed = false;
    return changed;
}
