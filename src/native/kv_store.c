/*
 * Keys are TEXT, which SQLite orders as KV lists them: by the bytes of their UTF-8. The first piece
 * of a value stands in its row, the rest of a long one in `piece`, because a row has a limit.
 * Expired keys are not seen any more; an alarm takes them away.
 */

#include "native/kv_store.h"

#include <string.h>

#include "base/limits.h"
#include "native/host.h"

#define PIECE_BYTES ((size_t)1024 * 1024)
#define PURGE_ROWS  500

#define SCHEMA                                                                                     \
    "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"          \
    " expiration INTEGER, metadata TEXT, size INTEGER NOT NULL, value BLOB NOT NULL);"             \
    "CREATE INDEX IF NOT EXISTS entry_expiration ON entry (expiration)"                            \
    " WHERE expiration IS NOT NULL;"                                                               \
    "CREATE TABLE IF NOT EXISTS piece (entry INTEGER NOT NULL, offset INTEGER NOT NULL,"           \
    " data BLOB NOT NULL, PRIMARY KEY (entry, offset))"

static int64_t now_seconds(struct dm_object *object)
{
    return native_now_ms(object) / 1000;
}

static struct dm_sql_value blob(const void *data, size_t len)
{
    return (struct dm_sql_value){.type = DM_SQL_BLOB, .bytes = {data, len}};
}

static struct dm_bytes keep(struct dm_event *event, struct dm_bytes bytes)
{
    char *copy = native_alloc(event, bytes.len + 1);

    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return dm_bytes(copy, bytes.len);
}

static struct dm_value text_or_null(struct dm_event *event, struct dm_sql_value from)
{
    struct dm_value value = dm_null();

    if (from.type == DM_SQL_TEXT) {
        value.type = DM_STRING;
        value.bytes = keep(event, from.bytes);
    }
    return value;
}

/* ---- get ---- */

/* The rest of a value whose first piece stands in `to` already. */
static int read_pieces(struct dm_object *object, int64_t id, uint8_t *to, size_t size)
{
    struct dm_rows *rows;
    int r = native_sql_query(object, &rows, "SELECT offset, data FROM piece WHERE entry = ?",
                             DM_VALUES(dm_integer(id)));

    while (r == 0 && (r = native_sql_step(rows)) == 0) {
        uint64_t offset = (uint64_t)native_sql_integer(rows, 0);
        struct dm_bytes data = native_sql_value(rows, 1).bytes;

        if (offset > size || data.len > size - offset)
            return native_error(object, "A value of this KV namespace is damaged.");
        memcpy(to + offset, data.data, data.len);
    }
    return r < 0 ? r : 0;
}

/* [value, metadata], or null. */
static int read_entry(struct dm_object *object, struct dm_event *event, struct dm_bytes key,
                      struct dm_value *out)
{
    struct dm_value *pair;
    struct dm_rows *rows;
    struct dm_bytes first;
    uint8_t *whole;
    int64_t id;
    size_t size;
    int r = native_sql_query(object, &rows,
                             "SELECT id, size, metadata, value FROM entry"
                             " WHERE key = ? AND (expiration IS NULL OR expiration > ?)",
                             DM_VALUES(dm_text(key), dm_integer(now_seconds(object))));

    *out = dm_null();
    if (r == 0)
        r = native_sql_step(rows);
    if (r != 0)
        return r < 0 ? r : 0;
    id = native_sql_integer(rows, 0);
    size = (size_t)native_sql_integer(rows, 1);
    pair = native_alloc(event, 2 * sizeof *pair);
    pair[1] = text_or_null(event, native_sql_value(rows, 2));
    first = native_sql_value(rows, 3).bytes;
    if (first.len > size)
        return native_error(object, "A value of this KV namespace is damaged.");
    whole = native_alloc(event, size + 1);
    if (first.len > 0)
        memcpy(whole, first.data, first.len);
    native_sql_close(rows);
    pair[0] = dm_blob(whole, size);
    *out = dm_array(pair, 2);
    return first.len < size ? read_pieces(object, id, whole, size) : 0;
}

static int entry_size(struct dm_object *object, struct dm_bytes key, uint64_t *size)
{
    struct dm_rows *rows;
    int r = native_sql_query(object, &rows,
                             "SELECT size FROM entry"
                             " WHERE key = ? AND (expiration IS NULL OR expiration > ?)",
                             DM_VALUES(dm_text(key), dm_integer(now_seconds(object))));

    *size = 0;
    if (r == 0)
        r = native_sql_step(rows);
    if (r == 0) {
        *size = (uint64_t)native_sql_integer(rows, 0);
        native_sql_close(rows);
    }
    return r < 0 ? r : 0;
}

/* Of each key [value, metadata text or null], or null; one number instead, if they are more than
 * `most` bytes. */
