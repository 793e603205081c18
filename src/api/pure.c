#include "api/pure.h"

void api_pure_install(struct js_realm *realm, JSObjectRef natives)
{
    api_certificate_install(realm, natives);
    api_cipher_install(realm, natives);
    api_cipher_stream_install(realm, natives);
    api_clock_install(realm, natives);
    api_compress_install(realm, natives);
    api_digest_install(realm, natives);
    api_encoding_install(realm, natives);
    api_exchange_install(realm, natives);
    api_key_install(realm, natives);
    api_key_node_install(realm, natives);
    api_random_install(realm, natives);
    api_url_install(realm, natives);
}
