#pragma once

/*
 * Pure natives
 *
 * Those that compute and touch nothing outside: text, URLs, hashes and keys, compression, random
 * bytes, the clock. They need no current object, so any realm may have them: a shard's, the one
 * that reads the configuration, a test's.
 */

#include "js/realm.h"

/* Everything below at once. */
void api_pure_install(struct js_realm *realm, JSObjectRef natives);

void api_certificate_install(struct js_realm *realm, JSObjectRef natives);
void api_cipher_install(struct js_realm *realm, JSObjectRef natives);
void api_cipher_stream_install(struct js_realm *realm, JSObjectRef natives);
void api_clock_install(struct js_realm *realm, JSObjectRef natives);
void api_compress_install(struct js_realm *realm, JSObjectRef natives);
void api_digest_install(struct js_realm *realm, JSObjectRef natives);
void api_encoding_install(struct js_realm *realm, JSObjectRef natives);
void api_exchange_install(struct js_realm *realm, JSObjectRef natives);
void api_key_install(struct js_realm *realm, JSObjectRef natives);
void api_key_node_install(struct js_realm *realm, JSObjectRef natives);
void api_random_install(struct js_realm *realm, JSObjectRef natives);
void api_url_install(struct js_realm *realm, JSObjectRef natives);
