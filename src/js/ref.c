#include "js/ref.h"

#include "js/realm.h"

void js_ref_set(struct js_ref *ref, struct js_realm *realm, JSValueRef value)
{
    if (value != NULL)
        JSValueProtect(realm->ctx, value);
    js_ref_fini(ref);
    if (value == NULL)
        return;

    ref->realm = realm;
    ref->value = value;
    list_push_back(&realm->refs, &ref->link);
}

void js_ref_fini(struct js_ref *ref)
{
    if (ref->realm == NULL)
        return;

    JSValueUnprotect(ref->realm->ctx, ref->value);
    list_remove(&ref->link);
    ref->realm = NULL;
    ref->value = NULL;
}

JSObjectRef js_ref_object(const struct js_ref *ref)
{
    if (ref->realm == NULL || !JSValueIsObject(ref->realm->ctx, ref->value))
        return NULL;
    return JSValueToObject(ref->realm->ctx, ref->value, NULL);
}
