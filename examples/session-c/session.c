/*
 * A session: one object, up to ten players
 *
 * The state is in memory for as long as the object is; it is loaded once, before anything else
 * happens, and can be made again at any time from the snapshot and the log of changes. Every change
 * goes through change(): that is where a published session refuses, where the change gets its
 * number, is logged and told. Nothing reaches a player before it is durable: the runtime holds back
 * what is sent until what was written is safe.
 *
 *     create(state, remixedFrom)   read()   replace(state)   publish()   debug()
 *     fetch(): a WebSocket, ?player=&name=&after=
 */

#include "session.h"

#include <stdio.h>
#include <stdlib.h>

#include "players.h"
#include "protocol.h"
#include "save.h"

#define BAD_MESSAGES_MAX 20
#define MEMBERS_MAX      12
#define AFTER_DIGITS_MAX 15

static const char published_words[] = "This session is published and cannot be changed";
static const char not_found[] = "Session not found";

/* ---- life ---- */

static void loaded(void *instance, struct dm_object *object, void *data,
                   const struct dm_reply *reply)
{
    struct session *session = data;
    const struct dm_value *stored = NULL;
    int r = 0;
    (void)instance;

    if (reply->error == NULL && reply->value->type == DM_OBJECT)
        r = dm->json_read(object, dm_get(reply->value, "value")->bytes, &stored);
    if (reply->error == NULL && r == 0)
        r = storage_load(object, stored, &session->snapshot, &session->repairs, &session->replayed);
    session->exists = reply->error == NULL && r == 0;
    dm->section_end(session->loading, reply->error != NULL ? reply->error
                                      : r < 0              ? dm->why(object)
                                                           : NULL);
}

static void load(void *instance, struct dm_object *object, struct dm_section *section, void *data)
{
    struct session *session = data;
    const char *name = dm->name(object);
    int r = storage_migrate(object);
    (void)instance;

    session->loads++;
    session->loading = section;
    if (r == 0 && name == NULL)
        r = dm->error(object, "A session is reached by its name");
    if (r == 0)
        r = dm->kv_read(object, session->kv, dm_str(name), loaded, session);
    if (r < 0)
        dm->section_end(section, dm->why(object));
}

static void destroy(void *instance)
{
    struct session *session = instance;

    session_forget_saves(session);
    while (session->playing_count > 0)
        free(session->playing[--session->playing_count]);
    free(session);
}

static int construct(struct dm_object *object, void **instance)
{
    struct session *session = calloc(1, sizeof *session);
    int r;

    if (session == NULL)
        return dm->error(object, "Out of memory.");
    *instance = session;
    session->object = object;
    state_new(&session->snapshot.state);
    r = dm->kv_namespace(object, SNAPSHOTS, &session->kv);
    if (r == 0)
        r = dm->set_auto_response(object, "ping", "pong");
    if (r == 0)
        r = dm->block(object, load, session);
    if (r < 0)
        destroy(session);
    return r;
}

/* ---- what is sent ---- */

/* A message that is being put together. */
struct telling {
    struct dm_member members[MEMBERS_MAX];
    size_t count;
};

static void say(struct telling *telling, const char *name, struct dm_value value)
{
    telling->members[telling->count++] = (struct dm_member){dm_str(name), value};
}

static struct dm_value text(struct dm_bytes bytes)
{
    struct dm_value value = dm_string("");

    value.bytes = bytes;
    return value;
}

/* `to` NULL: to everybody but `except`. */
static int send(struct session *session, struct dm_socket *to, struct dm_socket *except,
                const struct telling *telling)
{
    struct dm_value whole = dm_record(telling->members, telling->count);
    struct dm_bytes bytes;
    int r = dm->json_write(session->object, &whole, &bytes);

    if (r < 0)
        return r;
    if (to != NULL)
        dm->send(to, bytes, true); /* it may be closing: its own event takes it off the list */
    else
        r = dm->broadcast(session->object, NULL, except, bytes, true);
    return r < 0 ? r : 0;
}

/* To everybody, with a number. */
static int broadcast(struct session *session, struct dm_socket *except, struct telling *telling)
{
    int64_t seq;
    int r = storage_next_seq(session->object, &seq);

    if (r != 0)
        return r;
    say(telling, "serverSeq", dm_number((double)seq));
    return send(session, NULL, except, telling);
}

