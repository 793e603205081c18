#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "os/os.h"
#include "os/vtable.h"

/*
 * The machine, through system calls. Every call that may be interrupted is repeated here: the
 * JavaScript engine stops threads with a signal. close() and the syncs are not: after a failed
 * sync nothing can be said, and a failed close has closed.
 */

enum {
    IOV_BATCH = 64, /* parts handed to one pwritev(2) */
};

struct real_file {
    struct os_file file;
    int fd;
};

static int fd_of(struct os_file *file)
{
    return container_of(file, struct real_file, file)->fd;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    int r = clock_gettime(clock, &now);

    ASSERT(r == 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t real_monotonic_ns(struct os *os)
{
    (void)os;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t real_wall_ns(struct os *os)
{
    (void)os;
    return (int64_t)clock_ns(CLOCK_REALTIME);
}

static void real_random(struct os *os, void *out, size_t len)
{
    uint8_t *p = out;

    (void)os;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        ASSERT(n > 0 || errno == EINTR);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

static int open_retry(const char *path, int flags)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int real_open(struct os *os, const char *path, unsigned flags, struct os_file **file)
{
    struct real_file *real;
    int mode = (flags & OS_WRITE) == 0 ? O_RDONLY : (flags & OS_READ) == 0 ? O_WRONLY : O_RDWR;
    int fd;

    ASSERT((flags & (OS_READ | OS_WRITE)) != 0);
    if ((flags & OS_CREATE) != 0)
        mode |= O_CREAT;
    if ((flags & OS_EXCLUSIVE) != 0)
        mode |= O_EXCL;
    if ((flags & OS_TRUNCATE) != 0)
        mode |= O_TRUNC;

    fd = open_retry(path, mode);
    if (fd < 0 && errno == ENOENT)
        return OS_OPEN_MISSING;
    if (fd < 0 && errno == EEXIST)
        return OS_OPEN_EXISTS;
    if (fd < 0)
        return err_raise(-errno);

    real = mem_new(struct real_file);
    real->file.os = os;
    real->fd = fd;
    *file = &real->file;
    return 0;
}

static void real_close(struct os_file *file)
{
    struct real_file *real = container_of(file, struct real_file, file);

    close(real->fd);
    mem_free(real);
}

static int real_pread(struct os_file *file, void *out, size_t len, uint64_t offset, size_t *got)
{
    uint8_t *p = out;
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd_of(file), p + done, len - done, (off_t)(offset + done));

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return err_raise(-errno);
        if (n > 0)
            done += (size_t)n;
    }
    *got = done;
    return 0;
}

/* Write `count` parts, of which the first `skip` bytes are already written. */
static ssize_t write_some(int fd, const struct bytes *parts, size_t count, size_t skip,
                          off_t offset)
{
    struct iovec iov[IOV_BATCH];
    int used = 0;

    for (size_t i = 0; i < count && used < IOV_BATCH; i++) {
        if (skip >= parts[i].len) {
            skip -= parts[i].len;
            continue;
        }
        /* pwritev(2) only reads, its struct just cannot say so. */
        iov[used].iov_base = (void *)(uintptr_t)(parts[i].data + skip);
        iov[used++].iov_len = parts[i].len - skip;
        skip = 0;
    }
    return pwritev(fd, iov, used, offset);
}

static int real_pwritev(struct os_file *file, const struct bytes *parts, size_t count,
                        uint64_t offset)
{
    size_t skip = 0; /* bytes of parts[0] that are written */

    while (count > 0) {
        ssize_t n;

        if (skip == parts->len) {
            parts++;
            count--;
            skip = 0;
            continue;
        }
        n = write_some(fd_of(file), parts, count, skip, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_raise(n < 0 ? -errno : -EIO);
        offset += (uint64_t)n;
        for (skip += (size_t)n; count > 0 && skip > parts->len; count--)
            skip -= (parts++)->len;
    }
    return 0;
}

static int real_fdatasync(struct os_file *file)
{
    return fdatasync(fd_of(file)) == 0 ? 0 : err_raise(-errno);
}

static int real_fsync(struct os_file *file)
{
    return fsync(fd_of(file)) == 0 ? 0 : err_raise(-errno);
}

static int real_ftruncate(struct os_file *file, uint64_t size)
{
    int r;

    do
        r = ftruncate(fd_of(file), (off_t)size);
    while (r < 0 && errno == EINTR);
    return r == 0 ? 0 : err_raise(-errno);
}

static int real_fallocate(struct os_file *file, uint64_t offset, uint64_t len)
{
    int r;

    do
        r = posix_fallocate(fd_of(file), (off_t)offset, (off_t)len);
    while (r == EINTR);
    return r == 0 ? 0 : err_raise(-r);
}

static int real_file_size(struct os_file *file, uint64_t *size)
{
    struct stat st;

    if (fstat(fd_of(file), &st) < 0)
        return err_raise(-errno);
    *size = (uint64_t)st.st_size;
    return 0;
}

static int real_next_data(struct os_file *file, uint64_t offset, uint64_t *from, uint64_t *end)
{
    off_t data = lseek(fd_of(file), (off_t)offset, SEEK_DATA);
    off_t hole = -1;

    if (data < 0 && errno == ENXIO) {
        *from = UINT64_MAX;
        *end = UINT64_MAX;
        return 0;
    }
    if (data < 0 && errno != EINVAL) /* EINVAL: this file system does not know */
        return err_raise(-errno);
    if (data >= 0)
        hole = lseek(fd_of(file), data, SEEK_HOLE);
    *from = data >= 0 ? (uint64_t)data : offset;
    *end = hole >= 0 ? (uint64_t)hole : UINT64_MAX;
    return 0;
}

static int real_lock(struct os_file *file)
{
    int r;

    do
        r = flock(fd_of(file), LOCK_EX | LOCK_NB);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EWOULDBLOCK)
        return OS_LOCK_TAKEN;
    return r == 0 ? 0 : err_raise(-errno);
}

static int real_mkdir(struct os *os, const char *path)
{
    struct stat st;

    (void)os;
    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return err_raise(-errno);
}

static int real_rename(struct os *os, const char *from, const char *to)
{
    (void)os;
    return rename(from, to) == 0 ? 0 : err_raise(-errno);
}

static int real_unlink(struct os *os, const char *path)
{
    (void)os;
    if (unlink(path) < 0)
        return errno == ENOENT ? OS_UNLINK_MISSING : err_raise(-errno);
    return 0;
}

static int real_rmdir(struct os *os, const char *path)
{
    (void)os;
    if (rmdir(path) < 0)
        return errno == ENOENT ? OS_UNLINK_MISSING : err_raise(-errno);
    return 0;
}

static int real_sync_dir(struct os *os, const char *path)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY);
    int r;

    (void)os;
    if (fd < 0)
        return err_raise(-errno);
    r = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return r == 0 ? 0 : err_raise(r);
}

