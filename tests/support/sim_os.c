#include "sim_os.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rng.h"
#include "os/vtable.h"
#include "sim_disk.h"

enum {
    KINDS = 4,
    NAMES_MAX = 65536, /* entries of one folder that can be listed */
};

struct sim_os {
    struct os os;
    pthread_mutex_t lock; /* guards everything below */
    struct sim_disk disk;
    struct list files; /* sim_file.link */
    struct rng rng;
    uint64_t monotonic_ns;
    int64_t wall_ns;
    uint64_t space_bytes;
    bool power;
    uint64_t life;         /* counts boots; a file of an earlier life is dead */
    uint64_t calls[KINDS]; /* by bit of enum sim_os_kind */

    unsigned fail_kinds;
    uint64_t fail_in; /* calls until one fails; 0: none will */
    int fail_fault;
    bool fail_forever;
    bool failed;

    sim_os_watch_cb *watch; /* NULL: nobody */
    void *watch_data;
};

struct sim_file {
    struct os_file file;
    struct list link;
    struct sim_node *node; /* borrowed from the disk, which keeps it */
    unsigned flags;
    uint64_t life;
};

static struct sim_os *sim_of(struct os *os)
{
    return container_of(os, struct sim_os, os);
}

static struct sim_file *file_of(struct os_file *file)
{
    return container_of(file, struct sim_file, file);
}

/* What a call has to do. */
enum call {
    CALL_WORKS,
    CALL_BREAKS, /* half of it, then it fails with *fault */
    CALL_DEAD,   /* nothing; it fails with *fault */
};

static bool breaks(struct sim_os *sim, unsigned kind)
{
    if (sim->fail_forever && sim->failed)
        return true;
    if (sim->fail_in == 0 || (kind & sim->fail_kinds) == 0)
        return false;
    if (--sim->fail_in > 0)
        return false;
    sim->failed = true;
    return true;
}

/* Every call begins here and ends in finish(). `file` may be NULL. */
static enum call begin(struct sim_os *sim, unsigned kind, const struct sim_file *file, int *fault)
{
    if (sim->watch != NULL && sim->power)
        sim->watch(sim->watch_data, kind);
    pthread_mutex_lock(&sim->lock);
    if (!sim->power || (file != NULL && file->life != sim->life)) {
        *fault = -EIO;
        return CALL_DEAD;
    }
    sim->calls[__builtin_ctz(kind)]++;
    *fault = breaks(sim, kind) ? sim->fail_fault : 0;
    return *fault < 0 ? CALL_BREAKS : CALL_WORKS;
}

static int finish(struct sim_os *sim, int r)
{
    pthread_mutex_unlock(&sim->lock);
    return r < 0 ? err_raise(r) : r;
}

static uint64_t sim_monotonic_ns(struct os *os)
{
    struct sim_os *sim = sim_of(os);
    uint64_t now;

    pthread_mutex_lock(&sim->lock);
    now = sim->monotonic_ns;
    pthread_mutex_unlock(&sim->lock);
    return now;
}

static int64_t sim_wall_ns(struct os *os)
{
    struct sim_os *sim = sim_of(os);
    int64_t now;

    pthread_mutex_lock(&sim->lock);
    now = sim->wall_ns;
    pthread_mutex_unlock(&sim->lock);
    return now;
}

static void sim_random(struct os *os, void *out, size_t len)
{
    struct sim_os *sim = sim_of(os);

    pthread_mutex_lock(&sim->lock);
    rng_fill(&sim->rng, out, len);
    pthread_mutex_unlock(&sim->lock);
}

static struct os_file *open_node(struct sim_os *sim, struct sim_node *node, unsigned flags)
{
    struct sim_file *file = mem_new(struct sim_file);

    file->file.os = &sim->os;
    file->node = node;
    file->flags = flags;
    file->life = sim->life;
    node->handles++;
    list_push_back(&sim->files, &file->link);
    return &file->file;
}

static int open_path(struct sim_os *sim, const char *path, unsigned flags, struct os_file **file)
{
    struct sim_place place = sim_disk_place(&sim->disk, path);
    struct sim_node *node = sim_disk_find(&sim->disk, path);

    if (node == NULL && (place.folder == NULL || (flags & OS_CREATE) == 0))
        return OS_OPEN_MISSING;
    if (node != NULL && (flags & OS_CREATE) != 0 && (flags & OS_EXCLUSIVE) != 0)
        return OS_OPEN_EXISTS;
    if (node != NULL && node->is_folder)
        return -EISDIR;
    if (node == NULL)
        node = sim_disk_create(&sim->disk, &place, false);
    else if ((flags & OS_TRUNCATE) != 0)
        sim_node_resize(node, 0);
    *file = open_node(sim, node, flags);
    return 0;
}

