#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "js/bind.h"
#include "js/engine.h"
#include "js/error.h"
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
    CHECK(js_engine_here() == NULL);
}

static JSValueRef run_in(struct js_realm *where, const char *source, struct js_error *err)
{
    return js_realm_evaluate(where, bytes_of_string(source), "test.js", 1, err);
}

static double number_of(const char *source)
{
    JSValueRef exception = NULL;
    JSValueRef value = run_in(realm, source, NULL);

    CHECK(value != NULL);
    return js_to_number(realm, value, &exception);
}

TEST(a_script_runs_and_its_value_comes_back)
{
    open_realm();
    CHECK(number_of("6 * 7") == 42);
    CHECK(js_realm_of(realm->ctx) == realm);
    close_realm();
}

TEST(an_engine_can_be_made_again_after_it_was_destroyed)
{
    open_realm();
    CHECK(number_of("1") == 1);
    close_realm();
    open_realm();
    CHECK(number_of("globalThis.x === undefined ? 1 : 0") == 1);
    close_realm();
}

TEST(realms_of_one_engine_share_no_globals)
{
    struct js_realm *second;
    JSValueRef exception = NULL;

    open_realm();
    second = js_realm_create(engine, NULL);
    run_in(realm, "globalThis.here = 1; Array.prototype.odd = 1", NULL);
    CHECK(js_to_number(second,
                       run_in(second, "typeof here === 'undefined' && !('odd' in [])", NULL),
                       &exception) == 1);
    CHECK(js_realm_of(second->ctx) == second);
    CHECK(js_realm_of(realm->ctx) == realm);
    js_realm_destroy(second);
    CHECK(number_of("here") == 1);
    close_realm();
}

TEST(what_a_script_throws_is_taken_apart)
{
    struct js_error err = {0};
    struct buf text = {0};

    open_realm();
    CHECK(run_in(realm, "\nfunction f() { throw new RangeError('too far') }\nf()", &err) == NULL);
    CHECK_STR_EQ(err.name, "RangeError");
    CHECK_STR_EQ(err.message, "too far");
    CHECK_STR_EQ(err.file, "test.js");
    CHECK_EQ(err.line, 2);
    CHECK(!err.stopped);
    js_error_format(&err, &text);
    CHECK_STR_EQ(buf_string(&text), "RangeError: too far\n    at f (test.js:2:36)\n"
                                    "    at global code (test.js:3:2)");
    buf_fini(&text);
    js_error_fini(&err);
    close_realm();
}

TEST(a_script_that_does_not_parse_says_where)
{
    struct js_error err = {0};

    open_realm();
    CHECK(run_in(realm, "\n\nlet = ;", &err) == NULL);
    CHECK_STR_EQ(err.name, "SyntaxError");
    CHECK_EQ(err.line, 3);
    js_error_fini(&err);
    close_realm();
}

TEST(anything_can_be_thrown_and_taking_it_apart_never_throws)
{
    static const char *const thrown[] = {
        "throw 'text'",
        "throw undefined",
        "throw Symbol('s')",
        "throw Object.create(null)",
        "throw {get name() { throw 1 }, get message() { throw 2 }, toString() { throw 3 }}",
        "throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }})",
        "const r = Proxy.revocable({}, {}); r.revoke(); throw r.proxy",
        "throw 1n",
    };
    struct js_error err = {0};
    size_t i;

    open_realm();
    for (i = 0; i < sizeof thrown / sizeof thrown[0]; i++) {
        CHECK(run_in(realm, thrown[i], &err) == NULL);
        CHECK(err.name != NULL && err.message != NULL && err.stack != NULL);
        if (i == 0)
            CHECK_STR_EQ(err.message, "text");
    }
    js_error_fini(&err);
    close_realm();
}

TEST(intrinsics_are_captured_before_a_script_can_replace_them)
{
    open_realm();
    run_in(realm,
           "globalThis.was = TypeError; TypeError = Promise = Error = null;"
           "Function.prototype.call = Function.prototype.apply = null",
           NULL);
    run_in(realm, "globalThis.mine = null", NULL);
    js_set(realm, JSContextGetGlobalObject(realm->ctx), "mine",
           js_error_make(realm, JS_TYPE_ERROR, "m"));
    CHECK(number_of("mine instanceof was ? 1 : 0") == 1);
    close_realm();
}

TEST(microtasks_run_when_the_realm_is_left)
{
    JSValueRef exception = NULL;

    open_realm();
    js_enter(realm, &exception);
    CHECK(js_inside(realm));
    run_in(realm, "globalThis.n = 0; Promise.resolve().then(() => n++).then(() => n++)", NULL);
    CHECK(number_of("n") == 0);
    CHECK(js_leave(realm));
    CHECK(!js_inside(realm));
    CHECK(number_of("n") == 2);
    close_realm();
}

