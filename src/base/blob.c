#include "base/blob.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/mem.h"

/* Created by copy: one allocation, the bytes behind the struct. Taken over: `data` elsewhere. */
struct blob {
    atomic_uint refs;
    size_t len;
    uint8_t *data; /* owned, unless it is `tail` */
    uint8_t tail[];
};

struct blob *blob_create(const void *data, size_t len)
{
    struct blob *blob = mem_alloc(sizeof *blob + len);

    atomic_init(&blob->refs, 1);
    blob->len = len;
    blob->data = blob->tail;
    if (len > 0)
        memcpy(blob->tail, data, len);
    return blob;
}

struct blob *blob_create_room(size_t len, uint8_t **data)
{
    struct blob *blob = mem_alloc(sizeof *blob + len);

    atomic_init(&blob->refs, 1);
    blob->len = len;
    blob->data = *data = blob->tail;
    return blob;
}

struct blob *blob_take(void *data, size_t len)
{
    struct blob *blob = mem_alloc(sizeof *blob);

    ASSERT(data != NULL);
    atomic_init(&blob->refs, 1);
    blob->len = len;
    blob->data = data;
    return blob;
}

struct blob *blob_take_buf(struct buf *buf)
{
    size_t len;
    uint8_t *data = buf_steal(buf, &len);

    return blob_take(data, len);
}

struct blob *blob_ref(struct blob *blob)
{
    unsigned refs = atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);

    ASSERT(refs > 0);
    return blob;
}

void blob_unref(struct blob *blob)
{
    unsigned refs;

    if (blob == NULL)
        return;
    refs = atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel);
    ASSERT(refs > 0);
    if (refs > 1)
        return;
    if (blob->data != blob->tail)
        mem_free(blob->data);
    mem_free(blob);
}

struct bytes blob_bytes(const struct blob *blob)
{
    return blob != NULL ? bytes_of(blob->data, blob->len) : bytes_of(NULL, 0);
}
