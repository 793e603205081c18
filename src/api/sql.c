/* storage.sql below cf_sql.js: runs statements and hands over values in flat arrays. */

#include "store/sql.h"

#include "api/database_access.h"
#include "api/instance.h"
#include "api/worker_parts.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "js/box.h"
#include "js/view.h"
#include "store/database.h"

/* Rows read and written. */
struct sql_counts {
    double read;
    double written;
};

struct sql_box {
    struct instance_end end;
    struct sql_cursor *cursor;    /* NULL once closed */
    struct sql_counts end_counts; /* when it was closed */
};

static struct sql_counts counts_of(const struct sql_cursor *cursor)
{
    return (struct sql_counts){.read = (double)sql_cursor_rows_read(cursor),
                               .written = (double)sql_cursor_rows_written(cursor)};
}

static void box_close(struct sql_box *box)
{
    if (box->cursor == NULL)
        return;
    box->end_counts = counts_of(box->cursor);
    sql_cursor_close(box->cursor);
    box->cursor = NULL;
    list_remove(&box->end.link);
    list_init(&box->end.link);
}

static void box_end(struct instance_end *end)
{
    struct sql_box *box = container_of(end, struct sql_box, end);

    sql_cursor_close(box->cursor);
    box->cursor = NULL;
    list_init(&box->end.link);
}

static void box_bury(void *self)
{
    struct sql_box *box = self;

    box_close(box);
    mem_free(box);
}

static const struct js_box_type sql_box_type = {"SqlCursor", box_bury};

/* For the script. */
static void tell_counts(struct js_realm *realm, struct sql_counts counts)
{
    double *out = worker_of(realm)->sql_counts;

    out[0] = counts.read;
    out[1] = counts.written;
}

/* For the script, too: those of a cursor that stands on its first row. */
static void tell_first_counts(struct js_realm *realm, struct sql_counts counts)
{
    double *out = worker_of(realm)->sql_counts;

    tell_counts(realm, counts);
    out[2] = counts.read;
    out[3] = counts.written;
}

static JSValueRef value_of(struct js_realm *realm, struct sql_value value)
{
    switch (value.type) {
    case SQL_NULL: return realm->null;
    case SQL_INTEGER: return js_number(realm, (double)value.integer);
    case SQL_REAL: return js_number(realm, value.real);
    case SQL_TEXT: return js_string_from_utf8(realm, value.bytes);
    case SQL_BLOB: return js_buffer_copy(realm, value.bytes);
    }
    return realm->null;
}

/* One argument as a parameter (§3.4.3); text is kept in *text. */
static bool bind_value(struct js_call *call, JSValueRef from, struct sql_value *value,
                       struct js_text *text, bool *has_text)
{
    struct js_realm *realm = call->realm;

    if (js_is_nullish(realm, from)) {
        value->type = SQL_NULL;
        return true;
    }
    if (JSValueIsNumber(realm->ctx, from)) {
        value->type = SQL_REAL;
        value->real = js_to_number(realm, from, call->exception);
        return true;
    }
    if (js_view_bytes(realm, from, &value->bytes)) {
        value->type = SQL_BLOB;
        return true;
    }
    if (JSValueIsBigInt(realm->ctx, from)) {
        js_throw_type_error(call, "Cannot convert a BigInt value to a number");
        return false;
    }
    if (JSValueIsSymbol(realm->ctx, from)) {
        js_throw_type_error(call, "Cannot convert a Symbol value to a string");
        return false;
    }
    if (!js_text_of_stored(text, realm, from, call->exception))
        return false;
    *has_text = true;
    value->type = SQL_TEXT;
    value->bytes = js_text_bytes(text);
    return true;
}

static JSValueRef names_of(struct js_realm *realm, const struct sql_cursor *cursor, size_t columns)
{
    JSValueRef names[LIMIT_SQL_COLUMNS];

    for (size_t i = 0; i < columns; i++)
        names[i] = js_string(realm, sql_cursor_column_name(cursor, i));
    return js_array_make(realm, columns, names);
}

static void row_of(struct js_realm *realm, const struct sql_cursor *cursor, size_t columns,
                   JSValueRef *values)
{
    for (size_t i = 0; i < columns; i++)
        values[i] = value_of(realm, sql_cursor_value(cursor, i));
}

/* What exec() answers for a cursor that it owns from here on: undefined, or names, the values of
 * the first row, and a box if there may be more. */
static JSValueRef result_of(struct js_call *call, struct context *context,
                            struct sql_cursor *cursor)
{
    struct js_realm *realm = call->realm;
    size_t columns = sql_cursor_column_count(cursor);
    JSValueRef values[LIMIT_SQL_COLUMNS];
    JSValueRef parts[3];
    struct err_text why;
    struct sql_box *box;
    bool more = sql_cursor_has_row(cursor);
    int r;

