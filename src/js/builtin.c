#include "js/builtin.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "js/bind.h"
#include "js/engine_parts.h"
#include "js/error.h"
#include "js/realm.h"
#include "js/value.h"

void js_builtin_read(struct js_engine *engine, const struct js_builtin *builtin)
{
    js_engine_script(engine, bytes_of(builtin->text, builtin->len), builtin->file);
}

JSObjectRef js_builtin_run(struct js_realm *realm, const struct js_builtin *builtin,
                           JSObjectRef natives, JSObjectRef options, struct js_error *err)
{
    JSValueRef argv[2] = {natives, options != NULL ? (JSValueRef)options : realm->undefined};
    JSValueRef function;
    JSValueRef hooks;

    function =
        js_realm_evaluate_static(realm, bytes_of(builtin->text, builtin->len), builtin->file, err);
    if (function == NULL)
        return NULL;
    hooks = js_call(realm, js_as_object(realm, function), NULL, 2, argv, err);
    return hooks != NULL ? js_as_object(realm, hooks) : NULL;
}

/* clang-format off */
static const struct js_builtin *const late_scripts[] = {
    &js_builtin_cf_assets,
    &js_builtin_cf_kv,
    &js_builtin_cf_rpc,
    &js_builtin_cf_scheduled,
    &js_builtin_cf_sockets,
    &js_builtin_crypto_algorithms,
    &js_builtin_html_rewriter,
    &js_builtin_inspect,
    &js_builtin_node,
    &js_builtin_node_crypto,
    &js_builtin_seldom,
    &js_builtin_serialize,
    &js_builtin_source_map,
    &js_builtin_streams,
    &js_builtin_urlpattern,
};

/* clang-format on */

/* builtin_late(name, natives, shared): what the script exports */
static JSValueRef builtin_late(struct js_call *call)
{
    const struct js_builtin *builtin = NULL;
    struct js_error err = {0};
    struct js_text name;
    JSObjectRef hooks;

    if (!js_arg_text(call, 0, &name))
        return NULL;
    for (size_t i = 0; i < JS_COUNT(late_scripts); i++) {
        const char *file = late_scripts[i]->file;

        if (strcmp(file + strlen("dormouse:"), name.data) == 0)
            builtin = late_scripts[i];
    }
    js_text_fini(&name);
    ASSERT(builtin != NULL);
    hooks = js_builtin_run(call->realm, builtin, js_as_object(call->realm, call->argv[1]),
                           js_as_object(call->realm, call->argv[2]), &err);
    if (hooks == NULL)
        *call->exception = err.value.value != NULL ? err.value.value : call->realm->undefined;
    js_error_fini(&err);
    return hooks;
}

/* clang-format off */
#define BUILTIN_NATIVES(X) \
    X("builtin_late", builtin_late, 3)
/* clang-format on */
JS_NATIVES(builtin_natives, BUILTIN_NATIVES)

void js_builtin_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, builtin_natives, JS_COUNT(builtin_natives));
}
