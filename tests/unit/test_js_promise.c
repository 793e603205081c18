#include "base/bytes.h"
#include "js/engine.h"
#include "js/error.h"
#include "js/promise.h"
#include "js/realm.h"
#include "js/value.h"
#include "test.h"

static struct js_engine *engine;
static struct js_realm *realm;

static void open_realm(void)
{
    engine = js_engine_create();
    realm = js_realm_create(engine, NULL);
}

static void close_realm(void)
{
    js_realm_destroy(realm);
    js_engine_destroy(engine);
}

static JSValueRef run(const char *source)
{
    JSValueRef value = js_realm_evaluate(realm, bytes_of_string(source), "test.js", 1, NULL);

    CHECK(value != NULL);
    return value;
}

static double number_of(const char *source)
{
    JSValueRef exception = NULL;

    return js_to_number(realm, run(source), &exception);
}

static struct js_deferred *pending(const char *source)
{
    JSValueRef promise;
    struct js_deferred *deferred = js_deferred_create(realm, &promise);

    js_set(realm, JSContextGetGlobalObject(realm->ctx), "p", promise);
    run(source);
    js_engine_collect_now(engine);
    return deferred;
}

TEST(a_deferred_promise_is_fulfilled_later)
{
    struct js_deferred *deferred;

    open_realm();
    deferred = pending("var n = 0; p.then((v) => n = v); p = null");
    js_enter(realm, NULL);
    js_deferred_resolve(deferred, js_number(realm, 5));
    CHECK(number_of("n") == 0);
    js_leave(realm);
    CHECK(number_of("n") == 5);
    close_realm();
}

TEST(a_deferred_promise_is_rejected_later)
{
    struct js_deferred *deferred;

    open_realm();
    deferred = pending("var n = 0; p.catch((e) => n = e.message === 'lost' ? 1 : 2)");
    js_enter(realm, NULL);
    js_deferred_reject_text(deferred, "lost");
    js_leave(realm);
    CHECK(number_of("n") == 1);
    close_realm();
}

TEST(a_deferred_promise_outlives_its_realm_harmlessly)
{
    struct js_deferred *deferred;
    struct js_deferred *dropped;

    open_realm();
    deferred = pending("p.then(() => {})");
    dropped = pending("p.then(() => {})");
    js_realm_destroy(realm);
    CHECK(js_deferred_realm(deferred) == NULL);
    js_deferred_reject_text(deferred, "too late");
    js_deferred_drop(dropped);
    js_engine_destroy(engine);
}

static double settled_value;
static unsigned settled_count;
static bool settled_failed;

static void note(struct js_realm *where, void *data, JSValueRef value, JSValueRef error)
{
    JSValueRef exception = NULL;

    settled_failed = error != NULL;
    settled_value = js_to_number(where, error != NULL ? error : value, &exception);
    settled_count += *(unsigned *)data;
}

static void watch(const char *source)
{
    static unsigned one = 1;

    js_enter(realm, NULL);
    js_promise_watch(realm, run(source), note, &one);
    js_leave(realm);
}

TEST(a_watch_sees_promises_thenables_and_plain_values)
{
    open_realm();
    settled_count = 0;
    watch("Promise.resolve(4)");
    CHECK(settled_count == 1 && settled_value == 4 && !settled_failed);
    watch("(async () => { await 0; throw 6 })()");
    CHECK(settled_count == 2 && settled_value == 6 && settled_failed);
    watch("({then(ok) { ok(7) }})");
    CHECK(settled_count == 3 && settled_value == 7 && !settled_failed);
    watch("8");
    CHECK(settled_count == 4 && settled_value == 8 && !settled_failed);
    watch("({get then() { throw 9 }})");
    CHECK(settled_count == 5 && settled_value == 9 && settled_failed);
    watch("Object.defineProperty(Promise.resolve(1), 'constructor', {get() { throw 10 }})");
    CHECK(settled_count == 6 && settled_value == 10 && settled_failed);
    close_realm();
}

TEST(a_watch_does_not_care_what_scripts_do_to_promises)
{
    open_realm();
    settled_count = 0;
    run("Promise.prototype.then = () => { throw 1 }; Promise.resolve = null; Reflect.apply = null");
    watch("(async () => 3)()");
    CHECK(settled_count == 1 && settled_value == 3);
    close_realm();
}

TEST(a_watch_that_never_settles_goes_with_the_realm)
{
    open_realm();
    settled_count = 0;
    watch("new Promise(() => {})");
    close_realm();
    CHECK_EQ(settled_count, 0);
}

TEST(settled_promises_are_made_at_once)
{
    open_realm();
    settled_count = 0;
    js_set(realm, JSContextGetGlobalObject(realm->ctx), "p",
           js_promise_rejected(realm, js_number(realm, 2)));
    watch("p");
    CHECK(settled_failed && settled_value == 2);
    js_set(realm, JSContextGetGlobalObject(realm->ctx), "p",
           js_promise_resolved(realm, js_number(realm, 3)));
    watch("p");
    CHECK(!settled_failed && settled_value == 3);
    close_realm();
}
