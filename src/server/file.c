#include "server/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

int file_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return -errno;
    do {
        uint8_t *room = buf_reserve(out, 64 * 1024);
        got = read(fd, room, 64 * 1024);
        if (got > 0)
            buf_added(out, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    got = got < 0 ? -errno : 0;
    close(fd);
    return (int)got;
}

int file_write(const char *path, struct bytes content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int r = 0;

    if (fd < 0)
        return err_raise(-errno);
    while (r == 0 && content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);
        if (put >= 0)
            content = bytes_slice(content, (size_t)put, content.len);
        else if (errno != EINTR)
            r = err_raise(-errno);
    }
    close(fd);
    return r;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_stamp(const char *path, int64_t *mtime_ns, int64_t *size)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return false;
    *mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    *size = info.st_size;
    return true;
}

int folder_make(const char *path)
{
    char *part = mem_strdup(path);
    int r = 0;

    for (char *at = part + 1; r == 0; at++) {
        char was = *at;
        if (was != '/' && was != '\0')
            continue;
        *at = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            r = err_raise(-errno);
        *at = was;
        if (was == '\0')
            break;
    }
    mem_free(part);
    return r;
}
