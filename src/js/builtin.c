#include "js/builtin.h"

#include "base/bytes.h"
#include "js/bind.h"
#include "js/error.h"
#include "js/realm.h"
#include "js/value.h"

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

static JSValueRef builtin_node(struct js_call *call)
{
    struct js_error err = {0};
    JSObjectRef hooks =
        js_builtin_run(call->realm, &js_builtin_node, js_as_object(call->realm, call->argv[0]),
                       js_as_object(call->realm, call->argv[1]), &err);

    if (hooks == NULL)
        *call->exception = err.value.value != NULL ? err.value.value : call->realm->undefined;
    js_error_fini(&err);
    return hooks;
}

/* clang-format off */
#define BUILTIN_NATIVES(X) \
    X("builtin_node", builtin_node, 2)
/* clang-format on */
JS_NATIVES(builtin_natives, BUILTIN_NATIVES)

void js_builtin_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, builtin_natives, JS_COUNT(builtin_natives));
}