static void *seen[4];
static unsigned seen_count;

static JSValueRef who(struct js_call *call)
{
    seen[seen_count++ % 4] = js_current(call->realm);
    return call->realm->undefined;
}

/* clang-format off */
#define WHO_NATIVES(X) \
    X("who", who, 0)
/* clang-format on */

JS_NATIVES(who_natives, WHO_NATIVES)

TEST(microtasks_still_run_for_whoever_entered)
{
    int somebody;

    open_realm();
    seen_count = 0;
    js_natives_install(realm, JSContextGetGlobalObject(realm->ctx), who_natives, 1);
    js_enter(realm, &somebody);
    run_in(realm, "who(); Promise.resolve().then(who)", NULL);
    js_leave(realm);
    run_in(realm, "who()", NULL);
    CHECK_EQ(seen_count, 3);
    CHECK(seen[0] == &somebody && seen[1] == &somebody);
    CHECK(seen[2] == NULL && js_current(realm) == NULL);
    close_realm();
}

static unsigned rejections;
static double rejected_with;

static void rejected(struct js_realm *where, JSValueRef promise, JSValueRef reason)
{
    JSValueRef exception = NULL;

    (void)promise;
    rejections++;
    rejected_with = js_to_number(where, reason, &exception);
}

TEST(a_rejection_is_reported_unless_it_is_handled_in_the_same_turn)
{
    open_realm();
    rejections = 0;
    js_realm_on_rejection(realm, rejected);
    run_in(realm, "Promise.reject(1).catch(() => {})", NULL);
    run_in(realm, "var p = Promise.reject(2); Promise.resolve().then(() => p.catch(() => {}))",
           NULL);
    CHECK_EQ(rejections, 0);
    run_in(realm, "Promise.reject(3)", NULL);
    CHECK_EQ(rejections, 1);
    CHECK(rejected_with == 3);
    close_realm();
}

TEST(a_runaway_script_is_stopped_and_the_machine_lives_on)
{
    struct js_error err = {0};

    open_realm();
    js_engine_set_limit(engine, 0.05, NULL, NULL);
    CHECK(run_in(realm, "try { for (;;) {} } finally { globalThis.never = 1 }", &err) == NULL);
    CHECK(err.stopped);
    CHECK_EQ(js_engine_stops(engine), 1);
    CHECK(number_of("typeof never === 'undefined' ? 7 : 8") == 7);
    js_error_fini(&err);
    close_realm();
}

TEST(a_runaway_microtask_is_stopped_and_the_next_entry_is_unharmed)
{
    struct js_error err = {0};
    unsigned i;

    open_realm();
    js_engine_set_limit(engine, 0.05, NULL, NULL);
    for (i = 0; i < 3; i++) {
        js_enter(realm, &err);
        CHECK(run_in(realm, "Promise.resolve().then(() => { for (;;) {} })", &err) != NULL);
        CHECK(!js_leave(realm));
        js_enter(realm, &err);
        CHECK(number_of("globalThis.n = 3; Promise.resolve().then(() => n = 4); n") == 3);
        CHECK(js_leave(realm));
        CHECK(number_of("n") == 4);
    }
    CHECK_EQ(js_engine_stops(engine), 3);
    close_realm();
}

TEST(a_chain_of_short_microtasks_is_stopped)
{
    static const char chain[] = "let n = 0; (async () => { for (;;) { n++; await null } })()";
    unsigned i;

    open_realm();
    js_engine_set_limit(engine, 0.1, NULL, NULL);
    for (i = 0; i < 2; i++) {
        js_enter(realm, &i);
        CHECK(run_in(realm,
                     i == 0 ? chain
                            : "n = 0; Promise.resolve().then(function next() {"
                              "    for (let k = 0; k < 1e5; k++) n++;"
                              "    Promise.resolve([n]).then(next);"
                              "})",
                     NULL) != NULL);
        CHECK(!js_leave(realm));
        CHECK(number_of("n") > 100);
    }
    CHECK_EQ(js_engine_stops(engine), 2);
    close_realm();
}

static void evaluate(struct js_realm *of, void *data)
{
    CHECK(js_inside(of));
    run_in(of, data, NULL);
}

TEST(a_turn_runs_its_microtasks)
{
    static char script[] = "var n = 1; Promise.resolve().then(() => n = 2)";

    open_realm();
    CHECK(js_turn(realm, &realm, evaluate, script));
    CHECK(!js_inside(realm));
    CHECK(number_of("n") == 2);
    close_realm();
}

