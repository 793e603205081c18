#include <stdatomic.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "js/bind.h"
#include "js/box.h"
#include "js/engine.h"
#include "test.h"

static struct js_engine *engine;
static struct js_realm *realm;
static unsigned buried;

static void bury(void *self)
{
    buried++;
    mem_free(self);
}

static const struct js_box_type thing_type = {"thing", bury};
static const struct js_box_type other_type = {"other", NULL};

static void open_realm(void)
{
    buried = 0;
    engine = js_engine_create();
    realm = js_realm_create(engine, NULL);
}

static void close_realm(void)
{
    js_realm_destroy(realm);
    js_engine_destroy(engine);
}

static JSValueRef make(struct js_call *call)
{
    return js_box_make(call->realm, &thing_type, mem_alloc(16), NULL);
}

static JSValueRef use(struct js_call *call)
{
    return js_arg_box(call, 0, &thing_type) != NULL ? call->realm->yes : NULL;
}

static JSValueRef use_other(struct js_call *call)
{
    return js_arg_box(call, 0, &other_type) != NULL ? call->realm->yes : NULL;
}

/* clang-format off */
#define BOX_NATIVES(X)              \
    X("make", make, 0)              \
    X("use", use, 1)                \
    X("useOther", use_other, 1)
/* clang-format on */

JS_NATIVES(box_natives, BOX_NATIVES)

static bool holds(const char *source)
{
    JSValueRef value = js_realm_evaluate(realm, bytes_of_string(source), "test.js", 1, NULL);

    return value != NULL && JSValueToBoolean(realm->ctx, value);
}

TEST(a_box_opens_for_its_own_type_only)
{
    open_realm();
    js_natives_install(realm, JSContextGetGlobalObject(realm->ctx), box_natives, 3);
    CHECK(holds("var b = make(); use(b)"));
    CHECK(holds("try { useOther(b) } catch (e) { e.message === 'Illegal invocation' }"));
    CHECK(holds("[{}, 1, null, undefined, new Proxy(b, {}), Object.create(b)].every("
                "(x) => { try { use(x); return false } catch (e) { return true } })"));
    close_realm();
}

TEST(what_is_collected_is_buried_by_the_loop)
{
    unsigned i;

    open_realm();
    js_natives_install(realm, JSContextGetGlobalObject(realm->ctx), box_natives, 3);
    CHECK(holds("for (let i = 0; i < 1000; i++) make(); true"));
    js_engine_collect_now(engine);
    CHECK_EQ(buried, 0);
    for (i = 0; i < 20 && buried < 900; i++) {
        js_engine_collect_now(engine);
        js_engine_poll(engine);
        CHECK(holds("for (let i = 0; i < 1000; i++) ({i}); true"));
    }
    CHECK(buried >= 900);
    close_realm();
    CHECK_EQ(buried, 1000);
}

TEST(a_box_whose_native_side_left_is_empty_and_not_buried)
{
    struct js_box *box = NULL;
    void *self = mem_alloc(16);
    JSObjectRef wrapper;

    open_realm();
    wrapper = js_box_make(realm, &thing_type, self, &box);
    CHECK(js_box_open(realm, wrapper, &thing_type) == self);
    js_box_empty(box);
    CHECK(js_box_open(realm, wrapper, &thing_type) == NULL);
    mem_free(self);
    close_realm();
    CHECK_EQ(buried, 0);
}

TEST(destroying_the_engine_buries_what_is_left)
{
    open_realm();
    js_natives_install(realm, JSContextGetGlobalObject(realm->ctx), box_natives, 3);
    CHECK(holds("globalThis.kept = Array.from({length: 50}, make); true"));
    close_realm();
    CHECK_EQ(buried, 50);
}
