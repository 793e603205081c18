/* ctx.storage below cf_storage.js: keys and values, savepoints, alarm, sync. */

#include <string.h>

#include "actor/output_gate.h"
#include "api/database_access.h"
#include "api/instance.h"
#include "api/worker_parts.h"
#include "base/err.h"
#include "base/mem.h"
#include "js/box.h"
#include "js/promise.h"
#include "js/view.h"
#include "store/database.h"
#include "store/kv.h"

/* ---- keys ---- */

/* kv_get(object, key) -> Uint8Array | undefined */
static JSValueRef storage_kv_get(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct err_text why;
    struct js_text key;
    struct bytes value;
    int r;

    if (db == NULL || !js_arg_text_stored(call, 1, &key))
        return NULL;
    r = kv_get(db, js_text_bytes(&key), &value, &why);
    js_text_fini(&key);
    if (r == KV_GET_MISSING)
        return call->realm->undefined;
    return database_worked(call, context, r, &why) ? js_bytes_copy(call->realm, value) : NULL;
}

/* kv_put(object, key, BYTES, unconfirmed) */
static JSValueRef storage_kv_put(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct err_text why;
    struct js_text key;
    struct bytes value;
    int r;

    if (db == NULL || !js_arg_text_stored(call, 1, &key))
        return NULL;
    if (!js_arg_bytes(call, 2, &value)) {
        js_text_fini(&key);
        return NULL;
    }
    object_allow_unconfirmed(context->object, js_arg_boolean(call, 3));
    r = kv_put(db, js_text_bytes(&key), value, &why);
    object_allow_unconfirmed(context->object, false);
    js_text_fini(&key);
    return database_worked(call, context, r, &why) ? call->realm->undefined : NULL;
}

/* kv_delete(object, key, unconfirmed) -> existed */
static JSValueRef storage_kv_delete(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct err_text why;
    struct js_text key;
    bool existed = false;
    int r;

    if (db == NULL || !js_arg_text_stored(call, 1, &key))
        return NULL;
    object_allow_unconfirmed(context->object, js_arg_boolean(call, 2));
    r = kv_delete(db, js_text_bytes(&key), &existed, &why);
    object_allow_unconfirmed(context->object, false);
    js_text_fini(&key);
    return database_worked(call, context, r, &why) ? js_boolean(call->realm, existed) : NULL;
}

/* ---- lists ---- */

struct kv_cursor {
    struct instance_end end;
    struct kv_list *list; /* NULL once closed */
    bool exclusive;       /* of kv.list(): ended by the next one (§3.3) */
    bool overtaken;
    struct js_box *box;
};

static void kv_cursor_close(struct kv_cursor *cursor)
{
    if (cursor->list == NULL)
        return;
    kv_list_close(cursor->list);
    cursor->list = NULL;
    list_remove(&cursor->end.link);
    list_init(&cursor->end.link);
}

static void kv_cursor_end(struct instance_end *end)
{
    struct kv_cursor *cursor = container_of(end, struct kv_cursor, end);

    kv_list_close(cursor->list);
    cursor->list = NULL;
    list_init(&cursor->end.link);
}

static void kv_cursor_bury(void *self)
{
    struct kv_cursor *cursor = self;

    kv_cursor_close(cursor);
    mem_free(cursor);
}

static const struct js_box_type kv_cursor_type = {"KvList", kv_cursor_bury};

/* The lowest key behind all that start with `prefix`; empty: there is none. */
static struct bytes prefix_successor(struct bytes prefix, uint8_t *space)
{
    size_t len = prefix.len;

    memcpy(space, prefix.data, len);
    while (len > 0 && space[len - 1] == 0xff)
        len--;
    if (len > 0)
        space[len - 1]++;
    return bytes_of(space, len);
}

static void range_with_prefix(struct kv_range *range, struct bytes prefix, uint8_t *space)
{
    struct bytes after = prefix_successor(prefix, space);

    if (range->start.data == NULL || bytes_compare(range->start, prefix) < 0)
        range->start = prefix;
    if (after.len > 0 && (range->end.data == NULL || bytes_compare(range->end, after) > 0))
        range->end = after;
}

static void overtake(struct instance *instance)
{
    struct list *link;
    struct list *next;

    list_for_each_safe (link, next, &instance->ends) {
        struct instance_end *end = container_of(link, struct instance_end, link);
        struct kv_cursor *cursor;

        if (end->close != kv_cursor_end)
            continue;
        cursor = container_of(end, struct kv_cursor, end);
        if (cursor->exclusive) {
            cursor->overtaken = true;
            kv_cursor_close(cursor);
        }
    }
}