TEST(a_turn_has_one_time_limit_and_its_microtasks_run_after_it)
{
    static char both[] = "var n = 0; Promise.resolve().then(() => { n++; for (;;) {} })";
    static char first[] = "var n = 0; Promise.resolve().then(() => n++); for (;;) {}";
    static char good[] = "Promise.resolve().then(() => n = 5)";
    unsigned i;

    open_realm();
    js_engine_set_limit(engine, 0.05, NULL, NULL);
    for (i = 0; i < 4; i++) {
        CHECK(!js_turn(realm, &i, evaluate, i % 2 == 0 ? first : both));
        CHECK_EQ(js_engine_stops(engine), i + 1);
        CHECK(number_of("n") == 1);
        CHECK(js_turn(realm, &i, evaluate, good));
        CHECK(number_of("n") == 5);
    }
    close_realm();
}

TEST(turns_that_are_short_are_not_added_up)
{
    unsigned i;

    open_realm();
    js_engine_set_limit(engine, 0.2, NULL, NULL);
    run_in(realm, "function some() { const end = Date.now() + 40; while (Date.now() < end) ; }",
           NULL);
    for (i = 0; i < 10; i++) {
        js_enter(realm, &i);
        CHECK(run_in(realm, "some(); Promise.resolve().then(some)", NULL) != NULL);
        js_engine_collect_now(engine);
        CHECK(js_leave(realm));
    }
    CHECK_EQ(js_engine_stops(engine), 0);
    close_realm();
}

static JSValueRef stop(struct js_call *call)
{
    js_engine_stop(call->realm->engine);
    return call->realm->undefined;
}

/* clang-format off */
#define STOP_NATIVES(X) \
    X("stop", stop, 0)
/* clang-format on */

JS_NATIVES(stop_natives, STOP_NATIVES)

TEST(a_script_is_stopped_on_request_without_a_limit_and_with_one)
{
    struct js_error err = {0};
    unsigned i;

    open_realm();
    js_natives_install(realm, JSContextGetGlobalObject(realm->ctx), stop_natives, 1);
    for (i = 0; i < 4; i++) {
        if (i == 2)
            js_engine_set_limit(engine, 10, NULL, NULL);
        js_enter(realm, &err);
        CHECK(run_in(realm,
                     "globalThis.after = 0;"
                     "try { stop(); for (;;) {} } catch { after = 2 } finally { after = 3 }",
                     &err) == NULL);
        CHECK(err.stopped);
        CHECK(!js_leave(realm));
        CHECK(number_of("after") == 0);
    }
    js_error_fini(&err);
    close_realm();
}

static unsigned asked;

static bool grant_twice(struct js_engine *which, void *data)
{
    (void)which;
    (void)data;
    return ++asked > 2;
}

TEST(more_time_can_be_granted)
{
    open_realm();
    asked = 0;
    js_engine_set_limit(engine, 0.02, grant_twice, NULL);
    CHECK(run_in(realm, "for (;;) {}", NULL) == NULL);
    CHECK_EQ(asked, 3);
    js_engine_clear_limit(engine);
    CHECK(number_of("let n = 0; for (let i = 0; i < 1e6; i++) n++; n") == 1e6);
    close_realm();
}

TEST(eval_can_be_refused)
{
    struct js_error err = {0};

    open_realm();
    js_realm_allow_eval(realm, false);
    CHECK(run_in(realm, "new Function('return 1')", &err) == NULL);
    CHECK_STR_EQ(err.name, "EvalError");
    js_realm_allow_eval(realm, true);
    CHECK(number_of("new Function('return 1')()") == 1);
    js_error_fini(&err);
    close_realm();
}

TEST(what_the_machine_puts_off_happens_when_it_is_polled)
{
    int fd;
    unsigned i;

    open_realm();
    run_in(realm,
           "globalThis.gone = 0; globalThis.r = new FinalizationRegistry(() => gone++);"
           "(function () { for (let i = 0; i < 100; i++) r.register({i}, 1) })()",
           NULL);
    for (i = 0; i < 10 && number_of("gone") == 0; i++) {
        js_engine_collect_now(engine);
        js_engine_poll(engine);
    }
    CHECK(number_of("gone") > 0);
    CHECK(js_engine_timeout(engine, &fd) >= -1);
    CHECK(fd >= 0);
    close_realm();
}

TEST(memory_is_counted)
{
    struct js_memory before;
    struct js_memory after;

    open_realm();
    js_engine_memory(engine, &before);
    run_in(realm, "globalThis.keep = Array.from({length: 20000}, (_, i) => ({i}))", NULL);
    js_engine_collect_now(engine);
    js_engine_memory(engine, &after);
    CHECK(after.objects >= before.objects + 20000);
    CHECK(after.heap_bytes > before.heap_bytes);
    close_realm();
}
