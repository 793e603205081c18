/* Workers KV, and randomness. What is refused here and how is what js/cf_kv.js says. */

#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "native/host.h"
#include "native/json.h"
#include "native/kv_store.h"
#include "native/stub.h"
#include "os/os.h"

#define TTL_SECONDS_MIN 60

static struct dm_ns *store_of(struct dm_kv *kv)
{
    return (struct dm_ns *)kv;
}

int native_kv_namespace(struct dm_object *host, const char *binding, struct dm_kv **kv)
{
    const struct native_options *options = &host->home->options;
    const struct dm_value *bindings = dm_get(native_settings(options->native), "bindings");

    for (size_t i = 0; bindings != NULL && i < bindings->array.count; i++) {
        const struct dm_value *item = &bindings->array.items[i];
        const struct dm_value *index = dm_get(item, "namespace");

        if (!dm_is(dm_get(item, "name")->bytes, binding) ||
            !dm_is(dm_get(item, "type")->bytes, "kv_namespace"))
            continue;
        *kv = (struct dm_kv *)options->namespaces[(size_t)index->number];
        return 0;
    }
    return host_error(host, "There is no KV namespace %s in this project.", binding);
}

/* ---- checks ---- */

static int check_length(struct dm_object *host, struct dm_bytes key, const char *method)
{
    if (key.len <= LIMIT_KV_NAME_BYTES)
        return 0;
    return host_error(
        host, "KV %s failed: 414 UTF-8 encoded length of %zu exceeds key length limit of %d.",
        method, key.len, LIMIT_KV_NAME_BYTES);
}

static int check_key(struct dm_object *host, struct dm_bytes key, const char *method)
{
    if (key.len == 0)
        return host_error(host, "Key name cannot be empty.");
    if (dm_is(key, ".") || dm_is(key, ".."))
        return host_error(host, "\"%s\" is not allowed as a key name.", key.len == 1 ? "." : "..");
    if (!utf8_valid(bytes_of(key.data, key.len)))
        return host_error(host, "Key name is not UTF-8.");
    return check_length(host, key, method);
}

/* When it expires; undefined: never. */
static int expiration_of(struct dm_object *host, const struct dm_kv_options *options,
                         struct dm_value *out)
{
    int64_t now = native_now_ms(host) / 1000;

    if (options->ttl != 0) {
        if (options->ttl < TTL_SECONDS_MIN)
            return host_error(host,
                              options->ttl <= 0
                                  ? "KV PUT failed: 400 Invalid expiration_ttl of %lld. Please "
                                    "specify integer greater than 0."
                                  : "KV PUT failed: 400 Invalid expiration_ttl of %lld. Expiration "
                                    "TTL must be at least 60.",
                              (long long)options->ttl);
        *out = dm_number((double)(now + options->ttl));
    } else if (options->expiration != 0) {
        if (options->expiration < now + TTL_SECONDS_MIN)
            return host_error(
                host,
                options->expiration <= now
                    ? "KV PUT failed: 400 Invalid expiration of %lld. Please specify integer "
                      "greater than the current number of seconds since the UNIX epoch."
                    : "KV PUT failed: 400 Invalid expiration of %lld. Expiration times must be at "
                      "least 60 seconds in the future.",
                (long long)options->expiration);
        *out = dm_number((double)options->expiration);
    }
    return 0;
}

static int metadata_of(struct dm_object *host, const struct dm_kv_options *options,
                       struct dm_value *out)
{
    struct dm_bytes text;
    int r;

    if (options->metadata == NULL || options->metadata->type == DM_UNDEFINED ||
        options->metadata->type == DM_NULL)
        return 0;
    r = native_json_write(host, options->metadata, &text);
    if (r < 0)
        return r;
    if (text.len > LIMIT_KV_METADATA_BYTES)
        return host_error(host, "KV PUT failed: 413 Metadata length of %zu exceeds limit of %d.",
                          text.len, LIMIT_KV_METADATA_BYTES);
    out->type = DM_STRING;
    out->bytes = text;
    return 0;
}

/* ---- answers ---- */

