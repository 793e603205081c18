#include "server/witness.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "server/file.h"
#include "server/project.h"

/*
 * Which folders count with all that is in them ("whole"): from each input's up to the root of the
 * packages it belongs to, which is the outermost node_modules; for inputs outside of packages, up
 * to the folder that holds all of them and the project. Above that, what has a name that esbuild
 * looks for.
 */
#define SLACK_NS (INT64_C(10) * 1000000000) /* between clocks of different file systems */

enum {
    WITNESSES_MAX = 1 << 16,
};

struct witness {
    char *path; /* owned */
    char stamp[WITNESS_STAMP_BYTES];
};

struct witnesses {
    struct witness *all; /* owned */
    size_t count, room;
    struct map known; /* paths of `all`, and of folders that were climbed through */
    struct name_list names;
    char *top; /* owned: the folder that holds all inputs outside of packages */
    const char *dir;
    int64_t began_ns;
    uint64_t device;
    const char *why; /* the first reason against; NULL: none */
};

/* In any folder above an input. */
static const char *const resolving[] = {"package.json", "tsconfig.json", "jsconfig.json",
                                        "node_modules"};
static const char *const plug_and_play[] = {".pnp.data.json", ".pnp.cjs", ".pnp.js"};

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void stamp_write(const struct stat *info, char stamp[WITNESS_STAMP_BYTES])
{
    int64_t size = S_ISDIR(info->st_mode) ? 0 : (int64_t)info->st_size;

    snprintf(stamp, WITNESS_STAMP_BYTES,
             "%o %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64, (unsigned)info->st_mode,
             (uint64_t)info->st_dev, (uint64_t)info->st_ino, size, nanoseconds(info->st_mtim),
             nanoseconds(info->st_ctim));
}

void witness_stamp(const char *path, char stamp[WITNESS_STAMP_BYTES])
{
    struct stat info;

    if (stat(path, &info) == 0)
        stamp_write(&info, stamp);
    else
        snprintf(stamp, WITNESS_STAMP_BYTES, errno == ENOENT || errno == ENOTDIR ? "-" : "?");
}

struct witnesses *witnesses_create(const char *dir, int64_t began_ns, uint64_t device)
{
    struct witnesses *self = mem_new(struct witnesses);

    self->dir = dir;
    self->began_ns = began_ns;
    self->device = device;
    self->top = mem_strdup(dir);
    map_init(&self->known);
    return self;
}

void witnesses_destroy(struct witnesses *self)
{
    for (size_t i = 0; i < self->count; i++)
        mem_free(self->all[i].path);
    mem_free(self->all);
    map_fini(&self->known);
    name_list_fini(&self->names);
    mem_free(self->top);
    mem_free(self);
}

size_t witnesses_count(const struct witnesses *self)
{
    return self->count;
}

const char *witnesses_path(const struct witnesses *self, size_t index)
{
    return self->all[index].path;
}

const char *witnesses_stamp(const struct witnesses *self, size_t index)
{
    return self->all[index].stamp;
}

static void refuse(struct witnesses *self, const char *why)
{
    if (self->why == NULL)
        self->why = why;
}

/* True the first time that it is asked for this text. */
static bool is_new(struct witnesses *self, const char *text)
{
    char *kept;

    if (map_get(&self->known, bytes_of_string(text)) != NULL)
        return false;
    name_list_add(&self->names, text);
    kept = self->names.names[self->names.count - 1];
    map_put(&self->known, bytes_of_string(kept), kept);
    return true;
}

/* Something that changed in the same tick as the build began, or later, may have been read before
 * or after that: its stamp proves nothing. */
static bool is_older(const struct witnesses *self, const struct stat *info)
{
    int64_t before_ns = self->began_ns - (info->st_dev == self->device ? 0 : SLACK_NS);

    return nanoseconds(info->st_ctim) < before_ns && nanoseconds(info->st_mtim) < before_ns;
}

/* False if there is no such file. */
static bool call(struct witnesses *self, const char *path, bool absent_too)
{
    struct witness *witness;
    struct stat info;
    bool there = stat(path, &info) == 0;

    if (!there && errno != ENOENT && errno != ENOTDIR)
        refuse(self, "something cannot be looked at");
    if ((!there && !absent_too) || !is_new(self, path))
        return there;
    if (there && !is_older(self, &info))
        refuse(self, "something changed while it was built");
    if (self->count == WITNESSES_MAX) {
        refuse(self, "there is too much of it");
        return there;
    }
    if (self->count == self->room) {
        self->room = self->room * 2 + 64;
        self->all = mem_realloc_array(self->all, self->room, sizeof *self->all);
    }
    witness = &self->all[self->count++];
    witness->path = mem_strdup(path);
    if (there)
        stamp_write(&info, witness->stamp);
    else
        snprintf(witness->stamp, sizeof witness->stamp, "-");
    return there;
}

/* ---- what resolves imports ---- */

/* Packages of a scope appear in a folder of their own. */
static void call_scopes(struct witnesses *self, const char *modules)
{
    DIR *dir = opendir(modules);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *path;

        if (entry->d_name[0] != '@')
            continue;
        path = mem_format("%s/%s", modules, entry->d_name);
        call(self, path, false);
        mem_free(path);
    }
    if (dir != NULL)
        closedir(dir);
}