static int sim_open(struct os *os, const char *path, unsigned flags, struct os_file **file)
{
    struct sim_os *sim = sim_of(os);
    int r;

    ASSERT((flags & (OS_READ | OS_WRITE)) != 0);
    if (begin(sim, SIM_OS_FOLDER, NULL, &r) == CALL_WORKS)
        r = open_path(sim, path, flags, file);
    return finish(sim, r);
}

static void sim_close(struct os_file *base)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);

    pthread_mutex_lock(&sim->lock);
    if (file->node->locked_by == file)
        file->node->locked_by = NULL;
    file->node->handles--;
    list_remove(&file->link);
    mem_free(file);
    pthread_mutex_unlock(&sim->lock);
}

static int sim_pread(struct os_file *base, void *out, size_t len, uint64_t offset, size_t *got)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;

    if (begin(sim, SIM_OS_READ, file, &r) == CALL_WORKS) {
        uint64_t size = file->node->size;
        uint64_t there = offset < size ? size - offset : 0;

        *got = len < there ? len : (size_t)there;
        if ((file->flags & OS_READ) == 0)
            r = -EBADF;
        else if (*got > 0)
            sim_node_read(file->node, out, *got, offset);
    }
    return finish(sim, r);
}

/* Room for a file that would end at `end`: how far it may really grow. */
static uint64_t end_within_space(const struct sim_os *sim, const struct sim_node *node,
                                 uint64_t end)
{
    uint64_t used;
    uint64_t left;

    if (end <= node->size || sim->space_bytes == UINT64_MAX)
        return end;
    used = sim_disk_used(&sim->disk);
    left = used < sim->space_bytes ? sim->space_bytes - used : 0;
    return end - node->size > left ? node->size + left : end;
}

static int write_part(struct sim_os *sim, struct sim_node *node, struct bytes part, uint64_t offset)
{
    uint64_t end = end_within_space(sim, node, offset + part.len);
    size_t len = end > offset ? (size_t)(end - offset) : 0;

    sim_node_write(node, part.data, len, offset, &sim->rng);
    return len == part.len ? 0 : -ENOSPC;
}

static int sim_pwritev(struct os_file *base, const struct bytes *parts, size_t count,
                       uint64_t offset)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;
    enum call call = begin(sim, SIM_OS_WRITE, file, &r);

    if (call == CALL_WORKS && (file->flags & OS_WRITE) == 0)
        r = -EBADF;
    for (size_t i = 0; call == CALL_WORKS && r == 0 && i < count; i++) {
        r = write_part(sim, file->node, parts[i], offset);
        offset += parts[i].len;
    }
    if (call == CALL_BREAKS && count > 0) {
        struct bytes half = bytes_of(parts[0].data, rng_below(&sim->rng, parts[0].len + 1));

        write_part(sim, file->node, half, offset);
    }
    return finish(sim, r);
}

static int sync_file(struct os_file *base)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;
    enum call call = begin(sim, SIM_OS_SYNC, file, &r);

    if (call == CALL_WORKS)
        sim_node_sync(file->node);
    else if (call == CALL_BREAKS)
        sim_node_sync_failed(file->node);
    return finish(sim, r);
}

static int grow_to(struct sim_os *sim, struct sim_node *node, uint64_t size)
{
    if (end_within_space(sim, node, size) < size)
        return -ENOSPC;
    sim_node_resize(node, size);
    return 0;
}

static int sim_ftruncate(struct os_file *base, uint64_t size)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;

    if (begin(sim, SIM_OS_WRITE, file, &r) == CALL_WORKS)
        sim_node_resize(file->node, size); /* makes a hole: needs no space */
    return finish(sim, r);
}

static int sim_fallocate(struct os_file *base, uint64_t offset, uint64_t len)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;

    if (begin(sim, SIM_OS_WRITE, file, &r) == CALL_WORKS && offset + len > file->node->size)
        r = grow_to(sim, file->node, offset + len);
    return finish(sim, r);
}

