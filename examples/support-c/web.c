#include "web.h"

#include <stdlib.h>

const struct dm_api *dm;

bool web_take(struct dm_bytes *path, const char *text)
{
    size_t len = strlen(text);

    if (path->len < len || memcmp(path->data, text, len) != 0)
        return false;
    *path = dm_bytes((const char *)path->data + len, path->len - len);
    return true;
}

bool web_take_word(struct dm_bytes *path, const char *allowed, char *word, size_t size)
{
    const char *text = path->data;
    size_t len = 0;

    while (len < path->len && text[len] != '\0' && strchr(allowed, text[len]) != NULL)
        len++;
    if (len == 0 || len >= size)
        return false;
    memcpy(word, text, len);
    word[len] = '\0';
    *path = dm_bytes(text + len, path->len - len);
    return true;
}

int web_error(struct dm_event *event, unsigned status, const char *words)
{
    struct dm_response head = {.status = status};
    struct dm_member error = {dm_str("error"), dm_string(words)};
    struct dm_value body = dm_record(&error, 1);

    return dm->respond_json(event, &head, &body);
}

int web_not_allowed(struct dm_event *event, const char *allow)
{
    struct dm_header header = {"Allow", allow};
    struct dm_response response = {
        .status = 405, .headers = &header, .header_count = allow != NULL ? 1 : 0};

    return dm->respond(event, &response);
}

int web_page(struct dm_event *event, const struct dm_request *request, struct dm_bytes html)
{
    static const struct dm_header allow[] = {{"Content-Type", "text/plain;charset=UTF-8"},
                                             {"Allow", "GET, HEAD"}};
    static const struct dm_response refusal = {.status = 405,
                                               .headers = allow,
                                               .header_count = 2,
                                               .content = {"Only GET is served here.\n", 25}};
    static const struct dm_header headers[] = {
        {"Content-Type", "text/html; charset=utf-8"},
        {"Cache-Control", "no-cache"},
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
         "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
    };
    struct dm_response response = {
        .headers = headers, .header_count = sizeof headers / sizeof *headers, .content = html};

    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        return dm->respond(event, &refusal);
    return dm->respond(event, &response);
}

void web_settle(struct dm_object *object, struct dm_event *event, int r)
{
    if (r < 0)
        dm->fail(event, dm->why(object));
}

void web_failed(struct dm_event *event, const struct dm_reply *reply)
{
    if (reply->overloaded)
        web_error(event, 503, "Overloaded");
    else
        dm->fail(event, reply->error);
}

void web_pass_on(void *instance, struct dm_object *front, void *data, const struct dm_reply *reply)
{
    struct dm_event *event = data;
    (void)instance;

    if (reply->error != NULL)
        web_failed(event, reply);
    else
        web_settle(front, event, dm->respond_json(event, NULL, reply->value));
}

int web_call(struct dm_object *front, const char *class_name, const char *name, const char *method,
             const struct dm_value *arguments, size_t count, dm_reply_fn *reply, void *data)
{
    struct dm_ns *ns;
    struct dm_id id;
    int r = dm->ns(front, class_name, &ns);

    if (r < 0)
        return r;
    dm->id_from_name(ns, name, &id);
    r = dm->stub_call(front, ns, &id, name, method, arguments, count, reply, data);
    return r < 0 ? r : DM_LATER;
}

bool web_integer(const struct dm_value *value, int64_t least, int64_t most, int64_t *integer)
{
    if (value == NULL || value->type != DM_NUMBER || !(value->number >= (double)least) ||
        !(value->number <= (double)most))
        return false;
    *integer = (int64_t)value->number;
    return (double)*integer == value->number;
}

int web_variable(struct dm_object *object, const char *name, int64_t *integer)
{
    const struct dm_value *value = NULL;

    if (dm->var(object, name, &value) == 0 && web_integer(value, 0, INT64_C(1) << 53, integer))
        return 0;
    return dm->error(object, "The variable %s is no number.", name);
}

int sql_first(struct dm_object *object, struct dm_rows **rows, const char *sql,
              const struct dm_sql_value *values, size_t count)
{
    int r = dm->sql_query(object, rows, sql, values, count);

    return r < 0 ? r : dm->sql_step(*rows);
}

int sql_first_integer(struct dm_object *object, int64_t *integer, const char *sql,
                      const struct dm_sql_value *values, size_t count)
{
    struct dm_rows *rows;
    int r = sql_first(object, &rows, sql, values, count);

    if (r == 0) {
        *integer = dm->sql_integer(rows, 0);
        dm->sql_close(rows);
    }
    return r;
}

/* malloc() that grows, while the number of rows is not known. */
struct list {
    struct dm_value *items;
    size_t count, cap;
};

static int list_add(struct dm_object *object, struct list *list, struct dm_value value)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        struct dm_value *items = realloc(list->items, cap * sizeof *items);

        if (items == NULL)
            return dm->error(object, "Out of memory.");
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = value;
    return 0;
}

int sql_json_list(struct dm_object *object, struct dm_event *event, struct dm_value *out,
                  const char *sql, const struct dm_sql_value *values, size_t count)
{
    struct list list = {0};
    struct dm_value *items;
    struct dm_rows *rows;
    int r = dm->sql_query(object, &rows, sql, values, count);

    while (r == 0 && (r = dm->sql_step(rows)) == 0) {
        const struct dm_value *value;

        r = dm->json_read(object, dm_str(dm->sql_text(rows, 0)), &value);
        if (r == 0)
            r = list_add(object, &list, *value);
    }
    if (r >= 0) {
        items = dm->alloc(event, list.count * sizeof *items + 1);
        if (list.count > 0)
            memcpy(items, list.items, list.count * sizeof *items);
        *out = dm_array(items, list.count);
    }
    free(list.items);
    return r < 0 ? r : 0;
}