static int tell_player(struct session *session, const char *type, const struct player *player,
                       struct dm_socket *except)
{
    struct telling telling = {.count = 0};
    struct player_view view;

    say(&telling, "type", dm_string(type));
    say(&telling, "player", player_show(player, &view, false));
    return broadcast(session, except, &telling);
}

/* ---- changes ---- */

static int save_later(struct session *session)
{
    struct dm_object *object = session->object;
    int64_t time, wait;
    int r = dm->alarm(object, &time);

    if (r != DM_NONE)
        return r;
    r = web_variable(object, "SAVE_MS", &wait);
    return r < 0 ? r : dm->set_alarm(object, dm->now_ms(object) + wait);
}

/* The one place. DM_NONE: the session is published. */
static int change(struct session *session, const struct patch *patch, struct dm_bytes player,
                  int64_t client_seq)
{
    struct dm_object *object = session->object;
    struct telling telling = {.count = 0};
    struct patch_view view;
    struct dm_value shown = patch_show(patch, &view);
    char hash[9];
    int64_t seq;
    int r;

    if (!session->exists)
        return dm->error(object, not_found);
    if (session->snapshot.published)
        return DM_NONE;
    r = storage_next_seq(object, &seq);
    if (r == 0)
        r = storage_add_change(object, seq, player, client_seq, &shown);
    if (r != 0)
        return r;
    state_apply(&session->snapshot.state, patch);
    session->snapshot.updated_ms = dm->now_ms(object);
    r = state_hash(object, &session->snapshot.state, hash);
    say(&telling, "type", dm_string("changed"));
    say(&telling, "serverSeq", dm_number((double)seq));
    say(&telling, "player", text(player));
    say(&telling, "clientSeq", dm_number((double)client_seq));
    say(&telling, "patch", shown);
    say(&telling, "hash", dm_string(hash));
    if (r == 0)
        r = send(session, NULL, NULL, &telling);
    return r == 0 ? save_later(session) : r;
}

/* ---- calls of the front ---- */

static int answer_current(struct session *session, struct dm_event *event)
{
    struct snapshot snapshot;
    struct snapshot_view view;
    struct dm_value value;
    int r = session_current(session, &snapshot);

    if (r < 0)
        return r;
    value = snapshot_show(&snapshot, &view);
    return dm->answer(event, &value);
}

static int create(struct session *session, struct dm_event *event, const struct dm_value *state,
                  const struct dm_value *remixed_from)
{
    struct snapshot *snapshot = &session->snapshot;
    int r = 0;

    if (!session->exists) {
        snapshot_new(snapshot, session->object, dm->name(session->object));
        if (state->type == DM_OBJECT)
            state_repair(state, &snapshot->state, &session->repairs);
        if (remixed_from->type == DM_STRING && remixed_from->bytes.len < SESSION_ID_SIZE)
            memcpy(snapshot->remixed_from, remixed_from->bytes.data, remixed_from->bytes.len);
        r = storage_keep(session->object, snapshot);
        session->exists = r == 0;
    }
    /* Also when it is asked again: the answer says that it is in KV. */
    return r == 0 ? session_save(session, event, false) : r;
}

static int read_session(struct session *session, struct dm_event *event)
{
    struct dm_value none = dm_null();

    return session->exists ? answer_current(session, event) : dm->answer(event, &none);
}

static int replace(struct session *session, struct dm_event *event, const struct dm_value *state)
{
    struct dm_value refused = dm_string("published");
    struct patch patch = {.kind = PATCH_STATE};
    struct repairs repairs;
    int r;

    state_repair(state, &patch.state, &repairs);
    r = change(session, &patch, dm_str(""), 0);
    if (r == DM_NONE)
        return dm->answer(event, &refused);
    return r == 0 ? answer_current(session, event) : r;
}

static int publish(struct session *session, struct dm_event *event)
{
    struct telling telling = {.count = 0};
    struct snapshot snapshot;
    int r = 0;

    if (!session->exists)
        return dm->error(session->object, not_found);
    if (!session->snapshot.published) {
        session->snapshot.published = true;
        say(&telling, "type", dm_string("published"));
        r = broadcast(session, NULL, &telling);
        if (r == 0)
            r = session_current(session, &snapshot);
        if (r == 0)
            r = storage_keep(session->object, &snapshot);
        if (r == 0)
            r = storage_mark_unsaved(session->object, snapshot.server_seq);
        /* Should KV fail now, the alarm will see to it. */
        if (r == 0)
            r = save_later(session);
    }
    return r == 0 ? session_save(session, event, false) : r;
}

