#include "state.h"

#include <math.h>
#include <stdio.h>

#include "text.h"

#define TEMPO_USUAL  120
#define SWING_USUAL  0
#define VOLUME_USUAL 0.8
#define STEPS_USUAL  "0000000000000000"
#define SAFE_INTEGER 9007199254740991.0

static const char *const sounds[] = {"kick", "snare", "hat", "clap", "tom", "bass", "lead", "bell"};

static void copy(char *to, size_t size, struct dm_bytes from)
{
    size_t len = from.len < size ? from.len : size - 1;

    memcpy(to, from.data, len);
    to[len] = '\0';
}

static void set_name(struct track *track, struct dm_bytes name)
{
    track->name_len = name.len < sizeof track->name ? name.len : sizeof track->name;
    memcpy(track->name, name.data, track->name_len);
}

void state_new(struct state *state)
{
    static const size_t usual[] = {0, 1, 2, 5};

    *state = (struct state){.tempo = TEMPO_USUAL, .swing = SWING_USUAL, .track_count = 4};
    for (size_t i = 0; i < state->track_count; i++) {
        struct track *track = &state->tracks[i];

        track->sound = sounds[usual[i]];
        copy(track->id, sizeof track->id, dm_str(track->sound));
        set_name(track, dm_str(track->sound));
        copy(track->steps, sizeof track->steps, dm_str(STEPS_USUAL));
        track->volume = VOLUME_USUAL;
    }
}

/* ---- patches ---- */

struct track *state_track(struct state *state, struct dm_bytes id)
{
    for (size_t i = 0; i < state->track_count; i++)
        if (dm_is(id, state->tracks[i].id))
            return &state->tracks[i];
    return NULL;
}

static void put_track(struct state *state, const struct track *track)
{
    struct track *old = state_track(state, dm_str(track->id));

    if (old != NULL)
        *old = *track;
    else if (state->track_count < TRACKS_MAX)
        state->tracks[state->track_count++] = *track;
}

static void remove_track(struct state *state, const char *id)
{
    struct track *track = state_track(state, dm_str(id));
    size_t behind;

    if (track == NULL)
        return;
    behind = (size_t)(state->tracks + --state->track_count - track);
    memmove(track, track + 1, behind * sizeof *track);
}

void state_apply(struct state *state, const struct patch *patch)
{
    int64_t version = state->version + 1;

    switch (patch->kind) {
    case PATCH_TEMPO: state->tempo = patch->number; break;
    case PATCH_SWING: state->swing = patch->number; break;
    case PATCH_TRACK: put_track(state, &patch->track); break;
    case PATCH_REMOVED: remove_track(state, patch->removed); break;
    case PATCH_STATE: *state = patch->state; break;
    }
    state->version = version;
}

/* ---- what must hold, and how it is put right ---- */

static void note(struct repairs *repairs, const char *name)
{
    if (repairs->count < sizeof repairs->names / sizeof *repairs->names)
        repairs->names[repairs->count++] = name;
}

bool is_within(const struct dm_value *value, double least, double most)
{
    return value != NULL && value->type == DM_NUMBER && value->number >= least &&
           value->number <= most;
}

struct dm_bytes clean_name(const struct dm_value *value)
{
    struct dm_bytes name;

    if (value == NULL || value->type != DM_STRING)
        return dm_bytes(NULL, 0);
    name = text_cut(text_trim(value->bytes), NAME_UNITS);
    return name.len > 0 ? name : dm_bytes(NULL, 0);
}

static bool is_text(const struct dm_value *value, const char *allowed, size_t most)
{
    const char *text;

    if (value == NULL || value->type != DM_STRING || value->bytes.len == 0 ||
        value->bytes.len > most)
        return false;
    text = value->bytes.data;
    for (size_t i = 0; i < value->bytes.len; i++)
        if (text[i] == '\0' || strchr(allowed, text[i]) == NULL)
            return false;
    return true;
}

static const char *sound_of(const struct dm_value *value)
{
    for (size_t i = 0; i < sizeof sounds / sizeof *sounds; i++)
        if (value != NULL && value->type == DM_STRING && dm_is(value->bytes, sounds[i]))
            return sounds[i];
    return NULL;
}