    tell_first_counts(realm, counts_of(cursor));
    if (columns == 0) {
        sql_cursor_close(cursor);
        return realm->undefined;
    }
    if (columns > LIMIT_SQL_COLUMNS) {
        sql_cursor_close(cursor);
        return js_throw_error(call, "too many columns in result set: SQLITE_ERROR");
    }
    parts[0] = names_of(realm, cursor, columns);
    row_of(realm, cursor, more ? columns : 0, values);
    parts[1] = js_array_make(realm, more ? columns : 0, values);
    parts[2] = realm->null;
    if (more) {
        r = sql_cursor_next(cursor, &why); /* a cursor reads one row ahead (§3.4.17) */
        if (r != 0)
            sql_cursor_close(cursor);
        if (!database_worked(call, context, r, &why))
            return NULL;
        tell_counts(realm, counts_of(cursor));
        more = sql_cursor_has_row(cursor);
    }
    if (!more) {
        sql_cursor_close(cursor);
        return js_array_make(realm, 3, parts);
    }
    box = mem_new(struct sql_box);
    box->cursor = cursor;
    box->end.close = box_end;
    list_push_back(&instance_of(context)->ends, &box->end.link);
    parts[2] = js_box_make(realm, &sql_box_type, box, NULL);
    return js_array_make(realm, 3, parts);
}

/* sql_exec(object, text, bindings) -> undefined | [names, values, BOX | null] */
static JSValueRef api_sql_exec(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    JSObjectRef bindings = db != NULL ? js_arg_object(call, 2) : NULL;
    struct sql_value values[LIMIT_SQL_VARIABLES];
    struct js_text texts[LIMIT_SQL_VARIABLES];
    bool has_text[LIMIT_SQL_VARIABLES];
    struct sql_cursor *cursor = NULL;
    JSValueRef result = NULL;
    struct err_text why;
    struct js_text text;
    size_t count;
    size_t bound = 0;

    if (bindings == NULL || !js_arg_text_stored(call, 1, &text))
        return NULL;
    count = js_array_length(call->realm, bindings); /* of more than there can be, none is bound */
    for (; bound < count && bound < LIMIT_SQL_VARIABLES; bound++) {
        JSValueRef from = js_array_at(call->realm, bindings, bound, call->exception);

        has_text[bound] = false;
        if (from == NULL ||
            !bind_value(call, from, &values[bound], &texts[bound], &has_text[bound]))
            goto out;
    }
    if (database_worked(call, context,
                        sql_exec(db, js_text_bytes(&text), values, count, &cursor, &why), &why))
        result = result_of(call, context, cursor);
out:
    while (bound-- > 0) {
        if (has_text[bound])
            js_text_fini(&texts[bound]);
    }
    js_text_fini(&text);
    return result;
}

/* The collector sees values on the stack only: so many are handed over at once at the most. */
enum {
    SQL_VALUES_MAX = 1024
};

/* sql_rows(BOX, count) -> values of up to `count` rows; fewer: the end */
static JSValueRef api_sql_rows(struct js_call *call)
{
    struct sql_box *box = js_arg_box(call, 0, &sql_box_type);
    struct context *context = context_current(call->realm);
    struct js_realm *realm = call->realm;
    JSValueRef values[SQL_VALUES_MAX];
    struct err_text why;
    JSValueRef result;
    size_t columns;
    size_t used = 0;
    int64_t rows;

    if (box == NULL || !js_arg_integer(call, 1, 1, 1024, &rows))
        return NULL;
    if (box->cursor == NULL) {
        tell_counts(realm, box->end_counts);
        return js_array_make(realm, 0, NULL);
    }
    columns = sql_cursor_column_count(box->cursor);
    if (!sql_cursor_has_row(box->cursor) && /* it had one when it was last looked at, or failed */
        !database_worked(call, context, sql_cursor_next(box->cursor, &why), &why))
        return NULL;
    if ((size_t)rows * columns > SQL_VALUES_MAX)
        return js_throw_range_error(call, "too many rows at once");
    while (sql_cursor_has_row(box->cursor) && used < (size_t)rows * columns) {
        row_of(realm, box->cursor, columns, values + used);
        used += columns;
        if (!database_worked(call, context, sql_cursor_next(box->cursor, &why), &why))
            return NULL;
    }
    tell_counts(realm, counts_of(box->cursor));
    result = js_array_make(realm, used, values);
    if (!sql_cursor_has_row(box->cursor))
        box_close(box);
    return result;
}

static JSValueRef api_sql_close(struct js_call *call)
{
    struct sql_box *box = js_arg_box(call, 0, &sql_box_type);

    if (box == NULL)
        return NULL;
    box_close(box);
    return call->realm->undefined;
}

/* sql_size(object) -> bytes */
static JSValueRef api_sql_size(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    struct err_text why;
    uint64_t size_bytes;

    if (db == NULL || !database_worked(call, context, database_size(db, &size_bytes, &why), &why))
        return NULL;
    return js_number(call->realm, (double)size_bytes);
}

/* clang-format off */
#define SQL_NATIVES(X)               \
    X("sql_exec", api_sql_exec, 3)   \
    X("sql_rows", api_sql_rows, 2)   \
    X("sql_close", api_sql_close, 1) \
    X("sql_size", api_sql_size, 1)
/* clang-format on */
JS_NATIVES(sql_natives, SQL_NATIVES)

void api_sql_install(struct js_realm *realm, JSObjectRef natives)
{
    struct worker *worker = worker_of(realm);
    JSValueRef exception = NULL;
    JSObjectRef counts =
        JSObjectMakeTypedArray(realm->ctx, kJSTypedArrayTypeFloat64Array, 4, &exception);

    js_ref_set(&worker->sql_counts_array, realm, counts);
    worker->sql_counts = JSObjectGetTypedArrayBytesPtr(realm->ctx, counts, &exception);
    js_set(realm, natives, "sql_counts", counts);
    js_natives_install(realm, natives, sql_natives, JS_COUNT(sql_natives));
}
