#include "store/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "os/os.h"
#include "store/journal.h"
#include "store/object_file.h"
#include "store/pages.h"
#include "store/rule.h"
#include "store/shard.h"

struct vfs_file {
    sqlite3_file base;
    struct pages *pages; /* borrowed */
};

static struct pages *pages_of(sqlite3_file *file)
{
    return ((struct vfs_file *)file)->pages;
}

/* ---- what both files have in common ---- */

static int file_close(sqlite3_file *file)
{
    (void)file; /* the pages outlive the connection */
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *held)
{
    (void)file;
    *held = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file)
{
    (void)file;
    return PAGE_BYTES;
}

/* Memory: in order, and what is not written does not change. */
static int file_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE |
           SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

/* ---- main file ---- */

static int main_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    struct pages *pages = pages_of(file);
    size_t got;
    int r;

    if (pages_is_hole(pages, (uint32_t)(offset / PAGE_BYTES) + 1)) {
        memset(out, 0, (size_t)len);
        return SQLITE_OK;
    }
    r = object_file_read(pages->file, out, (size_t)len, (uint64_t)offset, &got);
    if (r < 0)
        return SQLITE_IOERR_READ;
    return got < (size_t)len ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int main_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    struct pages *pages = pages_of(file);
    int r;

    /* Rule 1: no page reaches the file before the record that carries it is durable. */
    ASSERT(pages->checkpointing);
    RULE(1, pages->last_lsn <= journal_durable_lsn(pages->shard->journal));
    r = object_file_write(pages->file, data, (size_t)len, (uint64_t)offset);
    if (r < 0)
        shard_note_file_fault(pages->shard, r);
    return r == 0 ? SQLITE_OK : r == -ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int main_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct pages *pages = pages_of(file);
    int r;

    ASSERT(pages->checkpointing);
    r = object_file_truncate(pages->file, (uint64_t)size);
    if (r < 0)
        shard_note_file_fault(pages->shard, r);
    return r == 0 ? SQLITE_OK : r == -ENOSPC ? SQLITE_FULL : SQLITE_IOERR_TRUNCATE;
}

static int main_sync(sqlite3_file *file, int flags)
{
    (void)file; /* the keeper does it, before the journal lets go of the records */
    (void)flags;
    return SQLITE_OK;
}

static int main_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct pages *pages = pages_of(file);
    uint64_t there = object_file_size(pages->file);
    uint64_t wanted = (uint64_t)pages->size_pages * PAGE_BYTES;

    /* Holes at the end of a full disk are not written yet. */
    if (there < wanted && pages_is_hole(pages, pages->size_pages))
        there = wanted;
    *size = (sqlite3_int64)there;
    return SQLITE_OK;
}

static const sqlite3_io_methods main_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = main_read,
    .xWrite = main_write,
    .xTruncate = main_truncate,
    .xSync = main_sync,
    .xFileSize = main_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* ---- WAL ---- */

static int wal_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    size_t got;

    memory_wal_read(&pages_of(file)->wal, out, (size_t)len, (uint64_t)offset, &got);
    if (got == (size_t)len)
        return SQLITE_OK;
    memset((char *)out + got, 0, (size_t)len - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int wal_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    bool ok = memory_wal_write(&pages_of(file)->wal, data, (size_t)len, (uint64_t)offset);

    return ok ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (size != 0)
        return SQLITE_IOERR_TRUNCATE;
    memory_wal_clear(&pages_of(file)->wal);
    return SQLITE_OK;
}

/* The commit point. A failure makes SQLite roll the transaction back. */
static int wal_sync(sqlite3_file *file, int flags)
{
    int r;

    (void)flags;
    r = pages_commit(pages_of(file));
    return r == 0 ? SQLITE_OK : r == -ENOSPC ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)memory_wal_size(&pages_of(file)->wal);
    return SQLITE_OK;
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* ---- the VFS ---- */

static struct vfs *vfs_of(sqlite3_vfs *base)
{
    return base->pAppData;
}

static int vfs_open(sqlite3_vfs *base, const char *name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct vfs *vfs = vfs_of(base);
    struct vfs_file *opened = (struct vfs_file *)file;

    file->pMethods = NULL;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0 && vfs->opening != NULL) {
        opened->pages = vfs->opening;
        vfs->opening = NULL;
        file->pMethods = &main_methods;
    } else if ((flags & SQLITE_OPEN_WAL) != 0) {
        opened->pages = pages_of(sqlite3_database_file_object(name));
        file->pMethods = &wal_methods;
    } else {
        return SQLITE_CANTOPEN; /* temporary files: temp_store is memory */
    }
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_dir)
{
    (void)base;
    (void)name;
    (void)sync_dir;
    return SQLITE_OK;
}

/* There is never a rollback journal, and a WAL that is worth recovering is ours to recover. */
static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *result)
{
    (void)base;
    (void)name;
    (void)flags;
    *result = 0;
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *base, const char *name, int len, char *out)
{
    (void)base;
    return snprintf(out, (size_t)len, "%s", name) < len ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *base, int len, char *out)
{
    os_random(vfs_of(base)->shard->os, out, (size_t)len);
    return len;
}

static int vfs_sleep(sqlite3_vfs *base, int us)
{
    (void)base;
    return us; /* nobody else holds a lock that would be worth waiting for */
}

/* Julian days, in milliseconds. */
static int vfs_current_time_ms(sqlite3_vfs *base, sqlite3_int64 *now)
{
    static const sqlite3_int64 epoch = INT64_C(210866760000000);

    *now = epoch + os_wall_ns(vfs_of(base)->shard->os) / 1000000;
    return SQLITE_OK;
}

static int vfs_current_time(sqlite3_vfs *base, double *now)
{
    sqlite3_int64 ms;

    vfs_current_time_ms(base, &ms);
    *now = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *base, int len, char *out)
{
    (void)base;
    if (len > 0)
        out[0] = '\0';
    return 0;
}

void vfs_register(struct vfs *vfs, struct store_shard *shard)
{
    snprintf(vfs->name, sizeof vfs->name, "dormouse-%p", (void *)shard);
    vfs->shard = shard;
    vfs->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct vfs_file),
        .mxPathname = 512,
        .zName = vfs->name,
        .pAppData = vfs,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_current_time_ms,
    };
    ASSERT(sqlite3_vfs_register(&vfs->base, 0) == SQLITE_OK);
}

void vfs_unregister(struct vfs *vfs)
{
    sqlite3_vfs_unregister(&vfs->base);
}
