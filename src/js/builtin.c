#include "js/builtin.h"

#include "base/bytes.h"
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
