#include "protocol.h"

#include <math.h>

#include "text.h"

#define FRAME_UNITS_MAX (8 * 1024)
#define SAFE_INTEGER    9007199254740991.0

static const char no_track[] = "There is no such track";

static int64_t client_seq_of(const struct dm_value *message)
{
    int64_t seq;

    return web_integer(dm_get(message, "clientSeq"), 1, (int64_t)SAFE_INTEGER, &seq) ? seq : 0;
}

static struct track *track_of(struct state *state, const struct dm_value *id)
{
    return id != NULL && id->type == DM_STRING ? state_track(state, id->bytes) : NULL;
}

static const char *read_step(const struct dm_value *from, struct state *state, struct patch *patch)
{
    const struct track *track = track_of(state, dm_get(from, "track"));
    const struct dm_value *on = dm_get(from, "on");
    int64_t step;

    if (track == NULL)
        return no_track;
    if (!web_integer(dm_get(from, "step"), 0, (int64_t)strlen(track->steps) - 1, &step))
        return "There is no such step";
    if (on == NULL || on->type != DM_BOOLEAN)
        return "A step is on or off";
    patch->kind = PATCH_TRACK;
    patch->track = *track;
    patch->track.steps[step] = on->boolean ? '1' : '0';
    return NULL;
}

static const char *read_track(const struct dm_value *from, struct state *state, struct patch *patch)
{
    const struct dm_value *track = dm_get(from, "track");
    struct dm_value none = dm_null();
    struct dm_member members[] = {
        {dm_str("version"), dm_number(0)},
        {dm_str("tempo"), dm_number(TEMPO_LEAST)},
        {dm_str("swing"), dm_number(SWING_LEAST)},
        {dm_str("tracks"), dm_array(track != NULL ? track : &none, 1)},
    };
    struct dm_value whole = dm_record(members, 4);
    struct repairs repairs;
    struct state checked;

    state_repair(&whole, &checked, &repairs);
    if (repairs.count > 0)
        return repairs.names[0];
    patch->kind = PATCH_TRACK;
    patch->track = checked.tracks[0];
    if (state->track_count >= TRACKS_MAX && state_track(state, dm_str(patch->track.id)) == NULL)
        return "There are at most 16 tracks";
    return NULL;
}

static const char *read_remove(const struct dm_value *from, struct state *state,
                               struct patch *patch)
{
    const struct track *track = track_of(state, dm_get(from, "track"));

    if (track == NULL)
        return no_track;
    patch->kind = PATCH_REMOVED;
    memcpy(patch->removed, track->id, sizeof patch->removed);
    return NULL;
}

static const char *read_number(const struct dm_value *from, enum patch_kind kind,
                               struct patch *patch)
{
    const struct dm_value *value = dm_get(from, "value");

    patch->kind = kind;
    if (kind == PATCH_TEMPO && !is_within(value, TEMPO_LEAST, TEMPO_MOST))
        return "The value must be from 30 to 300";
    if (kind == PATCH_SWING && !is_within(value, SWING_LEAST, SWING_MOST))
        return "The value must be from 0 to 100";
    patch->number = value->number;
    return NULL;
}

/* What is worth no number: it changes nothing that is kept. */
static const char *read_ephemeral(const struct dm_value *from, struct dm_bytes type,
                                  struct message *message)
{
    const struct dm_value *x = dm_get(from, "x");
    const struct dm_value *y = dm_get(from, "y");
    const struct dm_value *playing = dm_get(from, "playing");

    if (dm_is(type, "cursor")) {
        message->kind = MESSAGE_CURSOR;
        if (!is_within(x, 0, 1) || !is_within(y, 0, 1))
            return "The value must be from 0 to 1";
        message->x = x->number;
        message->y = y->number;
    } else if (dm_is(type, "playing")) {
        message->kind = MESSAGE_PLAYING;
        message->playing = playing != NULL && playing->type == DM_BOOLEAN && playing->boolean;
    } else if (dm_is(type, "rename")) {
        message->kind = MESSAGE_RENAME;
        message->name = clean_name(dm_get(from, "name"));
        if (message->name.data == NULL)
            return "A name has letters";
    } else if (dm_is(type, "resync")) {
        message->kind = MESSAGE_RESYNC;
    } else {
        return "Unknown type of message";
    }
    return NULL;
}

const char *message_read(struct dm_object *object, struct dm_bytes data, bool text,
                         struct state *state, struct message *message)
{
    const struct dm_value *from = NULL;
    const struct dm_value *type;
    const char *why;

    if (text && dm->json_read(object, data, &from) != 0)
        from = NULL;
    message->client_seq = client_seq_of(from);
    if (!text || text_units(data) > FRAME_UNITS_MAX)
        return "Expected a short text";
    if (from == NULL)
        return "Expected JSON";
    type = dm_get(from, "type");
    if (type == NULL || type->type != DM_STRING)
        return "Expected an object with a type";
    message->kind = MESSAGE_CHANGE;
    if (dm_is(type->bytes, "tempo"))
        why = read_number(from, PATCH_TEMPO, &message->patch);
    else if (dm_is(type->bytes, "swing"))
        why = read_number(from, PATCH_SWING, &message->patch);
    else if (dm_is(type->bytes, "step"))
        why = read_step(from, state, &message->patch);
    else if (dm_is(type->bytes, "track"))
        why = read_track(from, state, &message->patch);
    else if (dm_is(type->bytes, "remove"))
        why = read_remove(from, state, &message->patch);
    else
        return read_ephemeral(from, type->bytes, message);
    return why == NULL && message->client_seq == 0 ? "Invalid clientSeq" : why;
}
