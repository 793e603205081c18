#include "players.h"

static const char *const colours[] = {"#c2410c", "#0f766e", "#7c3aed", "#be123c", "#1d4ed8",
                                      "#4d7c0f", "#a21caf", "#b45309", "#0e7490", "#475569"};

static struct dm_bytes text_in(const struct dm_value *from, const char *name)
{
    const struct dm_value *value = dm_get(from, name);

    return value != NULL && value->type == DM_STRING ? value->bytes : dm_str("");
}

static double number_in(const struct dm_value *from, const char *name)
{
    const struct dm_value *value = dm_get(from, name);

    return value != NULL && value->type == DM_NUMBER ? value->number : 0;
}

static struct dm_value text(struct dm_bytes bytes)
{
    struct dm_value value = dm_string("");

    value.bytes = bytes;
    return value;
}

bool player_of(struct dm_object *object, struct dm_socket *socket, struct player *player)
{
    const struct dm_value *value;

    if (dm->attachment(object, socket, &value) != 0 || value->type != DM_OBJECT)
        return false;
    *player = (struct player){
        .socket = socket,
        .id = text_in(value, "id"),
        .name = text_in(value, "name"),
        .colour = text_in(value, "colour"),
        .joined = number_in(value, "joined"),
        .bad_messages = number_in(value, "badMessages"),
    };
    return true;
}

struct dm_value player_show(const struct player *player, struct player_view *view, bool whole)
{
    struct dm_member *members = view->members;

    members[0] = (struct dm_member){dm_str("id"), text(player->id)};
    members[1] = (struct dm_member){dm_str("name"), text(player->name)};
    members[2] = (struct dm_member){dm_str("colour"), text(player->colour)};
    members[3] = (struct dm_member){dm_str("joined"), dm_number(player->joined)};
    members[4] = (struct dm_member){dm_str("badMessages"), dm_number(player->bad_messages)};
    return dm_record(members, whole ? 5 : 4);
}

int player_attach(struct dm_object *object, const struct player *player)
{
    struct player_view view;
    struct dm_value value = player_show(player, &view, true);

    return dm->set_attachment(object, player->socket, &value);
}

int player_detach(struct dm_object *object, struct dm_socket *socket)
{
    struct dm_value none = dm_null();

    return dm->set_attachment(object, socket, &none);
}

struct search {
    struct dm_object *object;
    struct players *players;
};

static int add(void *data, struct dm_socket *socket)
{
    struct search *search = data;
    struct players *players = search->players;
    struct player player;
    size_t at;

    if (players->count == PLAYERS_SEEN_MAX || !player_of(search->object, socket, &player))
        return 0;
    for (at = players->count++; at > 0 && players->list[at - 1].joined > player.joined; at--)
        players->list[at] = players->list[at - 1];
    players->list[at] = player;
    return 0;
}

int players_list(struct dm_object *object, struct players *players)
{
    struct search search = {object, players};

    players->count = 0;
    return dm->sockets(object, NULL, add, &search);
}

static bool same(struct dm_bytes a, struct dm_bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

const char *players_free_colour(const struct players *players, struct dm_bytes id)
{
    size_t count = sizeof colours / sizeof *colours;

    for (size_t i = 0; i < count; i++) {
        bool taken = false;

        for (size_t k = 0; k < players->count; k++)
            taken |= !same(players->list[k].id, id) && dm_is(players->list[k].colour, colours[i]);
        if (!taken)
            return colours[i];
    }
    return colours[count - 1];
}
