#include <stdio.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "js/engine.h"
#include "js/error.h"
#include "js/realm.h"
#include "js/ref.h"
#include "js/text.h"
#include "js/value.h"
#include "js/view.h"
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

/* Set globalThis.x, then the script must be true of it. */
static bool holds(JSValueRef x, const char *source)
{
    js_set(realm, JSContextGetGlobalObject(realm->ctx), "x", x);
    return JSValueToBoolean(realm->ctx, run(source));
}

static void check_text(const char *source, struct bytes expected)
{
    struct js_text text;
    JSValueRef exception = NULL;

    CHECK(js_text_of(&text, realm, run(source), &exception));
    CHECK_BYTES_EQ(js_text_bytes(&text), expected);
    CHECK(text.data[text.len] == '\0');
    js_text_fini(&text);
}

TEST(strings_come_out_as_utf8)
{
    open_realm();
    check_text("''", BYTES(""));
    check_text("'plain'", BYTES("plain"));
    check_text("'a\\u0000b'", BYTES("a\0b"));
    check_text("'caf\\u00e9'", BYTES("caf\xc3\xa9"));
    check_text("'\\u{1f600}'", BYTES("\xf0\x9f\x98\x80"));
    check_text("'a\\ud800b\\udc00'", BYTES("a\xef\xbf\xbd"
                                           "b\xef\xbf\xbd"));
    check_text("12.5", BYTES("12.5"));
    close_realm();
}

TEST(long_strings_come_out_whole)
{
    struct js_text text;
    JSValueRef exception = NULL;
    size_t n;

    open_realm();
    for (n = 80; n < 300; n++) {
        char source[64];

        snprintf(source, sizeof source, "'\\u4e00'.repeat(%zu)", n);
        CHECK(js_text_of(&text, realm, run(source), &exception));
        CHECK_EQ(text.len, n * 3);
        CHECK(text.data[text.len] == '\0');
        js_text_fini(&text);
    }
    close_realm();
}

TEST(a_value_without_text_throws)
{
    struct js_text text;
    JSValueRef exception = NULL;

    open_realm();
    CHECK(!js_text_of(&text, realm, run("Symbol('x')"), &exception));
    CHECK(exception != NULL);
    exception = NULL;
    CHECK(js_text_dup(realm, run("({toString() { throw 1 }})"), &exception) == NULL);
    CHECK(exception != NULL);
    close_realm();
}

TEST(strings_go_in_from_utf8)
{
    open_realm();
    CHECK(holds(js_string(realm, "plain"), "x === 'plain'"));
    CHECK(holds(js_string_from_utf8(realm, BYTES("")), "x === ''"));
    CHECK(holds(js_string_from_utf8(realm, BYTES("a\0b")), "x === 'a\\u0000b'"));
    CHECK(holds(js_string_from_utf8(realm, BYTES("\xf0\x9f\x98\x80")), "x === '\\u{1f600}'"));
    CHECK(holds(js_string_from_utf8(realm, BYTES("a\xff"
                                                 "b\xe2\x82")),
                "x === 'a\\ufffdb\\ufffd'"));
    CHECK(holds(js_string_from_latin1(realm, BYTES("a\xe9\xff")), "x === 'a\\u00e9\\u00ff'"));
    CHECK(holds(js_string_from_utf16(realm, (const uint16_t[]){0xd800, 0x41}, 2),
                "x === '\\ud800A'"));
    close_realm();
}

TEST(numbers_booleans_and_dates_go_in)
{
    open_realm();
    CHECK(holds(js_number(realm, -0.5), "x === -0.5"));
    CHECK(holds(js_boolean(realm, true), "x === true"));
    CHECK(holds(js_date(realm, 86400000), "x.toISOString() === '1970-01-02T00:00:00.000Z'"));
    CHECK(js_is_nullish(realm, run("null")) && js_is_nullish(realm, run("undefined")));
    CHECK(!js_is_nullish(realm, run("0")));
    CHECK(js_is_function(realm, run("() => 1")) && !js_is_function(realm, run("({})")));
    close_realm();
}

TEST(properties_are_read_and_written)
{
    JSValueRef exception = NULL;
    JSObjectRef object;
    JSValueRef values[2];

    open_realm();
    object = js_object_make(realm);
    js_set(realm, object, "one", js_number(realm, 1));
    js_set_text(realm, object, BYTES("\xc3\xa9"), js_number(realm, 2));
    CHECK(holds(object, "x.one === 1 && x['\\u00e9'] === 2"));
    CHECK(js_to_number(realm, js_get(realm, object, "one", &exception), &exception) == 1);
    CHECK(js_get(realm, js_as_object(realm, run("({get a() { throw 1 }})")), "a", &exception) ==
          NULL);
    CHECK(exception != NULL);
    exception = NULL;
    values[0] = realm->yes;
    values[1] = realm->null;
    CHECK(holds(js_array_make(realm, 2, values), "x.length === 2 && x[0] === true"));
    CHECK_EQ(js_array_length(realm, run("[1, 2, 3]")), 3);
    CHECK_EQ(js_array_length(realm, run("({length: 3})")), 0);
    close_realm();
}

