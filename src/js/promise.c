#include "js/promise.h"

#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "js/realm.h"
#include "js/realm_parts.h"
#include "js/value.h"

struct js_deferred {
    struct js_ref resolve; /* these keep the promise alive */
    struct js_ref reject;
};

struct js_deferred *js_deferred_create(struct js_realm *realm, JSValueRef *promise)
{
    struct js_deferred *deferred = mem_new(struct js_deferred);
    JSObjectRef resolve = NULL;
    JSObjectRef reject = NULL;
    JSValueRef exception = NULL;

    *promise = JSObjectMakeDeferredPromise(realm->ctx, &resolve, &reject, &exception);
    ASSERT(*promise != NULL);
    js_ref_set(&deferred->resolve, realm, resolve);
    js_ref_set(&deferred->reject, realm, reject);
    return deferred;
}

void js_deferred_drop(struct js_deferred *deferred)
{
    if (deferred == NULL)
        return;
    js_ref_fini(&deferred->resolve);
    js_ref_fini(&deferred->reject);
    mem_free(deferred);
}

static void settle(struct js_deferred *deferred, struct js_ref *with, JSValueRef value)
{
    struct js_realm *realm = with->realm;
    JSValueRef exception = NULL;

    if (realm != NULL) {
        if (value == NULL)
            value = realm->undefined;
        ASSERT(js_inside(realm)); /* else what follows would run for nobody */
        JSObjectCallAsFunction(realm->ctx, js_ref_object(with), NULL, 1, &value, &exception);
    }
    js_deferred_drop(deferred);
}

void js_deferred_resolve(struct js_deferred *deferred, JSValueRef value)
{
    settle(deferred, &deferred->resolve, value);
}

void js_deferred_reject(struct js_deferred *deferred, JSValueRef reason)
{
    settle(deferred, &deferred->reject, reason);
}

void js_deferred_reject_text(struct js_deferred *deferred, const char *message)
{
    struct js_realm *realm = deferred->reject.realm;

    settle(deferred, &deferred->reject,
           realm != NULL ? js_error_make(realm, JS_ERROR, message) : NULL);
}

struct js_realm *js_deferred_realm(const struct js_deferred *deferred)
{
    return deferred->resolve.realm;
}

static JSValueRef settled_promise(struct js_realm *realm, enum js_intrinsic how, JSValueRef value)
{
    JSValueRef exception = NULL;
    JSValueRef promise =
        JSObjectCallAsFunction(realm->ctx, realm->intrinsics[how], NULL, 1, &value, &exception);

    /* Only a thenable with a throwing `constructor` getter gets here. */
    if (promise == NULL)
        return settled_promise(realm, JS_INTRINSIC_REJECTED, exception);
    return promise;
}

JSValueRef js_promise_resolved(struct js_realm *realm, JSValueRef value)
{
    return settled_promise(realm, JS_INTRINSIC_RESOLVED, value != NULL ? value : realm->undefined);
}

JSValueRef js_promise_rejected(struct js_realm *realm, JSValueRef reason)
{
    return settled_promise(realm, JS_INTRINSIC_REJECTED, reason);
}

struct watch {
    js_settled_fn *settled;
    void *data; /* borrowed */
};

void js_promise_watch(struct js_realm *realm, JSValueRef value, js_settled_fn *settled, void *data)
{
    struct watch *watch = mem_new(struct watch);
    uint64_t id = ++realm->watches_made;
    JSValueRef argv[2] = {value, js_number(realm, (double)id)};
    JSValueRef exception = NULL;

    watch->settled = settled;
    watch->data = data;
    map_u64_put(&realm->watches, id, watch);
    JSObjectCallAsFunction(realm->ctx, realm->intrinsics[JS_INTRINSIC_WATCH], NULL, 2, argv,
                           &exception);
    if (exception == NULL)
        return;

    /* Looking at the value threw: then that is how it settled. */
    argv[0] = js_promise_rejected(realm, exception);
    exception = NULL;
    JSObjectCallAsFunction(realm->ctx, realm->intrinsics[JS_INTRINSIC_WATCH], NULL, 2, argv,
                           &exception);
}

void js_promise_settled(struct js_realm *realm, uint64_t id, JSValueRef value, bool failed)
{
    struct watch *watch = map_u64_remove(&realm->watches, id);
    struct watch copy;

    if (watch == NULL)
        return;
    copy = *watch;
    mem_free(watch);
    copy.settled(realm, copy.data, failed ? NULL : value, failed ? value : NULL);
}

void js_promise_forget(struct js_realm *realm)
{
    struct watch *watch;
    size_t at = 0;

    while ((watch = map_u64_next(&realm->watches, &at, NULL)) != NULL)
        mem_free(watch);
    map_u64_fini(&realm->watches);
}