static int get(struct dm_object *object, struct dm_event *event, struct dm_array keys, double most)
{
    struct dm_value *found = native_alloc(event, (keys.count + 1) * sizeof *found);
    struct dm_value answer = dm_array(found, keys.count);
    uint64_t total = 0;
    int r = 0;

    for (size_t i = 0; i < keys.count && r == 0; i++) {
        uint64_t size;

        r = entry_size(object, keys.items[i].bytes, &size);
        total += size;
    }
    if (r == 0 && (double)total > most) {
        answer = dm_number((double)total);
        return native_answer(event, &answer);
    }
    for (size_t i = 0; i < keys.count && r == 0; i++)
        r = read_entry(object, event, keys.items[i].bytes, &found[i]);
    return r < 0 ? r : native_answer(event, &answer);
}

/* ---- put, remove ---- */

static int first_expiration(struct dm_object *object, int64_t *first)
{
    struct dm_rows *rows;
    int r = native_sql_query(object, &rows,
                             "SELECT expiration FROM entry WHERE expiration IS NOT NULL"
                             " ORDER BY expiration LIMIT 1",
                             NULL, 0);

    if (r == 0)
        r = native_sql_step(rows);
    if (r != 0)
        return r;
    *first = native_sql_integer(rows, 0);
    native_sql_close(rows);
    return 0;
}

/* The alarm stands no later than the first key to expire; deleting that key may leave it too
 * early. */
static int wake_at(struct dm_object *object, int64_t expiration)
{
    int64_t first;
    int r = first_expiration(object, &first);

    if (r < 0 || (r == 0 && expiration >= first))
        return r;
    return native_set_alarm(object, expiration * 1000);
}

/* DM_NONE: there is no such key. */
static int find(struct dm_object *object, struct dm_bytes key, int64_t *id, size_t *size)
{
    struct dm_rows *rows;
    int r = native_sql_query(object, &rows, "SELECT id, size FROM entry WHERE key = ?",
                             DM_VALUES(dm_text(key)));

    if (r == 0)
        r = native_sql_step(rows);
    if (r != 0)
        return r;
    *id = native_sql_integer(rows, 0);
    *size = (size_t)native_sql_integer(rows, 1);
    native_sql_close(rows);
    return 0;
}

static int drop_pieces(struct dm_object *object, int64_t id, size_t size)
{
    if (size <= PIECE_BYTES)
        return 0;
    return native_sql_exec(object, "DELETE FROM piece WHERE entry = ?", DM_VALUES(dm_integer(id)));
}

static int drop(struct dm_object *object, int64_t id, size_t size)
{
    int r = drop_pieces(object, id, size);

    if (r < 0)
        return r;
    return native_sql_exec(object, "DELETE FROM entry WHERE id = ?", DM_VALUES(dm_integer(id)));
}

static int put(struct dm_object *object, struct dm_bytes key, struct dm_bytes value,
               struct dm_sql_value expiration, struct dm_sql_value metadata)
{
    size_t first = value.len < PIECE_BYTES ? value.len : PIECE_BYTES;
    const uint8_t *data = value.data;
    int64_t id = 0;
    size_t size = 0;
    int r = expiration.type == DM_SQL_INTEGER ? wake_at(object, expiration.integer) : 0;

    if (r >= 0)
        r = find(object, key, &id, &size);
    if (r == 0)
        r = drop_pieces(object, id, size);
    if (r < 0)
        return r;
    r = native_sql_exec(object,
                        "INSERT INTO entry (key, expiration, metadata, size, value)"
                        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO UPDATE SET"
                        " expiration = ?2, metadata = ?3, size = ?4, value = ?5",
                        DM_VALUES(dm_text(key), expiration, metadata,
                                  dm_integer((int64_t)value.len), blob(data, first)));
    if (r == 0 && first < value.len)
        r = find(object, key, &id, &size);
    for (size_t at = first; at < value.len && r == 0; at += PIECE_BYTES) {
        size_t len = value.len - at < PIECE_BYTES ? value.len - at : PIECE_BYTES;

        r = native_sql_exec(
            object, "INSERT INTO piece (entry, offset, data) VALUES (?, ?, ?)",
            DM_VALUES(dm_integer(id), dm_integer((int64_t)at), blob(data + at, len)));
    }
    return r;
}

static int remove_key(struct dm_object *object, struct dm_bytes key)
{
    int64_t id;
    size_t size;
    int r = find(object, key, &id, &size);

    return r == 0 ? drop(object, id, size) : r;
}

/* ---- list ---- */

