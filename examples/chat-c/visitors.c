#include "visitors.h"

#include <stdio.h>
#include <stdlib.h>

#include "text.h"

static void copy_name(char to[NAME_SIZE], const struct dm_value *from)
{
    bool is_text = from != NULL && from->type == DM_STRING && from->bytes.len < NAME_SIZE;

    snprintf(to, NAME_SIZE, "%s", is_text ? (const char *)from->bytes.data : "");
}

int visitor_read(struct dm_object *room, struct dm_socket *socket, struct visitor *visitor)
{
    const struct dm_value *value, *said, *refusals;
    int r = dm->attachment(room, socket, &value);

    if (r != 0)
        return r;
    if (value->type != DM_OBJECT)
        return DM_NONE;
    memset(visitor, 0, sizeof *visitor);
    copy_name(visitor->user, dm_get(value, "user"));
    copy_name(visitor->name, dm_get(value, "name"));
    said = dm_get(value, "said");
    for (size_t i = 0; said != NULL && said->type == DM_ARRAY && i < said->array.count; i++)
        if (i < RATE_MAX && said->array.items[i].type == DM_NUMBER)
            visitor->said[visitor->said_count++] = (int64_t)said->array.items[i].number;
    refusals = dm_get(value, "refusals");
    if (refusals != NULL && refusals->type == DM_NUMBER)
        visitor->refusals = (int64_t)refusals->number;
    return 0;
}

int visitor_write(struct dm_object *room, struct dm_socket *socket, const struct visitor *visitor)
{
    struct dm_value said[RATE_MAX];
    struct dm_member members[] = {
        {dm_str("user"), dm_string(visitor->user)},
        {dm_str("name"), dm_string(visitor->name)},
        {dm_str("said"), dm_array(said, visitor->said_count)},
        {dm_str("refusals"), dm_number((double)visitor->refusals)},
    };
    struct dm_value value = dm_record(members, sizeof members / sizeof *members);

    for (size_t i = 0; i < visitor->said_count; i++)
        said[i] = dm_number((double)visitor->said[i]);
    return dm->set_attachment(room, socket, &value);
}

bool visitor_may_speak(struct visitor *visitor, int64_t now, int64_t *retry_ms)
{
    size_t count = 0;

    for (size_t i = 0; i < visitor->said_count; i++)
        if (visitor->said[i] > now - RATE_MS)
            visitor->said[count++] = visitor->said[i];
    visitor->said_count = count;
    if (count == RATE_MAX) {
        *retry_ms = visitor->said[0] + RATE_MS - now;
        visitor->refusals++;
        return false;
    }
    visitor->said[visitor->said_count++] = now;
    visitor->refusals = 0;
    return true;
}

/* ---- people ---- */

struct census {
    struct dm_object *room;
    const struct dm_socket *leaving;
    struct people *people;
};

static int add(struct dm_object *room, struct people *people, const struct visitor *visitor)
{
    if (people->count == people->cap) {
        size_t cap = people->cap == 0 ? 16 : 2 * people->cap;
        struct person *list = realloc(people->list, cap * sizeof *list);

        if (list == NULL)
            return dm->error(room, "Out of memory.");
        people->list = list;
        people->cap = cap;
    }
    memcpy(people->list[people->count].user, visitor->user, NAME_SIZE);
    memcpy(people->list[people->count].name, visitor->name, NAME_SIZE);
    people->count++;
    return 0;
}

static int count_in(void *data, struct dm_socket *socket)
{
    struct census *census = data;
    struct visitor visitor;
    int r;

    if (socket == census->leaving)
        return 0;
    r = visitor_read(census->room, socket, &visitor);
    if (r == 0)
        r = add(census->room, census->people, &visitor);
    return r < 0 ? r : 0;
}

static int by_user(const void *a, const void *b)
{
    const struct person *left = a, *right = b;

    return strcmp(left->user, right->user);
}

static int by_name(const void *a, const void *b)
{
    const struct person *left = a, *right = b;

    return text_compare(dm_str(left->name), dm_str(right->name));
}

int people_here(struct dm_object *room, const struct dm_socket *leaving,
                const struct visitor *coming, struct people *people)
{
    struct census census = {room, leaving, people};
    size_t kept = 0;
    int r;

    memset(people, 0, sizeof *people);
    r = dm->sockets(room, NULL, count_in, &census);
    if (r == 0 && coming != NULL)
        r = add(room, people, coming);
    if (r < 0 || people->count == 0)
        return r;
    qsort(people->list, people->count, sizeof *people->list, by_user);
    for (size_t i = 1; i < people->count; i++)
        if (strcmp(people->list[i].user, people->list[kept].user) != 0)
            people->list[++kept] = people->list[i];
    people->count = kept + 1;
    qsort(people->list, people->count, sizeof *people->list, by_name);
    people->names = calloc(people->count, sizeof *people->names);
    if (people->names == NULL)
        return dm->error(room, "Out of memory.");
    for (size_t i = 0; i < people->count; i++)
        people->names[i] = dm_string(people->list[i].name);
    return 0;
}

void people_fini(struct people *people)
{
    free(people->list);
    free(people->names);
    memset(people, 0, sizeof *people);
}

bool people_have(const struct people *people, struct dm_bytes user)
{
    for (size_t i = 0; i < people->count; i++)
        if (dm_is(user, people->list[i].user))
            return true;
    return false;
}
