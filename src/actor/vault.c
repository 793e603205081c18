#include "actor/vault.h"

#include "actor/object_state.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/database.h"
#include "store/restore.h"

struct vault {
    struct database *db; /* owned */
    struct object *object;
    struct list link; /* shard->vaults */
    int64_t used_ms;  /* monotonic */
};

static void writing(void *data)
{
    struct vault *vault = data;

    if (vault->object->life != NULL)
        turn_writing(vault->object->life);
}

/* Has the object something in its hands that closing would take away? */
static bool in_use(const struct vault *vault)
{
    const struct object *object = vault->object;

    if (object->shard->turn == object || database_dirty(vault->db) || database_busy(vault->db))
        return true;
    return object->life != NULL && object->life->writing;
}

/* Over the bound: those that nobody uses, least recently used first. When all are in use there are
 * more for a while. */
static void make_room(struct shard *shard)
{
    struct list *link;
    struct list *next;

    list_for_each_safe (link, next, &shard->vaults) {
        struct vault *vault = container_of(link, struct vault, link);
        struct object *object = vault->object;

        if (shard->vault_count < shard->group->options.databases_open_max)
            return;
        if (in_use(vault))
            continue;
        vault_close(object);
        object_forget(object);
    }
}

/* What was ordered to be restored is, before the instance has seen anything of its storage. */
static int begin_session(struct object *object, struct err_text *why)
{
    struct life *life = object->life;
    int r;

    if (life == NULL || life->storage_begun)
        return 0;
    r = restore_if_ordered(object->vault->db, why);
    life->storage_begun = r == 0;
    return r < 0 ? err_pass(r) : r;
}

int vault_open(struct object *object, struct database **db, struct err_text *why)
{
    struct shard *shard = object->shard;
    struct vault *vault = object->vault;
    int r;

    if (vault == NULL) {
        struct database_listener listener = {.writing = writing};

        make_room(shard);
        vault = mem_new(struct vault);
        vault->object = object;
        list_init(&vault->link);
        listener.data = vault;
        r = database_open(&vault->db, shard->store, object->key.number, object->key.id.bytes,
                          &listener, why);
        if (r != 0) {
            mem_free(vault);
            return r;
        }
        object->vault = vault;
        shard->vault_count++;
    }
    list_remove(&vault->link);
    list_push_back(&shard->vaults, &vault->link);
    vault->used_ms = shard_monotonic_ms(shard);
    *db = vault->db;
    return begin_session(object, why);
}

void vault_close(struct object *object)
{
    struct vault *vault = object->vault;

    if (vault == NULL)
        return;

    object->vault = NULL;
    object->shard->vault_count--;
    list_remove(&vault->link);
    database_close(vault->db);
    mem_free(vault);
}

struct database *vault_database(const struct vault *vault)
{
    return vault->db;
}

int64_t vault_close_unused(struct shard *shard, int64_t now_ms)
{
    struct list *link;

    while ((link = list_first(&shard->vaults)) != NULL) {
        struct vault *vault = container_of(link, struct vault, link);
        struct object *object = vault->object;

        if (now_ms - vault->used_ms < LIMIT_DATABASE_IDLE_MS)
            return LIMIT_DATABASE_IDLE_MS - (now_ms - vault->used_ms);
        if (in_use(vault)) {
            list_remove(link);
            list_push_back(&shard->vaults, link);
            vault->used_ms = now_ms;
            continue;
        }
        vault_close(object);
        object_forget(object);
    }
    return -1;
}