static int sim_file_size(struct os_file *base, uint64_t *size)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;

    if (begin(sim, SIM_OS_READ, file, &r) == CALL_WORKS)
        *size = file->node->size;
    return finish(sim, r);
}

/* It knows of no holes. */
static int sim_next_data(struct os_file *base, uint64_t offset, uint64_t *from, uint64_t *end)
{
    (void)base;
    *from = offset;
    *end = UINT64_MAX;
    return 0;
}

static int sim_lock(struct os_file *base)
{
    struct sim_file *file = file_of(base);
    struct sim_os *sim = sim_of(base->os);
    int r;

    if (begin(sim, SIM_OS_FOLDER, file, &r) == CALL_WORKS) {
        if (file->node->locked_by != NULL && file->node->locked_by != file)
            r = OS_LOCK_TAKEN;
        else
            file->node->locked_by = file;
    }
    return finish(sim, r);
}

static int make_folder(struct sim_os *sim, const char *path)
{
    struct sim_place place = sim_disk_place(&sim->disk, path);
    const struct sim_node *node = sim_disk_find(&sim->disk, path);

    if (place.folder == NULL)
        return -ENOENT;
    if (node != NULL)
        return node->is_folder ? 0 : -EEXIST;
    sim_disk_create(&sim->disk, &place, true);
    return 0;
}

static int sim_mkdir(struct os *os, const char *path)
{
    struct sim_os *sim = sim_of(os);
    int r;

    if (begin(sim, SIM_OS_FOLDER, NULL, &r) == CALL_WORKS)
        r = make_folder(sim, path);
    return finish(sim, r);
}

static int count_entry(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return 1;
}

static bool is_empty(const struct sim_os *sim, const struct sim_node *folder)
{
    return sim_disk_list(&sim->disk, folder, count_entry, NULL) == 0;
}

static int move(struct sim_os *sim, const char *from_path, const char *to_path)
{
    struct sim_place from = sim_disk_place(&sim->disk, from_path);
    struct sim_place to = sim_disk_place(&sim->disk, to_path);
    const struct sim_node *node = sim_disk_find(&sim->disk, from_path);
    const struct sim_node *there = sim_disk_find(&sim->disk, to_path);

    if (node == NULL || to.folder == NULL)
        return -ENOENT;
    if (there == node)
        return 0;
    if (there != NULL && there->is_folder && !node->is_folder)
        return -EISDIR;
    if (there != NULL && !there->is_folder && node->is_folder)
        return -ENOTDIR;
    if (there != NULL && there->is_folder && !is_empty(sim, there))
        return -ENOTEMPTY;
    sim_disk_move(&sim->disk, &from, &to);
    return 0;
}

static int sim_rename(struct os *os, const char *from, const char *to)
{
    struct sim_os *sim = sim_of(os);
    int r;

    if (begin(sim, SIM_OS_FOLDER, NULL, &r) == CALL_WORKS)
        r = move(sim, from, to);
    return finish(sim, r);
}

static int remove_path(struct sim_os *sim, const char *path, bool is_folder)
{
    struct sim_place place = sim_disk_place(&sim->disk, path);
    const struct sim_node *node = sim_disk_find(&sim->disk, path);

    if (node == NULL)
        return OS_UNLINK_MISSING;
    if (node->is_folder && !is_folder)
        return -EISDIR;
    if (!node->is_folder && is_folder)
        return -ENOTDIR;
    if (is_folder && !is_empty(sim, node))
        return -ENOTEMPTY;
    sim_disk_remove(&sim->disk, &place);
    return 0;
}

static int sim_unlink(struct os *os, const char *path)
{
    struct sim_os *sim = sim_of(os);
    int r;

    if (begin(sim, SIM_OS_FOLDER, NULL, &r) == CALL_WORKS)
        r = remove_path(sim, path, false);
    return finish(sim, r);
}

static int sim_rmdir(struct os *os, const char *path)
{
    struct sim_os *sim = sim_of(os);
    int r;

    if (begin(sim, SIM_OS_FOLDER, NULL, &r) == CALL_WORKS)
        r = remove_path(sim, path, true);
    return finish(sim, r);
}

static int find_folder(struct sim_os *sim, const char *path, struct sim_node **folder)
{
    *folder = sim_disk_find(&sim->disk, path);
    if (*folder == NULL)
        return -ENOENT;
    return (*folder)->is_folder ? 0 : -ENOTDIR;
}

