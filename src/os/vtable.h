#pragma once

/*
 * What an implementation of os.h provides: one function per call there, with the same contract.
 */

#include "os/os.h"

struct os_vtable {
    uint64_t (*monotonic_ns)(struct os *os);
    int64_t (*wall_ns)(struct os *os);
    void (*random)(struct os *os, void *out, size_t len);

    int (*open)(struct os *os, const char *path, unsigned flags, struct os_file **file);
    void (*close)(struct os_file *file);
    int (*pread)(struct os_file *file, void *out, size_t len, uint64_t offset, size_t *got);
    int (*pwritev)(struct os_file *file, const struct bytes *parts, size_t count, uint64_t offset);
    int (*fdatasync)(struct os_file *file);
    int (*fsync)(struct os_file *file);
    int (*ftruncate)(struct os_file *file, uint64_t size);
    int (*fallocate)(struct os_file *file, uint64_t offset, uint64_t len);
    int (*file_size)(struct os_file *file, uint64_t *size);
    int (*next_data)(struct os_file *file, uint64_t offset, uint64_t *from, uint64_t *end);
    int (*lock)(struct os_file *file);

    int (*mkdir)(struct os *os, const char *path);
    int (*rename)(struct os *os, const char *from, const char *to);
    int (*unlink)(struct os *os, const char *path);
    int (*rmdir)(struct os *os, const char *path);
    int (*sync_dir)(struct os *os, const char *path);
    int (*space)(struct os *os, const char *path, uint64_t *bytes);
    int (*list_dir)(struct os *os, const char *path, os_list_cb *cb, void *arg);
};
