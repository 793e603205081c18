#include "store/object_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/page_diff.h"

struct object_file {
    struct os *os;        /* borrowed */
    struct os_file *file; /* owned; NULL while it is missing */
    uint64_t size;
    atomic_uint refs;
    atomic_bool fresh; /* the folder does not durably have its name yet */
    size_t dir_len;
    char path[]; /* the folder is its first dir_len bytes */
};

static uint8_t template[PAGE_BYTES];
static pthread_once_t template_made = PTHREAD_ONCE_INIT;

/* The header fields that an empty database has (https://sqlite.org/fileformat2.html §1.3) and an
 * empty table leaf for sqlite_schema. */
static void make_template(void)
{
    static const char magic[16] = "SQLite format 3";

    memcpy(template, magic, sizeof magic);
    template[16] = PAGE_BYTES >> 8;
    template[18] = 2; /* written in WAL mode */
    template[19] = 2; /* read in WAL mode */
    template[21] = 64;
    template[22] = 32;
    template[23] = 32;
    template[27] = 1;    /* change counter */
    template[31] = 1;    /* pages */
    template[47] = 4;    /* schema format */
    template[59] = 1;    /* UTF-8 */
    template[95] = 1;    /* the page count is valid for this change counter */
    template[97] = 0x2e; /* 3.40.1 wrote it */
    template[98] = 0x63;
    template[99] = 0x01;
    template[100] = 0x0d;            /* table leaf */
    template[105] = PAGE_BYTES >> 8; /* cells start at the end of the page */
}

const uint8_t *object_file_template(void)
{
    pthread_once(&template_made, make_template);
    return template;
}

int object_file_open(struct object_file **out, struct os *os, const char *dir, const char *path)
{
    size_t len = strlen(path) + 1;
    struct object_file *file = mem_alloc_zero(sizeof *file + len);
    int r;

    memcpy(file->path, path, len);
    file->dir_len = strlen(dir);
    ASSERT(strncmp(dir, path, file->dir_len) == 0);
    file->os = os;
    atomic_init(&file->refs, 1);
    r = os_open(os, path, OS_READ | OS_WRITE, &file->file);
    if (r == 0)
        r = os_file_size(file->file, &file->size);
    if (r < 0) {
        object_file_unref(file);
        return err_pass(r);
    }
    *out = file;
    return 0;
}

struct object_file *object_file_ref(struct object_file *file)
{
    atomic_fetch_add(&file->refs, 1);
    return file;
}

void object_file_unref(struct object_file *file)
{
    if (file == NULL || atomic_fetch_sub(&file->refs, 1) > 1)
        return;
    os_close(file->file);
    mem_free(file);
}

const char *object_file_path(const struct object_file *file)
{
    return file->path;
}

bool object_file_missing(const struct object_file *file)
{
    return file->size == 0;
}

uint64_t object_file_size(const struct object_file *file)
{
    return object_file_missing(file) ? PAGE_BYTES : file->size;
}

int object_file_read(struct object_file *file, void *out, size_t len, uint64_t offset, size_t *got)
{
    int r = 0;

    *got = 0;
    if (object_file_missing(file)) {
        if (offset < PAGE_BYTES) {
            *got = len < PAGE_BYTES - offset ? len : PAGE_BYTES - offset;
            memcpy(out, object_file_template() + offset, *got);
        }
    } else {
        r = os_pread(file->file, out, len, offset, got);
    }
    memset((uint8_t *)out + *got, 0, len - *got);
    return r < 0 ? err_pass(r) : 0;
}

static int make_file(struct object_file *file)
{
    int r;

    if (file->file != NULL)
        return 0;
    r = os_open(file->os, file->path, OS_READ | OS_WRITE | OS_CREATE, &file->file);
    if (r != 0)
        return err_raise(r < 0 ? r : -ENOENT);
    atomic_store(&file->fresh, true);
    return 0;
}

int object_file_write(struct object_file *file, const void *data, size_t len, uint64_t offset)
{
    int r = make_file(file);

    if (r == 0)
        r = os_pwrite(file->file, data, len, offset);
    if (r < 0)
        return err_pass(r);
    if (file->size < offset + len)
        file->size = offset + len;
    return 0;
}

int object_file_truncate(struct object_file *file, uint64_t size_bytes)
{
    int r = make_file(file);

    if (r == 0 && file->size != size_bytes)
        r = os_ftruncate(file->file, size_bytes);
    if (r < 0)
        return err_pass(r);
    file->size = size_bytes;
    return 0;
}

/* What is in the file; its name may have to follow. */
static int sync_content(struct object_file *file)
{
    int r = file->file != NULL ? os_fdatasync(file->file) : 0;

    return r < 0 ? err_pass(r) : 0;
}

static int sync_name(struct object_file *file)
{
    char *dir = mem_strndup(file->path, file->dir_len);
    int r = os_sync_dir(file->os, dir);

    mem_free(dir);
    return r < 0 ? err_pass(r) : 0;
}

static bool same_folder(const struct object_file *one, const struct object_file *other)
{
    return one->dir_len == other->dir_len && memcmp(one->path, other->path, one->dir_len) == 0;
}

int object_file_sync(struct object_file *file)
{
    return object_file_sync_all(&file, 1);
}

int object_file_sync_all(struct object_file **files, size_t count)
{
    struct object_file *synced = NULL; /* its folder was, after every name here was made */
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = sync_content(files[i]);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (files[i]->file == NULL || !atomic_exchange(&files[i]->fresh, false))
            continue;
        if (synced == NULL || !same_folder(files[i], synced))
            r = sync_name(files[i]);
        synced = files[i];
    }
    return r < 0 ? err_pass(r) : 0;
}
