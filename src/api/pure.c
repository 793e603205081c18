#include "api/pure.h"

void api_pure_install(struct js_realm *realm, JSObjectRef natives)
{
    api_encoding_install(realm, natives);
    api_url_install(realm, natives);
}
