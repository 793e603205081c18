#pragma once

/*
 * Table
 *
 * What struct dm_api points to, by the names of its members; what they promise stands in
 * dormouse.h. fetch() is native_fetch_out(): native_fetch() is what the server calls. For the files
 * of native/ only.
 */

#include "dormouse/dormouse.h"

/* clang-format off */
int native_register_class(struct dm_library *library, const struct dm_class *class_);
int native_register_front(struct dm_library *library, const struct dm_front *front);
const char *native_why(struct dm_object *object);
int native_error(struct dm_object *object, const char *format, ...) DM_FORMAT(2, 3);
int native_abort(struct dm_object *object, const char *message);
void native_log(struct dm_object *object, enum dm_log_level level, const char *format, ...) DM_FORMAT(3, 4);
int native_id(struct dm_object *object, struct dm_id *id);
const char *native_name(struct dm_object *object);
int64_t native_now_ms(struct dm_object *object);
int native_respond(struct dm_event *event, const struct dm_response *response);
int native_respond_text(struct dm_event *event, unsigned status, const char *text);
int native_answer(struct dm_event *event, const struct dm_value *value);
int native_done(struct dm_event *event);
int native_fail(struct dm_event *event, const char *message);
int native_unknown_method(struct dm_event *event);
int native_forward(struct dm_event *event, struct dm_ns *ns, const struct dm_id *id, const char *name, const struct dm_request *as);
const char *native_header(const struct dm_request *request, const char *name);
int native_body_collect(struct dm_body *body, size_t max_bytes, dm_bytes_fn *done, void *data);
int native_body_read(struct dm_body *body, dm_bytes_fn *done, void *data);
int native_stream_open(struct dm_object *object, int64_t length, struct dm_stream **stream);
int native_stream_write(struct dm_stream *stream, struct dm_bytes piece);
int native_stream_room(struct dm_stream *stream, dm_fn *room, void *data);
int native_stream_end(struct dm_stream *stream, const char *error);
int native_sql_exec(struct dm_object *object, const char *sql, const struct dm_sql_value *values, size_t count);
int native_sql_query(struct dm_object *object, struct dm_rows **rows, const char *sql, const struct dm_sql_value *values, size_t count);
int native_sql_step(struct dm_rows *rows);
size_t native_sql_columns(struct dm_rows *rows);
const char *native_sql_column_name(struct dm_rows *rows, size_t column);
struct dm_sql_value native_sql_value(struct dm_rows *rows, size_t column);
int64_t native_sql_integer(struct dm_rows *rows, size_t column);
double native_sql_real(struct dm_rows *rows, size_t column);
const char *native_sql_text(struct dm_rows *rows, size_t column);
void native_sql_close(struct dm_rows *rows);
int native_sql_size(struct dm_object *object, uint64_t *bytes);
int native_kv_get(struct dm_object *object, struct dm_bytes key, const struct dm_value **value);
int native_kv_put(struct dm_object *object, struct dm_bytes key, const struct dm_value *value);
int native_kv_delete(struct dm_object *object, struct dm_bytes key);
int native_kv_list(struct dm_object *object, const struct dm_range *range, dm_kv_fn *each, void *data);
int native_transaction(struct dm_object *object, dm_transaction_fn *body, void *data);
int native_delete_all(struct dm_object *object);
int native_sync(struct dm_object *object, dm_fn *synced, void *data);
int native_bookmark(struct dm_object *object, char *text, size_t size);
int native_bookmark_at(struct dm_object *object, int64_t time_ms, char *text, size_t size);
int native_restore(struct dm_object *object, const char *bookmark, char *undo, size_t size);
int native_alarm(struct dm_object *object, int64_t *time_ms);
int native_set_alarm(struct dm_object *object, int64_t time_ms);
int native_delete_alarm(struct dm_object *object);
int native_accept(struct dm_event *event, const struct dm_accept *options, struct dm_socket **socket);
int native_send(struct dm_socket *socket, struct dm_bytes data, bool text);
int native_broadcast(struct dm_object *object, const char *tag, struct dm_socket *except, struct dm_bytes data, bool text);
int native_close(struct dm_socket *socket, uint16_t code, const char *reason);
int native_sockets(struct dm_object *object, const char *tag, dm_socket_fn *each, void *data);
size_t native_tag_count(struct dm_socket *socket);
struct dm_bytes native_tag(struct dm_socket *socket, size_t index);
int native_attachment(struct dm_object *object, struct dm_socket *socket, const struct dm_value **value);
int native_set_attachment(struct dm_object *object, struct dm_socket *socket, const struct dm_value *value);
void *native_socket_data(struct dm_socket *socket);
void native_set_socket_data(struct dm_socket *socket, void *data);
int native_set_auto_response(struct dm_object *object, const char *request, const char *response);
int64_t native_auto_response_ms(struct dm_socket *socket);
int native_block(struct dm_object *object, dm_section_fn *body, void *data);
int native_section_end(struct dm_section *section, const char *error);
struct dm_hold *native_hold(struct dm_object *object);
void native_release(struct dm_hold *hold);
struct dm_timer *native_timer(struct dm_object *object, int64_t after_ms, dm_fn *fire, void *data);
void native_timer_cancel(struct dm_timer *timer);
int native_ns(struct dm_object *object, const char *name, struct dm_ns **ns);
void native_id_from_name(struct dm_ns *ns, const char *name, struct dm_id *id);
int native_id_from_string(struct dm_ns *ns, const char *hex, struct dm_id *id);
void native_id_unique(struct dm_ns *ns, struct dm_id *id);
void native_id_format(const struct dm_id *id, char text[DM_ID_TEXT]);
int native_stub_fetch(struct dm_object *object, struct dm_ns *ns, const struct dm_id *id, const char *name, const struct dm_request *request, dm_reply_fn *reply, void *data);
int native_stub_call(struct dm_object *object, struct dm_ns *ns, const struct dm_id *id, const char *name, const char *method, const struct dm_value *arguments, size_t count, dm_reply_fn *reply, void *data);
int native_fetch_out(struct dm_object *object, const struct dm_request *request, dm_reply_fn *reply, void *data);
int native_transact(struct dm_object *object, dm_section_fn *body, void *data);
int native_transact_undo(struct dm_section *section);
int native_connect(struct dm_object *object, const struct dm_request *request, const struct dm_peer *peer, void *data);
int native_stub_connect(struct dm_object *object, struct dm_ns *ns, const struct dm_id *id, const char *name, const struct dm_request *request, const struct dm_peer *peer, void *data);
void *native_alloc(struct dm_event *event, size_t size);
int native_json_read(struct dm_object *object, struct dm_bytes text, const struct dm_value **value);
int native_json_write(struct dm_object *object, const struct dm_value *value, struct dm_bytes *text);
int native_respond_json(struct dm_event *event, const struct dm_response *head, const struct dm_value *value);
struct dm_bytes native_query(struct dm_object *object, const char *url, const char *name);
int native_var(struct dm_object *object, const char *name, const struct dm_value **value);
int native_kv_namespace(struct dm_object *object, const char *binding, struct dm_kv **kv);
int native_kv_read(struct dm_object *object, struct dm_kv *kv, struct dm_bytes key, dm_reply_fn *reply, void *data);
int native_kv_write(struct dm_object *object, struct dm_kv *kv, struct dm_bytes key, struct dm_bytes value, const struct dm_kv_options *options, dm_reply_fn *reply, void *data);
int native_kv_remove(struct dm_object *object, struct dm_kv *kv, struct dm_bytes key, dm_reply_fn *reply, void *data);
int native_kv_keys(struct dm_object *object, struct dm_kv *kv, const struct dm_kv_page *page, dm_reply_fn *reply, void *data);
int native_try_forward(struct dm_event *event, struct dm_ns *ns, const struct dm_id *id, const char *name, const struct dm_request *as, dm_reply_fn *failed, void *data);
void native_random(void *bytes, size_t size);
void native_uuid(char text[DM_UUID_TEXT]);
int native_work(struct dm_object *object, dm_work_fn *run, dm_fn *done, dm_work_fn *drop, void *data);
/* clang-format on */
