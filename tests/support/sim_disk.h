#pragma once

/*
 * Simulated disk
 *
 * What sim_os keeps its files on. Everything exists twice: as the running system sees it (the
 * cache) and as it would be found after a power failure (the platter). Syncing copies from the
 * one to the other; a crash makes a new cache out of the platter and any part of what was not
 * synced. The grain is the sector of 512 bytes: a sector is old or new, never a mixture.
 *
 * Names are entries of folders and are synced with these, not with the file they name. Not
 * thread safe: sim_os locks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"

enum {
    SIM_SECTOR = 512,
    SIM_PAGE = 4096,
};

/* Content of a file, a page of it: shared by cache and platter while they agree, and by disks that
 * were copied, until one of them writes. */
struct sim_page;

/* A file or a folder, whatever it is called. Lives as long as the disk. */
struct sim_node {
    struct list link; /* in sim_disk.nodes */
    uint64_t number;
    bool is_folder;

    struct sim_page **cache;   /* owned; cap / SIM_PAGE, NULL: zeros; zero behind `size` */
    struct sim_page **platter; /* owned; the same, zero behind `platter_size` */
    uint8_t *sectors;          /* owned; enum sim_sector of each, cap / SIM_SECTOR of them */
    bool unclean;              /* a sector may be other than clean */
    uint64_t cap;
    uint64_t size;
    uint64_t platter_size;

    const void *locked_by; /* open file that holds the lock; NULL if none */
    unsigned handles;      /* open files */
};

struct sim_disk {
    struct list nodes;     /* sim_node.link, by number */
    struct sim_node *root; /* the first */
    uint64_t number_next;
    struct map names;         /* "<number of the folder>/<name>" -> struct sim_name, in the cache */
    struct map platter_names; /* the same on the platter */
    struct list changes; /* struct sim_change.link: changes of names, not synced, oldest first */
};

void sim_disk_init(struct sim_disk *disk);
void sim_disk_fini(struct sim_disk *disk);

/* `to` is not initialised yet. Locks and handles are not copied. Costs little: pages are shared. */
void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from);

/* Power failure: of all that is not synced, each piece is lost or kept as `rng` says; in some
 * failures nothing is kept, in some everything, in some most or little of it. */
void sim_disk_crash(struct sim_disk *disk, struct rng *rng);

/* A place where a file may be: the folder, and the name in it. */
struct sim_place {
    struct sim_node *folder; /* NULL: there is no such folder */
    char name[256];          /* last part of the path; "" is the root itself */
};

struct sim_place sim_disk_place(const struct sim_disk *disk, const char *path);

/* NULL if nothing is there. */
struct sim_node *sim_disk_find(const struct sim_disk *disk, const char *path);

/* Once per entry of a folder; a result other than 0 ends it and is returned. */
typedef int sim_disk_list_cb(void *arg, const char *name);
int sim_disk_list(const struct sim_disk *disk, const struct sim_node *folder, sim_disk_list_cb *cb,
                  void *arg);

/* Changes of names; the folders' own syncs make them durable. */
struct sim_node *sim_disk_create(struct sim_disk *disk, const struct sim_place *place,
                                 bool is_folder);
void sim_disk_remove(struct sim_disk *disk, const struct sim_place *place);
void sim_disk_move(struct sim_disk *disk, const struct sim_place *from, const struct sim_place *to);
void sim_disk_sync_folder(struct sim_disk *disk, const struct sim_node *folder);

/* Content. Reading stays within the size. A sector that is written again before it was synced may
 * have reached the platter in between, as `rng` says. */
void sim_node_read(const struct sim_node *node, void *out, size_t len, uint64_t offset);
void sim_node_write(struct sim_node *node, const void *data, size_t len, uint64_t offset,
                    struct rng *rng);
void sim_node_resize(struct sim_node *node, uint64_t size);
void sim_node_sync(struct sim_node *node);

/* A sync that failed: what was unsynced is in limbo. It can be read, no later sync writes it, and
 * a crash may lose it. */
void sim_node_sync_failed(struct sim_node *node);

/* Files of equal content have equal digests, and others do not. */
uint64_t sim_node_digest(const struct sim_node *node);

/* Bytes of all files that have a name or are open. */
uint64_t sim_disk_used(const struct sim_disk *disk);
