#pragma once

/*
 * VFS
 *
 * SQLite's view of an object: a main file that is the object's file or, while there is none, the
 * template, and a WAL that is memory. Locks are no-ops, since a database is used by one connection
 * on one thread in exclusive mode; syncing the WAL is the commit point, where what was committed
 * becomes a journal record. Nothing else in the VFS touches the disk, and SQLite writes to the main
 * file in a checkpoint only.
 *
 * One VFS per shard, because opening must know for whom.
 */

#include <sqlite3.h>

struct pages;
struct store_shard;

struct vfs {
    sqlite3_vfs base;
    struct store_shard *shard; /* borrowed */
    struct pages *opening;     /* whose main file the next xOpen opens */
    char name[32];
};

void vfs_register(struct vfs *vfs, struct store_shard *shard);
void vfs_unregister(struct vfs *vfs);
