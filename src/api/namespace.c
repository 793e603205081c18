/* env.NS below cf_namespace.js: ids. Calls are in stub.c. */

#include "actor/namespace.h"

#include "api/stub.h"
#include "api/worker_parts.h"
#include "os/os.h"

struct namespace *stub_namespace_arg(struct js_call *call, size_t i)
{
    const struct worker_bundle *bundle = worker_of(call->realm)->bundle;
    int64_t index;

    if (!js_arg_integer(call, i, 0, (int64_t)bundle->namespace_count - 1, &index))
        return NULL;
    return bundle->namespaces[index];
}

static JSValueRef id_value(struct js_realm *realm, const struct object_id *id)
{
    char hex[OBJECT_ID_HEX + 1];

    object_id_format(id, hex);
    return js_string(realm, hex);
}

/* id_from_name(namespace, name) -> hex */
static JSValueRef id_from_name(struct js_call *call)
{
    struct namespace *ns = stub_namespace_arg(call, 0);
    struct object_id id;
    struct js_text name;

    if (ns == NULL || !js_arg_text_stored(call, 1, &name))
        return NULL;
    object_id_from_name(ns, js_text_bytes(&name), &id);
    js_text_fini(&name);
    return id_value(call->realm, &id);
}

/* id_from_string(namespace, hex) -> hex */
static JSValueRef id_from_string(struct js_call *call)
{
    struct namespace *ns = stub_namespace_arg(call, 0);
    struct object_id id;
    struct js_text hex;
    int r;

    if (ns == NULL || !js_arg_text(call, 1, &hex))
        return NULL;
    r = object_id_from_string(ns, js_text_bytes(&hex), &id);
    js_text_fini(&hex);
    if (r == OBJECT_ID_NOT_HEX)
        return js_throw_type_error(call, "Invalid Durable Object ID: must be 64 hex digits");
    if (r == OBJECT_ID_FOREIGN)
        return js_throw_type_error(call, "Durable Object ID is not valid for this namespace.");
    return id_value(call->realm, &id);
}

/* id_unique(namespace) -> hex */
static JSValueRef id_unique(struct js_call *call)
{
    struct namespace *ns = stub_namespace_arg(call, 0);
    struct object_id id;

    if (ns == NULL)
        return NULL;
    object_id_unique(ns, os_real(), &id);
    return id_value(call->realm, &id);
}

/* namespace_number(namespace) -> what names it in other versions of the code too */
static JSValueRef number_of(struct js_call *call)
{
    struct namespace *ns = stub_namespace_arg(call, 0);

    return ns != NULL ? js_number(call->realm, namespace_number(ns)) : NULL;
}

/* namespace_find(number) -> namespace | undefined, where this version has none of that number */
static JSValueRef find_number(struct js_call *call)
{
    const struct worker_bundle *bundle = worker_of(call->realm)->bundle;
    double number;

    if (!js_arg_number(call, 0, &number))
        return NULL;
    for (size_t i = 0; i < bundle->namespace_count; i++) {
        if ((double)namespace_number(bundle->namespaces[i]) == number)
            return js_number(call->realm, (double)i);
    }
    return call->realm->undefined;
}

/* clang-format off */
#define NAMESPACE_NATIVES(X)                \
    X("id_from_name", id_from_name, 2)      \
    X("id_from_string", id_from_string, 2)  \
    X("id_unique", id_unique, 1)            \
    X("namespace_number", number_of, 1)     \
    X("namespace_find", find_number, 1)
/* clang-format on */
JS_NATIVES(namespace_natives, NAMESPACE_NATIVES)

void api_namespace_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, namespace_natives, JS_COUNT(namespace_natives));
}
