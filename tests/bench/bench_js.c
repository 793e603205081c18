/*
 * What JavaScript costs: machines, realms with and without the platform's script, calls in both
 * directions, and the natives that every request needs. One line per number.
 */

#include <malloc.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "api/pure.h"
#include "base/assert.h"
#include "js/bind.h"
#include "js/builtin.h"
#include "js/engine.h"
#include "js/error.h"

enum {
    CALLS = 300000,
};

/* Processor time of this thread: what else runs on the machine does not count. */
static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static JSValueRef nop(struct js_call *call)
{
    return call->realm->undefined;
}

/* Everything that only has to be there while the script is evaluated. */
static JSValueRef timer_set(struct js_call *call)
{
    return js_number(call->realm, 1);
}

/* clang-format off */
#define BENCH_NATIVES(X)              \
    X("nop", nop, 0)                  \
    X("timer_set", timer_set, 3)
/* clang-format on */

JS_NATIVES(bench_natives, BENCH_NATIVES)

static struct js_realm *open_realm(struct js_engine *engine, bool with_platform)
{
    struct js_realm *realm = js_realm_create(engine, NULL);
    JSObjectRef natives = js_object_make(realm);
    struct js_error err = {0};

    api_pure_install(realm, natives);
    js_natives_install(realm, natives, bench_natives, JS_COUNT(bench_natives));
    js_set(realm, JSContextGetGlobalObject(realm->ctx), "natives", natives);
    if (with_platform && js_builtin_run(realm, &js_builtin_js, natives, NULL, &err) == NULL) {
        fprintf(stderr, "%s: %s\n%s\n", err.name, err.message, err.stack);
        UNREACHABLE();
    }
    js_error_fini(&err);
    return realm;
}

/* The expression, many times over, in JavaScript; an empty loop is so short that it is left in. */
static void measure(struct js_realm *realm, const char *name, const char *expression)
{
    char source[512];
    double start;
    int round;

    snprintf(source, sizeof source, "(function () { for (let i = 0; i < %d; i++) { %s; } })()",
             CALLS, expression);
    for (round = 0; round < 2; round++) { /* the first round warms up */
        start = now_ns();
        if (js_realm_evaluate(realm, bytes_of_string(source), "bench", 1, NULL) == NULL)
            UNREACHABLE();
    }
    printf("%-28s %8.0f ns\n", name, (now_ns() - start) / CALLS);
}

static void measure_entries(struct js_realm *realm, const char *name)
{
    JSValueRef value = js_realm_evaluate(realm, BYTES("(function () {})"), "bench", 1, NULL);
    JSObjectRef function = js_as_object(realm, value);
    double start;
    int i;

    JSValueProtect(realm->ctx, function);
    start = now_ns();
    for (i = 0; i < CALLS; i++) {
        js_enter(realm, realm);
        js_call(realm, function, NULL, 0, NULL, NULL);
        js_leave(realm);
    }
    printf("%-28s %8.0f ns\n", name, (now_ns() - start) / CALLS);
    JSValueUnprotect(realm->ctx, function);
}

static void measure_realms(struct js_engine *engine, bool with_platform, const char *name)
{
    struct js_realm *realms[8];
    long before;
    double start;
    int i;

    start = now_ns();
    realms[0] = open_realm(engine, with_platform);
    printf("%-28s %8.2f ms\n", name, (now_ns() - start) / 1e6);
    before = resident_kb();
    start = now_ns();
    for (i = 1; i < 8; i++)
        realms[i] = open_realm(engine, with_platform);
    printf("%-28s %8.2f ms %6ld KB\n", "  each further one", (now_ns() - start) / 7e6,
           (resident_kb() - before) / 7);
    for (i = 0; i < 8; i++)
        js_realm_destroy(realms[i]);
}

int main(void)
{
    long resident = resident_kb();
    double start = now_ns();
    struct js_engine *engine = js_engine_create();
    struct js_memory memory;
    struct js_realm *realm = js_realm_create(engine, NULL);

    printf("%-28s %8.2f ms %6ld KB\n", "first machine and realm", (now_ns() - start) / 1e6,
           resident_kb() - resident);
    js_realm_destroy(realm);
    measure_realms(engine, false, "bare realm");
    measure_realms(engine, true, "realm with the platform");

    realm = open_realm(engine, true);
    js_realm_evaluate(realm,
                      BYTES("var kilotext = 'x'.repeat(1024), twenty = new Uint8Array(20).fill(65),"
                            " kilobyte = new Uint8Array(1024).fill(65)"),
                      "bench", 1, NULL);
    js_engine_memory(engine, &memory);
    printf("%-28s %8lu KB in %lu objects\n", "heap", (unsigned long)memory.heap_bytes / 1024,
           (unsigned long)memory.objects);
    measure(realm, "native that does nothing", "natives.nop()");
    measure(realm, "utf8_encode, 1 KB", "natives.utf8_encode(kilotext)");
    measure(realm, "utf8_decode, 1 KB", "natives.utf8_decode(kilobyte, false, false)");
    measure(realm, "utf8_decode, 20 B", "natives.utf8_decode(twenty, false, false)");
    measure(realm, "url_parse",
            "natives.url_parse('https://example.com/api/rooms/42?user=7&since=100')");
    measure(realm, "url_parse with a base",
            "natives.url_parse('../x?y', 'https://a.example/b/c/d')");
    measure(realm, "new URL", "new URL('https://example.com/api/rooms/42?user=7')");
    measure(realm, "digest SHA-256, 1 KB", "natives.digest('SHA-256', kilobyte)");
    measure(realm, "random_uuid", "natives.random_uuid()");
    measure_entries(realm, "enter, call, leave");
    js_engine_set_limit(engine, 30, NULL, NULL);
    measure_entries(realm, "the same under a time limit");
    js_realm_destroy(realm);
    js_engine_destroy(engine);
    return 0;
}
