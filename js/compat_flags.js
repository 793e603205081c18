/*
 * Compatibility flags: the table
 *
 * Only flags that something here or in the C half looks at are listed. compat.js says what is on; config_flags.js looks for
 * contradictions.
 */

/* flag: [date it became the default or null, name that switches it on, name that switches it off] */
export const FLAGS = {
  durableObjectFetchRequiresFullUrl: ["2021-11-10", "durable_object_fetch_requires_full_url", "durable_object_fetch_allows_relative_url"],
  gettersOnPrototype: ["2022-01-31", "workers_api_getters_setters_on_prototype", "workers_api_getters_setters_on_instance"],
  captureAsyncThrows: ["2022-10-31", "capture_async_api_throws", "do_not_capture_async_api_throws"],
  exportCommonjsDefault: ["2022-10-31", "export_commonjs_default", "export_commonjs_namespace"],
  urlStandard: ["2022-10-31", "url_standard", "url_original"],
  streamsConstructors: ["2022-11-30", "streams_enable_constructors", "streams_disable_constructors"],
  transformStreamStandard: ["2022-11-30", "transformstream_enable_standard_constructor", "transformstream_disable_standard_constructor"],
  headersGetSetCookie: ["2023-03-01", "http_headers_getsetcookie", "no_http_headers_getsetcookie"],
  urlSearchParamsDeleteHasValue: ["2023-07-01", "urlsearchparams_delete_has_value_arg", "no_urlsearchparams_delete_has_value_arg"],
  websocketCompression: ["2023-08-15", "web_socket_compression", "no_web_socket_compression"],
  noImportScripts: ["2024-03-04", "no_global_importscripts", "global_importscripts"],
  fetcherNoGetPutDelete: ["2024-03-26", "fetcher_no_get_put_delete", "fetcher_has_get_put_delete"],
  rpc: ["2024-04-03", "rpc", "no_rpc"],
  nodejsCompatV2FromCompat: ["2024-09-23", null, null],
  setToStringTag: ["2024-09-26", "set_tostring_tag", "do_not_set_tostring_tag"],
  upperCaseMethods: ["2024-10-14", "upper_case_all_http_methods", "no_upper_case_all_http_methods"],
  crossRequestPromiseResolution: ["2024-10-14", "handle_cross_request_promise_resolution", "no_handle_cross_request_promise_resolution"],
  cacheOption: ["2024-11-11", "cache_option_enabled", "cache_option_disabled"],
  processEnvFromBindings: ["2025-04-01", "nodejs_compat_populate_process_env", "nodejs_compat_do_not_populate_process_env"],
  weakRef: ["2025-05-05", "enable_weak_ref", "disable_weak_ref"],
  evalDuringStartup: ["2025-06-01", "allow_eval_during_startup", "disallow_eval_during_startup"],
  messageChannel: ["2025-08-15", "expose_global_message_channel", "no_expose_global_message_channel"],
  stripAuthorizationOnRedirect: ["2025-09-01", "strip_authorization_on_cross_origin_redirect", "retain_authorization_on_cross_origin_redirect"],
  ctxExports: ["2025-11-17", "enable_ctx_exports", "disable_ctx_exports"],
  fastStructs: ["2025-12-03", "enable_fast_jsg_struct", "disable_fast_jsg_struct"],
  rpcParamsDupStubs: ["2026-01-20", "rpc_params_dup_stubs", "no_rpc_params_dup_stubs"],
  nodeTimers: ["2026-02-10", "enable_nodejs_global_timers", "no_nodejs_global_timers"],
  deleteAllDeletesAlarm: ["2026-02-24", "delete_all_deletes_alarm", "delete_all_preserves_alarm"],
  websocketCloseReasonLimit: ["2026-03-03", "websocket_close_reason_byte_limit", "no_websocket_close_reason_byte_limit"],
  rejectionAfterCheckpoint: ["2026-03-03", "unhandled_rejection_after_microtask_checkpoint", "no_unhandled_rejection_after_microtask_checkpoint"],
  websocketStandardBinaryType: ["2026-03-17", "websocket_standard_binary_type", "no_websocket_standard_binary_type"],
  websocketAutoReplyToClose: ["2026-04-07", "web_socket_auto_reply_to_close", "web_socket_manual_reply_to_close"],
  enhancedErrorSerialization: ["2026-04-21", "enhanced_error_serialization", "legacy_error_serialization"],
  nodejsCompat: ["2026-08-04", "nodejs_compat", "no_nodejs_compat"],
  nodejsCompatV2: ["2026-08-04", "nodejs_compat_v2", "no_nodejs_compat_v2"],
  ioTasksPreventEviction: ["2026-10-01", "durable_object_io_tasks_prevent_eviction", "no_durable_object_io_tasks_prevent_eviction"],
  nodejsAls: [null, "nodejs_als", "no_nodejs_als"],
  requestSignal: [null, "enable_request_signal", "disable_request_signal"],
  irrevocableStubStorage: [null, "allow_irrevocable_stub_storage", null],
  getExisting: [null, "durable_object_get_existing", null],
  versionApi: [null, "enable_version_api", null],
  unsafeModule: [null, "unsafe_module", null],
  increaseWebsocketMessageSize: [null, "increase_websocket_message_size", null],
  pedanticWpt: [null, "pedantic_wpt", "non_pedantic_wpt"],
};
