#include "server/import_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "server/file.h"
#include "server/project.h"

/* Where SQLite locks a database: bytes of the file, and of the -shm. */
#define LOCK_FROM     0x40000000
#define LOCK_BYTES    512
#define SHM_LOCK_FROM 120
#define SHM_LOCKS     9

#define SQLITE_END ".sqlite"

enum {
    REFUSED = 1, /* words are in `why` */
};

__attribute__((format(printf, 2, 3))) static void leave_out(struct import_source *source,
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    source->left_out =
        mem_realloc_array(source->left_out, source->left_out_count + 1, sizeof(char *));
    source->left_out[source->left_out_count++] = mem_format_va(format, args);
    va_end(args);
}

/* ---- folders ---- */

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The folder of the classes, from the project's down to itself. */
static char *find_folder(const char *dir)
{
    static const char *const below[] = {"/.wrangler/state/v3/do", "/state/v3/do", "/v3/do", "/do"};

    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        char *path = mem_format("%s%s", dir, below[i]);

        if (is_folder(path))
            return path;
        mem_free(path);
    }
    return is_folder(dir) ? mem_strdup(dir) : NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that what is said is the same each time. */
static int list_folder(const char *path, struct name_list *names)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL)
        return err_raise(-errno);
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            name_list_add(names, entry->d_name);
    }
    closedir(dir);
    if (names->count > 0)
        qsort(names->names, names->count, sizeof *names->names, compare_names);
    return 0;
}

/* ---- files ---- */

/* The process that has a lock in this range; 0: none. */
static long locked_by(const char *path, long from, long bytes)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = bytes};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool locked = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

    if (fd >= 0)
        close(fd);
    return locked ? (long)lock.l_pid : 0;
}

