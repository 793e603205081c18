#include "server/import_tool.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "server/file.h"
#include "server/import_source.h"
#include "server/project.h"
#include "store/import.h"
#include "store/store.h"

/*
 *     read the source -> open the data directory -> make all ready in <data>/import -> check all
 *     -> import one after the other -> close
 *
 * Up to the check nothing is changed but that folder. An import that was interrupted is repeated as
 * a whole; what it had imported is recognised.
 */

#define THERE_SHOWN_MAX 5

/* What has been kept of the history is the server's to shorten. */
#define HISTORY_DAYS  3650
#define HISTORY_BYTES (UINT64_C(1) << 40)

/* One object on its way. */
struct ready {
    char *path; /* owned: the copy; NULL: nothing is stored in it */
    bool done;  /* by an import before */
};

struct import {
    const struct import_tool *tool;
    struct project *project;
    struct import_source source;
    char *data_dir; /* owned */
    char *folder;   /* owned: where copies are made ready */
    struct store *store;
    struct store_shard *shard;
    uint32_t *numbers;           /* owned: of the source's classes */
    struct import_names **names; /* owned: the same */
    struct ready *ready;         /* owned: as source.found */
    struct err_text why;
    size_t imported;
    size_t alarms;
    size_t same;
    size_t empty;
};

enum {
    REFUSED = 1, /* import.why says why */
};

/* ---- the project ---- */

/* Unless it is named: where the objects come from, or here. */
static const char *project_path(const struct import_tool *tool)
{
    struct buf complaints = {0};
    char *folder;

    if (tool->project != NULL)
        return tool->project;
    folder = project_folder(tool->from, &complaints);
    buf_fini(&complaints);
    mem_free(folder);
    return folder != NULL ? tool->from : ".";
}

static int load_project(struct import *import)
{
    struct project_options options = {.path = project_path(import->tool), .env = import->tool->env};
    struct buf complaints = {0};
    int r = project_load(&import->project, &options, &complaints);

    if (r != 0) {
        size_t len = complaints.len;

        while (len > 0 && complaints.data[len - 1] == '\n')
            len--;
        err_text_set(&import->why, "%.*s", (int)len, buf_string(&complaints));
        r = REFUSED;
    }
    buf_fini(&complaints);
    return r;
}

/* ---- the data directory ---- */

static int open_store(struct import *import)
{
    struct store_options options = {
        .os = os_real(),
        .dir = import->data_dir,
        .shard_count = 1,
        .sync = true,
        .history_days = HISTORY_DAYS,
        .history_bytes = HISTORY_BYTES,
    };
    int r = folder_make(import->data_dir);

    if (r < 0)
        err_text_set(&import->why, "%s: %s", import->data_dir, err_describe(r));
    if (r == 0)
        r = store_open(&import->store, &options, &import->why);
    if (r == 0)
        import->shard = store_shard_create(import->store, 0, NULL);
    return r < 0 ? err_pass(r) : r;
}

/* What an earlier import left, and what this one does. */
static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *file = mem_format("%s/%s", path, entry->d_name);

        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(file);
        mem_free(file);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

static int make_folder(struct import *import)
{
    int r;

    empty_folder(import->folder);
    r = folder_make(import->folder);
    if (r < 0)
        err_text_set(&import->why, "%s: %s", import->folder, err_describe(r));
    return r < 0 ? err_pass(r) : 0;
}

/* ---- making ready ---- */

static int ready_class(struct import *import, size_t index)
{
    const struct import_class *class = &import->source.classes[index];
    char *path = mem_format("%s/metadata-%zu.sqlite", import->folder, index);
    int r = 0;

    if (class->count > 0)
        r = store_namespace(import->store, class->unique_key, &import->numbers[index]);
    if (r < 0)
        err_text_set(&import->why, "%s: %s", class->unique_key, err_describe(r));
    if (r == 0 && class->metadata != NULL)
        r = import_make_ready(os_real(), class->metadata, path, &import->why);
    if (r == IMPORT_EMPTY)
        r = 0;
    import->names[index] = import_names_read(path);
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

static int ready_object(struct import *import, size_t index)
{
    const struct import_found *found = &import->source.found[index];
    char *path = mem_format("%s/%zu.sqlite", import->folder, index);
    int r = import_make_ready(os_real(), found->path, path, &import->why);

    if (r == 0) {
        import->ready[index].path = path;
        return 0;
    }
    mem_free(path);
    if (r != IMPORT_EMPTY)
        return r < 0 ? err_pass(r) : r;
    import->empty++;
    return 0;
}

static int ready_all(struct import *import)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < import->source.class_count; i++)
        r = ready_class(import, i);
    for (size_t i = 0; r == 0 && i < import->source.count; i++)
        r = ready_object(import, i);
    return r < 0 ? err_pass(r) : r;
}

/* ---- checking ---- */

static struct import_object object_of(const struct import *import, size_t index)
{
    const struct import_found *found = &import->source.found[index];