static int debug(struct session *session, struct dm_event *event)
{
    struct dm_object *object = session->object;
    const struct snapshot *snapshot = session->exists ? &session->snapshot : NULL;
    struct dm_value repairs[sizeof session->repairs.names / sizeof *session->repairs.names];
    struct dm_value shown[PLAYERS_SEEN_MAX];
    struct player_view views[PLAYERS_SEEN_MAX];
    struct telling telling = {.count = 0};
    struct players players;
    struct dm_value whole;
    bool needs_saving;
    int64_t seq, alarm;
    char hash[9];
    int r = storage_last_seq(object, &seq);

    if (r == 0)
        r = storage_needs_saving(object, &needs_saving);
    if (r == 0)
        r = state_hash(object, &session->snapshot.state, hash);
    if (r == 0)
        r = players_list(object, &players);
    if (r == 0)
        r = dm->alarm(object, &alarm);
    if (r < 0)
        return r;
    for (size_t i = 0; i < players.count; i++)
        shown[i] = player_show(&players.list[i], &views[i], true);
    for (size_t i = 0; i < session->repairs.count; i++)
        repairs[i] = dm_string(session->repairs.names[i]);
    say(&telling, "id", snapshot != NULL ? dm_string(snapshot->id) : dm_null());
    say(&telling, "published", snapshot != NULL ? dm_boolean(snapshot->published) : dm_null());
    say(&telling, "serverSeq", dm_number((double)seq));
    say(&telling, "schemaVersion", dm_number(SCHEMA_VERSION));
    say(&telling, "needsSaving", dm_boolean(needs_saving));
    say(&telling, "hash", dm_string(hash));
    say(&telling, "players", dm_array(shown, players.count));
    say(&telling, "alarm", r == 0 ? dm_number((double)alarm) : dm_null());
    say(&telling, "repairs", dm_array(repairs, session->repairs.count));
    say(&telling, "replayed", dm_number((double)session->replayed));
    say(&telling, "loads", dm_number((double)session->loads));
    whole = dm_record(telling.members, telling.count);
    return dm->answer(event, &whole);
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    struct session *session = instance;
    (void)object;

    if (strcmp(method, "create") == 0 && count == 2)
        return create(session, event, &arguments[0], &arguments[1]);
    if (strcmp(method, "read") == 0)
        return read_session(session, event);
    if (strcmp(method, "replace") == 0 && count == 1)
        return replace(session, event, &arguments[0]);
    if (strcmp(method, "publish") == 0)
        return publish(session, event);
    if (strcmp(method, "debug") == 0)
        return debug(session, event);
    return dm->unknown_method(event);
}

/* Comes once after each burst of changes. It may come twice, or for nothing: saving what is saved
 * already changes nothing. When KV fails, the runtime tries the alarm again. */
static int alarm(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count)
{
    struct session *session = instance;
    bool needs = false;
    int r = session->exists ? storage_needs_saving(object, &needs) : 0;
    (void)scheduled_ms, (void)retry_count;

    return r == 0 && needs ? session_save(session, event, true) : r;
}

/* ---- players ---- */

static bool is_playing(const struct session *session, struct dm_bytes id, size_t *at)
{
    for (*at = 0; *at < session->playing_count; ++*at)
        if (dm_is(id, session->playing[*at]))
            return true;
    return false;
}

static void set_playing(struct session *session, struct dm_bytes id, bool playing)
{
    size_t most = sizeof session->playing / sizeof *session->playing;
    size_t at;

    if (is_playing(session, id, &at)) {
        if (playing)
            return;
        free(session->playing[at]);
        session->playing[at] = session->playing[--session->playing_count];
    } else if (playing && session->playing_count < most) {
        char *copy = calloc(1, id.len + 1);

        if (copy == NULL)
            return;
        memcpy(copy, id.data, id.len);
        session->playing[session->playing_count++] = copy;
    }
}

/* `after` NULL, or the last number that the player has seen, as the client says. */
static int missed(struct session *session, struct dm_bytes after, const struct dm_value **changes)
{
    int64_t seq = 0;

    if (after.len == 0 || after.len > AFTER_DIGITS_MAX)
        return DM_NONE;
    for (size_t i = 0; i < after.len; i++) {
        char digit = ((const char *)after.data)[i];

        if (digit < '0' || digit > '9')
            return DM_NONE;
        seq = 10 * seq + (digit - '0');
    }
    return storage_missed_since(session->object, seq, changes);
}

