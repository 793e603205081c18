#include "store/history_sweep.h"

#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/store.h"

#define PARTS   256 /* by the first byte of an id */
#define PART_NS (UINT64_C(86400) * 1000000000 / PARTS)

void history_sweep_init(struct history_sweep *sweep, struct os *os, const char *dir)
{
    *sweep = (struct history_sweep){.os = os, .dir = dir, .since_ns = os_monotonic_ns(os)};
    os_random(os, &sweep->next, sizeof sweep->next);
}

void history_sweep_fini(struct history_sweep *sweep)
{
    buf_fini(&sweep->paths);
}

/* While the tree is listed. */
struct listing {
    struct history_sweep *sweep;
    const char *folder;
    unsigned parts;
};

static int list_file(void *arg, const char *name)
{
    const struct listing *listing = arg;
    uint8_t first;

    if (strlen(name) < 2 * STORE_ID_SIZE || hex_decode(bytes_of(name, 2), &first) != 0)
        return 0;
    if ((uint8_t)(first - listing->sweep->next) < listing->parts) {
        buf_append_format(&listing->sweep->paths, "%s/%s", listing->folder, name);
        buf_append_byte(&listing->sweep->paths, '\0');
    }
    return 0;
}

/* What is not the folder of a class has no such names in it, or is no folder. */
static int list_folder(void *arg, const char *name)
{
    struct listing *listing = arg;
    char *folder = mem_format("%s/%s", listing->sweep->dir, name);

    listing->folder = folder;
    if (strcmp(name, "orders") != 0)
        os_list_dir(listing->sweep->os, folder, list_file, listing);
    mem_free(folder);
    return 0;
}

char *history_sweep_next(struct history_sweep *sweep)
{
    uint64_t due = (os_monotonic_ns(sweep->os) - sweep->since_ns) / PART_NS;
    struct listing listing = {.sweep = sweep, .parts = due < PARTS ? (unsigned)due : PARTS};
    char *path;

    if (sweep->paths.len == 0 && due > 0) {
        buf_fini(&sweep->paths);
        os_list_dir(sweep->os, sweep->dir, list_folder, &listing);
        sweep->next = (uint8_t)(sweep->next + listing.parts);
        sweep->since_ns += due * PART_NS;
    }
    if (sweep->paths.len == 0)
        return NULL;
    path = mem_strdup((const char *)sweep->paths.data);
    buf_consume(&sweep->paths, strlen(path) + 1);
    return path;
}