TEST(json_goes_both_ways)
{
    JSValueRef exception = NULL;
    JSStringRef json;

    open_realm();
    CHECK(holds(js_json_parse(realm, BYTES("{\"a\": [1, \"\xc3\xa9\"]}")), "x.a[1] === '\\u00e9'"));
    CHECK(js_json_parse(realm, BYTES("{a")) == NULL);
    json = js_json_write(realm, run("({a: [1]})"), &exception);
    CHECK(JSStringIsEqualToUTF8CString(json, "{\"a\":[1]}"));
    JSStringRelease(json);
    CHECK(js_json_write(realm, run("const c = {}; c.c = c; c"), &exception) == NULL);
    CHECK(exception != NULL);
    close_realm();
}

static void check_bytes(const char *source, struct bytes expected)
{
    struct bytes bytes;

    CHECK(js_view_bytes(realm, run(source), &bytes));
    CHECK_BYTES_EQ(bytes, expected);
}

TEST(bytes_are_found_behind_every_kind_of_view)
{
    struct bytes bytes;

    open_realm();
    run("var b = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])");
    check_bytes("b", BYTES("\1\2\3\4\5\6\7\10"));
    check_bytes("b.buffer", BYTES("\1\2\3\4\5\6\7\10"));
    check_bytes("b.subarray(2, 5)", BYTES("\3\4\5"));
    check_bytes("new Uint16Array(b.buffer, 2, 2)", BYTES("\3\4\5\6"));
    check_bytes("new DataView(b.buffer, 1, 3)", BYTES("\2\3\4"));
    check_bytes("new DataView(b.buffer, 8)", BYTES(""));
    check_bytes("new Uint8Array(0)", BYTES(""));
    check_bytes("new Float16Array(b.buffer, 2, 2)", BYTES("\3\4\5\6"));
    check_bytes("new BigInt64Array(b.buffer)", BYTES("\1\2\3\4\5\6\7\10"));
    CHECK(!js_view_bytes(realm, run("({})"), &bytes));
    CHECK(!js_view_bytes(realm, run("[1, 2]"), &bytes));
    CHECK(!js_view_bytes(realm, run("'text'"), &bytes));
    CHECK(!js_view_bytes(realm, run("undefined"), &bytes));
    close_realm();
}

TEST(what_is_detached_is_empty)
{
    open_realm();
    run("var v = new Uint8Array(8), d = new DataView(new ArrayBuffer(8));"
        "v.buffer.transfer(); d.buffer.transfer()");
    check_bytes("v", BYTES(""));
    check_bytes("v.buffer", BYTES(""));
    check_bytes("d", BYTES(""));
    close_realm();
}

TEST(a_resized_buffer_is_seen_as_it_is_now)
{
    open_realm();
    run("var r = new ArrayBuffer(8, {maxByteLength: 16}), t = new Uint8Array(r),"
        " o = new Uint8Array(r, 6, 2), w = new DataView(r, 6, 2); t.set([1, 2, 3]); r.resize(2)");
    check_bytes("t", BYTES("\1\2"));
    check_bytes("r", BYTES("\1\2"));
    check_bytes("o", BYTES(""));
    check_bytes("w", BYTES(""));
    close_realm();
}

TEST(bytes_go_in)
{
    struct buf buf = {0};
    uint8_t *memory;
    JSValueRef made;

    open_realm();
    CHECK(holds(js_bytes_copy(realm, BYTES("\1\2")), "x instanceof Uint8Array && x[1] === 2"));
    CHECK(holds(js_bytes_copy(realm, BYTES("")), "x.length === 0"));
    CHECK(holds(js_buffer_copy(realm, BYTES("\1\2")), "x instanceof ArrayBuffer"));
    CHECK(holds(js_buffer_copy(realm, BYTES("")), "x.byteLength === 0"));
    CHECK(holds(js_bytes_take(realm, mem_dup("\3", 1), 1),
                "x[0] === 3 && x.buffer.byteLength === 1"));
    made = js_bytes_make(realm, 3, &memory);
    memory[2] = 9;
    CHECK(holds(made, "x[2] === 9"));
    buf_append_zeros(&buf, 100000);
    CHECK(holds(js_bytes_take_buf(realm, &buf), "x.length === 100000"));
    CHECK_EQ(buf.len, 0);
    buf_append_string(&buf, "ab");
    CHECK(holds(js_bytes_take_buf(realm, &buf), "x.length === 2"));
    CHECK(holds(js_buffer_take_buf(realm, &buf), "x.byteLength === 0"));
    close_realm();
}

TEST(a_ref_keeps_its_value_through_collections)
{
    struct js_ref ref = {0};

    open_realm();
    js_ref_set(&ref, realm, run("({kept: 'text'.repeat(3)})"));
    run("for (let i = 0; i < 1000; i++) new Array(100)");
    js_engine_collect_now(engine);
    CHECK(holds(ref.value, "x.kept === 'texttexttext'"));
    js_ref_fini(&ref);
    js_ref_fini(&ref);
    close_realm();
}

TEST(a_ref_is_empty_when_its_realm_is_gone)
{
    struct js_ref ref = {0};

    open_realm();
    js_ref_set(&ref, realm, run("({})"));
    CHECK(js_ref_object(&ref) != NULL);
    close_realm();
    CHECK(ref.realm == NULL);
    CHECK(js_ref_object(&ref) == NULL);
    js_ref_fini(&ref);
}