static int greet(struct session *session, const struct player *player, struct dm_bytes after)
{
    struct dm_object *object = session->object;
    const struct dm_value *changes = NULL;
    struct player_view views[PLAYERS_SEEN_MAX];
    struct dm_value shown[PLAYERS_SEEN_MAX];
    struct dm_value playing[PLAYERS_MAX];
    struct telling telling = {.count = 0};
    struct state_view view;
    struct players players;
    int64_t seq, client_seq;
    char hash[9];
    int r = missed(session, after, &changes);

    if (r >= 0)
        r = storage_last_seq(object, &seq);
    if (r == 0)
        r = storage_last_client_seq(object, player->id, &client_seq);
    if (r == 0)
        r = players_list(object, &players);
    if (r == 0)
        r = state_hash(object, &session->snapshot.state, hash);
    if (r < 0)
        return r;
    for (size_t i = 0; i < players.count; i++)
        shown[i] = player_show(&players.list[i], &views[i], false);
    for (size_t i = 0; i < session->playing_count; i++)
        playing[i] = dm_string(session->playing[i]);
    say(&telling, "type", dm_string(changes != NULL ? "missed" : "snapshot"));
    if (changes != NULL)
        say(&telling, "changes", *changes);
    else
        say(&telling, "state", state_show(&session->snapshot.state, &view));
    say(&telling, "serverSeq", dm_number((double)seq));
    say(&telling, "hash", dm_string(hash));
    say(&telling, "you", text(player->id));
    say(&telling, "players", dm_array(shown, players.count));
    say(&telling, "playing", dm_array(playing, session->playing_count));
    say(&telling, "published", dm_boolean(session->snapshot.published));
    say(&telling, "lastClientSeq", dm_number((double)client_seq));
    return send(session, player->socket, NULL, &telling);
}

/* Who comes back takes the place of the connection that was lost. */
static int replace_old(struct dm_object *object, const struct players *players,
                       struct player *player, bool *is_back)
{
    for (size_t i = 0; i < players->count; i++) {
        const struct player *old = &players->list[i];
        struct dm_socket *socket = old->socket;
        int r;

        if (old->id.len != player->id.len ||
            memcmp(old->id.data, player->id.data, player->id.len) != 0)
            continue;
        if (!*is_back)
            *player = *old;
        *is_back = true;
        r = player_detach(object, socket);
        if (r < 0)
            return r;
        dm->close(socket, 4001, "Replaced by a new connection");
    }
    return 0;
}

static int refuse_full(struct dm_event *event)
{
    return dm->respond_text(event, 503, SESSION_FULL);
}

static int fetch(void *instance, struct dm_object *object, struct dm_event *event,
                 const struct dm_request *request)
{
    struct session *session = instance;
    struct dm_bytes id = dm->query(object, request->url, "player");
    struct dm_bytes name = dm->query(object, request->url, "name");
    struct player player = {.joined = (double)dm->now_ms(object)};
    struct players players;
    char made_id[DM_UUID_TEXT];
    char made_name[32];
    size_t others = 0;
    bool is_back = false;
    int r;

    if (!session->exists)
        return dm->error(object, not_found);
    if (id.data == NULL) {
        dm->uuid(made_id);
        id = dm_str(made_id);
    }
    r = players_list(object, &players);
    if (r < 0)
        return r;
    for (size_t i = 0; i < players.count; i++)
        others += players.list[i].id.len != id.len ||
                  memcmp(players.list[i].id.data, id.data, id.len) != 0;
    if (others >= PLAYERS_MAX)
        return refuse_full(event);
    snprintf(made_name, sizeof made_name, "Player %zu", others + 1);
    player.id = id;
    player.name = name.len > 0 ? name : dm_str(made_name);
    player.colour = dm_str(players_free_colour(&players, id));
    r = replace_old(object, &players, &player, &is_back);
    if (r == 0)
        r = dm->accept(event, NULL, &player.socket);
    if (r == 0)
        r = player_attach(object, &player);
    if (r == 0 && !is_back)
        r = tell_player(session, "joined", &player, player.socket);
    return r == 0 ? greet(session, &player, dm->query(object, request->url, "after")) : r;
}