static int sim_sync_dir(struct os *os, const char *path)
{
    struct sim_os *sim = sim_of(os);
    struct sim_node *folder;
    int r;

    if (begin(sim, SIM_OS_SYNC, NULL, &r) == CALL_WORKS) {
        r = find_folder(sim, path, &folder);
        if (r == 0)
            sim_disk_sync_folder(&sim->disk, folder);
    }
    return finish(sim, r);
}

/* Names are collected first: the callback may well make calls of its own. */
struct entries {
    char **names;
    size_t count;
};

static int collect(void *arg, const char *name)
{
    struct entries *entries = arg;

    ASSERT(entries->count < NAMES_MAX);
    entries->names = mem_realloc_array(entries->names, entries->count + 1, sizeof(char *));
    entries->names[entries->count++] = mem_strdup(name);
    return 0;
}

static int sim_space(struct os *os, const char *path, uint64_t *bytes)
{
    struct sim_os *sim = sim_of(os);
    uint64_t used;

    (void)path;
    pthread_mutex_lock(&sim->lock);
    used = sim_disk_used(&sim->disk);
    pthread_mutex_unlock(&sim->lock);
    *bytes = used < sim->space_bytes ? sim->space_bytes - used : 0;
    return 0;
}

static int sim_list_dir(struct os *os, const char *path, os_list_cb *cb, void *arg)
{
    struct sim_os *sim = sim_of(os);
    struct entries entries = {0};
    struct sim_node *folder;
    int r;

    if (begin(sim, SIM_OS_READ, NULL, &r) == CALL_WORKS) {
        r = find_folder(sim, path, &folder);
        if (r == 0)
            sim_disk_list(&sim->disk, folder, collect, &entries);
    }
    r = finish(sim, r);
    for (size_t i = 0; i < entries.count; i++) {
        if (r == 0)
            r = cb(arg, entries.names[i]);
        mem_free(entries.names[i]);
    }
    mem_free(entries.names);
    return r;
}

static const struct os_vtable sim_vtable = {
    .monotonic_ns = sim_monotonic_ns,
    .wall_ns = sim_wall_ns,
    .random = sim_random,
    .open = sim_open,
    .close = sim_close,
    .pread = sim_pread,
    .pwritev = sim_pwritev,
    .fdatasync = sync_file,
    .fsync = sync_file,
    .ftruncate = sim_ftruncate,
    .fallocate = sim_fallocate,
    .file_size = sim_file_size,
    .next_data = sim_next_data,
    .lock = sim_lock,
    .mkdir = sim_mkdir,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .rmdir = sim_rmdir,
    .sync_dir = sim_sync_dir,
    .space = sim_space,
    .list_dir = sim_list_dir,
};

static struct sim_os *create_bare(void)
{
    struct sim_os *sim = mem_new(struct sim_os);

    sim->os.vtable = &sim_vtable;
    pthread_mutex_init(&sim->lock, NULL);
    list_init(&sim->files);
    sim->space_bytes = UINT64_MAX;
    sim->power = true;
    return sim;
}

struct sim_os *sim_os_create(uint64_t seed)
{
    struct sim_os *sim = create_bare();

    sim_disk_init(&sim->disk);
    rng_init(&sim->rng, seed);
    sim->wall_ns = INT64_C(1767225600) * 1000000000;
    return sim;
}

void sim_os_destroy(struct sim_os *sim)
{
    struct list *it;

    if (sim == NULL)
        return;
    while ((it = list_pop_front(&sim->files)) != NULL)
        mem_free(container_of(it, struct sim_file, link));
    sim_disk_fini(&sim->disk);
    pthread_mutex_destroy(&sim->lock);
    mem_free(sim);
}

struct sim_os *sim_os_clone(struct sim_os *sim)
{
    struct sim_os *twin = create_bare();

    pthread_mutex_lock(&sim->lock);
    sim_disk_copy(&twin->disk, &sim->disk);
    twin->rng = sim->rng;
    twin->monotonic_ns = sim->monotonic_ns;
    twin->wall_ns = sim->wall_ns;
    twin->space_bytes = sim->space_bytes;
    pthread_mutex_unlock(&sim->lock);
    return twin;
}

struct os *sim_os_base(struct sim_os *sim)
{
    return &sim->os;
}

