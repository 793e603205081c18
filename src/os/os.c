#include "os/os.h"

#include "os/vtable.h"

uint64_t os_monotonic_ns(struct os *os)
{
    return os->vtable->monotonic_ns(os);
}

int64_t os_wall_ns(struct os *os)
{
    return os->vtable->wall_ns(os);
}

void os_random(struct os *os, void *out, size_t len)
{
    os->vtable->random(os, out, len);
}

int os_open(struct os *os, const char *path, unsigned flags, struct os_file **file)
{
    return os->vtable->open(os, path, flags, file);
}

void os_close(struct os_file *file)
{
    if (file != NULL)
        file->os->vtable->close(file);
}

int os_pread(struct os_file *file, void *out, size_t len, uint64_t offset, size_t *got)
{
    return file->os->vtable->pread(file, out, len, offset, got);
}

int os_pwrite(struct os_file *file, const void *data, size_t len, uint64_t offset)
{
    struct bytes part = bytes_of(data, len);

    return file->os->vtable->pwritev(file, &part, 1, offset);
}

int os_pwritev(struct os_file *file, const struct bytes *parts, size_t count, uint64_t offset)
{
    return file->os->vtable->pwritev(file, parts, count, offset);
}

int os_fdatasync(struct os_file *file)
{
    return file->os->vtable->fdatasync(file);
}

int os_fsync(struct os_file *file)
{
    return file->os->vtable->fsync(file);
}

int os_ftruncate(struct os_file *file, uint64_t size)
{
    return file->os->vtable->ftruncate(file, size);
}

int os_fallocate(struct os_file *file, uint64_t offset, uint64_t len)
{
    return file->os->vtable->fallocate(file, offset, len);
}

int os_file_size(struct os_file *file, uint64_t *size)
{
    return file->os->vtable->file_size(file, size);
}

int os_next_data(struct os_file *file, uint64_t offset, uint64_t *from, uint64_t *end)
{
    return file->os->vtable->next_data(file, offset, from, end);
}

int os_lock(struct os_file *file)
{
    return file->os->vtable->lock(file);
}

int os_mkdir(struct os *os, const char *path)
{
    return os->vtable->mkdir(os, path);
}

int os_rename(struct os *os, const char *from, const char *to)
{
    return os->vtable->rename(os, from, to);
}

int os_unlink(struct os *os, const char *path)
{
    return os->vtable->unlink(os, path);
}

int os_rmdir(struct os *os, const char *path)
{
    return os->vtable->rmdir(os, path);
}

int os_sync_dir(struct os *os, const char *path)
{
    return os->vtable->sync_dir(os, path);
}

int os_space(struct os *os, const char *path, uint64_t *bytes)
{
    return os->vtable->space(os, path, bytes);
}

int os_list_dir(struct os *os, const char *path, os_list_cb *cb, void *arg)
{
    return os->vtable->list_dir(os, path, cb, arg);
}
