#include "sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

/* How a sector in the cache relates to the one on the platter. */
enum sim_sector {
    SECTOR_CLEAN, /* the same */
    SECTOR_DIRTY, /* newer; the next sync writes it */
    SECTOR_LIMBO, /* newer, but a sync that failed has forgotten it */
};

/* An entry of a folder; the map's key is `key`. */
struct sim_name {
    char *key; /* owned */
    struct sim_node *node;
};

/* One change of names, which happens as a whole or not at all. */
struct sim_change {
    struct list link;
    char *from; /* owned; key that stops naming the node; NULL: none */
    char *to;   /* owned; key that names it from now on; NULL: none */
    struct sim_node *node;
    const struct sim_node *folders[2]; /* which have to be synced; NULL: not, or done */
};

/* Names */

static char *key_of(const struct sim_place *place)
{
    return mem_format("%llu/%s", (unsigned long long)place->folder->number, place->name);
}

static struct sim_node *names_get(const struct map *names, const char *key)
{
    const struct sim_name *name = map_get(names, bytes_of_string(key));

    return name != NULL ? name->node : NULL;
}

static void names_drop(struct map *names, const char *key)
{
    struct sim_name *name = map_remove(names, bytes_of_string(key));

    if (name == NULL)
        return;
    mem_free(name->key);
    mem_free(name);
}

static void names_set(struct map *names, const char *key, struct sim_node *node)
{
    struct sim_name *name = mem_new(struct sim_name);

    names_drop(names, key);
    name->key = mem_strdup(key);
    name->node = node;
    map_put(names, bytes_of_string(name->key), name);
}

static void names_fini(struct map *names)
{
    struct sim_name *name;
    size_t at = 0;

    while ((name = map_next(names, &at, NULL)) != NULL) {
        mem_free(name->key);
        mem_free(name);
    }
    map_fini(names);
}

/* Copy into an empty map, each node replaced by the one of the same number among `nodes`. */
static void names_copy(struct map *to, const struct map *from, struct sim_node *const *nodes)
{
    const struct sim_name *name;
    size_t at = 0;

    while ((name = map_next(from, &at, NULL)) != NULL)
        names_set(to, name->key, nodes != NULL ? nodes[name->node->number] : name->node);
}

/* A change whose beginning was lost has nothing to change. */
static void apply(struct map *names, const struct sim_change *change)
{
    if (change->from != NULL && names_get(names, change->from) != change->node)
        return;
    if (change->from != NULL)
        names_drop(names, change->from);
    if (change->to != NULL)
        names_set(names, change->to, change->node);
}

static void change_free(struct sim_change *change)
{
    list_remove(&change->link);
    mem_free(change->from);
    mem_free(change->to);
    mem_free(change);
}

static void change_names(struct sim_disk *disk, struct sim_node *node, const struct sim_place *from,
                         const struct sim_place *to)
{
    struct sim_change *change = mem_new(struct sim_change);

    change->node = node;
    if (from != NULL) {
        change->from = key_of(from);
        change->folders[0] = from->folder;
    }
    if (to != NULL) {
        change->to = key_of(to);
        change->folders[1] = to->folder;
    }
    list_push_back(&disk->changes, &change->link);
    apply(&disk->names, change);
}

/* Nodes */

static struct sim_node *node_create(struct sim_disk *disk, bool is_folder)
{
    struct sim_node *node = mem_new(struct sim_node);

    node->number = disk->number_next++;
    node->is_folder = is_folder;
    list_push_back(&disk->nodes, &node->link);
    return node;
}

static void node_grow(struct sim_node *node, uint64_t size)
{
    uint64_t cap = node->cap > 0 ? node->cap : UINT64_C(8) * SIM_SECTOR;
    uint64_t added;

    while (cap < size)
        cap *= 2;
    added = cap - node->cap;
    if (added == 0)
        return;
    node->cache = mem_realloc(node->cache, cap);
    node->platter = mem_realloc(node->platter, cap);
    node->sectors = mem_realloc(node->sectors, cap / SIM_SECTOR);
    memset(node->cache + node->cap, 0, added);
    memset(node->platter + node->cap, 0, added);
    memset(node->sectors + node->cap / SIM_SECTOR, SECTOR_CLEAN, added / SIM_SECTOR);
    node->cap = cap;
}

static void copy_sector(uint8_t *to, const uint8_t *from, uint64_t sector)
{
    memcpy(to + sector * SIM_SECTOR, from + sector * SIM_SECTOR, SIM_SECTOR);
}

