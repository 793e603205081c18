#include "sim_disk.h"

#include <stdatomic.h>
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

/* Pages */

struct sim_page {
    atomic_uint refs;
    uint64_t digest; /* 0: not known */
    uint8_t bytes[SIM_PAGE];
};

static const uint8_t zeros[SIM_PAGE];

static void page_unref(struct sim_page *page)
{
    if (page != NULL && atomic_fetch_sub(&page->refs, 1) == 1)
        mem_free(page);
}

static void page_share(struct sim_page **slot, struct sim_page *page)
{
    if (page != NULL)
        atomic_fetch_add(&page->refs, 1);
    page_unref(*slot);
    *slot = page;
}

/* To be written: nobody else's. */
static uint8_t *page_own(struct sim_page **slot)
{
    struct sim_page *page = *slot;

    if (page == NULL || atomic_load(&page->refs) > 1) {
        page = mem_alloc(sizeof *page);
        memcpy(page->bytes, *slot != NULL ? (*slot)->bytes : zeros, SIM_PAGE);
        atomic_init(&page->refs, 1);
        page_unref(*slot);
        *slot = page;
    }
    page->digest = 0;
    return page->bytes;
}

static const uint8_t *page_bytes(const struct sim_page *page)
{
    return page != NULL ? page->bytes : zeros;
}

static uint64_t page_digest(struct sim_page *page)
{
    uint64_t lanes[4] = {1, 2, 3, 4}; /* side by side: one after the other would wait */

    if (page == NULL || page->digest != 0)
        return page != NULL ? page->digest : 0;
    for (size_t i = 0; i < SIM_PAGE; i += sizeof lanes) {
        uint64_t words[4];

        memcpy(words, page->bytes + i, sizeof words);
        for (unsigned k = 0; k < 4; k++) {
            lanes[k] = (lanes[k] ^ words[k]) * UINT64_C(0xff51afd7ed558ccd);
            lanes[k] ^= lanes[k] >> 32;
        }
    }
    for (unsigned k = 1; k < 4; k++) {
        lanes[0] = (lanes[0] ^ lanes[k]) * UINT64_C(0xc4ceb9fe1a85ec53);
        lanes[0] ^= lanes[0] >> 29;
    }
    page->digest = memcmp(page->bytes, zeros, SIM_PAGE) == 0 ? 0 : lanes[0] | 1;
    return page->digest;
}

static void pages_fini(struct sim_page **pages, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        page_unref(pages[i]);
    mem_free(pages);
}

static struct sim_page **pages_copy(struct sim_page *const *from, uint64_t count)
{
    struct sim_page **pages = mem_new_array(struct sim_page *, count + 1);

    for (uint64_t i = 0; i < count; i++)
        page_share(&pages[i], from[i]);
    return pages;
}

static void pages_zero(struct sim_page **pages, uint64_t from, uint64_t to)
{
    while (from < to) {
        uint64_t at = from % SIM_PAGE;
        uint64_t len = to - from < SIM_PAGE - at ? to - from : SIM_PAGE - at;

        if (len == SIM_PAGE)
            page_share(&pages[from / SIM_PAGE], NULL);
        else if (pages[from / SIM_PAGE] != NULL)
            memset(page_own(&pages[from / SIM_PAGE]) + at, 0, len);
        from += len;
    }
}

static void copy_sector(struct sim_page **to, struct sim_page *const *from, uint64_t sector)
{
    uint64_t at = sector * SIM_SECTOR;

    memcpy(page_own(&to[at / SIM_PAGE]) + at % SIM_PAGE,
           page_bytes(from[at / SIM_PAGE]) + at % SIM_PAGE, SIM_SECTOR);
}

/* Content */

static void node_grow(struct sim_node *node, uint64_t size)
{
    uint64_t cap = node->cap > 0 ? node->cap : UINT64_C(2) * SIM_PAGE;
    uint64_t pages = node->cap / SIM_PAGE;

    while (cap < size)
        cap *= 2;
    if (cap == node->cap)
        return;
    node->cache = mem_realloc_array(node->cache, cap / SIM_PAGE, sizeof(struct sim_page *));
    node->platter = mem_realloc_array(node->platter, cap / SIM_PAGE, sizeof(struct sim_page *));
    node->sectors = mem_realloc(node->sectors, cap / SIM_SECTOR);
    for (; pages < cap / SIM_PAGE; pages++)
        node->cache[pages] = node->platter[pages] = NULL;
    memset(node->sectors + node->cap / SIM_SECTOR, SECTOR_CLEAN, (cap - node->cap) / SIM_SECTOR);
    node->cap = cap;
}

void sim_node_read(const struct sim_node *node, void *out, size_t len, uint64_t offset)
{
    uint8_t *to = out;

    ASSERT(offset + len <= node->size);
    while (len > 0) {
        uint64_t at = offset % SIM_PAGE;
        size_t part = len < SIM_PAGE - at ? len : SIM_PAGE - at;

        memcpy(to, page_bytes(node->cache[offset / SIM_PAGE]) + at, part);
        to += part;
        offset += part;
        len -= part;
    }
}