static const struct dm_value *damaged(struct dm_object *host)
{
    host_error(host, "A KV namespace gave an answer that is none.");
    return NULL;
}

static struct dm_value *make(struct dm_object *host, struct dm_value value)
{
    struct dm_value *made = arena_alloc(&host->scratch, sizeof *made);

    *made = value;
    return made;
}

static struct dm_member *members_make(struct dm_object *host, size_t count)
{
    return arena_alloc_zero(&host->scratch, count * sizeof(struct dm_member));
}

static bool is_tuple(const struct dm_value *value, size_t count)
{
    return value->type == DM_ARRAY && value->array.count == count;
}

static bool metadata_read(struct dm_object *host, const struct dm_value *text, struct dm_value *out)
{
    const struct dm_value *value;

    *out = dm_null();
    if (text->type != DM_STRING)
        return true;
    if (native_json_read(host, text->bytes, &value) != 0)
        return false;
    *out = *value;
    return true;
}

/* [[bytes, metadata]] or [null] */
static const struct dm_value *shape_read(struct dm_object *host, const struct dm_value *answer)
{
    struct dm_member *members = members_make(host, 2);
    const struct dm_value *found;

    if (!is_tuple(answer, 1))
        return damaged(host);
    found = &answer->array.items[0];
    if (found->type == DM_NULL)
        return found;
    if (!is_tuple(found, 2) || found->array.items[0].type != DM_BYTES)
        return damaged(host);
    members[0] = (struct dm_member){dm_str("value"), found->array.items[0]};
    members[1].name = dm_str("metadata");
    if (!metadata_read(host, &found->array.items[1], &members[1].value))
        return damaged(host);
    return make(host, dm_record(members, 2));
}

/* A cursor is the last key of the page before, so that what is deleted in between does no harm. */
static struct dm_value cursor_of(struct dm_object *host, struct dm_bytes key)
{
    struct bytes from = bytes_of(key.data, key.len);
    char *text = arena_alloc(&host->scratch, base64_encoded_len(key.len, BASE64_STANDARD) + 1);
    struct dm_value value = {.type = DM_STRING};

    value.bytes = dm_bytes(text, base64_encode(from, BASE64_STANDARD, text));
    text[value.bytes.len] = '\0';
    return value;
}

/* [key, expiration, metadata] */
static bool shape_key(struct dm_object *host, const struct dm_value *from, struct dm_value *out)
{
    struct dm_member *members = members_make(host, 3);
    size_t count = 1;

    if (!is_tuple(from, 3) || from->array.items[0].type != DM_STRING)
        return false;
    members[0] = (struct dm_member){dm_str("name"), from->array.items[0]};
    if (from->array.items[1].type == DM_NUMBER)
        members[count++] = (struct dm_member){dm_str("expiration"), from->array.items[1]};
    if (from->array.items[2].type == DM_STRING) {
        members[count].name = dm_str("metadata");
        if (!metadata_read(host, &from->array.items[2], &members[count++].value))
            return false;
    }
    *out = dm_record(members, count);
    return true;
}

/* [keys, complete] */
static const struct dm_value *shape_keys(struct dm_object *host, const struct dm_value *answer)
{
    struct dm_member *members = members_make(host, 2);
    const struct dm_array *from;
    struct dm_value *keys;
    size_t count = 1;

    if (!is_tuple(answer, 2) || answer->array.items[0].type != DM_ARRAY)
        return damaged(host);
    from = &answer->array.items[0].array;
    keys = arena_alloc(&host->scratch, (from->count + 1) * sizeof *keys);
    for (size_t i = 0; i < from->count; i++)
        if (!shape_key(host, &from->items[i], &keys[i]))
            return damaged(host);
    members[0] = (struct dm_member){dm_str("keys"), dm_array(keys, from->count)};
    if (from->count > 0 && !answer->array.items[1].boolean)
        members[count++] = (struct dm_member){
            dm_str("cursor"), cursor_of(host, keys[from->count - 1].record.members[0].value.bytes)};
    return make(host, dm_record(members, count));
}

/* ---- what classes call ---- */

static struct dm_value string(struct dm_bytes bytes)
{
    struct dm_value value = {.type = DM_STRING};

