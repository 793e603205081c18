#include "js/engine.h"

#include <glib.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/mem.h"
#include "js/engine_parts.h"
#include "js/realm.h"

enum {
    POLL_EVENTS_MAX = 64, /* in one js_engine_poll(), so that sockets are not kept waiting */
    POLL_FDS_MAX = 8,     /* a main context without foreign sources has one */
};

static const double FOREVER_S = 1e6;

static _Thread_local struct js_engine *here;

static bool time_is_up(JSContextRef ctx, void *context);

static _Thread_local GMainContext *context_here; /* of this thread's engines; lives as long as it */

struct js_engine *js_engine_here(void)
{
    return here;
}

/*
 * A script that is to end looks whether it is. Otherwise the machine would break into optimised
 * code from a signal, which can fail again and again (seen with 2.50: a loop that became hot before
 * the watchdog came went on for ever), and needs a thread that sends it.
 */
static void init_machine(void)
{
    int known = jsc_options_set_boolean("usePollingTraps", 1);

    ASSERT(known);
    JSInitializeMainThread();
}

struct js_engine *js_engine_create(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct js_engine *engine = mem_new(struct js_engine);

    ASSERT(here == NULL);
    list_init(&engine->realms);

    /* The library makes one run loop for each thread, of the context that is the thread's default
     * when it first asks, and keeps it: all engines of a thread share that context. */
    if (context_here == NULL)
        context_here = g_main_context_new();
    engine->main_context = context_here;
    g_main_context_push_thread_default(engine->main_context);
    pthread_once(&once, init_machine);
    engine->group = JSContextGroupCreate();
    js_graveyard_init(&engine->graveyard);

    /* The watchdog exists from the first limit on, and only learns of entries made after that: with
     * one from the start, js_engine_stop() works in the middle of the first script. */
    JSContextGroupSetExecutionTimeLimit(engine->group, FOREVER_S, time_is_up, engine);
    JSContextGroupClearExecutionTimeLimit(engine->group);
    here = engine;
    return engine;
}

void js_engine_destroy(struct js_engine *engine)
{
    size_t i;

    if (engine == NULL)
        return;

    ASSERT(here == engine);
    ASSERT(list_empty(&engine->realms));
    ASSERT(engine->inside == NULL);

    for (i = 0; i < JS_SCRIPTS_MAX; i++) {
        if (engine->scripts[i].script != NULL)
            JSScriptRelease(engine->scripts[i].script);
    }
    JSContextGroupRelease(engine->group);
    while (g_main_context_iteration(engine->main_context, FALSE))
        continue;
    js_graveyard_fini(&engine->graveyard);
    for (i = 0; i < JS_NAMES_MAX; i++) {
        if (engine->names[i].string != NULL)
            JSStringRelease(engine->names[i].string);
    }
    g_main_context_pop_thread_default(engine->main_context);
    here = NULL;
    mem_free(engine);
}

unsigned js_engine_poll(struct js_engine *engine)
{
    unsigned count = 0;

    ASSERT(here == engine);
    ASSERT(engine->inside == NULL);
    while (count < POLL_EVENTS_MAX && g_main_context_iteration(engine->main_context, FALSE))
        count++;
    js_engine_absorb_stop(engine);
    return count + js_graveyard_bury(&engine->graveyard);
}

int js_engine_timeout(struct js_engine *engine, int *fd)
{
    GPollFD fds[POLL_FDS_MAX];
    int timeout_ms = -1;
    int priority = 0;
    int count;

    ASSERT(here == engine);
    if (!g_main_context_acquire(engine->main_context))
        UNREACHABLE(); /* the context is ours alone */
    if (g_main_context_prepare(engine->main_context, &priority))
        timeout_ms = 0;
    count = g_main_context_query(engine->main_context, priority, &timeout_ms, fds, POLL_FDS_MAX);
    g_main_context_release(engine->main_context);

    *fd = count > 0 ? fds[0].fd : -1; /* the context's own wake-up comes first */
    if (engine->stop_asked || engine->stop_pending)
        return 0;
    return js_graveyard_is_empty(&engine->graveyard) ? timeout_ms : 0;
}

/* ---- the time limit ---- */

/*
 * The machine's watchdog measures each entry by the processor's time. Its timer is wound with the
 * whole limit and not with less: whenever it rings in the middle of a script, the machine throws
 * away the compiled code of all that is on the stack and begins to compile it anew, so a watchdog
 * that looks often keeps a busy server from ever having fast code. All microtasks of a turn are
 * one entry (js_leave()).
 */

/* Also lets the watchdog go on: it does not reliably start again by itself. */
static void watch(struct js_engine *engine)
{
    JSContextGroupSetExecutionTimeLimit(engine->group, engine->limit_seconds, time_is_up, engine);
}

/* Called by the machine's watchdog in the middle of a script. */
static bool time_is_up(JSContextRef ctx, void *context)
{
    struct js_engine *engine = context;

    (void)ctx;
    if (!engine->stop_asked && engine->limit_ask != NULL &&
        !engine->limit_ask(engine, engine->limit_data)) {
        watch(engine);
        return false;
    }
    engine->stops++;
    engine->stop_pending = true;
    return true;
}