/* What is neither 0 nor 1 becomes 0. */
static void repair_steps(const struct dm_value *value, char steps[STEPS_MAX + 1])
{
    struct dm_bytes text = dm_str(STEPS_USUAL);
    size_t units = 0;

    if (value != NULL && value->type == DM_STRING && value->bytes.len > 0)
        text = value->bytes;
    for (size_t i = 0; i < text.len && units < STEPS_MAX; i++) {
        unsigned char c = ((const unsigned char *)text.data)[i];

        if (c >= 0x80 && c < 0xc0)
            continue;
        steps[units++] = c == '1' ? '1' : '0';
        if (c >= 0xf0 && units < STEPS_MAX)
            steps[units++] = '0';
    }
    steps[units] = '\0';
}

static void repair_name(const struct dm_value *value, struct track *track, struct repairs *repairs)
{
    struct dm_bytes name = clean_name(value);

    if (name.data == NULL || name.len != value->bytes.len)
        note(repairs, "a track has a name");
    set_name(track, name.data != NULL ? name : dm_str(track->sound));
}

static void repair_track(const struct dm_value *found, struct track *track, struct repairs *repairs)
{
    const struct dm_value *id = dm_get(found, "id");
    const struct dm_value *steps = dm_get(found, "steps");
    const struct dm_value *volume = dm_get(found, "volume");
    const struct dm_value *muted = dm_get(found, "muted");

    *track = (struct track){.volume = VOLUME_USUAL};
    if (is_text(id, WEB_WORD "_-", ID_SIZE - 1)) {
        copy(track->id, sizeof track->id, id->bytes);
    } else {
        note(repairs, "a track has an id");
        dm->uuid(track->id);
    }
    track->sound = sound_of(dm_get(found, "sound"));
    if (track->sound == NULL) {
        note(repairs, "a track has a sound");
        track->sound = sounds[0];
    }
    repair_name(dm_get(found, "name"), track, repairs);
    if (!is_text(steps, "01", STEPS_MAX))
        note(repairs, "steps are 1 to 128 of 0 and 1");
    repair_steps(steps, track->steps);
    if (is_within(volume, 0, 1))
        track->volume = volume->number;
    else
        note(repairs, "a volume is from 0 to 1");
    if (muted != NULL && muted->type == DM_BOOLEAN)
        track->muted = muted->boolean;
    else
        note(repairs, "a track is muted or not");
}

static void repair_tracks(const struct dm_value *found, struct state *state,
                          struct repairs *repairs)
{
    bool all_objects = true;
    bool all_new = true;
    size_t objects = 0;

    if (found == NULL || found->type != DM_ARRAY) {
        note(repairs, "there is a list of tracks");
        return;
    }
    for (size_t i = 0; i < found->array.count; i++)
        all_objects &= found->array.items[i].type == DM_OBJECT;
    if (!all_objects)
        note(repairs, "tracks are objects");
    for (size_t i = 0; i < found->array.count; i++) {
        struct track track;

        if (found->array.items[i].type != DM_OBJECT || objects++ >= TRACKS_MAX)
            continue;
        repair_track(&found->array.items[i], &track, repairs);
        if (state_track(state, dm_str(track.id)) != NULL)
            all_new = false;
        else
            state->tracks[state->track_count++] = track;
    }
    if (objects > TRACKS_MAX)
        note(repairs, "there are at most 16 tracks");
    if (!all_new)
        note(repairs, "no two tracks have the same id");
}

void state_repair(const struct dm_value *found, struct state *state, struct repairs *repairs)
{
    const struct dm_value *tempo = dm_get(found, "tempo");
    const struct dm_value *swing = dm_get(found, "swing");
    const struct dm_value *version = dm_get(found, "version");

    *state = (struct state){.tempo = TEMPO_USUAL, .swing = SWING_USUAL};
    *repairs = (struct repairs){.count = 0};
    repair_tracks(dm_get(found, "tracks"), state, repairs);
    if (is_within(tempo, TEMPO_LEAST, TEMPO_MOST))
        state->tempo = tempo->number;
    else
        note(repairs, "the tempo is from 30 to 300");
    if (is_within(swing, SWING_LEAST, SWING_MOST))
        state->swing = swing->number;
    else
        note(repairs, "the swing is from 0 to 100");
    if (is_within(version, 0, SAFE_INTEGER) && floor(version->number) == version->number)
        state->version = (int64_t)version->number;
    else
        note(repairs, "the version is a count");
}

/* ---- as values ---- */

