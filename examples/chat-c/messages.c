#include "messages.h"

#include <stdio.h>

#include "chat.h"

#define PRUNE_BATCH 128
/* i:<user>:<uuid> */
#define INDEX_SIZE (2 + NAME_SIZE + DM_UUID_TEXT)

enum {
    MEMBER_KEY,
    MEMBER_AT,
    MEMBER_TYPE,
    MEMBER_NAME,
    MEMBER_TEXT,
    MEMBER_ID,
    MEMBER_EVENT = MEMBER_TEXT,
};

bool message_is_key(struct dm_bytes text)
{
    char digits[21], uuid[DM_UUID_TEXT];

    return web_take(&text, "m:") && web_take_word(&text, WEB_DIGITS, digits, sizeof digits) &&
           strlen(digits) == 20 && web_take(&text, ":") &&
           web_take_word(&text, WEB_DIGITS "abcdef-", uuid, sizeof uuid) &&
           strlen(uuid) == sizeof uuid - 1 && text.len == 0;
}

/* ---- making ---- */

static void make(struct message *message, size_t count, const char *type, const char *name)
{
    message->members[MEMBER_KEY].name = dm_str("key");
    message->members[MEMBER_AT].name = dm_str("at");
    message->members[MEMBER_TYPE] = (struct dm_member){dm_str("type"), dm_string(type)};
    message->members[MEMBER_NAME] = (struct dm_member){dm_str("name"), dm_string(name)};
    message->value = dm_record(message->members, count);
}

void message_of_user(struct message *message, const char *name, struct dm_bytes text,
                     struct dm_bytes id)
{
    make(message, 6, "message", name);
    message->members[MEMBER_TEXT] = (struct dm_member){dm_str("text"), dm_string("")};
    message->members[MEMBER_TEXT].value.bytes = text;
    message->members[MEMBER_ID] = (struct dm_member){dm_str("id"), dm_string("")};
    message->members[MEMBER_ID].value.bytes = id;
}

void message_of_system(struct message *message, const char *event, const char *name)
{
    make(message, 5, "system", name);
    message->members[MEMBER_EVENT] = (struct dm_member){dm_str("event"), dm_string(event)};
}

/* ---- adding ---- */

static int time_of(void *data, struct dm_bytes key, const struct dm_value *value)
{
    const struct dm_value *at = dm_get(value, "at");
    (void)key;

    if (at != NULL && at->type == DM_NUMBER)
        *(int64_t *)data = (int64_t)at->number;
    return 0;
}

static int next_time(struct messages *messages, struct dm_object *room, int64_t *at)
{
    static const struct dm_range newest = {.prefix = {"m:", 2}, .reverse = true, .limit = 1};
    int64_t now = dm->now_ms(room);
    int r = 0;

    if (messages->last_at == 0)
        r = dm->kv_list(room, &newest, time_of, &messages->last_at);
    messages->last_at = now > messages->last_at ? now : messages->last_at + 1;
    *at = messages->last_at;
    return r;
}

int messages_add(struct messages *messages, struct dm_object *room, struct message *message)
{
    char uuid[DM_UUID_TEXT];
    int64_t at;
    int r = next_time(messages, room, &at);

    if (r < 0)
        return r;
    dm->uuid(uuid);
    snprintf(message->key, sizeof message->key, "m:%020lld:%s", (long long)at, uuid);
    message->members[MEMBER_KEY].value = dm_string(message->key);
    message->members[MEMBER_AT].value = dm_number((double)at);
    return dm->kv_put(room, dm_str(message->key), &message->value);
}

/* The key of what remembers the id. */
static struct dm_bytes index_of(char text[INDEX_SIZE], const char *user, struct dm_bytes id)
{
    snprintf(text, INDEX_SIZE, "i:%s:%.*s", user, (int)id.len, (const char *)id.data);
    return dm_str(text);
}

int messages_add_once(struct messages *messages, struct dm_object *room, const char *user,
                      struct message *message)
{
    char text[INDEX_SIZE];
    struct dm_bytes index = index_of(text, user, message->members[MEMBER_ID].value.bytes);
    const struct dm_value *known;
    int r = dm->kv_get(room, index, &known);

    if (r != DM_NONE)
        return r < 0 ? r : DM_NONE;
    r = messages_add(messages, room, message);
    return r < 0 ? r : dm->kv_put(room, index, &message->members[MEMBER_KEY].value);
}

int messages_known(struct dm_object *room, const char *user, struct dm_bytes id,
                   const struct dm_value **value)
{
    char index[INDEX_SIZE];
    int r = dm->kv_get(room, index_of(index, user, id), value);

    if (r != 0)
        return r;
    if ((*value)->type != DM_STRING)
        return DM_NONE;
    return dm->kv_get(room, (*value)->bytes, value);
}

