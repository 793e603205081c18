#include "store/backup.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/history.h"
#include "store/log.h"
#include "store/segment_log.h"
#include "store/store_parts.h"

#define CHUNK_BYTES (UINT64_C(256) << 10)

/* What is copied at the moment. */
struct backup {
    struct os *os;
    const char *from; /* folder */
    const char *to;
    const char *end; /* of the names that are copied; NULL: all but drafts */
    uint8_t *chunk;
};

static int copy_open(struct backup *backup, struct os_file *from, struct os_file *to)
{
    size_t got = CHUNK_BYTES;
    int r = 0;

    for (uint64_t at = 0; r == 0 && got == CHUNK_BYTES; at += got) {
        r = os_pread(from, backup->chunk, CHUNK_BYTES, at, &got);
        if (r == 0 && got > 0)
            r = os_pwrite(to, backup->chunk, got, at);
    }
    if (r == 0)
        r = os_fdatasync(to);
    return r < 0 ? err_pass(r) : 0;
}

/* One file; one that is not there is no fault. */
static int copy_file(struct backup *backup, const char *name)
{
    char *from_path = mem_format("%s/%s", backup->from, name);
    char *to_path = mem_format("%s/%s", backup->to, name);
    struct os_file *from = NULL;
    struct os_file *to = NULL;
    int r = os_open(backup->os, from_path, OS_READ, &from);

    if (r == 0) {
        r = os_open(backup->os, to_path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, &to);
        if (r == 0)
            r = copy_open(backup, from, to);
        else if (r > 0)
            r = err_raise(-EEXIST);
    } else if (r == OS_OPEN_MISSING) {
        r = 0;
    }
    os_close(to);
    os_close(from);
    mem_free(to_path);
    mem_free(from_path);
    return r < 0 ? err_pass(r) : 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name);

    return len > strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

static int copy_one(void *arg, const char *name)
{
    struct backup *backup = arg;
    bool wanted = backup->end != NULL ? ends_with(name, backup->end) : !ends_with(name, ".new");
    int r = wanted ? copy_file(backup, name) : 0;

    return r < 0 ? err_pass(r) : 0;
}

/* The folder of one class. */
static int copy_class(void *arg, const char *name)
{
    const struct backup *all = arg;
    char *from = mem_format("%s/%s", all->from, name);
    char *to = mem_format("%s/%s", all->to, name);
    struct backup one = {
        .os = all->os, .from = from, .to = to, .end = all->end, .chunk = all->chunk};
    int r = 0;

    if (strcmp(name, "epoch") == 0) /* beside the folders, copied before */
        goto out;
    r = os_mkdir(one.os, to);
    if (r == 0)
        r = os_list_dir(one.os, from, copy_one, &one);
    if (r == -ENOTDIR)
        r = 0; /* put there by hand */
    if (r == 0)
        r = os_sync_dir(one.os, to);

out:
    mem_free(to);
    mem_free(from);
    return r < 0 ? err_pass(r) : 0;
}

static int copy_folder(const struct backup *top, const char *name, const char *end)
{
    char *from = mem_format("%s/%s", top->from, name);
    char *to = mem_format("%s/%s", top->to, name);
    struct backup all = {.os = top->os, .from = from, .to = to, .end = end, .chunk = top->chunk};
    int r = os_mkdir(all.os, to);

    if (r == 0)
        r = copy_file(&all, "epoch");
    if (r == 0)
        r = os_list_dir(all.os, from, copy_class, &all);
    if (r == 0)
        r = os_sync_dir(all.os, to);
    mem_free(to);
    mem_free(from);
    return r < 0 ? err_pass(r) : 0;
}

/* The order matters: the journal after the files that it mends and the histories that it goes on
 * from, the numbers of classes after the records that use them. */
static int copy_all(struct store *store, struct backup *top)
{
    char *journal = mem_format("%s/journal", top->to);
    int r = copy_folder(top, "do", ".sqlite");

    if (r == 0)
        r = copy_file(top, "alarms.sqlite");
    if (r == 0 && store->history != NULL)
        r = copy_folder(top, "history", NULL);
    if (r == 0)
        r = os_mkdir(top->os, journal);
    if (r == 0)
        r = segment_log_copy(store->log, journal);
    if (r == 0)
        r = copy_file(top, "namespaces");
    if (r == 0)
        r = copy_file(top, "version");
    if (r == 0)
        r = os_sync_dir(top->os, top->to);
    mem_free(journal);
    return r < 0 ? err_pass(r) : 0;
}

static int nothing_there(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return 1;
}

/* Neither the name nor what an earlier try has left. */
static int check_free(struct os *os, const char *path, struct err_text *why)
{
    struct os_file *file = NULL;
    int r = os_open(os, path, OS_READ, &file);

    os_close(file);
    if (r == OS_OPEN_MISSING && os_list_dir(os, path, nothing_there, NULL) == -ENOENT)
        return 0;
    err_text_set(why, "%s is there already: remove it, or choose another name", path);
    return err_raise(-EEXIST);
}

/* The folder above, whose list of names must be synced. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static int copy_held(struct store *store, const char *partial, const char *to)
{
    struct backup top = {.os = store->os, .from = store->dir, .to = partial};
    char *folder = folder_of(to);
    int r = os_mkdir(top.os, partial);

    top.chunk = mem_alloc(CHUNK_BYTES);
    if (r == 0)
        r = copy_all(store, &top);
    mem_free(top.chunk);
    if (!segment_log_let_go(store->log) && r == 0)
        r = err_raise(-ENOSPC);
    if (r == 0)
        r = os_rename(top.os, partial, to);
    if (r == 0)
        r = os_sync_dir(top.os, folder);
    mem_free(folder);
    return r < 0 ? err_pass(r) : 0;
}

int store_backup(struct store *store, const char *to, struct err_text *why)
{
    char *partial = mem_format("%s.partial", to);
    int r = check_free(store->os, to, why);

    if (r == 0)
        r = check_free(store->os, partial, why);
    if (r < 0)
        goto out;
    r = segment_log_hold(store->log);
    if (r < 0) {
        err_text_set(why, "another backup is under way");
        goto out;
    }
    history_pause(store->history);
    r = copy_held(store, partial, to);
    history_resume(store->history);
    if (r < 0)
        err_text_set(why, "%s was left incomplete: %s", partial, err_trail());

out:
    mem_free(partial);
    return r < 0 ? err_pass(r) : 0;
}