    return (struct import_object){
        .namespace_number = import->numbers[found->class_index],
        .id = found->id.bytes,
        .path = import->ready[index].path,
        .name = import_names_find(import->names[found->class_index], found->hex),
    };
}

static void note_there(const struct import *import, size_t index, size_t count, struct buf *there)
{
    const struct import_found *found = &import->source.found[index];

    if (count <= THERE_SHOWN_MAX)
        buf_append_format(there, "\n  %s %s", import->source.classes[found->class_index].unique_key,
                          found->hex);
    else if (count == THERE_SHOWN_MAX + 1)
        buf_append_string(there, "\n  ...");
}

static int check_all(struct import *import)
{
    struct buf there = {0};
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < import->source.count; i++) {
        struct import_object object;

        if (import->ready[i].path == NULL)
            continue;
        object = object_of(import, i);
        r = import_check(import->store, &object);
        import->ready[i].done = r == IMPORT_SAME;
        import->same += r == IMPORT_SAME;
        if (r == IMPORT_THERE)
            note_there(import, i, ++count, &there);
    }
    if (r < 0)
        err_text_set(&import->why, "%s: %s", import->data_dir, err_describe(r));
    else
        r = 0;
    if (r == 0 && count > 0 && !import->tool->replace) {
        err_text_set(&import->why,
                     "%s has %zu of these objects already, with other content: remove them, or "
                     "have them replaced with --replace%s",
                     import->data_dir, count, buf_string(&there));
        r = REFUSED;
    }
    buf_fini(&there);
    return r < 0 ? err_pass(r) : r;
}

/* ---- importing ---- */

static int import_each(struct import *import)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < import->source.count; i++) {
        struct import_object object;
        bool alarm = false;

        if (import->ready[i].path == NULL || import->ready[i].done)
            continue;
        object = object_of(import, i);
        r = import_object(import->shard, &object, &alarm, &import->why);
        if (r < 0) {
            struct err_text words = import->why;

            err_text_set(&import->why, "%zu objects were imported, then it failed: %.300s",
                         import->imported, words.text);
            break;
        }
        import->imported++;
        import->alarms += alarm;
        store_shard_poll(import->shard);
    }
    return r < 0 ? err_pass(r) : 0;
}

static int import_all(struct import *import)
{
    int r = load_project(import);

    if (r == 0)
        r = import_source_read(&import->source, import->tool->from, import->project,
                               import->tool->skip_unknown, &import->why);
    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    import->data_dir = import->tool->data_dir != NULL
                           ? mem_strdup(import->tool->data_dir)
                           : mem_format("%s/.dormouse/data", import->project->dir);
    import->folder = mem_format("%s/import", import->data_dir);
    import->numbers = mem_new_array(uint32_t, import->source.class_count + 1);
    import->names = mem_new_array(struct import_names *, import->source.class_count + 1);
    import->ready = mem_new_array(struct ready, import->source.count + 1);
    r = open_store(import);
    if (r == 0)
        r = make_folder(import);
    if (r == 0)
        r = ready_all(import);
    if (r == 0)
        r = check_all(import);
    if (r == 0)
        r = import_each(import);
    return r < 0 ? err_pass(r) : r;
}

static void say_done(const struct import *import)
{
    for (size_t i = 0; i < import->source.left_out_count; i++)
        fprintf(stderr, "left out: %s\n", import->source.left_out[i]);
    printf("imported %zu objects into %s, %zu with an alarm", import->imported, import->data_dir,
           import->alarms);
    if (import->same > 0)
        printf("; %zu were there already, the same", import->same);
    if (import->empty > 0)
        printf("; %zu with nothing in them were left out", import->empty);
    puts("");
}

static void import_fini(struct import *import)
{
    store_shard_destroy(import->shard);
    if (import->folder != NULL && import->store != NULL)
        empty_folder(import->folder);
    store_close(import->store);
    for (size_t i = 0; import->names != NULL && i < import->source.class_count; i++) {
        if (import->names[i] != NULL)
            import_names_destroy(import->names[i]);
    }
    for (size_t i = 0; import->ready != NULL && i < import->source.count; i++)
        mem_free(import->ready[i].path);
    mem_free(import->names);
    mem_free(import->numbers);
    mem_free(import->ready);
    mem_free(import->folder);
    mem_free(import->data_dir);
    import_source_fini(&import->source);
    project_destroy(import->project);
}

int import_tool_run(const struct import_tool *tool)
{
    struct import import = {.tool = tool};
    int r = import_all(&import);

    if (r != 0) {
        fprintf(stderr, "dormouse import: %s\n",
                import.why.text[0] != '\0' ? import.why.text : err_trail());
        if (import.imported == 0)
            fprintf(stderr, "Nothing was imported.\n");
    }
    if (r == 0)
        say_done(&import);
    import_fini(&import);
    return r == 0 ? 0 : 1;
}