/* All folders below: where "paths" may look. */
static void call_below(struct witnesses *self, const char *top)
{
    struct name_list queue = {0};

    name_list_add(&queue, top);
    for (size_t i = 0; i < queue.count && self->why == NULL; i++) {
        DIR *dir = opendir(queue.names[i]);
        struct dirent *entry;

        call(self, queue.names[i], true);
        if (queue.count > WITNESSES_MAX)
            refuse(self, "there is too much of it");
        while (dir != NULL && (entry = readdir(dir)) != NULL) {
            struct stat info;
            char *path;

            if (entry->d_name[0] == '.' || strcmp(entry->d_name, "node_modules") == 0)
                continue;
            path = mem_format("%s/%s", queue.names[i], entry->d_name);
            if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
                name_list_add(&queue, path);
            mem_free(path);
        }
        if (dir != NULL)
            closedir(dir);
    }
    name_list_fini(&queue);
}

static bool says(struct bytes text, const char *word)
{
    return bytes_find(text, bytes_of_string(word), 0) < text.len;
}

/* It may send imports to other folders, or have its rules from another file. */
static void read_tsconfig(struct witnesses *self, const char *path)
{
    struct buf text = {0};
    struct bytes said;
    char *folder;

    if (strstr(path, "/node_modules/") != NULL || file_read(path, &text) < 0) {
        buf_fini(&text);
        return;
    }
    said = buf_bytes(&text);
    if (says(said, "extends") || says(said, "\\u"))
        refuse(self, "its tsconfig.json extends another");
    if (says(said, "paths") || says(said, "baseUrl") || says(said, "rootDirs")) {
        if (says(said, "..") || says(said, "\"/") || says(said, "node_modules/"))
            refuse(self, "its tsconfig.json has paths to elsewhere");
        folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
        call_below(self, folder);
        mem_free(folder);
    }
    buf_fini(&text);
}

/* ---- folders ---- */

/* Length of the folder's name in `path`; 0: "/" or nothing. */
static size_t folder_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

static bool is_within(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static void climb_one(struct witnesses *self, const char *folder, bool whole)
{
    for (size_t i = 0; i < sizeof resolving / sizeof *resolving; i++) {
        char *path = mem_format("%s/%s", folder, resolving[i]);

        if (call(self, path, !whole) && i + 1 == sizeof resolving / sizeof *resolving)
            call_scopes(self, path);
        if (i == 1 || i == 2)
            read_tsconfig(self, path);
        mem_free(path);
    }
    for (size_t i = 0; i < sizeof plug_and_play / sizeof *plug_and_play; i++) {
        char *path = mem_format("%s/%s", folder, plug_and_play[i]);

        if (call(self, path, !whole))
            refuse(self, "it uses Plug'n'Play");
        mem_free(path);
    }
    if (whole)
        call(self, folder[0] != '\0' ? folder : "/", true);
}

/* The folders above `path`, which has a slash in front of each part and none at the end. */
static void climb(struct witnesses *self, const char *path)
{
    const char *packages = strstr(path, "/node_modules/");
    size_t root =
        packages != NULL ? (size_t)(packages - path) + strlen("/node_modules") : strlen(self->top);
    size_t len = strlen(path);

    do {
        char *folder;
        char *mark;
        bool whole;

        len = folder_len(path, len);
        whole = len >= root;
        folder = mem_strndup(path, len);
        whole = whole || is_within(folder, self->top);
        mark = mem_format("climbed %s", folder);
        if (!is_new(self, mark))
            len = 0; /* and so were those above */
        else
            climb_one(self, folder, whole);
        mem_free(mark);
        mem_free(folder);
    } while (len > 0);
}

/* Absolute, without "." and "..". */
static char *plain_path(const char *dir, const char *name)
{
    char *whole = name[0] == '/' ? mem_strdup(name) : mem_format("%s/%s", dir, name);
    char *out = mem_alloc(strlen(whole) + 2);
    size_t len = 0;
    char *rest;

    for (char *part = strtok_r(whole, "/", &rest); part != NULL;
         part = strtok_r(NULL, "/", &rest)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            len = folder_len(out, len);
            continue;
        }
        out[len++] = '/';
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    out[len] = '\0';
    mem_free(whole);
    return out;
}

static void widen_top(struct witnesses *self, const char *path)
{
    if (strstr(path, "/node_modules/") != NULL)
        return;
    while (!is_within(path, self->top))
        self->top[folder_len(self->top, strlen(self->top))] = '\0';
}

static void call_argument(struct witnesses *self, const char *argument)
{
    const char *name = "--tsconfig=";
    char *path;

    if (strncmp(argument, name, strlen(name)) != 0)
        return;
    path = plain_path(self->dir, argument + strlen(name));
    if (strchr(path + 1, '/') == NULL)
        refuse(self, "its tsconfig.json is nowhere");
    else if (call(self, path, true))
        read_tsconfig(self, path);
    mem_free(path);
}

const char *witnesses_call(struct witnesses *self, const struct name_list *inputs,
                           const struct name_list *arguments)
{
    struct name_list paths = {0};

    if (getenv("NODE_PATH") != NULL)
        refuse(self, "there is a NODE_PATH");
    for (size_t i = 0; i < inputs->count; i++) {
        char *path = plain_path(self->dir, inputs->names[i]);

        name_list_add(&paths, path);
        widen_top(self, path);
        mem_free(path);
    }
    for (size_t i = 0; i < paths.count && self->why == NULL; i++) {
        if (!call(self, paths.names[i], true))
            refuse(self, "an input is gone");
        climb(self, paths.names[i]);
    }
    climb_one(self, self->dir, true); /* aliases are resolved from here */
    for (size_t i = 0; i < arguments->count; i++)
        call_argument(self, arguments->names[i]);
    name_list_fini(&paths);
    return self->why;
}