void sim_os_crash(struct sim_os *sim, uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed);
    pthread_mutex_lock(&sim->lock);
    sim->power = false;
    sim_disk_crash(&sim->disk, &rng);
    pthread_mutex_unlock(&sim->lock);
}

void sim_os_kill(struct sim_os *sim)
{
    pthread_mutex_lock(&sim->lock);
    sim->power = false;
    pthread_mutex_unlock(&sim->lock);
}

void sim_os_boot(struct sim_os *sim)
{
    struct list *it;

    pthread_mutex_lock(&sim->lock);
    list_for_each (it, &sim->disk.nodes)
        container_of(it, struct sim_node, link)->locked_by = NULL;
    sim->power = true;
    sim->life++;
    sim->fail_in = 0;
    sim->failed = false;
    pthread_mutex_unlock(&sim->lock);
}

void sim_os_fail_at(struct sim_os *sim, unsigned kinds, uint64_t n, int fault, bool forever)
{
    ASSERT(n == 0 || fault < 0);
    pthread_mutex_lock(&sim->lock);
    sim->fail_kinds = kinds;
    sim->fail_in = n;
    sim->fail_fault = fault;
    sim->fail_forever = forever;
    sim->failed = false;
    pthread_mutex_unlock(&sim->lock);
}

void sim_os_watch(struct sim_os *sim, sim_os_watch_cb *cb, void *data)
{
    sim->watch = cb;
    sim->watch_data = data;
}

bool sim_os_has_failed(struct sim_os *sim)
{
    bool failed;

    pthread_mutex_lock(&sim->lock);
    failed = sim->failed;
    pthread_mutex_unlock(&sim->lock);
    return failed;
}

uint64_t sim_os_calls(struct sim_os *sim, unsigned kinds)
{
    uint64_t sum = 0;

    pthread_mutex_lock(&sim->lock);
    for (unsigned i = 0; i < KINDS; i++)
        sum += (kinds & (1U << i)) != 0 ? sim->calls[i] : 0;
    pthread_mutex_unlock(&sim->lock);
    return sum;
}

void sim_os_set_space(struct sim_os *sim, uint64_t space_bytes)
{
    pthread_mutex_lock(&sim->lock);
    sim->space_bytes = space_bytes;
    pthread_mutex_unlock(&sim->lock);
}

void sim_os_advance(struct sim_os *sim, uint64_t ns)
{
    pthread_mutex_lock(&sim->lock);
    sim->monotonic_ns += ns;
    sim->wall_ns += (int64_t)ns;
    pthread_mutex_unlock(&sim->lock);
}

void sim_os_set_wall(struct sim_os *sim, int64_t wall_ns)
{
    pthread_mutex_lock(&sim->lock);
    sim->wall_ns = wall_ns;
    pthread_mutex_unlock(&sim->lock);
}

bool sim_os_load(struct sim_os *sim, const char *path, struct buf *content)
{
    const struct sim_node *node;

    pthread_mutex_lock(&sim->lock);
    node = sim_disk_find(&sim->disk, path);
    buf_clear(content);
    if (node != NULL && node->size > 0) {
        buf_reserve(content, node->size);
        sim_node_read(node, content->data, node->size, 0);
        content->len = node->size;
    }
    pthread_mutex_unlock(&sim->lock);
    return node != NULL && !node->is_folder;
}

void sim_os_store(struct sim_os *sim, const char *path, struct bytes content)
{
    struct sim_place place;
    struct sim_node *node;

    pthread_mutex_lock(&sim->lock);
    place = sim_disk_place(&sim->disk, path);
    node = sim_disk_find(&sim->disk, path);
    ASSERT(place.folder != NULL);
    if (node == NULL)
        node = sim_disk_create(&sim->disk, &place, false);
    sim_node_resize(node, 0);
    sim_node_write(node, content.data, content.len, 0, &sim->rng);
    sim_node_sync(node);
    sim_disk_sync_folder(&sim->disk, place.folder);
    pthread_mutex_unlock(&sim->lock);
}

bool sim_os_digest(struct sim_os *sim, const char *path, uint64_t *digest)
{
    const struct sim_node *node;

    pthread_mutex_lock(&sim->lock);
    node = sim_disk_find(&sim->disk, path);
    *digest = node != NULL ? sim_node_digest(node) : 0;
    pthread_mutex_unlock(&sim->lock);
    return node != NULL;
}