static struct dm_value track_show(const struct track *track, struct track_view *view)
{
    view->members[0] = (struct dm_member){dm_str("id"), dm_string(track->id)};
    view->members[1] = (struct dm_member){dm_str("name"), dm_string("")};
    view->members[1].value.bytes = dm_bytes(track->name, track->name_len);
    view->members[2] = (struct dm_member){dm_str("sound"), dm_string(track->sound)};
    view->members[3] = (struct dm_member){dm_str("steps"), dm_string(track->steps)};
    view->members[4] = (struct dm_member){dm_str("volume"), dm_number(track->volume)};
    view->members[5] = (struct dm_member){dm_str("muted"), dm_boolean(track->muted)};
    return dm_record(view->members, 6);
}

struct dm_value state_show(const struct state *state, struct state_view *view)
{
    for (size_t i = 0; i < state->track_count; i++)
        view->items[i] = track_show(&state->tracks[i], &view->tracks[i]);
    view->members[0] = (struct dm_member){dm_str("version"), dm_number((double)state->version)};
    view->members[1] = (struct dm_member){dm_str("tempo"), dm_number(state->tempo)};
    view->members[2] = (struct dm_member){dm_str("swing"), dm_number(state->swing)};
    view->members[3] =
        (struct dm_member){dm_str("tracks"), dm_array(view->items, state->track_count)};
    return dm_record(view->members, 4);
}

struct dm_value patch_show(const struct patch *patch, struct patch_view *view)
{
    struct dm_member *member = &view->member;

    switch (patch->kind) {
    case PATCH_TEMPO:
        *member = (struct dm_member){dm_str("tempo"), dm_number(patch->number)};
        break;
    case PATCH_SWING:
        *member = (struct dm_member){dm_str("swing"), dm_number(patch->number)};
        break;
    case PATCH_TRACK:
        *member = (struct dm_member){dm_str("track"), track_show(&patch->track, &view->track)};
        break;
    case PATCH_REMOVED:
        *member = (struct dm_member){dm_str("removed"), dm_string(patch->removed)};
        break;
    case PATCH_STATE:
        *member = (struct dm_member){dm_str("state"), state_show(&patch->state, &view->state)};
        break;
    }
    return dm_record(member, 1);
}

bool patch_read(const struct dm_value *value, struct patch *patch)
{
    struct repairs repairs = {.count = 0};
    const struct dm_value *found;

    if ((found = dm_get(value, "tempo")) != NULL) {
        patch->kind = PATCH_TEMPO;
        patch->number = found->number;
        return is_within(found, TEMPO_LEAST, TEMPO_MOST);
    }
    if ((found = dm_get(value, "swing")) != NULL) {
        patch->kind = PATCH_SWING;
        patch->number = found->number;
        return is_within(found, SWING_LEAST, SWING_MOST);
    }
    if ((found = dm_get(value, "track")) != NULL) {
        patch->kind = PATCH_TRACK;
        repair_track(found, &patch->track, &repairs);
    } else if ((found = dm_get(value, "removed")) != NULL && found->type == DM_STRING) {
        patch->kind = PATCH_REMOVED;
        copy(patch->removed, sizeof patch->removed, found->bytes);
    } else {
        patch->kind = PATCH_STATE;
        state_repair(dm_get(value, "state"), &patch->state, &repairs);
    }
    return repairs.count == 0;
}

/* The page has the same in page.html. */
int state_hash(struct dm_object *object, const struct state *state, char hash[9])
{
    struct dm_value rows[TRACKS_MAX][6];
    struct dm_value tracks[TRACKS_MAX];
    struct dm_value whole[4];
    struct dm_value value = dm_array(whole, 4);
    uint32_t sum = 0x811c9dc5;
    struct dm_bytes text;
    int r;

    for (size_t i = 0; i < state->track_count; i++) {
        struct track_view view;

        track_show(&state->tracks[i], &view);
        for (size_t k = 0; k < 6; k++)
            rows[i][k] = view.members[k].value;
        tracks[i] = dm_array(rows[i], 6);
    }
    whole[0] = dm_number((double)state->version);
    whole[1] = dm_number(state->tempo);
    whole[2] = dm_number(state->swing);
    whole[3] = dm_array(tracks, state->track_count);
    r = dm->json_write(object, &value, &text);
    if (r < 0)
        return r;
    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ ((const uint8_t *)text.data)[i]) * 0x01000193;
    snprintf(hash, 9, "%08x", sum);
    return 0;
}