/* kv_list_open(object, start, end, prefix, reverse, limit, exclusive) -> BOX */
static JSValueRef storage_kv_list_open(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct kv_range range = {0};
    struct js_text texts[3]; /* start, end, prefix */
    bool given[3] = {false};
    struct kv_cursor *cursor = NULL;
    JSValueRef box = NULL;
    uint8_t *space = NULL;
    struct err_text why;
    double limit;

    if (db == NULL || !js_arg_number(call, 5, &limit))
        return NULL;
    for (size_t i = 0; i < 3; i++) {
        if (!js_arg_given(call, 1 + i))
            continue;
        if (!js_arg_text_stored(call, 1 + i, &texts[i]))
            goto out;
        given[i] = true;
    }
    if (given[0])
        range.start = js_text_bytes(&texts[0]);
    if (given[1])
        range.end = js_text_bytes(&texts[1]);
    if (given[2]) {
        space = mem_alloc(texts[2].len + 1);
        range_with_prefix(&range, js_text_bytes(&texts[2]), space);
    }
    range.reverse = js_arg_boolean(call, 4);
    range.limit = limit >= 1 ? (uint64_t)limit : 0;
    cursor = mem_new(struct kv_cursor);
    cursor->exclusive = js_arg_boolean(call, 6);
    cursor->end.close = kv_cursor_end;
    list_init(&cursor->end.link);
    if (!database_worked(call, context, kv_list_open(db, &range, &cursor->list, &why), &why)) {
        mem_free(cursor);
        goto out;
    }
    if (!kv_list_is_void(cursor->list))
        overtake(instance_of(context)); /* only one at a time is a statement that runs */
    list_push_back(&instance_of(context)->ends, &cursor->end.link);
    if (kv_list_is_void(cursor->list))
        kv_cursor_close(cursor); /* nothing that a later one could overtake */
    box = js_box_make(call->realm, &kv_cursor_type, cursor, &cursor->box);
out:
    mem_free(space);
    for (size_t i = 0; i < 3; i++) {
        if (given[i])
            js_text_fini(&texts[i]);
    }
    return box;
}

enum {
    KV_LIST_CHUNK_MAX = 256
};

/* kv_list_next(BOX, count) -> [key, Uint8Array, …]; shorter than asked for: the end */
static JSValueRef storage_kv_list_next(struct js_call *call)
{
    struct kv_cursor *cursor = js_arg_box(call, 0, &kv_cursor_type);
    struct context *context = context_current(call->realm);
    JSValueRef values[2 * KV_LIST_CHUNK_MAX];
    struct err_text why;
    size_t count = 0;
    int64_t wanted;

    if (cursor == NULL || !js_arg_integer(call, 1, 1, KV_LIST_CHUNK_MAX, &wanted))
        return NULL;
    if (cursor->overtaken)
        return js_throw_error(call, "kv.list() iterator was invalidated because a new call to "
                                    "kv.list() was started. Only one kv.list() iterator can "
                                    "exist at a time.");
    while (cursor->list != NULL && count < (size_t)wanted) {
        struct bytes key;
        struct bytes value;
        int r = kv_list_next(cursor->list, &key, &value, &why);

        if (r == KV_LIST_END) {
            kv_cursor_close(cursor);
            break;
        }
        if (!database_worked(call, context, r, &why))
            return NULL;
        values[2 * count] = js_string_from_utf8(call->realm, key);
        values[2 * count + 1] = js_bytes_copy(call->realm, value);
        count++;
    }
    return js_array_make(call->realm, 2 * count, values);
}

/* ---- everything ---- */

/* delete_all(object, with alarm, unconfirmed) */
static JSValueRef storage_delete_all(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct err_text why;
    int r;

    if (db == NULL)
        return NULL;
    object_allow_unconfirmed(context->object, js_arg_boolean(call, 2));
    r = database_delete_all(db, js_arg_boolean(call, 1), &why);
    object_allow_unconfirmed(context->object, false);
    if (!database_worked(call, context, r, &why))
        return NULL;
    object_commit(context->object); /* it cannot be taken back */
    return call->realm->undefined;
}

/* ---- transactions ---- */

static JSValueRef savepoint(struct js_call *call,
                            int (*operation)(struct database *, unsigned, struct err_text *))
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct err_text why;
    int64_t depth;

    if (db == NULL || !js_arg_integer(call, 1, 1, 10000, &depth))
        return NULL;
    return database_worked(call, context, operation(db, (unsigned)depth, &why), &why)
               ? call->realm->undefined
               : NULL;
}

static JSValueRef storage_savepoint_open(struct js_call *call)
{
    return savepoint(call, database_savepoint);
}

