#pragma once

/*
 * What a session is: tracks of steps, tempo, swing
 *
 * Nothing here does I/O. A change is a patch, small enough to send and simple enough that server,
 * log and page apply it in the same way; the hash tells whether they did.
 */

#include "web.h"

#define TRACKS_MAX  16
#define STEPS_MAX   128
#define NAME_UNITS  40 /* of UTF-16 */
#define ID_SIZE     65
#define TEMPO_LEAST 30
#define TEMPO_MOST  300
#define SWING_LEAST 0
#define SWING_MOST  100

struct track {
    char id[ID_SIZE];
    char name[NAME_UNITS * 3]; /* any characters, also NUL */
    size_t name_len;
    const char *sound; /* one of a table */
    char steps[STEPS_MAX + 1];
    double volume;
    bool muted;
};

struct state {
    int64_t version;
    double tempo;
    double swing;
    struct track tracks[TRACKS_MAX];
    size_t track_count;
};

enum patch_kind {
    PATCH_TEMPO,
    PATCH_SWING,
    PATCH_TRACK,
    PATCH_REMOVED,
    PATCH_STATE
};

struct patch {
    enum patch_kind kind;
    double number;         /* PATCH_TEMPO, PATCH_SWING */
    char removed[ID_SIZE]; /* PATCH_REMOVED: a track's id */
    struct track track;    /* PATCH_TRACK */
    struct state state;    /* PATCH_STATE */
};

/* The names of invariants that did not hold. */
struct repairs {
    const char *names[128]; /* constants */
    size_t count;
};

void state_new(struct state *state);

/* A state in which every invariant holds, made of whatever was found (NULL: nothing), and the names
 * of those that did not hold. Tracks are put right one by one before ids are compared. */
void state_repair(const struct dm_value *found, struct state *state, struct repairs *repairs);

void state_apply(struct state *state, const struct patch *patch);
struct track *state_track(struct state *state, struct dm_bytes id); /* NULL: none */

/* A name as it may stand: at most NAME_UNITS, trimmed. data NULL: it is none. */
struct dm_bytes clean_name(const struct dm_value *value);

bool is_within(const struct dm_value *value, double least, double most);

/* FNV-1a over the one way to write a state down, as 8 hex digits. */
int state_hash(struct dm_object *object, const struct state *state, char hash[9]);

/* ---- as values ---- */

/* Room for what the value points to. */
struct track_view {
    struct dm_member members[6];
};

struct state_view {
    struct track_view tracks[TRACKS_MAX];
    struct dm_value items[TRACKS_MAX];
    struct dm_member members[4];
};

struct patch_view {
    struct track_view track;
    struct state_view state;
    struct dm_member member;
};

struct dm_value state_show(const struct state *state, struct state_view *view);
struct dm_value patch_show(const struct patch *patch, struct patch_view *view);
/* What patch_show() has made, from the log. False: it is damaged. */
bool patch_read(const struct dm_value *value, struct patch *patch);