static int real_space(struct os *os, const char *path, uint64_t *bytes)
{
    struct statvfs disk;

    (void)os;
    if (statvfs(path, &disk) != 0)
        return err_raise(-errno);
    *bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return 0;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int real_list_dir(struct os *os, const char *path, os_list_cb *cb, void *arg)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int r = 0;

    (void)os;
    if (dir == NULL)
        return err_raise(-errno);
    while (r == 0) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            r = errno != 0 ? err_raise(-errno) : 0;
            break;
        }
        if (!is_dots(entry->d_name))
            r = cb(arg, entry->d_name);
    }
    closedir(dir);
    return r;
}

static const struct os_vtable real_vtable = {
    .monotonic_ns = real_monotonic_ns,
    .wall_ns = real_wall_ns,
    .random = real_random,
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwritev = real_pwritev,
    .fdatasync = real_fdatasync,
    .fsync = real_fsync,
    .ftruncate = real_ftruncate,
    .fallocate = real_fallocate,
    .file_size = real_file_size,
    .next_data = real_next_data,
    .lock = real_lock,
    .mkdir = real_mkdir,
    .rename = real_rename,
    .unlink = real_unlink,
    .rmdir = real_rmdir,
    .sync_dir = real_sync_dir,
    .space = real_space,
    .list_dir = real_list_dir,
};

struct os *os_real(void)
{
    static struct os real = {.vtable = &real_vtable};

    return &real;
}
