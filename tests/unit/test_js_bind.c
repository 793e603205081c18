#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "js/bind.h"
#include "js/engine.h"
#include "js/error.h"
#include "test.h"

static struct js_engine *engine;
static struct js_realm *realm;

static JSValueRef add(struct js_call *call)
{
    double a;
    double b;

    if (!js_arg_number(call, 0, &a) || !js_arg_number(call, 1, &b))
        return NULL;
    return js_number(call->realm, a + b);
}

static JSValueRef shout(struct js_call *call)
{
    struct js_text text;
    JSValueRef value;
    size_t i;

    if (!js_arg_text(call, 0, &text))
        return NULL;
    for (i = 0; i < text.len; i++)
        text.data[i] = text.data[i] == 'a' ? 'A' : text.data[i];
    value = js_string_from_utf8(call->realm, js_text_bytes(&text));
    js_text_fini(&text);
    return value;
}

static JSValueRef count(struct js_call *call)
{
    struct bytes bytes;

    if (!js_arg_bytes(call, 0, &bytes))
        return NULL;
    return js_number(call->realm, (double)bytes.len);
}

static JSValueRef small(struct js_call *call)
{
    int64_t n;

    if (!js_arg_integer(call, 0, 0, 10, &n))
        return NULL;
    return js_number(call->realm, (double)n);
}

static JSValueRef fail(struct js_call *call)
{
    return js_throw_fault(call, -5);
}

static JSValueRef odd(struct js_call *call)
{
    return js_throw_named(call, "OddError", "%d is odd", 3);
}

static JSValueRef twice(struct js_call *call)
{
    JSObjectRef function = js_arg_function(call, 0);
    struct js_error err = {0};
    JSValueRef value = NULL;

    if (function == NULL)
        return NULL;
    if (js_call(call->realm, function, NULL, 0, NULL, &err) != NULL)
        value = js_call(call->realm, function, NULL, 0, NULL, &err);
    if (value == NULL)
        js_rethrow(call, &err);
    js_error_fini(&err);
    return value;
}

/* clang-format off */
#define TEST_NATIVES(X)      \
    X("add", add, 2)         \
    X("shout", shout, 1)     \
    X("count", count, 1)     \
    X("small", small, 1)     \
    X("fail", fail, 0)       \
    X("odd", odd, 0)         \
    X("twice", twice, 1)
/* clang-format on */

JS_NATIVES(test_natives, TEST_NATIVES)

static void open_realm(void)
{
    engine = js_engine_create();
    realm = js_realm_create(engine, NULL);
    js_natives_install(realm, JSContextGetGlobalObject(realm->ctx), test_natives,
                       JS_COUNT(test_natives));
}

static void close_realm(void)
{
    js_realm_destroy(realm);
    js_engine_destroy(engine);
}

static bool holds(const char *source)
{
    JSValueRef value = js_realm_evaluate(realm, bytes_of_string(source), "test.js", 1, NULL);

    return value != NULL && JSValueToBoolean(realm->ctx, value);
}

static void check_throws(const char *source, const char *name, const char *message)
{
    struct js_error err = {0};

    CHECK(js_realm_evaluate(realm, bytes_of_string(source), "test.js", 1, &err) == NULL);
    CHECK_STR_EQ(err.name, name);
    CHECK_STR_EQ(err.message, message);
    js_error_fini(&err);
}

TEST(natives_take_arguments_and_give_results)
{
    open_realm();
    CHECK(holds("add(1, 2) === 3 && add.name === 'add'"));
    CHECK(holds("shout('banana\\u00e9') === 'bAnAnA\\u00e9'"));
    CHECK(holds("count(new Uint8Array(5)) === 5 && count(new ArrayBuffer(3)) === 3"));
    CHECK(holds("small(10) === 10"));
    close_realm();
}

TEST(too_few_arguments_are_refused_by_name)
{
    open_realm();
    check_throws("add(1)", "TypeError", "add needs 2 arguments, but only 1 present.");
    check_throws("shout()", "TypeError", "shout needs 1 argument, but only 0 present.");
    close_realm();
}

TEST(wrong_arguments_are_refused)
{
    open_realm();
    check_throws("count('x')", "TypeError", "Argument 1 is not an ArrayBuffer or a view on one.");
    check_throws("small(11)", "RangeError", "The value of argument 1 is out of range.");
    check_throws("small(1.5)", "RangeError", "The value of argument 1 is out of range.");
    check_throws("small(NaN)", "RangeError", "The value of argument 1 is out of range.");
    check_throws("twice(1)", "TypeError", "Argument 1 is not a function.");
    CHECK(holds("try { add(Symbol(), 1); false } catch (e) { e instanceof TypeError }"));
    CHECK(holds("try { shout({toString() { throw 7 }}); false } catch (e) { e === 7 }"));
    close_realm();
}

TEST(natives_throw_errors_of_their_realm)
{
    open_realm();
    check_throws("fail()", "Error", "Input/output error");
    CHECK(holds("try { fail() } catch (e) { e.code === 'EIO' && e instanceof Error }"));
    check_throws("odd()", "OddError", "3 is odd");
    close_realm();
}

TEST(what_a_callback_throws_passes_through_the_native_unchanged)
{
    open_realm();
    CHECK(holds("var n = 0; twice(() => ++n) === 2"));
    CHECK(holds(
        "var mine = {}; try { twice(() => { throw mine }); false } catch (e) { e === mine }"));
    close_realm();
}
