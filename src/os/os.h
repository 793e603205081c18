#pragma once

/*
 * The kernel
 *
 * Everything store/ and actor/ ask of the operating system goes through one struct: time, files,
 * directories, randomness. os_real() is the machine; tests put a simulated one in its place that
 * owns time, loses what was not synced, tears writes and fails any call it likes.
 *
 * Faults are -errno. EINTR and short transfers never come out of here. Any thread; two threads
 * may read and write different parts of one file, as with pread(2).
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct os;
struct os_vtable; /* os/vtable.h, for those who implement one */

/* Base of an open file; each implementation embeds it first. */
struct os_file {
    struct os *os;
};

struct os {
    const struct os_vtable *vtable;
};

/* The machine. Static. */
struct os *os_real(void);

/* Never goes back; has no date. */
uint64_t os_monotonic_ns(struct os *os);

/* Since 1970, may jump. */
int64_t os_wall_ns(struct os *os);

/* Fit for secrets. Cannot fail: without randomness there are no ids. */
void os_random(struct os *os, void *out, size_t len);

enum os_open_flags {
    OS_READ = 1,
    OS_WRITE = 2,
    OS_CREATE = 4,    /* if it is missing */
    OS_EXCLUSIVE = 8, /* with OS_CREATE: it must be missing */
    OS_TRUNCATE = 16,
};

/* What os_open() can find out. */
enum os_open_result {
    OS_OPEN_MISSING = 1, /* no such file, or no such folder above it */
    OS_OPEN_EXISTS,      /* OS_EXCLUSIVE, and it is there */
};

/* Close with os_close(). A new file is durable only after os_sync_dir() of its folder. */
int os_open(struct os *os, const char *path, unsigned flags, struct os_file **file);

/* Releases the lock, if any. NULL is allowed. */
void os_close(struct os_file *file);

/* `*got` is less than `len` only at the end of the file. */
int os_pread(struct os_file *file, void *out, size_t len, uint64_t offset, size_t *got);

/* All of it or a fault; after a fault any part may have been written. */
int os_pwrite(struct os_file *file, const void *data, size_t len, uint64_t offset);

/* The parts one behind the other, in one call where the kernel can. */
int os_pwritev(struct os_file *file, const struct bytes *parts, size_t count, uint64_t offset);

/* Durable afterwards: the data and the size (fdatasync), the other attributes too (fsync). After
 * a fault nothing is known about what was written since the last one: never retry. */
int os_fdatasync(struct os_file *file);
int os_fsync(struct os_file *file);

int os_ftruncate(struct os_file *file, uint64_t size);

/* Blocks for this range, reading as zero; the file grows if it must. -ENOSPC comes from here
 * rather than from a later write. */
int os_fallocate(struct os_file *file, uint64_t offset, uint64_t len);

int os_file_size(struct os_file *file, uint64_t *size);

/* From `offset` to `*from` the file reads as zeros, as the file system knows without reading, and
 * from `*end` on it may. UINT64_MAX: to its end. */
int os_next_data(struct os_file *file, uint64_t offset, uint64_t *from, uint64_t *end);

/* What os_lock() can find out. */
enum os_lock_result {
    OS_LOCK_TAKEN = 1, /* somebody else holds it */
};

/* Lock the file against every other open of it, here or in another process, until it is closed. */
int os_lock(struct os_file *file);

/* Make a folder; one that is there already is fine. */
int os_mkdir(struct os *os, const char *path);

/* Replaces `to` in one step if it exists. Durable after os_sync_dir() of both folders. */
int os_rename(struct os *os, const char *from, const char *to);

/* What os_unlink() and os_rmdir() can find out. */
enum os_unlink_result {
    OS_UNLINK_MISSING = 1,
};

int os_unlink(struct os *os, const char *path);

/* The folder must be empty. */
int os_rmdir(struct os *os, const char *path);

/* What was created, renamed or removed in this folder is durable afterwards. */
int os_sync_dir(struct os *os, const char *path);

/* What there is left on the disk of a folder. */
int os_space(struct os *os, const char *path, uint64_t *bytes);

/* Called once per entry, in no order, without "." and ".."; a result other than 0 ends the walk. */
typedef int os_list_cb(void *arg, const char *name);

/* Returns 0, a fault, or what the callback returned. A missing folder is -ENOENT. */
int os_list_dir(struct os *os, const char *path, os_list_cb *cb, void *arg);