void sim_node_write(struct sim_node *node, const void *data, size_t len, uint64_t offset,
                    struct rng *rng)
{
    uint64_t end = offset + len;

    if (len == 0)
        return;
    node_grow(node, end);
    for (uint64_t s = offset / SIM_SECTOR; s <= (end - 1) / SIM_SECTOR; s++) {
        if (node->sectors[s] == SECTOR_DIRTY && rng_below(rng, 4) == 0)
            copy_sector(node->platter, node->cache, s);
        node->sectors[s] = SECTOR_DIRTY;
    }
    memcpy(node->cache + offset, data, len);
    if (node->size < end)
        node->size = end;
}

void sim_node_resize(struct sim_node *node, uint64_t size)
{
    if (size < node->size) {
        memset(node->cache + size, 0, node->size - size);
        for (uint64_t s = size / SIM_SECTOR; s <= (node->size - 1) / SIM_SECTOR; s++)
            node->sectors[s] = SECTOR_DIRTY;
    }
    node_grow(node, size);
    node->size = size;
}

void sim_node_sync(struct sim_node *node)
{
    for (uint64_t s = 0; s < node->cap / SIM_SECTOR; s++) {
        if (node->sectors[s] != SECTOR_DIRTY)
            continue;
        copy_sector(node->platter, node->cache, s);
        node->sectors[s] = SECTOR_CLEAN;
    }
    node->platter_size = node->size;
}

void sim_node_sync_failed(struct sim_node *node)
{
    for (uint64_t s = 0; s < node->cap / SIM_SECTOR; s++) {
        if (node->sectors[s] == SECTOR_DIRTY)
            node->sectors[s] = SECTOR_LIMBO;
    }
}

static void node_crash(struct sim_node *node, struct rng *rng)
{
    uint64_t size = rng_below(rng, 2) == 0 ? node->platter_size : node->size;

    for (uint64_t s = 0; s < node->cap / SIM_SECTOR; s++) {
        /* Of an end that was cut off nothing is lost before the cut itself is on the platter. */
        bool cut_off = s * SIM_SECTOR >= node->size;

        if (node->sectors[s] != SECTOR_CLEAN && !cut_off && rng_below(rng, 2) == 0)
            copy_sector(node->platter, node->cache, s);
        node->sectors[s] = SECTOR_CLEAN;
    }
    if (node->cap > size)
        memset(node->platter + size, 0, node->cap - size);
    if (node->cap > 0)
        memcpy(node->cache, node->platter, node->cap);
    node->size = size;
    node->platter_size = size;
    node->locked_by = NULL;
}

static struct sim_node *node_copy(struct sim_disk *disk, const struct sim_node *from)
{
    struct sim_node *node = mem_new(struct sim_node);

    *node = *from;
    node->cache = mem_dup(from->cache, from->cap);
    node->platter = mem_dup(from->platter, from->cap);
    node->sectors = mem_dup(from->sectors, from->cap / SIM_SECTOR);
    node->locked_by = NULL;
    node->handles = 0;
    list_push_back(&disk->nodes, &node->link);
    return node;
}

/* The disk */

void sim_disk_init(struct sim_disk *disk)
{
    *disk = (struct sim_disk){.number_next = 1};
    list_init(&disk->nodes);
    list_init(&disk->changes);
    disk->root = node_create(disk, true);
}

static void drop_changes(struct sim_disk *disk)
{
    struct list *it;

    while ((it = list_first(&disk->changes)) != NULL)
        change_free(container_of(it, struct sim_change, link));
}

void sim_disk_fini(struct sim_disk *disk)
{
    struct list *it;

    drop_changes(disk);
    names_fini(&disk->names);
    names_fini(&disk->platter_names);
    while ((it = list_pop_front(&disk->nodes)) != NULL) {
        struct sim_node *node = container_of(it, struct sim_node, link);

        mem_free(node->cache);
        mem_free(node->platter);
        mem_free(node->sectors);
        mem_free(node);
    }
}

static void copy_changes(struct sim_disk *to, const struct sim_disk *from,
                         struct sim_node *const *nodes)
{
    struct list *it;

    list_for_each (it, &from->changes) {
        const struct sim_change *old = container_of(it, struct sim_change, link);
        struct sim_change *change = mem_new(struct sim_change);

        change->from = mem_strdup(old->from);
        change->to = mem_strdup(old->to);
        change->node = nodes[old->node->number];
        for (int i = 0; i < 2; i++) {
            if (old->folders[i] != NULL)
                change->folders[i] = nodes[old->folders[i]->number];
        }
        list_push_back(&to->changes, &change->link);
    }
}