/* Up to `limit` of [key, expiration, metadata text] in order, and whether that is all. */
static int list(struct dm_object *object, struct dm_event *event, struct dm_bytes prefix,
                struct dm_bytes after, size_t limit)
{
    struct dm_value *found = native_alloc(event, (limit + 1) * sizeof *found);
    struct dm_value *answer = native_alloc(event, 2 * sizeof *answer);
    struct dm_value whole = dm_array(answer, 2);
    struct dm_rows *rows;
    size_t count = 0;
    bool complete = true;
    int r =
        native_sql_query(object, &rows,
                         "SELECT key, expiration, metadata FROM entry WHERE key >= ? AND key > ?"
                         " AND (expiration IS NULL OR expiration > ?) ORDER BY key LIMIT ?",
                         DM_VALUES(dm_text(prefix), dm_text(after), dm_integer(now_seconds(object)),
                                   dm_integer((int64_t)limit + 1)));

    while (r == 0 && (r = native_sql_step(rows)) == 0) {
        struct dm_bytes key = native_sql_value(rows, 0).bytes;
        struct dm_value *entry;

        if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0)
            break;
        complete = count < limit;
        if (!complete)
            break;
        entry = native_alloc(event, 3 * sizeof *entry);
        entry[0] = dm_undefined();
        entry[0].type = DM_STRING;
        entry[0].bytes = keep(event, key);
        entry[1] = dm_null();
        if (native_sql_value(rows, 1).type == DM_SQL_INTEGER)
            entry[1] = dm_number((double)native_sql_integer(rows, 1));
        entry[2] = text_or_null(event, native_sql_value(rows, 2));
        found[count++] = dm_array(entry, 3);
    }
    if (r < 0)
        return r;
    answer[0] = dm_array(found, count);
    answer[1] = dm_boolean(complete);
    return native_answer(event, &whole);
}

/* ---- the class ---- */

static int construct(struct dm_object *object, void **instance)
{
    *instance = NULL;
    return native_sql_exec(object, SCHEMA, NULL, 0);
}

static struct dm_sql_value integer_argument(const struct dm_value *value)
{
    return value->type == DM_NUMBER ? dm_integer((int64_t)value->number) : dm_sql_null();
}

static struct dm_sql_value text_argument(const struct dm_value *value)
{
    return value->type == DM_STRING ? dm_text(value->bytes) : dm_sql_null();
}

/* Whether the arguments are of these types, a letter each: a(rray), b(ytes), n(umber), s(tring) or
 * ? for whatever. */
static bool are(const struct dm_value *arguments, size_t count, const char *types)
{
    static const struct {
        char letter;
        enum dm_type type;
    } letters[] = {{'a', DM_ARRAY}, {'b', DM_BYTES}, {'n', DM_NUMBER}, {'s', DM_STRING}};

    if (count != strlen(types))
        return false;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
            if (types[i] == letters[k].letter && arguments[i].type != letters[k].type)
                return false;
    return true;
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *a, size_t count)
{
    int r;

    (void)instance;
    if (strcmp(method, "get") == 0 && are(a, count, "an"))
        return get(object, event, a[0].array, a[1].number);
    if (strcmp(method, "list") == 0 && are(a, count, "ssn") && a[2].number >= 1 &&
        a[2].number <= LIMIT_KV_LIST)
        return list(object, event, a[0].bytes, a[1].bytes, (size_t)a[2].number);
    if (strcmp(method, "put") == 0 && are(a, count, "sb??"))
        r = put(object, a[0].bytes, a[1].bytes, integer_argument(&a[2]), text_argument(&a[3]));
    else if (strcmp(method, "remove") == 0 && are(a, count, "s"))
        r = remove_key(object, a[0].bytes);
    else
        return native_unknown_method(event);
    return r < 0 ? r : native_answer(event, NULL);
}

static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    int64_t ids[PURGE_ROWS];
    size_t sizes[PURGE_ROWS];
    size_t count = 0;
    struct dm_rows *rows;
    int64_t next;
    int r = native_sql_query(object, &rows,
                             "SELECT id, size FROM entry WHERE expiration <= ?"
                             " ORDER BY expiration LIMIT ?",
                             DM_VALUES(dm_integer(now_seconds(object)), dm_integer(PURGE_ROWS)));

    (void)instance;
    (void)event;
    (void)scheduled_ms;
    (void)retry_count;
    while (r == 0 && (r = native_sql_step(rows)) == 0) {
        ids[count] = native_sql_integer(rows, 0);
        sizes[count++] = (size_t)native_sql_integer(rows, 1);
    }
    for (size_t i = 0; i < count && r >= 0; i++)
        r = drop(object, ids[i], sizes[i]);
    if (r >= 0)
        r = first_expiration(object, &next);
    if (r != 0)
        return r < 0 ? r : 0;
    next *= 1000;
    return native_set_alarm(object,
                            next > native_now_ms(object) ? next : native_now_ms(object) + 1);
}

const struct dm_class kv_store_class = {
    .size = sizeof(struct dm_class),
    .name = "%kv",
    .construct = construct,
    .call = call,
    .alarm = alarm,
};
