#include <string.h>

#include "actor/failure.h"
#include "actor/object_state.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/mem.h"

/*
 * Which objects a shard remembers. An object that has neither life nor sockets nor an open database
 * nor a commit under way is not remembered at all: asking for it makes it anew, COLD.
 */

static struct bytes key_bytes(const struct object_key *key)
{
    return bytes_of(key, sizeof *key);
}

struct object *registry_get(struct shard *shard, struct namespace *ns, const struct object_id *id)
{
    struct object_key key = {.number = namespace_number(ns), .id = *id};

    return map_get(&shard->objects, key_bytes(&key));
}

struct object *registry_get_or_create(struct shard *shard, struct namespace *ns,
                                      const struct object_id *id)
{
    struct object *object = registry_get(shard, ns, id);

    if (object != NULL)
        return object;
    object = mem_new(struct object);
    object->key.number = namespace_number(ns);
    object->key.id = *id;
    object->state = OBJECT_COLD;
    object->shard = shard;
    object->ns = ns;
    list_init(&object->sockets);
    map_put(&shard->objects, key_bytes(&object->key), object);
    return object;
}

void object_forget(struct object *object)
{
    if (object->state != OBJECT_COLD || object->vault != NULL || object->commit_count > 0)
        return;

    ASSERT(object->life == NULL);
    ASSERT(object->socket_count == 0);
    map_remove(&object->shard->objects, key_bytes(&object->key));
    if (object->rules != NULL) {
        blob_unref(object->rules->request);
        blob_unref(object->rules->response);
        mem_free(object->rules);
    }
    mem_free(object->name);
    mem_free(object);
}