/* ---- sockets ---- */

static int refuse(struct session *session, struct player *player, int64_t client_seq,
                  const char *error)
{
    struct telling telling = {.count = 0};
    int r;

    player->bad_messages++;
    r = player_attach(session->object, player);
    if (r < 0)
        return r;
    if (player->bad_messages > BAD_MESSAGES_MAX) {
        dm->close(player->socket, 1008, "Too many bad messages");
        return 0;
    }
    say(&telling, "type", dm_string("error"));
    if (client_seq > 0)
        say(&telling, "clientSeq", dm_number((double)client_seq));
    say(&telling, "error", dm_string(error));
    return send(session, player->socket, NULL, &telling);
}

static int rename_player(struct session *session, struct player *player, struct dm_bytes name)
{
    int r;

    player->name = name;
    r = player_attach(session->object, player);
    return r == 0 ? tell_player(session, "renamed", player, NULL) : r;
}

static int tell(struct session *session, struct player *player, const struct message *message)
{
    struct telling telling = {.count = 0};

    switch (message->kind) {
    case MESSAGE_RESYNC: return greet(session, player, dm_bytes(NULL, 0));
    case MESSAGE_RENAME: return rename_player(session, player, message->name);
    case MESSAGE_PLAYING:
        set_playing(session, player->id, message->playing);
        say(&telling, "type", dm_string("playing"));
        say(&telling, "playing", dm_boolean(message->playing));
        break;
    default:
        say(&telling, "type", dm_string("cursor"));
        say(&telling, "x", dm_number(message->x));
        say(&telling, "y", dm_number(message->y));
        break;
    }
    say(&telling, "player", text(player->id));
    return broadcast(session, player->socket, &telling);
}

static int acknowledge(struct session *session, struct player *player, int64_t client_seq,
                       const char *type, const char *error)
{
    struct telling telling = {.count = 0};

    say(&telling, "type", dm_string(type));
    say(&telling, "clientSeq", dm_number((double)client_seq));
    if (error != NULL)
        say(&telling, "error", dm_string(error));
    return send(session, player->socket, NULL, &telling);
}

static int message(void *instance, struct dm_object *object, struct dm_socket *socket,
                   struct dm_bytes data, bool is_text)
{
    struct session *session = instance;
    struct message message;
    struct player player;
    const char *why;
    int64_t last;
    int r;

    if (!player_of(object, socket, &player))
        return 0;
    why = message_read(object, data, is_text, &session->snapshot.state, &message);
    if (why != NULL)
        return refuse(session, &player, message.client_seq, why);
    if (message.kind != MESSAGE_CHANGE)
        return tell(session, &player, &message);
    r = storage_last_client_seq(object, player.id, &last);
    if (r == 0 && message.client_seq <= last)
        return acknowledge(session, &player, message.client_seq, "ack", NULL);
    if (r == 0)
        r = change(session, &message.patch, player.id, message.client_seq);
    if (r == DM_NONE)
        r = acknowledge(session, &player, message.client_seq, "error", published_words);
    return r;
}

static int leave(struct session *session, struct dm_socket *socket)
{
    struct dm_object *object = session->object;
    struct players players;
    struct player player;
    bool needs = false;
    int r;

    if (!player_of(object, socket, &player))
        return 0;
    r = player_detach(object, socket);
    set_playing(session, player.id, false);
    if (r == 0)
        r = tell_player(session, "left", &player, NULL);
    if (r == 0)
        r = players_list(object, &players);
    if (r == 0 && players.count == 0)
        r = storage_needs_saving(object, &needs);
    if (r == 0 && needs)
        r = session_save(session, NULL, false);
    return r < 0 ? r : 0;
}

static int closed(void *instance, struct dm_object *object, struct dm_socket *socket, uint16_t code,
                  struct dm_bytes reason, bool clean)
{
    (void)object, (void)code, (void)reason, (void)clean;
    return leave(instance, socket);
}

static int failed(void *instance, struct dm_object *object, struct dm_socket *socket,
                  const char *words)
{
    (void)object, (void)words;
    return leave(instance, socket);
}

const struct dm_class session_class = {
    .size = sizeof(struct dm_class),
    .name = "Session",
    .construct = construct,
    .destroy = destroy,
    .fetch = fetch,
    .call = call,
    .alarm = alarm,
    .message = message,
    .close = closed,
    .error = failed,
};
