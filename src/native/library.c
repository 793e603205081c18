/* Class libraries of a process. */

#include <dlfcn.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "native/host.h"
#include "native/json.h"
#include "native/kv_store.h"
#include "native/pool.h"

struct registered {
    const struct dm_class *class;
    struct list link;
};

struct native {
    struct list classes;             /* registered.link */
    const struct dm_front *front;    /* borrowed from its library; NULL: none */
    const struct dm_value *settings; /* lives in `memory` */
    struct arena memory;
    struct pool *pool; /* owned */
};

/* While dm_library_init() runs. */
struct dm_library {
    struct native *native;
    struct err_text *why;
};

static void class_add(struct native *native, const struct dm_class *class)
{
    struct registered *registered = mem_new(struct registered);

    registered->class = class;
    list_push_back(&native->classes, &registered->link);
}

struct native *native_create(void)
{
    static const struct dm_value nothing = {.type = DM_OBJECT};
    struct native *native = mem_new(struct native);

    list_init(&native->classes);
    class_add(native, &kv_store_class);
    native->settings = &nothing;
    native->pool = pool_create();
    return native;
}

int native_configure(struct native *native, const char *settings, struct err_text *why)
{
    int r = json_read(bytes_of_string(settings), &native->memory, &native->settings, why);

    return r == 0 ? 0 : NATIVE_LOAD_REFUSED;
}

const struct dm_value *native_settings(const struct native *native)
{
    return native->settings;
}

struct pool *native_pool(const struct native *native)
{
    return native->pool;
}

void native_destroy(struct native *native)
{
    struct list *link;

    if (native == NULL)
        return;
    while ((link = list_pop_front(&native->classes)) != NULL)
        mem_free(container_of(link, struct registered, link));
    pool_destroy(native->pool);
    arena_fini(&native->memory);
    mem_free(native);
}

const struct dm_class *native_class(const struct native *native, const char *name)
{
    struct list *link;

    list_for_each (link, &native->classes) {
        const struct dm_class *class = container_of(link, struct registered, link)->class;

        if (strcmp(class->name, name) == 0)
            return class;
    }
    return NULL;
}

const struct dm_front *native_front(const struct native *native)
{
    return native->front;
}

bool native_has_class(const struct native *native, const char *name)
{
    return native_class(native, name) != NULL;
}

bool native_has_front(const struct native *native)
{
    return native->front != NULL;
}

int native_register_class(struct dm_library *library, const struct dm_class *class)
{
    if (class->size != sizeof *class || class->name == NULL) {
        err_text_set(library->why, "a class was described with another version of dormouse.h");
        return DM_ERROR;
    }
    if (native_class(library->native, class->name) != NULL) {
        err_text_set(library->why, "the class %s is registered twice", class->name);
        return DM_ERROR;
    }
    class_add(library->native, class);
    return 0;
}

int native_register_front(struct dm_library *library, const struct dm_front *front)
{
    if (front->size != sizeof *front || front->fetch == NULL || library->native->front != NULL) {
        err_text_set(library->why, "there are two fronts, or one of another version or without "
                                   "fetch()");
        return DM_ERROR;
    }
    library->native->front = front;
    return 0;
}

int native_add(struct native *native, const struct native_program *program, struct err_text *why)
{
    struct dm_library library = {native, why};
    int r = 0;

    for (size_t i = 0; i < program->class_count && r == 0; i++)
        r = native_register_class(&library, program->classes[i]);
    if (r == 0 && program->front != NULL)
        r = native_register_front(&library, program->front);
    return r < 0 ? NATIVE_LOAD_REFUSED : 0;
}

const struct dm_api *native_table(void)
{
    return &native_api;
}

/* dm_library_init() */
typedef int init_fn(const struct dm_api *api, uint32_t version, struct dm_library *library);

int native_load(struct native *native, const char *path, struct err_text *why)
{
    struct err_text refused;
    struct dm_library library = {native, &refused};
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle != NULL ? dlsym(handle, "dm_library_init") : NULL;
    init_fn *init;

    if (symbol == NULL) {
        err_text_set(why, "the class library cannot be loaded: %s", dlerror());
        return NATIVE_LOAD_REFUSED;
    }
    memcpy(&init, &symbol, sizeof init);
    err_text_set(&refused, "dm_library_init() refused this version of Dormouse (%u)", DM_VERSION);
    if (init(&native_api, DM_VERSION, &library) >= 0)
        return 0;
    err_text_set(why, "%s: %s", path, refused.text);
    return NATIVE_LOAD_REFUSED;
}