static int check_unused(const char *path, struct err_text *why)
{
    char *shm = mem_format("%s-shm", path);
    long pid = locked_by(path, LOCK_FROM, LOCK_BYTES);

    if (pid == 0)
        pid = locked_by(shm, SHM_LOCK_FROM, SHM_LOCKS);
    mem_free(shm);
    if (pid == 0)
        return 0;
    err_text_set(why, "%s is in use by another process (pid %ld): stop it first", path, pid);
    return REFUSED;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static bool is_side_file(const char *name)
{
    return ends_with(name, ".sqlite-wal") || ends_with(name, ".sqlite-shm") ||
           ends_with(name, ".sqlite-journal");
}

/* Takes `path`. */
static int add_object(struct import_source *source, size_t class_index, const char *name,
                      char *path, struct err_text *why)
{
    struct import_class *class = &source->classes[class_index];
    struct import_found found = {.path = path, .class_index = class_index};

    object_id_parse(bytes_of(name, OBJECT_ID_HEX), &found.id);
    object_id_format(&found.id, found.hex);
    source->found = mem_realloc_array(source->found, source->count + 1, sizeof *source->found);
    source->found[source->count++] = found;
    class->count++;
    if (object_id_belongs(class->unique_key, &found.id))
        return 0;
    err_text_set(why,
                 "%s is no object of %s: its id was made for another worker or class. Ids carry "
                 "the name that their folder had when they were made, so a folder cannot be "
                 "renamed",
                 path, class->unique_key);
    return REFUSED;
}

static int take_file(struct import_source *source, size_t class_index, const char *folder,
                     const char *name, struct err_text *why)
{
    struct object_id id;
    char *path = mem_format("%s/%s", folder, name);
    int r = 0;

    if (strcmp(name, "metadata.sqlite") == 0) {
        r = check_unused(path, why);
        source->classes[class_index].metadata = path;
        return r;
    }
    if (strlen(name) == OBJECT_ID_HEX + strlen(SQLITE_END) && ends_with(name, SQLITE_END) &&
        object_id_parse(bytes_of(name, OBJECT_ID_HEX), &id)) {
        r = check_unused(path, why);
        if (r == 0)
            return add_object(source, class_index, name, path, why);
    } else if (ends_with(name, ".facets") ||
               (strlen(name) > OBJECT_ID_HEX && name[OBJECT_ID_HEX] == '.' &&
                ends_with(name, SQLITE_END))) {
        leave_out(source, "%s: facets of an object are not known here", path);
    } else if (!is_side_file(name)) {
        leave_out(source, "%s: not a file of an object", path);
    }
    mem_free(path);
    return r;
}

/* ---- classes ---- */

static const char *find_class(const struct project *project, const char *name)
{
    for (size_t i = 0; i < project->class_count; i++) {
        if (strcmp(project->classes[i].unique_key, name) == 0)
            return project->classes[i].unique_key;
    }
    return NULL;
}

static void list_classes(const struct project *project, struct buf *out)
{
    for (size_t i = 0; i < project->class_count; i++)
        buf_append_format(out, "%s%s", i > 0 ? ", " : "", project->classes[i].unique_key);
    if (project->class_count == 0)
        buf_append_string(out, "none");
}

static int refuse_unknown(const char *path, const struct project *project, struct err_text *why)
{
    struct buf classes = {0};

    list_classes(project, &classes);
    err_text_set(why,
                 "%s is no class of %s, whose classes are: %s. Leave it out with --skip-unknown, "
                 "or put the class into the project",
                 path, project->config_path, buf_string(&classes));
    buf_fini(&classes);
    return REFUSED;
}

static int read_class(struct import_source *source, const char *folder, const char *unique_key,
                      struct err_text *why)
{
    struct name_list names = {0};
    size_t index = source->class_count;
    int r = list_folder(folder, &names);

    if (r < 0)
        err_text_set(why, "%s: %s", folder, err_describe(r));
    source->classes =
        mem_realloc_array(source->classes, source->class_count + 1, sizeof *source->classes);
    source->classes[source->class_count++] =
        (struct import_class){.unique_key = mem_strdup(unique_key)};
    for (size_t i = 0; r == 0 && i < names.count; i++)
        r = take_file(source, index, folder, names.names[i], why);
    name_list_fini(&names);
    return r < 0 ? err_pass(r) : r;
}

static int read_folder(struct import_source *source, const char *name,
                       const struct project *project, bool skip_unknown, struct err_text *why)
{
    char *path = mem_format("%s/%s", source->dir, name);
    const char *unique_key = find_class(project, name);
    int r = 0;

    if (!is_folder(path))
        leave_out(source, "%s: not a folder of a class", path);
    else if (unique_key != NULL)
        r = read_class(source, path, unique_key, why);
    else if (skip_unknown)
        leave_out(source, "%s: no class of the project", path);
    else
        r = refuse_unknown(path, project, why);
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

int import_source_read(struct import_source *source, const char *dir, const struct project *project,
                       bool skip_unknown, struct err_text *why)
{
    struct name_list names = {0};
    int r = 0;

    *source = (struct import_source){.dir = find_folder(dir)};
    if (source->dir == NULL) {
        err_text_set(why, "%s: there is no such folder", dir);
        return REFUSED;
    }
    r = list_folder(source->dir, &names);
    if (r < 0)
        err_text_set(why, "%s: %s", source->dir, err_describe(r));
    for (size_t i = 0; r == 0 && i < names.count; i++)
        r = read_folder(source, names.names[i], project, skip_unknown, why);
    name_list_fini(&names);
    if (r == 0 && source->count == 0) {
        struct buf classes = {0};

        list_classes(project, &classes);
        err_text_set(why, "%s has no objects of the project's classes (%s)", source->dir,
                     buf_string(&classes));
        buf_fini(&classes);
        r = REFUSED;
    }
    return r < 0 ? err_pass(r) : r;
}

void import_source_fini(struct import_source *source)
{
    for (size_t i = 0; i < source->class_count; i++) {
        mem_free(source->classes[i].unique_key);
        mem_free(source->classes[i].metadata);
    }
    for (size_t i = 0; i < source->count; i++)
        mem_free(source->found[i].path);
    for (size_t i = 0; i < source->left_out_count; i++)
        mem_free(source->left_out[i]);
    mem_free(source->classes);
    mem_free(source->found);
    mem_free(source->left_out);
    mem_free(source->dir);
    *source = (struct import_source){0};
}