static JSValueRef storage_savepoint_release(struct js_call *call)
{
    return savepoint(call, database_savepoint_release);
}

static JSValueRef storage_savepoint_rollback(struct js_call *call)
{
    return savepoint(call, database_savepoint_rollback);
}

/* transaction_begin(object): turns do not commit until transaction_end(object) */
static JSValueRef storage_transaction_begin(struct js_call *call)
{
    struct context *context = context_object(call, 0);

    if (context == NULL)
        return NULL;
    object_transaction_begin(context->object);
    return call->realm->undefined;
}

static JSValueRef storage_transaction_end(struct js_call *call)
{
    struct context *context = context_object(call, 0);

    if (context == NULL)
        return NULL;
    object_transaction_end(context->object);
    return call->realm->undefined;
}

/* ---- sync() ---- */

struct sync_wait {
    struct output_gate_wait gate;
    struct pending pending;
    struct js_deferred *deferred;
    unsigned refs; /* the gate's and the pending's */
    bool lost;
};

static void sync_unref(struct sync_wait *wait)
{
    if (--wait->refs == 0)
        mem_free(wait);
}

static void sync_settled(struct output_gate_wait *gate, enum output_gate_verdict verdict)
{
    struct sync_wait *wait = container_of(gate, struct sync_wait, gate);

    wait->lost = verdict == OUTPUT_GATE_DISCARD;
    if (wait->pending.context != NULL)
        pending_ready(&wait->pending);
    sync_unref(wait);
}

static void sync_run(struct pending *pending)
{
    struct sync_wait *wait = container_of(pending, struct sync_wait, pending);

    if (wait->lost)
        js_deferred_reject_text(wait->deferred, "Durable Object storage is no longer accessible.");
    else
        js_deferred_resolve(wait->deferred, NULL);
    sync_unref(wait);
}

static void sync_drop(struct pending *pending)
{
    struct sync_wait *wait = container_of(pending, struct sync_wait, pending);

    js_deferred_drop(wait->deferred);
    sync_unref(wait);
}

/* storage_sync(object) -> Promise */
static JSValueRef storage_sync(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct sync_wait *wait;
    JSValueRef promise;

    if (context == NULL)
        return NULL;
    wait = mem_new(struct sync_wait);
    wait->refs = 2;
    wait->gate.cb = sync_settled;
    wait->pending.run = sync_run;
    wait->pending.drop = sync_drop;
    wait->deferred = js_deferred_create(call->realm, &promise);
    pending_bind(&wait->pending, context, HOLD_IO);
    object_sync(context->object, &wait->gate);
    return promise;
}

/* ---- alarm ---- */

/* alarm_get(object) -> ms, 0: none */
static JSValueRef storage_alarm_get(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct err_text why;
    int64_t time_ms;

    if (context == NULL)
        return NULL;
    if (!database_worked(call, context, object_alarm(context->object, &time_ms, &why), &why))
        return NULL;
    return js_number(call->realm, (double)time_ms);
}

/* alarm_set(object, ms or 0, unconfirmed) */
static JSValueRef storage_alarm_set(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct err_text why;
    double time_ms;
    int r;

    if (context == NULL || !js_arg_number(call, 1, &time_ms))
        return NULL;
    if (time_ms > 8.64e15)
        time_ms = 8.64e15;
    object_allow_unconfirmed(context->object, js_arg_boolean(call, 2));
    r = object_set_alarm(context->object, (int64_t)time_ms, &why);
    object_allow_unconfirmed(context->object, false);
    return database_worked(call, context, r, &why) ? call->realm->undefined : NULL;
}

/* clang-format off */
#define STORAGE_NATIVES(X)                                 \
    X("kv_get", storage_kv_get, 2)                         \
    X("kv_put", storage_kv_put, 3)                         \
    X("kv_delete", storage_kv_delete, 2)                   \
    X("kv_list_open", storage_kv_list_open, 6)             \
    X("kv_list_next", storage_kv_list_next, 2)             \
    X("delete_all", storage_delete_all, 2)                 \
    X("savepoint_open", storage_savepoint_open, 2)         \
    X("savepoint_release", storage_savepoint_release, 2)   \
    X("savepoint_rollback", storage_savepoint_rollback, 2) \
    X("transaction_begin", storage_transaction_begin, 1)   \
    X("transaction_end", storage_transaction_end, 1)       \
    X("storage_sync", storage_sync, 1)                     \
    X("alarm_get", storage_alarm_get, 1)                   \
    X("alarm_set", storage_alarm_set, 2)
/* clang-format on */
JS_NATIVES(storage_natives, STORAGE_NATIVES)

void api_storage_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, storage_natives, JS_COUNT(storage_natives));
}
