#pragma once

/*
 * Simulated kernel
 *
 * An implementation of os/os.h for tests: files in memory that are lost, torn and reordered like
 * real ones when the power fails before they are synced; time that moves when it is told to;
 * randomness from a seed; any call made to fail. One seed and one thread give one history.
 *
 *     struct sim_os *sim = sim_os_create(seed);
 *     store = store_open(sim_os_base(sim), …);
 *     …
 *     sim_os_crash(sim, seed);    // the power is off: every call of the old store fails
 *     store_close(store);         // changes nothing any more
 *     sim_os_boot(sim);
 *     store = store_open(sim_os_base(sim), …);
 *
 * What may be found after a crash: every sector of 512 bytes is as it was when it was last
 * synced or as it was at some later time, each for itself; so are file sizes. A name that was
 * created, moved or removed is so only for certain if its folder was synced; each such change is
 * there as a whole or not at all. What was synced is always there.
 *
 * Any thread; a lock is held during a call.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "os/os.h"

struct sim_os;

/* An empty root folder, time 0, the date 2026-01-01. Never NULL. */
struct sim_os *sim_os_create(uint64_t seed);

/* Files still open are closed. NULL is allowed. */
void sim_os_destroy(struct sim_os *sim);

/* A machine with the same disk, synced and not, and the same time; nothing open, nothing set to
 * fail, nobody watching, power on. To try many crashes of one moment: it costs little. */
struct sim_os *sim_os_clone(struct sim_os *sim);

/* What the code under test is given. */
struct os *sim_os_base(struct sim_os *sim);

/* Power failure. Until sim_os_boot() every call fails with -EIO; files opened before it fail for
 * good, but must still be closed. */
void sim_os_crash(struct sim_os *sim, uint64_t seed);

/* The process is killed, the machine lives: as a crash, but nothing written is lost. */
void sim_os_kill(struct sim_os *sim);

/* Power on, locks free, no failure set. */
void sim_os_boot(struct sim_os *sim);

/* Kinds of calls. */
enum sim_os_kind {
    SIM_OS_READ = 1,   /* pread, file_size, list_dir */
    SIM_OS_WRITE = 2,  /* pwrite, pwritev, ftruncate, fallocate */
    SIM_OS_SYNC = 4,   /* fdatasync, fsync, sync_dir */
    SIM_OS_FOLDER = 8, /* open, mkdir, rename, unlink, rmdir, lock */
    SIM_OS_ANY = 15,
};

/* Make the n-th call of these kinds from now, the first being 1, fail with `fault`; with
 * `forever` every later one of any kind too. 0: none. A write that fails may be written in part;
 * what a failed sync should have written may never be, whatever is synced later. */
void sim_os_fail_at(struct sim_os *sim, unsigned kinds, uint64_t n, int fault, bool forever);

/* Before each call, of whatever kind, while the power is on: the disk is as the calls before left
 * it, and may be cloned. NULL: no more. For tests of one thread. */
typedef void sim_os_watch_cb(void *data, unsigned kind);
void sim_os_watch(struct sim_os *sim, sim_os_watch_cb *cb, void *data);

/* Has the call that was to fail been made? If not, the story under test is over. */
bool sim_os_has_failed(struct sim_os *sim);

/* Calls made so far, of these kinds. */
uint64_t sim_os_calls(struct sim_os *sim, unsigned kinds);

/* Files may not grow beyond this sum: -ENOSPC. */
void sim_os_set_space(struct sim_os *sim, uint64_t space_bytes);

void sim_os_advance(struct sim_os *sim, uint64_t ns);
void sim_os_set_wall(struct sim_os *sim, int64_t wall_ns);

/* For the test itself, never failing, not counted. False: no such file. */
bool sim_os_load(struct sim_os *sim, const char *path, struct buf *content);

/* A number for the content of a file: another content has another one. False: no such file. */
bool sim_os_digest(struct sim_os *sim, const char *path, uint64_t *digest);

/* Replace or create a file, synced with its name. The folder is there. */
void sim_os_store(struct sim_os *sim, const char *path, struct bytes content);