    value.bytes = bytes;
    return value;
}

int native_kv_read(struct dm_object *host, struct dm_kv *kv, struct dm_bytes key,
                   dm_reply_fn *reply, void *data)
{
    struct dm_value name = string(key);
    struct dm_value arguments[] = {dm_array(&name, 1), dm_number(LIMIT_KV_CONTENT_BYTES)};
    int r = check_key(host, key, "GET");

    if (r < 0)
        return r;
    return stub_ask(host, store_of(kv), KV_STORE_OBJECT, "get", arguments, 2, shape_read, reply,
                    data);
}

int native_kv_write(struct dm_object *host, struct dm_kv *kv, struct dm_bytes key,
                    struct dm_bytes value, const struct dm_kv_options *options, dm_reply_fn *reply,
                    void *data)
{
    static const struct dm_kv_options none = {0};
    struct dm_value arguments[] = {string(key), dm_blob(value.data, value.len), dm_undefined(),
                                   dm_undefined()};
    int r = check_key(host, key, "PUT");

    if (options == NULL)
        options = &none;
    if (r == 0)
        r = expiration_of(host, options, &arguments[2]);
    if (r == 0)
        r = metadata_of(host, options, &arguments[3]);
    if (r == 0 && value.len > LIMIT_KV_CONTENT_BYTES)
        r = host_error(host, "KV PUT failed: 413 Value length of %zu exceeds limit of %d.",
                       value.len, LIMIT_KV_CONTENT_BYTES);
    if (r < 0)
        return r;
    return stub_ask(host, store_of(kv), KV_STORE_OBJECT, "put", arguments, 4, NULL, reply, data);
}

int native_kv_remove(struct dm_object *host, struct dm_kv *kv, struct dm_bytes key,
                     dm_reply_fn *reply, void *data)
{
    struct dm_value name = string(key);
    int r = check_key(host, key, "DELETE");

    if (r < 0)
        return r;
    return stub_ask(host, store_of(kv), KV_STORE_OBJECT, "remove", &name, 1, NULL, reply, data);
}

static int cursor_read(struct dm_object *host, struct dm_bytes cursor, struct dm_bytes *key)
{
    struct bytes text = bytes_of(cursor.data, cursor.len);
    uint8_t *out;
    size_t len;

    *key = dm_str("");
    if (cursor.len == 0)
        return 0;
    out = arena_alloc(&host->scratch, base64_decoded_len_max(cursor.len) + 1);
    if (base64_decode(text, BASE64_STANDARD, out, &len) != 0 || !utf8_valid(bytes_of(out, len)))
        return host_error(host, "KV GET failed: 400 Invalid cursor.");
    *key = dm_bytes(out, len);
    return 0;
}

int native_kv_keys(struct dm_object *host, struct dm_kv *kv, const struct dm_kv_page *page,
                   dm_reply_fn *reply, void *data)
{
    static const struct dm_kv_page whole = {0};
    struct dm_bytes after;
    unsigned limit;
    int r;

    if (page == NULL)
        page = &whole;
    limit = page->limit != 0 ? page->limit : LIMIT_KV_LIST;
    if (limit > LIMIT_KV_LIST)
        return host_error(host,
                          "KV GET failed: 400 Invalid key_count_limit of %u. Please specify an "
                          "integer less than %d.",
                          limit, LIMIT_KV_LIST);
    r = check_length(host, page->prefix, "GET");
    if (r == 0)
        r = cursor_read(host, page->cursor, &after);
    if (r < 0)
        return r;
    return stub_ask(host, store_of(kv), KV_STORE_OBJECT, "list",
                    (struct dm_value[]){string(page->prefix), string(after), dm_number(limit)}, 3,
                    shape_keys, reply, data);
}

/* ---- randomness ---- */

void native_random(void *bytes, size_t size)
{
    os_random(os_real(), bytes, size);
}

void native_uuid(char text[DM_UUID_TEXT])
{
    uint8_t bytes[16];

    native_random(bytes, sizeof bytes);
    hex_encode_uuid(bytes, text);
}
