#pragma once

/*
 * Tables of natives, each installed on the realm's natives object by worker.c.
 */

#include "js/bind.h"

void api_assets_install(struct js_realm *realm, JSObjectRef natives);
void api_body_install(struct js_realm *realm, JSObjectRef natives);
void api_console_install(struct js_realm *realm, JSObjectRef natives);
void api_delivery_install(struct js_realm *realm, JSObjectRef natives);
void api_fetch_install(struct js_realm *realm, JSObjectRef natives);
void api_hold_install(struct js_realm *realm, JSObjectRef natives);
void api_request_install(struct js_realm *realm, JSObjectRef natives);
void api_namespace_install(struct js_realm *realm, JSObjectRef natives);
void api_object_install(struct js_realm *realm, JSObjectRef natives);
void api_rpc_install(struct js_realm *realm, JSObjectRef natives);
void api_socket_install(struct js_realm *realm, JSObjectRef natives);
void api_sql_install(struct js_realm *realm, JSObjectRef natives);
void api_bookmarks_install(struct js_realm *realm, JSObjectRef natives);
void api_storage_install(struct js_realm *realm, JSObjectRef natives);
void api_stub_install(struct js_realm *realm, JSObjectRef natives);
void api_tcp_install(struct js_realm *realm, JSObjectRef natives);
void api_timer_install(struct js_realm *realm, JSObjectRef natives);