/* ---- listing ---- */

/* What a walk has found so far. */
struct page {
    struct dm_event *event;
    struct dm_value *items;
    size_t count;
};

static struct dm_bytes keep_bytes(struct dm_event *event, struct dm_bytes bytes)
{
    void *kept = dm->alloc(event, bytes.len + 1);

    memcpy(kept, bytes.data, bytes.len);
    return dm_bytes(kept, bytes.len);
}

/* A walk lends a value until its next step. Messages are flat. */
static int keep(void *data, struct dm_bytes key, const struct dm_value *value)
{
    struct page *page = data;
    size_t count = value->type == DM_OBJECT ? value->record.count : 0;
    struct dm_member *members = dm->alloc(page->event, count * sizeof *members + 1);
    (void)key;

    for (size_t i = 0; i < count; i++) {
        members[i] = value->record.members[i];
        members[i].name = keep_bytes(page->event, members[i].name);
        if (members[i].value.type == DM_STRING)
            members[i].value.bytes = keep_bytes(page->event, members[i].value.bytes);
    }
    page->items[page->count++] = dm_record(members, count);
    return 0;
}

static int read_page(struct dm_object *room, struct dm_event *event, const struct dm_range *range,
                     struct dm_value *list)
{
    struct page page = {.event = event};
    int r;

    page.items = dm->alloc(event, range->limit * sizeof *page.items);
    r = dm->kv_list(room, range, keep, &page);
    for (size_t i = 0; range->reverse && i < page.count / 2; i++) {
        struct dm_value first = page.items[i];

        page.items[i] = page.items[page.count - 1 - i];
        page.items[page.count - 1 - i] = first;
    }
    *list = dm_array(page.items, page.count);
    return r;
}

int messages_before(struct dm_object *room, struct dm_event *event, struct dm_bytes before,
                    size_t limit, struct dm_value *list)
{
    struct dm_range range = {.prefix = dm_str("m:"), .reverse = true, .limit = limit};

    range.end = before;
    return read_page(room, event, &range, list);
}

int messages_after(struct dm_object *room, struct dm_event *event, struct dm_bytes after,
                   size_t limit, struct dm_value *list)
{
    struct dm_range range = {.prefix = dm_str("m:"), .limit = limit};
    char start[MESSAGE_KEY_SIZE + 1];

    /* The first text behind it. */
    snprintf(start, sizeof start, "%.*s ", (int)after.len, (const char *)after.data);
    range.start = dm_str(start);
    return read_page(room, event, &range, list);
}

/* ---- pruning ---- */

struct victims {
    char keys[PRUNE_BATCH][MESSAGE_KEY_SIZE];
    char indexes[PRUNE_BATCH][INDEX_SIZE]; /* "": it has none */
    size_t count;
};

static int count_one(void *data, struct dm_bytes key, const struct dm_value *value)
{
    (void)key, (void)value;
    ++*(int64_t *)data;
    return 0;
}

static int choose(void *data, struct dm_bytes key, const struct dm_value *value)
{
    struct victims *victims = data;
    const struct dm_value *name = dm_get(value, "name");
    const struct dm_value *id = dm_get(value, "id");
    char *index = victims->indexes[victims->count];
    char user[NAME_SIZE];

    snprintf(victims->keys[victims->count++], MESSAGE_KEY_SIZE, "%.*s", (int)key.len,
             (const char *)key.data);
    index[0] = '\0';
    if (name == NULL || name->type != DM_STRING || id == NULL || id->type != DM_STRING)
        return 0;
    user_of(user, name->bytes);
    index_of(index, user, id->bytes);
    return 0;
}

int messages_prune(struct dm_object *room, int64_t kept, bool *more)
{
    struct dm_range range = {.prefix = dm_str("m:")};
    struct victims victims = {.count = 0};
    int64_t count = 0;
    int r = dm->kv_list(room, &range, count_one, &count);

    *more = count - kept > PRUNE_BATCH;
    if (r < 0 || count <= kept)
        return r;
    range.limit = *more ? PRUNE_BATCH : (uint64_t)(count - kept);
    r = dm->kv_list(room, &range, choose, &victims);
    for (size_t i = 0; i < victims.count && r >= 0; i++) {
        r = dm->kv_delete(room, dm_str(victims.keys[i]));
        if (r >= 0 && victims.indexes[i][0] != '\0')
            r = dm->kv_delete(room, dm_str(victims.indexes[i]));
    }
    return r < 0 ? r : 0;
}
