#include "store/inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inspect_parts.h"
#include "store/journal_format.h"
#include "store/journal_reader.h"
#include "store/namespaces.h"
#include "store/record.h"
#include "store/store_parts.h"

/* ---- opening ---- */

static int take_lock(struct inspection *inspection, struct err_text *why)
{
    char *path = mem_format("%s/lock", inspection->dir);
    char pid[32] = "";
    size_t got = 0;
    int r = os_open(inspection->os, path, OS_READ, &inspection->lock);

    if (r == OS_OPEN_MISSING) {
        inspection->lock = NULL;
        r = 0;
    } else if (r == 0) {
        r = os_lock(inspection->lock);
    }
    if (r == OS_LOCK_TAKEN) {
        os_pread(inspection->lock, pid, sizeof pid - 1, 0, &got);
        pid[strcspn(pid, "\n")] = '\0';
        err_text_set(why,
                     "%s is in use by another process (pid %s): stop it, or look at a copy that "
                     "dormouse backup makes",
                     inspection->dir, pid[0] != '\0' ? pid : "unknown");
        r = STORE_OPEN_LOCKED;
    }
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

static int check_version(struct inspection *inspection, struct err_text *why)
{
    static const char head[] = "dormouse data ";
    char *path = mem_format("%s/version", inspection->dir);
    struct os_file *file = NULL;
    char text[64] = "";
    size_t got = 0;
    int r = os_open(inspection->os, path, OS_READ, &file);

    if (r == 0)
        r = os_pread(file, text, sizeof text - 1, 0, &got);
    os_close(file);
    if (r == OS_OPEN_MISSING || (r == 0 && strncmp(text, head, strlen(head)) != 0)) {
        err_text_set(why, "%s is no data directory of Dormouse: %s %s", inspection->dir, path,
                     r == 0 ? "is not what Dormouse writes there" : "is missing");
        r = STORE_OPEN_DAMAGED;
    } else if (r == 0 && strtol(text + strlen(head), NULL, 10) > 1) {
        err_text_set(why, "%s was written by a newer version of Dormouse", inspection->dir);
        r = STORE_OPEN_NEWER;
    }
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

static int open_parts(struct inspection *inspection, struct err_text *why)
{
    char *journal = mem_format("%s/journal", inspection->dir);
    int r = check_version(inspection, why);

    if (r == 0)
        r = take_lock(inspection, why);
    if (r == 0)
        r = namespaces_open(&inspection->namespaces, inspection->os, inspection->dir, why);
    if (r == 0)
        r = journal_reader_open(&inspection->journal, inspection->os, journal, why);
    mem_free(journal);
    return r < 0 ? err_pass(r) : r;
}

int inspection_open(struct inspection **out, struct os *os, const char *dir, struct err_text *why)
{
    struct inspection *inspection = mem_new(struct inspection);
    int r;

    inspection->os = os;
    inspection->dir = mem_strdup(dir);
    r = open_parts(inspection, why);
    if (r != 0) {
        if (r < 0)
            err_text_set(why, "%s: %s", dir, err_describe(r));
        inspection_close(inspection);
        return r < 0 ? err_pass(r) : r;
    }
    *out = inspection;
    return 0;
}

void inspection_close(struct inspection *inspection)
{
    if (inspection == NULL)
        return;
    journal_reader_close(inspection->journal);
    namespaces_close(inspection->namespaces);
    os_close(inspection->lock);
    mem_free(inspection->dir);
    mem_free(inspection);
}

/* ---- classes ---- */

const char *inspection_class(struct inspection *inspection, const char *class_name,
                             struct err_text *why)
{
    return namespaces_key(inspection->namespaces,
                          namespaces_find(inspection->namespaces, class_name, why));
}

/* ---- the list of objects ---- */

#define KEY_BYTES (STORE_ID_SIZE + 4)

struct listed {
    uint8_t key[KEY_BYTES]; /* as a map's: namespace in front, so that sorting sorts by it */
    uint32_t namespace_number;
    bool file_there;
    uint64_t file_bytes;
    uint64_t records; /* in the journal and needed */
    uint64_t first_lsn;
    uint64_t last_lsn;
};

struct listing {
    struct inspection *inspection;
    uint32_t namespace_number; /* of the folder being read */
    const char *folder;
    struct map objects; /* key -> listed, owned */
};

static struct listed *listed_for(struct listing *listing, uint32_t number, const uint8_t *id)
{
    struct listed *listed;
    uint8_t key[KEY_BYTES];

    for (unsigned i = 0; i < 4; i++)
        key[i] = (uint8_t)(number >> (24 - 8 * i));
    memcpy(key + 4, id, STORE_ID_SIZE);
    listed = map_get(&listing->objects, bytes_of(key, sizeof key));
    if (listed != NULL)
        return listed;
    listed = mem_new(struct listed);
    memcpy(listed->key, key, sizeof key);
    listed->namespace_number = number;
    map_put(&listing->objects, bytes_of(listed->key, sizeof listed->key), listed);
    return listed;
}

static int list_file(void *arg, const char *name)
{
    struct listing *listing = arg;
    uint8_t id[STORE_ID_SIZE];
    struct listed *listed;
    struct os_file *file = NULL;
    char *path;
    int r;

    if (strlen(name) != 2 * STORE_ID_SIZE + 7 || strcmp(name + 2 * STORE_ID_SIZE, ".sqlite") != 0 ||
        hex_decode(bytes_of(name, 2 * STORE_ID_SIZE), id) != 0)
        return 0;
    path = mem_format("%s/%s", listing->folder, name);
    listed = listed_for(listing, listing->namespace_number, id);
    listed->file_there = true;
    r = os_open(listing->inspection->os, path, OS_READ, &file);
    if (r == 0)
        r = os_file_size(file, &listed->file_bytes);
    os_close(file);
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

static int list_batch(void *data, const struct journal_file *file, uint64_t offset,
                      const struct batch *batch)
{
    struct listing *listing = data;
    struct bytes rest = batch->records;
    uint64_t lsn = batch->first_lsn;
    struct record record;

    (void)file;
    (void)offset;
    for (uint32_t i = 0; i < batch->record_count; i++, lsn++) {
        struct listed *listed;

        if (record_parse(&rest, &record) != 0)
            return INSPECT_DAMAGED;
        if (lsn < listing->inspection->journal->needed_lsn ||
            record.namespace_number == STORE_NAMESPACE)
            continue;
        listed = listed_for(listing, record.namespace_number, record.id);
        if (listed->records++ == 0)
            listed->first_lsn = lsn;
        listed->last_lsn = lsn;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct listed *const *left = a;
    const struct listed *const *right = b;

    return memcmp((*left)->key, (*right)->key, KEY_BYTES);
}

static void print_listed(const struct listing *listing, const struct inspect_output *output,
                         const struct listed *listed)
{
    char hex[2 * STORE_ID_SIZE + 1] = {0};
    struct buf line = {0};
    char text[32];

    hex_encode(bytes_of(listed->key + 4, STORE_ID_SIZE), hex);
    buf_append_format(&line, "%s %s  ",
                      inspect_namespace(listing->inspection, listed->namespace_number, text), hex);
    if (listed->file_there)
        buf_append_format(&line, "file %" PRIu64 " bytes", listed->file_bytes);
    else
        buf_append_string(&line, "no file yet");
    if (listed->records > 0)
        buf_append_format(&line, "  journal records %" PRIu64 ", from %" PRIu64 " to %" PRIu64,
                          listed->records, listed->first_lsn, listed->last_lsn);
    inspect_say(output, "%s", buf_string(&line));
    buf_fini(&line);
}

static void print_objects(const struct listing *listing, uint32_t only,
                          const struct inspect_output *output)
{
    struct listed **all = mem_new_array(struct listed *, listing->objects.count + 1);
    struct listed *listed;
    size_t count = 0;
    size_t at = 0;

    while ((listed = map_next(&listing->objects, &at, NULL)) != NULL)
        all[count++] = listed;
    qsort(all, count, sizeof *all, compare);
    for (size_t i = 0; i < count; i++) {
        if (only == 0 || all[i]->namespace_number == only)
            print_listed(listing, output, all[i]);
        mem_free(all[i]);
    }
    mem_free(all);
}

static int list_files(struct listing *listing)
{
    int r = 0;

    for (uint32_t i = 1; r == 0; i++) {
        char *folder = namespaces_folder(listing->inspection->namespaces, i);

        if (folder == NULL)
            break;
        listing->namespace_number = i;
        listing->folder = folder;
        r = os_list_dir(listing->inspection->os, folder, list_file, listing);
        mem_free(folder);
        if (r == -ENOENT)
            r = 0;
    }
    return r < 0 ? err_pass(r) : r;
}

static uint32_t number_of(struct inspection *inspection, const char *unique_key)
{
    const char *key;

    for (uint32_t i = 1; (key = namespaces_key(inspection->namespaces, i)) != NULL; i++) {
        if (strcmp(key, unique_key) == 0)
            return i;
    }
    return 0;
}

int inspect_objects(struct inspection *inspection, const char *unique_key,
                    const struct inspect_output *output, struct err_text *why)
{
    struct listing listing = {.inspection = inspection};
    uint32_t only = unique_key != NULL ? number_of(inspection, unique_key) : 0;
    int r = list_files(&listing);

    if (r == 0)
        r = journal_reader_walk(inspection->journal, list_batch, &listing);
    if (r == 0 && inspection->journal->damaged)
        r = INSPECT_DAMAGED;
    if (r == INSPECT_DAMAGED)
        err_text_set(why, "%s",
                     inspection->journal->damaged ? inspection->journal->damage.text
                                                  : "a record of the journal is malformed");
    print_objects(&listing, only, output);
    map_fini(&listing.objects);
    return r < 0 ? err_pass(r) : r;
}
