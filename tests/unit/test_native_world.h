#pragma once

/*
 * World of the native tests
 *
 * Two namespaces of classes in C on a store whose disk, time and power are the test's: one shard,
 * no thread. What is asked and what comes back is written down in one line of words. A test file
 * has one world, says in `world_setting` what lives in it, and needs each function here.
 */

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "actor/event.h"
#include "actor/namespace.h"
#include "actor/shard.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "dormouse/dormouse.h"
#include "native/native.h"
#include "native/value.h"
#include "sim_os.h"
#include "store/store.h"
#include "test.h"

#define NS_PER_MS UINT64_C(1000000)

struct world_setting {
    const char *keys[2]; /* of the namespaces */
    const char *names[2];
    struct native_program program;
    const char *settings; /* for native_configure(); NULL: none */
    uint64_t segment_size_bytes;
    bool evict_always;
    void (*answered)(struct event *event, struct event_result *result);
};

static struct world_setting world_setting; /* the test file fills it in */
static struct sim_os *sim;
static struct store *store;
static struct shard_group *group;
static struct shard *shard;
static struct namespace *namespaces[2];
static struct native *native;
static struct native_shard *home;
static const struct dm_api *dm;
static struct buf notes;
static atomic_bool woken; /* by any thread */
static unsigned lost;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (notes.len > 0)
        buf_append_byte(&notes, ' ');
    buf_append_string(&notes, text);
}

#define NOTED(words)                                                                               \
    do {                                                                                           \
        CHECK_STR_EQ(notes.len > 0 ? buf_string(&notes) : "", words);                              \
        buf_clear(&notes);                                                                         \
    } while (0)

static void wake(void *data)
{
    (void)data;
    woken = true;
}

static void on_lost(void *data, int fault)
{
    (void)data;
    (void)fault;
    lost++;
}

static void open_all(void)
{
    struct store_options store_options = {.os = sim_os_base(sim),
                                          .dir = "/data",
                                          .shard_count = 1,
                                          .segment_size_bytes = world_setting.segment_size_bytes,
                                          .segment_count = 4,
                                          .sync = true,
                                          .stepped = true};
    struct shard_options shards = {.os = sim_os_base(sim),
                                   .count = 1,
                                   .hibernate_after_ms = 10000,
                                   .evict_always = world_setting.evict_always,
                                   .lost = on_lost};
    struct native_options options = {.namespaces = namespaces, .namespace_count = 2};
    struct err_text why = {0};

    dm = native_table();
    CHECK_EQ(store_open(&store, &store_options, &why), 0);
    shards.store = store;
    group = shard_group_create(&shards);
    shard = shard_create(group, 0, wake, NULL);
    native = native_create();
    if (world_setting.settings != NULL)
        CHECK_EQ(native_configure(native, world_setting.settings, &why), 0);
    CHECK_EQ(native_add(native, &world_setting.program, &why), 0);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(namespace_create(&namespaces[i], store, world_setting.keys[i],
                                  world_setting.names[i], i),
                 0);
        namespace_set_sql(namespaces[i], true);
    }
    options.native = native;
    options.shard = shard;
    home = native_shard_create(&options);
    for (unsigned i = 0; i < 2; i++)
        if (native_shard_class(home, i) != NULL)
            shard_set_class(shard, namespaces[i], native_shard_class(home, i));
}

static void close_all(void)
{
    shard_destroy(shard);
    native_shard_destroy(home);
    native_destroy(native);
    shard_group_destroy(group);
    namespace_destroy(namespaces[0]);
    namespace_destroy(namespaces[1]);
    store_close(store);
}

static void world_begin(void)
{
    buf_clear(&notes);
    lost = 0;
    sim = sim_os_create(1);
    open_all();
}

static void end(void)
{
    close_all();
    sim_os_destroy(sim);
    buf_fini(&notes);
}

/* Without the disk. */
static void turn(void)
{
    for (unsigned round = 0; round < 1000; round++) {
        woken = false;
        if (shard_turn(shard) != 0 && !woken)
            return;
    }
    CHECK(!"it comes to rest");
}

static void run(void)
{
    for (unsigned round = 0; round < 20; round++) {
        turn();
        store_step(store);
    }
    turn();
}

static void pass_ms(int64_t ms, int64_t step_ms)
{
    for (int64_t gone = 0; gone < ms; gone += step_ms) {
        sim_os_advance(sim, (uint64_t)step_ms * NS_PER_MS);
        run();
    }
}

static void send(const char *name, struct event *event)
{
    struct object_id id;

    object_id_from_name(namespaces[0], bytes_of_string(name), &id);
    event->reply = event->reply != NULL ? event->reply : world_setting.answered;
    shard_send(shard, namespaces[0], &id, name, event);
}

/* A call without arguments. */
static void ask(const char *name, const char *method)
{
    struct event *event = event_create(EVENT_CALL);
    struct buf bytes = {0};

    CHECK_EQ(value_write_array(&bytes, NULL, 0, 1000, NULL), 0);
    event->call.method = mem_strdup(method);
    event->call.arguments = blob_take_buf(&bytes);
    send(name, event);
}