static void write_cache(struct sim_node *node, const uint8_t *from, size_t len, uint64_t offset)
{
    while (len > 0) {
        uint64_t at = offset % SIM_PAGE;
        size_t part = len < SIM_PAGE - at ? len : SIM_PAGE - at;

        memcpy(page_own(&node->cache[offset / SIM_PAGE]) + at, from, part);
        from += part;
        offset += part;
        len -= part;
    }
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
    node->unclean = true;
    write_cache(node, data, len, offset);
    if (node->size < end)
        node->size = end;
}

void sim_node_resize(struct sim_node *node, uint64_t size)
{
    if (size < node->size) {
        pages_zero(node->cache, size, node->size);
        for (uint64_t s = size / SIM_SECTOR; s <= (node->size - 1) / SIM_SECTOR; s++)
            node->sectors[s] = SECTOR_DIRTY;
        node->unclean = true;
    }
    node_grow(node, size);
    node->size = size;
}

/* How many sectors of a page are in this state. */
static unsigned count_sectors(const struct sim_node *node, uint64_t page, enum sim_sector state)
{
    const uint8_t *sectors = node->sectors + page * (SIM_PAGE / SIM_SECTOR);
    unsigned count = 0;

    for (unsigned i = 0; i < SIM_PAGE / SIM_SECTOR; i++)
        count += sectors[i] == state;
    return count;
}

static void sync_page(struct sim_node *node, uint64_t page)
{
    uint64_t first = page * (SIM_PAGE / SIM_SECTOR);

    if (count_sectors(node, page, SECTOR_LIMBO) == 0)
        page_share(&node->platter[page], node->cache[page]);
    for (uint64_t s = first; s < first + SIM_PAGE / SIM_SECTOR; s++) {
        if (node->sectors[s] != SECTOR_DIRTY)
            continue;
        if (node->platter[page] != node->cache[page])
            copy_sector(node->platter, node->cache, s);
        node->sectors[s] = SECTOR_CLEAN;
    }
}

void sim_node_sync(struct sim_node *node)
{
    bool unclean = false;

    for (uint64_t page = 0; node->unclean && page < node->cap / SIM_PAGE; page++) {
        if (count_sectors(node, page, SECTOR_DIRTY) > 0)
            sync_page(node, page);
        unclean |= count_sectors(node, page, SECTOR_LIMBO) > 0;
    }
    node->unclean = unclean;
    node->platter_size = node->size;
}

void sim_node_sync_failed(struct sim_node *node)
{
    for (uint64_t s = 0; s < node->cap / SIM_SECTOR; s++) {
        if (node->sectors[s] == SECTOR_DIRTY)
            node->sectors[s] = SECTOR_LIMBO;
    }
}

uint64_t sim_node_digest(const struct sim_node *node)
{
    uint64_t digest = node->size * UINT64_C(0xff51afd7ed558ccd) + 1;

    for (uint64_t i = 0; i * SIM_PAGE < node->size; i++) {
        digest = (digest ^ page_digest(node->cache[i])) * UINT64_C(0xc4ceb9fe1a85ec53);
        digest ^= digest >> 29;
    }
    return digest;
}

/* `kept` of 8 sectors that were not synced are there. */
static void node_crash(struct sim_node *node, struct rng *rng, unsigned kept)
{
    uint64_t size = rng_below(rng, 8) >= kept ? node->platter_size : node->size;

    for (uint64_t s = 0; node->unclean && s < node->cap / SIM_SECTOR; s++) {
        /* Of an end that was cut off nothing is lost before the cut itself is on the platter. */
        bool cut_off = s * SIM_SECTOR >= node->size;

        if (node->sectors[s] == SECTOR_CLEAN)
            continue;
        if (!cut_off && rng_below(rng, 8) < kept)
            copy_sector(node->platter, node->cache, s);
        node->sectors[s] = SECTOR_CLEAN;
    }
    if (node->unclean) {
        pages_zero(node->platter, size, node->cap);
        for (uint64_t i = 0; i < node->cap / SIM_PAGE; i++)
            page_share(&node->cache[i], node->platter[i]);
    }
    node->unclean = false;
    node->size = size;
    node->platter_size = size;
    node->locked_by = NULL;
}

static struct sim_node *node_copy(struct sim_disk *disk, const struct sim_node *from)
{
    struct sim_node *node = mem_new(struct sim_node);

    *node = *from;
    node->cache = pages_copy(from->cache, from->cap / SIM_PAGE);
    node->platter = pages_copy(from->platter, from->cap / SIM_PAGE);
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

        pages_fini(node->cache, node->cap / SIM_PAGE);
        pages_fini(node->platter, node->cap / SIM_PAGE);
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
    static const unsigned shares[] = {0, 1, 4, 4, 4, 7, 8};
    unsigned kept = shares[rng_below(rng, sizeof shares / sizeof *shares)];
    struct list *it;

    list_for_each (it, &disk->changes) {
        if (rng_below(rng, 8) < kept)
            apply(&disk->platter_names, container_of(it, struct sim_change, link));
    }
    drop_changes(disk);
    names_fini(&disk->names);
    names_copy(&disk->names, &disk->platter_names, NULL);
    list_for_each (it, &disk->nodes)
        node_crash(container_of(it, struct sim_node, link), rng, kept);
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
