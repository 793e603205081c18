#include "api/object.h"

#include "actor/failure.h"
#include "actor/input_gate.h"
#include "actor/object.h"
#include "api/instance.h"
#include "api/worker_parts.h"
#include "base/mem.h"
#include "js/engine.h"
#include "js/error.h"

/* A critical section that JavaScript asked for: `callback(id)` runs in it and ends it by its id. */
struct section_run {
    struct task task;
    struct instance *instance;
    struct section *section; /* NULL once ended */
    struct js_ref callback;
    double id;
    struct list link; /* instance.sections */
};

static void section_free(struct section_run *run)
{
    map_u64_remove(&run->instance->context.worker->sections, (uint64_t)run->id);
    list_remove(&run->link);
    js_ref_fini(&run->callback);
    mem_free(run);
}

static void section_turn(struct js_realm *realm, void *data)
{
    struct section_run *run = data;
    struct context *context = &run->instance->context;
    struct worker *worker = context->worker;
    struct js_error error = {0};
    JSObjectRef callback = js_ref_object(&run->callback);
    JSValueRef argv[1];
    double id = run->id;

    argv[0] = js_number(realm, id);
    if (js_call(realm, callback, NULL, 1, argv, &error) == NULL) {
        struct failure *failure = cross_thrown(worker, &error, FAILURE_RESET);

        worker_log_thrown(worker, &error);
        js_error_fini(&error);
        run = map_u64_get(&worker->sections, (uint64_t)id);
        if (run != NULL) {
            struct section *section = run->section;

            section_free(run);
            object_section_end(context->object, section, failure);
        }
        failure_unref(failure);
    }
}

static void section_enter(struct task *task)
{
    struct section_run *run = container_of(task, struct section_run, task);

    context_turn(&run->instance->context, section_turn, run);
}

static void section_drop(struct task *task)
{
    section_free(container_of(task, struct section_run, task));
}

void api_sections_drop(struct instance *instance)
{
    while (!list_empty(&instance->sections)) {
        struct section_run *run =
            container_of(list_first(&instance->sections), struct section_run, link);

        task_unbind(&run->task);
        section_free(run);
    }
}

/* section_begin(object, callback) */
static JSValueRef section_begin(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    JSObjectRef callback = context != NULL ? js_arg_function(call, 1) : NULL;
    struct instance *instance;
    struct section_run *run;

    if (callback == NULL)
        return NULL;
    instance = instance_of(context);
    run = mem_new(struct section_run);
    run->instance = instance;
    run->id = (double)++context->worker->last_handle;
    run->task.run = section_enter;
    run->task.drop = section_drop;
    js_ref_set(&run->callback, call->realm, callback);
    list_push_back(&instance->sections, &run->link);
    map_u64_put(&context->worker->sections, (uint64_t)run->id, run);
    run->section = object_section_begin(context->object, &run->task);
    if (run->section == NULL) {
        section_free(run);
        return js_throw_error(call, "blockConcurrencyWhile() calls are nested too deeply.");
    }
    return call->realm->undefined;
}

/* section_end(id) or section_end(id, name, message, stack, flags, BYTES) */
static JSValueRef section_end(struct js_call *call)
{
    struct worker *worker = worker_of(call->realm);
    struct failure *failure = NULL;
    struct failure *reset = NULL;
    struct section_run *run;
    struct section *section;
    struct object *object;
    double id;

    if (!js_arg_number(call, 0, &id))
        return NULL;
    run = map_u64_get(&worker->sections, (uint64_t)id);
    if (run == NULL)
        return call->realm->undefined; /* the object was reset meanwhile */
    if (call->argc > 1) {
        failure = cross_failure_from(call, 1);
        if (failure == NULL)
            return NULL;
        reset = failure_with_flags(failure, FAILURE_RESET);
        failure_unref(failure);
    }
    section = run->section;
    object = run->instance->context.object;
    section_free(run);
    object_section_end(object, section, reset);
    failure_unref(reset);
    return call->realm->undefined;
}

/* object_abort(object, message, flags): js/ loops until the script is ended, which nothing
 * catches */
static JSValueRef abort_object(struct js_call *call)
{
    struct context *context = context_object(call, 0);
    struct failure *failure;
    double flags;
    char *message;

    if (context == NULL || !js_arg_number(call, 2, &flags))
        return NULL;
    message = js_arg_string(call, 1);
    if (message == NULL)
        return NULL;
    failure = failure_create("Error", message, NULL, (unsigned)flags);
    object_abort(context->object, failure);
    failure_unref(failure);
    mem_free(message);
    js_engine_stop(context->worker->engine);
    return call->realm->undefined;
}

/* clang-format off */
#define OBJECT_NATIVES(X)                 \
    X("section_begin", section_begin, 2)  \
    X("section_end", section_end, 1)      \
    X("object_abort", abort_object, 3)
/* clang-format on */
JS_NATIVES(object_natives, OBJECT_NATIVES)

void api_object_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, object_natives, JS_COUNT(object_natives));
}
