#include "server/export_tool.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "server/control.h"
#include "store/export.h"
#include "store/store.h"

/*
 *     <to>.partial/data    the copy, a data directory
 *     <to>.partial/out     becomes <to>
 */

enum {
    REFUSED = 1, /* export.why says why */
};

struct export
{
    const struct export_tool *tool;
    char *to;      /* owned, absolute, as the others */
    char *partial; /* folder of the work */
    char *data;
    char *out;
    struct err_text why;
    size_t objects;
    size_t alarms;
};

/* ---- the copy ---- */

static bool is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

static int set_paths(struct export *export)
{
    char here[PATH_MAX] = "";
    const char *to = export->tool->to;
    size_t len = strlen(to);

    while (len > 1 && to[len - 1] == '/')
        len--;
    if (to[0] != '/' && getcwd(here, sizeof here) == NULL)
        return err_raise(-errno);
    export->to = mem_format("%s%s%.*s", here, to[0] == '/' ? "" : "/", (int)len, to);
    export->partial = mem_format("%s.partial", export->to);
    export->data = mem_format("%s/data", export->partial);
    export->out = mem_format("%s/out", export->partial);
    return 0;
}

static int make_folders(struct export *export)
{
    const char *taken = is_there(export->to)        ? export->to
                        : is_there(export->partial) ? export->partial
                                                    : NULL;

    if (taken != NULL) {
        err_text_set(&export->why, "%s is there already: remove it, or choose another name", taken);
        return REFUSED;
    }
    if (mkdir(export->partial, 0777) < 0 || mkdir(export->out, 0777) < 0) {
        err_text_set(&export->why, "%s cannot be made: %s", export->partial, strerror(errno));
        return REFUSED;
    }
    return 0;
}

/* By the process that runs there. */
static int make_copy(struct export *export)
{
    struct buf words = {0};
    char *line;
    int r;

    if (strchr(export->data, '\n') != NULL) {
        err_text_set(&export->why, "a path of one line is needed");
        return REFUSED;
    }
    line = mem_format("backup %s", export->data);
    r = control_ask(export->tool->data_dir, line, &words);
    if (r == CONTROL_REFUSED) {
        err_text_set(&export->why, "%s", buf_string(&words));
        r = REFUSED;
    } else if (r == -ENOENT || r == -ECONNREFUSED) {
        r = export_copy(os_real(), export->tool->data_dir, export->data, &export->why);
    } else if (r < 0) {
        err_text_set(&export->why, "%s: %s", export->tool->data_dir, err_describe(r));
    }
    mem_free(line);
    buf_fini(&words);
    return r < 0 ? err_pass(r) : r;
}

/* ---- from the journal into the files ---- */

struct class_key {
    char *key;    /* owned */
    char *folder; /* owned: of its objects in the copy */
};

struct class_keys {
    struct class_key *keys; /* owned; by number - 1 */
    size_t count;
};

/* The folder is named as the store does it: what is no letter, digit, "-", "_" or "." is %XX. */
static char *folder_name(const char *key)
{
    struct buf name = {0};

    for (const char *c = key; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || (*c == '.' && c > key);

        if (plain)
            buf_append_byte(&name, (uint8_t)*c);
        else
            buf_append_format(&name, "%%%02X", (unsigned char)*c);
    }
    buf_append_byte(&name, 0);
    return (char *)buf_steal(&name, &(size_t){0});
}

static int settle_copy(struct export *export, struct class_keys *keys)
{
    struct store_options options = {
        .os = os_real(), .dir = export->data, .shard_count = 1, .sync = true};
    struct store *store = NULL;
    const char *key;
    int r = store_open(&store, &options, &export->why);

    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    for (uint32_t i = 1; (key = store_namespace_key(store, i)) != NULL; i++) {
        keys->keys = mem_realloc_array(keys->keys, keys->count + 1, sizeof *keys->keys);
        keys->keys[keys->count++] =
            (struct class_key){.key = mem_strdup(key), .folder = folder_name(key)};
    }
    store_close(store);
    return 0;
}

static void class_keys_fini(struct class_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        mem_free(keys->keys[i].key);
        mem_free(keys->keys[i].folder);
    }
    mem_free(keys->keys);
}

/* ---- what is exported ---- */