void js_engine_set_limit(struct js_engine *engine, double seconds, js_limit_fn *ask, void *data)
{
    ASSERT(seconds > 0);
    engine->limit_ask = ask;
    engine->limit_data = data;
    engine->limit_seconds = seconds;
    watch(engine);
}

void js_engine_clear_limit(struct js_engine *engine)
{
    engine->limit_ask = NULL;
    engine->limit_seconds = 0;
    JSContextGroupClearExecutionTimeLimit(engine->group);
}

void js_engine_stop(struct js_engine *engine)
{
    ASSERT(engine->inside != NULL);
    engine->stop_asked = true;
    JSContextGroupSetExecutionTimeLimit(engine->group, 0, time_is_up, engine);
}

/* The limit is what it was before js_engine_stop(). */
static void stop_done(struct js_engine *engine)
{
    engine->stop_asked = false;
    if (engine->limit_seconds > 0)
        watch(engine);
    else
        JSContextGroupClearExecutionTimeLimit(engine->group);
}

uint64_t js_engine_stops(const struct js_engine *engine)
{
    return engine->stops;
}

/*
 * A script that is ended inside a microtask leaves the machine with the exception still pending
 * (seen with 2.50): the next entry, whosever it is, would end at once. So an entry of no account
 * takes it.
 */
bool js_engine_absorb_stop(struct js_engine *engine)
{
    struct list *first = list_first(&engine->realms);
    JSValueRef exception = NULL;
    JSStringRef source;

    if (engine->stop_asked)
        stop_done(engine);
    if (!engine->stop_pending)
        return false;
    engine->stop_pending = false;
    if (first == NULL)
        return true;

    source = JSStringCreateWithUTF8CString("0");
    JSEvaluateScript(container_of(first, struct js_realm, link)->ctx, source, NULL, NULL, 1,
                     &exception);
    JSStringRelease(source);
    engine->stop_pending = false;
    return true;
}

static JSContextRef any_context(struct js_engine *engine)
{
    struct list *first = list_first(&engine->realms);

    return first != NULL ? container_of(first, struct js_realm, link)->ctx : NULL;
}

static uint64_t read_count(JSContextRef ctx, JSObjectRef object, const char *name)
{
    JSValueRef exception = NULL;
    JSStringRef string = JSStringCreateWithUTF8CString(name);
    JSValueRef value = JSObjectGetProperty(ctx, object, string, &exception);
    double number = 0;

    JSStringRelease(string);
    if (exception == NULL && JSValueIsNumber(ctx, value))
        number = JSValueToNumber(ctx, value, &exception);
    return number > 0 ? (uint64_t)number : 0;
}

void js_engine_memory(struct js_engine *engine, struct js_memory *out)
{
    JSContextRef ctx = any_context(engine);
    JSObjectRef counts;

    *out = (struct js_memory){0};
    if (ctx == NULL)
        return;
    counts = JSGetMemoryUsageStatistics(ctx);
    out->heap_bytes = read_count(ctx, counts, "heapSize");
    out->capacity_bytes = read_count(ctx, counts, "heapCapacity");
    out->extra_bytes = read_count(ctx, counts, "extraMemorySize");
    out->objects = read_count(ctx, counts, "objectCount");
    out->protected_objects = read_count(ctx, counts, "protectedObjectCount");
    out->realms = read_count(ctx, counts, "globalObjectCount");
}

void js_engine_collect(struct js_engine *engine)
{
    JSContextRef ctx = any_context(engine);

    if (ctx != NULL)
        JSGarbageCollect(ctx);
}

void js_engine_collect_now(struct js_engine *engine)
{
    JSContextRef ctx = any_context(engine);

    if (ctx != NULL)
        JSSynchronousGarbageCollectForDebugging(ctx);
}

JSStringRef js_engine_name(struct js_engine *engine, const char *literal)
{
    /* Literals lie next to each other, eight bytes apart at least where it matters. */
    uintptr_t hash = ((uintptr_t)literal >> 2) * (uintptr_t)0x9e3779b97f4a7c15u;
    size_t at = (size_t)(hash >> (sizeof hash * 8 - JS_NAMES_BITS));
    struct js_engine_name *slot = &engine->names[at];

    if (slot->literal != literal) {
        if (slot->string != NULL)
            JSStringRelease(slot->string);
        slot->string = JSStringCreateWithUTF8CString(literal);
        slot->literal = literal;
    }
    return slot->string;
}

JSScriptRef js_engine_script(struct js_engine *engine, struct bytes ascii, const char *file)
{
    struct js_engine_script *slot = engine->scripts;
    JSStringRef message = NULL;
    JSStringRef url;
    int line = 0;

    while (slot < engine->scripts + JS_SCRIPTS_MAX && slot->text != NULL &&
           slot->text != ascii.data)
        slot++;
    ASSERT(slot < engine->scripts + JS_SCRIPTS_MAX);
    if (slot->text == ascii.data)
        return slot->script;

    url = JSStringCreateWithUTF8CString(file);
    slot->script = JSScriptCreateReferencingImmortalASCIIText(
        engine->group, url, 1, (const char *)ascii.data, ascii.len, &message, &line);
    JSStringRelease(url);
    if (message != NULL)
        JSStringRelease(message);
    if (slot->script != NULL)
        slot->text = ascii.data;
    return slot->script;
}