void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from)
{
    struct sim_node **nodes = mem_new_array(struct sim_node *, from->number_next);
    struct list *it;

    *to = (struct sim_disk){.number_next = from->number_next};
    list_init(&to->nodes);
    list_init(&to->changes);
    list_for_each (it, &from->nodes) {
        const struct sim_node *node = container_of(it, struct sim_node, link);

        nodes[node->number] = node_copy(to, node);
    }
    to->root = nodes[from->root->number];
    names_copy(&to->names, &from->names, nodes);
    names_copy(&to->platter_names, &from->platter_names, nodes);
    copy_changes(to, from, nodes);
    mem_free(nodes);
}

void sim_disk_crash(struct sim_disk *disk, struct rng *rng)
{
    struct list *it;

    list_for_each (it, &disk->changes) {
        if (rng_below(rng, 2) == 0)
            apply(&disk->platter_names, container_of(it, struct sim_change, link));
    }
    drop_changes(disk);
    names_fini(&disk->names);
    names_copy(&disk->names, &disk->platter_names, NULL);
    list_for_each (it, &disk->nodes)
        node_crash(container_of(it, struct sim_node, link), rng);
}

static struct sim_node *child(const struct sim_disk *disk, const struct sim_place *place)
{
    char *key = key_of(place);
    struct sim_node *node = names_get(&disk->names, key);

    mem_free(key);
    return node;
}

struct sim_place sim_disk_place(const struct sim_disk *disk, const char *path)
{
    struct sim_place place = {.folder = disk->root};

    path += strspn(path, "/");
    while (*path != '\0') {
        size_t len = strcspn(path, "/");

        if (place.name[0] != '\0') /* what was the last part is a folder on the way */
            place.folder = child(disk, &place);
        if (place.folder == NULL || !place.folder->is_folder || len >= sizeof place.name)
            return (struct sim_place){0};
        snprintf(place.name, sizeof place.name, "%.*s", (int)len, path);
        path += len;
        path += strspn(path, "/");
    }
    return place;
}

struct sim_node *sim_disk_find(const struct sim_disk *disk, const char *path)
{
    struct sim_place place = sim_disk_place(disk, path);

    if (place.folder == NULL)
        return NULL;
    return place.name[0] == '\0' ? place.folder : child(disk, &place);
}

struct sim_node *sim_disk_create(struct sim_disk *disk, const struct sim_place *place,
                                 bool is_folder)
{
    struct sim_node *node = node_create(disk, is_folder);

    change_names(disk, node, NULL, place);
    return node;
}

void sim_disk_remove(struct sim_disk *disk, const struct sim_place *place)
{
    struct sim_node *node = child(disk, place);

    ASSERT(node != NULL);
    change_names(disk, node, place, NULL);
}

void sim_disk_move(struct sim_disk *disk, const struct sim_place *from, const struct sim_place *to)
{
    struct sim_node *node = child(disk, from);

    ASSERT(node != NULL);
    change_names(disk, node, from, to);
}

void sim_disk_sync_folder(struct sim_disk *disk, const struct sim_node *folder)
{
    struct list *it;
    struct list *tmp;

    list_for_each_safe (it, tmp, &disk->changes) {
        struct sim_change *change = container_of(it, struct sim_change, link);

        for (int i = 0; i < 2; i++) {
            if (change->folders[i] == folder)
                change->folders[i] = NULL;
        }
        if (change->folders[0] == NULL && change->folders[1] == NULL) {
            apply(&disk->platter_names, change);
            change_free(change);
        }
    }
}

uint64_t sim_disk_used(const struct sim_disk *disk)
{
    const struct sim_name *name;
    struct list *it;
    uint64_t used = 0;
    size_t at = 0;

    while ((name = map_next(&disk->names, &at, NULL)) != NULL)
        used += name->node->handles == 0 ? name->node->size : 0;
    list_for_each (it, &disk->nodes) {
        const struct sim_node *node = container_of(it, struct sim_node, link);

        used += node->handles > 0 ? node->size : 0;
    }
    return used;
}

int sim_disk_list(const struct sim_disk *disk, const struct sim_node *folder, sim_disk_list_cb *cb,
                  void *arg)
{
    const struct sim_name *name;
    size_t at = 0;
    int r = 0;

    while (r == 0 && (name = map_next(&disk->names, &at, NULL)) != NULL) {
        char *slash;

        if (strtoull(name->key, &slash, 10) == folder->number)
            r = cb(arg, slash + 1);
    }
    return r;
}