static int count_object(void *arg, const char *name)
{
    size_t len = strlen(name);

    *(size_t *)arg += len > 7 && strcmp(name + len - 7, ".sqlite") == 0;
    return 0;
}

/* A name that workerd gives a folder, too. */
static bool is_file_name(const char *key)
{
    return strchr(key, '/') == NULL && strcmp(key, ".") != 0 && strcmp(key, "..") != 0;
}

static int export_class(struct export *export, const struct class_key *class, uint32_t number)
{
    char *from = mem_format("%s/do/%s", export->data, class->folder);
    char *to = mem_format("%s/%s", export->out, class->key);
    char *metadata = mem_format("%s/metadata.sqlite", to);
    char *alarms = mem_format("%s/alarms.sqlite", export->data);
    struct export_alarms what = {.from = alarms,
                                 .namespace_number = number,
                                 .to = metadata,
                                 .with_names = export->tool->with_names};
    size_t objects = 0;
    size_t count = 0;
    int r = os_list_dir(os_real(), from, count_object, &objects);

    if (r == 0 && objects > 0)
        r = is_file_name(class->key) ? os_rename(os_real(), from, to) : err_raise(-EINVAL);
    if (r == 0 && objects > 0)
        r = export_alarms(&what, &count, &export->why);
    if (r == 0 && objects > 0)
        r = os_sync_dir(os_real(), to);
    if (r == -ENOENT)
        r = 0; /* removed by hand */
    if (r < 0 && export->why.text[0] == '\0')
        err_text_set(&export->why, "%s: %s", class->key, err_describe(r));
    export->objects += objects;
    export->alarms += count;
    mem_free(alarms);
    mem_free(metadata);
    mem_free(to);
    mem_free(from);
    return r < 0 ? err_pass(r) : 0;
}

/* ---- the end ---- */

struct removing {
    const char *folder;
    unsigned depth;
};

/* What is left of the copy: folders in folders, no deeper than a data directory is. */
static int remove_entry(void *arg, const char *name)
{
    const struct removing *above = arg;
    char *path = mem_format("%s/%s", above->folder, name);
    struct removing inner = {.folder = path, .depth = above->depth + 1};

    if (unlink(path) < 0 && inner.depth < 4) {
        os_list_dir(os_real(), path, remove_entry, &inner);
        rmdir(path);
    }
    mem_free(path);
    return 0;
}

static void remove_partial(struct export *export)
{
    struct removing top = {.folder = export->partial};

    os_list_dir(os_real(), export->partial, remove_entry, &top);
    rmdir(export->partial);
}

static int give_name(struct export *export)
{
    char *slash = strrchr(export->to, '/');
    char *above = slash == export->to ? mem_strdup("/")
                                      : mem_strndup(export->to, (size_t)(slash - export->to));
    int r = os_sync_dir(os_real(), export->out);

    if (r == 0)
        r = os_rename(os_real(), export->out, export->to);
    if (r == 0)
        r = os_sync_dir(os_real(), above);
    mem_free(above);
    if (r < 0)
        err_text_set(&export->why, "%s: %s", export->to, err_describe(r));
    return r < 0 ? err_pass(r) : 0;
}

static int export_all(struct export *export)
{
    struct class_keys keys = {0};
    int r = make_copy(export);

    if (r == 0)
        r = settle_copy(export, &keys);
    for (size_t i = 0; r == 0 && i < keys.count; i++)
        r = export_class(export, &keys.keys[i], (uint32_t)i + 1);
    if (r == 0)
        r = give_name(export);
    class_keys_fini(&keys);
    return r < 0 ? err_pass(r) : r;
}

int export_tool_run(const struct export_tool *tool)
{
    struct export export = {.tool = tool};
    int r = set_paths(&export);

    if (r == 0)
        r = make_folders(&export);
    if (r == 0) {
        r = export_all(&export);
        remove_partial(&export);
    }
    if (r == 0)
        printf("exported %zu objects to %s, %zu with an alarm\n", export.objects, export.to,
               export.alarms);
    else
        fprintf(stderr, "dormouse export: %s\n",
                export.why.text[0] != '\0' ? export.why.text : err_trail());
    mem_free(export.out);
    mem_free(export.data);
    mem_free(export.partial);
    mem_free(export.to);
    return r == 0 ? 0 : 1;
}
